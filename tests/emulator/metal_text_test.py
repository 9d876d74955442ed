#!/usr/bin/env python3
"""Composed Metal sources, read more strictly than Metal's own compiler would: `metal_text_test.py COMPOSER (classes | every)`.

Every kernel of every format (or of one format a class) is compiled with clang through metal_shim.h:
  spaces    as C++14 with distinct address spaces
  strict    as C++ for OpenCL: no double, no casts between address spaces, no function pointers; its syntax tree names every pointer
            and reference that has no address space
  lints     as plain C++14: no variable that outlives a launch, no recursion, no goto
Then each of the mistakes below is put into a source and has to be refused: a check that sees nothing is no check.

Leaves with 77, which ctest shows as skipped, where clang 19 is missing. Nothing is run here.
"""
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SHIM = ["-nostdinc", f"-I{HERE / 'metal_include'}", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-Wno-unused-parameter", "-Wno-unknown-pragmas",
        "-Wno-duplicate-decl-specifier"]
CPP = ["-x", "c++", "-std=c++14", "-Wno-c++17-extensions", "-fno-exceptions", "-fno-rtti"]
OPENCL = ["-x", "cl", "-cl-std=clc++2021", "-Xclang", "-cl-ext=-all,+__opencl_c_generic_address_space,+cl_khr_fp16", "--target=x86_64", "-cl-no-stdinc",
          "-DMETAL_CHECK_STRICT"]

# What must be refused: a name, text behind the kernels.
MISTAKES = {
    "a pointer from device to threadgroup memory": "static inline threadgroup float* wrong(device float* p) { return p; }",
    "a cast from device to threadgroup memory": "static inline threadgroup float* wrong(device float* p) { return (threadgroup float*)p; }",
    "a parameter struct's pointer without an address space": "struct Wrong { float* p; };\nstatic inline float wrong(constant Wrong& w) { return *w.p; }",
    "a pointer without an address space": "static inline float wrong(float* p) { return *p; }",
    "a reference without an address space": "struct Wrong { float x; };\nstatic inline float wrong(const Wrong& w) { return w.x; }",
    "a write to constant memory": "static inline void wrong(constant float& p) { p = 1; }",
    "a double": "static inline float wrong(float x) { double y = x; return (float)(y * y); }",
    "a function pointer": "static inline int wrong(int x) { return x; }\nstatic inline int call(int x) { int (*f)(int) = wrong; return f(x); }",
    "a mutable global": "int wrong = 1;\nstatic inline int count() { return wrong++; }",
    "a static local": "inline int wrong() { static int calls = 0; return ++calls; }\nextern \"C\" int use() { return wrong(); }",
    "recursion": "int wrong(int x) { return x > 1 ? x * wrong(x - 1) + 1 : wrong(x + 2); }",
    "recursion of two": "int other(int);\nint wrong(int x) { return x > 1 ? other(x - 1) + 1 : 0; }\nint other(int x) { return wrong(x) * 2; }",
    "a goto": "static inline int wrong(int x) { again: if (x++ < 9) goto again; return x; }",
    "a word that Metal does not have": "static inline float wrong(float x) { return __shfl_xor_sync(0xffffffffu, x, 1); }",
    "memory from the heap": "static inline int wrong() { return *new int(1); }",
    "an exception": "static inline int wrong() { throw 1; }",
    "a vector for another": "static inline float4 wrong(uint4 x) { return x; }",
}


def call(clang, options, text):
    done = subprocess.run([clang, *options, *SHIM, "-"], input=text, text=True, capture_output=True)
    return done.returncode, done.stdout, done.stderr


def spaces(clang, text):
    """Attributes of the entry points mean nothing to clang, and one of them is called as an address space."""
    status, _, errors = call(clang, [*CPP, "-DMETAL_CHECK_SPACES", "-fsyntax-only"], re.sub(r"\[\[[^\]]*\]\]", "", text))
    return errors if status else ""


def strict(clang, text):
    status, tree, errors = call(clang, [*OPENCL, "-fsyntax-only", "-Xclang", "-ast-dump"], text)
    if status:
        return errors
    # Named ones: a compiler's own copy constructors have parameters without a name.
    bare = re.findall(r"(?:ParmVar|Var|Field)Decl .*?(?: (?:used|referenced))? (?!used|referenced)(\w+) '([^']*__generic[^']*)'", tree)
    return "".join(f"`{name}` has no address space: {type_}\n" for name, type_ in bare)


def lints(clang, text):
    code = re.sub(r"//[^\n]*", "", text)
    if re.search(r"\bgoto\b", code):
        return "a goto\n"
    status, module, errors = call(clang, [*CPP, "-O0", "-S", "-emit-llvm", "-o", "-"], text)
    if status:
        return errors
    kept = [name for name in re.findall(r"^@([\w.$]+) = .*?\bglobal\b", module, re.M) if name != "emulator_services"]
    return "".join(f"`{name}` outlives a launch\n" for name in kept) + rings(module)


def rings(module):
    """Functions that reach themselves, from the calls of a module that was not optimized."""
    calls, at = {}, None
    for line in module.splitlines():
        if found := re.match(r"define .*?@([\w.$]+)\(", line):
            at = calls.setdefault(found.group(1), set())
        elif at is not None and "call " in line:
            at.update(re.findall(r"@([\w.$]+)\(", line))
    done, words = set(), ""
    for start in calls:
        path, stack = [start], [iter(calls[start])]
        while stack and start not in done:
            to = next(stack[-1], None)
            if to is None:
                stack.pop()
                done.add(path.pop())
            elif to in path:
                words += f"`{to}` calls itself\n"
                done.update(path)
                stack = []
            elif to in calls and to not in done:
                path.append(to)
                stack.append(iter(calls[to]))
    return words


CHECKS = {"spaces": spaces, "strict": strict, "lints": lints}


def main():
    composer, which = sys.argv[1:]
    clang = shutil.which("clang++-19")
    if not clang:
        print("SKIPPED: clang 19 is not here, so the Metal sources were not read; install the Debian package clang-19")
        sys.exit(77)
    failed = []
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        subprocess.run([composer, which, "metal", folder], check=True)
        texts = {p.stem: p.read_text() for p in sorted(pathlib.Path(folder).iterdir())}
        jobs = {(name, check): pool.submit(CHECKS[check], clang, text) for name, text in texts.items() for check in CHECKS}
        for (name, check), job in jobs.items():
            if job.result():
                failed.append(f"{name}, {check}:\n{job.result()}")
        entries = sum(text.count("\nENTRY(") for text in texts.values())
        print(f"{len(texts)} formats, {entries} kernels read")

        some = next(iter(texts.values()))
        small = some[:some.index('#line 1 "entries"')]  # no entry points: mistakes are refused by themselves
        probes = {(mistake, check): pool.submit(CHECKS[check], clang, small + f'#line 1 "mistake"\n{text}\n')
                  for mistake, text in MISTAKES.items() for check in CHECKS}
        for mistake in MISTAKES:
            by = [check for check in CHECKS if probes[mistake, check].result()]
            print(f"{mistake}: refused by {', '.join(by) or 'NOTHING'}")
            if not by:
                failed.append(f"{mistake} is not refused\n")
    for text in failed:
        print("FAILED:", text)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
