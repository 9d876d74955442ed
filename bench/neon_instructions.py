#!/usr/bin/env python3
"""Counts the instructions that the NEON kernels execute for 32 weights: what speed on Arm can be guessed from without Arm hardware.

Method: each format's kernel instance is cross-compiled as for the tests (tests/arm) and run under qemu-user one instruction at a time;
calls of 4 rows and one token with 2048 and with 4096 columns differ by 4 · 64 chunks of 32 weights, so what is not the inner loop
cancels out. An instruction count is not a time.

    bench/neon_instructions.py [FORMAT …] [--build FOLDER] [--json]     Debian: g++-aarch64-linux-gnu qemu-user googletest ninja-build
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
COMPILER, EMULATOR = "aarch64-linux-gnu-g++", "qemu-aarch64"
NO_LAYOUT = 3  # exit status of neon_instructions.cpp
COLS = (2048, 4096)
CHUNKS = 4 * (COLS[1] - COLS[0]) // 32


def instances(build, names):
    """Object files of the kernel instances, made by the project of the tests for Arm."""
    subprocess.run(["cmake", "-S", ROOT / "tests/arm", "-B", build, "-G", "Ninja"], check=True, stdout=subprocess.DEVNULL)
    known = sorted(path.stem for path in (build / "generated/cpu/neon").glob("[a-z]*.cpp"))
    unknown = set(names) - set(known)
    if unknown:
        sys.exit(f"neon_instructions: no format is called {', '.join(sorted(unknown))}; known: {' '.join(known)}")
    objects = {name: f"CMakeFiles/test_kernels.dir/generated/cpu/neon/{name}.cpp.o" for name in names or known}
    subprocess.run(["ninja", "-C", build, *objects.values()], check=True, stdout=subprocess.DEVNULL)
    return {name: build / path for name, path in objects.items()}


def driver(build, name, instance):
    program = build / f"count_{name}"
    includes = [f"-I{ROOT / folder}" for folder in ("src", "kernels")]
    source = ROOT / "bench/neon_instructions.cpp"
    subprocess.run([COMPILER, "-std=c++20", "-O2", "-static", f"-DKERNELS=kernels_{name}", *includes, source, instance, "-o", program], check=True)
    return program


def step_option():
    text = subprocess.run([EMULATOR, "-help"], capture_output=True, text=True).stdout
    return "-one-insn-per-tb" if "-one-insn-per-tb" in text else "-singlestep"


def executed(program, cols, strategy):
    """Instructions of one run; none when the format lacks the strategy."""
    emulator = [EMULATOR, "-cpu", "max", step_option(), "-d", "exec,nochain"]
    run = subprocess.run([*emulator, program, str(cols), strategy], stderr=subprocess.PIPE)
    if run.returncode not in (0, NO_LAYOUT):
        sys.exit(f"neon_instructions: {program.name} ended with {run.returncode}; expected 0; run the tests for Arm (tests/arm/run.sh)")
    return None if run.returncode else run.stderr.count(b"Trace ")


def per_chunk(program, strategy):
    runs = [executed(program, cols, strategy) for cols in COLS]
    return (runs[1] - runs[0]) / CHUNKS if None not in runs else None


def cell(count):
    return f"{'–':>9}" if count is None else f"{count:9.1f}"


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("formats", nargs="*", metavar="FORMAT", help="all when none is named")
    arguments.add_argument("--build", type=pathlib.Path, default=ROOT / "build/arm", help="build folder (default: build/arm)")
    arguments.add_argument("--json", action="store_true", help='[{"format", "resident", "from_file"}] instead of a table')
    arguments = arguments.parse_args()
    for tool, package in ((COMPILER, "g++-aarch64-linux-gnu"), (EMULATOR, "qemu-user")):
        if not shutil.which(tool):
            sys.exit(f"neon_instructions: {tool} is missing; Debian's package {package} has it")
    objects = instances(arguments.build, arguments.formats)
    if not arguments.json:
        print("executed instructions per 32 weights of one row, one token (counted under qemu-user; a resident group is 4 rows)")
        print(f"{'format':<10}{'resident':>9}{'from file':>11}")
    rows = []
    for name, instance in objects.items():
        program = driver(arguments.build, name, instance)
        rows.append({"format": name} | {strategy: per_chunk(program, strategy) for strategy in ("resident", "from_file")})
        if not arguments.json:
            print(f"{name:<10}{cell(rows[-1]['resident'])}  {cell(rows[-1]['from_file'])}", flush=True)
    if arguments.json:
        print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
