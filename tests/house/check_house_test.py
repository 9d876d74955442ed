"""tools/check_house.py against small trees: a right one passes; each wrong one is refused by the rule that it breaks.

A tree is a dictionary of path -> text. Every case starts from RIGHT and changes or adds a few files.
"""

import importlib.util
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "tools" / "check_house.py"
spec = importlib.util.spec_from_file_location("check_house", SCRIPT)
check_house = importlib.util.module_from_spec(spec)
spec.loader.exec_module(check_house)

ROOMS = """`formats` `formats/tables` `kernels/dialect` `kernels/quant` `kernels/gemv` `kernels/gemm` `include/ingot` `src/base`
`src/container` `src/text` `src/plan` `src/backends/cpu` `src/backends/cuda` `src/foundry` `src/engine` `apps`"""
RIGHT = {
    "HOUSE.md": ROOMS,
    "CMakeLists.txt": "project(ingot)\n",
    "include/ingot/error.h": "#pragma once\n#include <string>\n",
    "include/ingot/ingot.h": '#pragma once\n#include "ingot/error.h"\n',
    "formats/q9_z.h": '#include "tables/z_grid.h"\nstruct q9_z : affine { };\n',
    "formats/f16.h": "struct f16 : floating { };\n",
    "formats/tables/z_grid.h": "#pragma once\nTABLE(i8, z_grid, 4) = {1, 2, 3, 4};\n",
    "architectures/camel.json": "{}\n",
    "kernels/dialect/cpp.h": "#pragma once\n#define fn static inline auto\n",
    "kernels/dialect/cuda.h": "#pragma once\n#define fn static __device__ auto\n",
    "kernels/quant/facts.h": '#pragma once\n#include "dialect/cpp.h"\n',
    "kernels/gemv/params.h": "#pragma once\nstruct GemvParams { const float* f16; };\n",
    "kernels/gemv/plain.h": "#pragma once\nconstexpr int n = (1 + 2);\ntemplate <class F> static void f(F x) {\n}\ntemplate <class F> fn g(F x) -> void { f(x); }\n",
    "kernels/gemm/tiles.h": '#pragma once\n#include "gemv/params.h"\n#include "quant/facts.h"\n',
    "src/base/keyed_hash.h": "#pragma once\ntemplate <class K, class V> using HashMap = std::unordered_map<K, V, KeyedHash>;\n",
    "src/base/checked.h": '#pragma once\n#include <cstdint>\n#include "ingot/error.h"\n',
    "src/container/file.h": '#pragma once\n#include "base/checked.h"\n',
    "src/text/vocabulary.cpp": "// camel.cpp reads it the same way\nint n = 1'000'000;  // exit( and printf( in a comment\n",
    "src/plan/backend.h": "#pragma once\n",
    "src/backends/cpu/lanes.h": '#pragma once\n#include <immintrin.h>\n#include "plan/backend.h"\n#include "gemv/params.h"\n',
    "src/backends/cuda/device.cpp": '#include "plan/backend.h"\nconst char* library = "libcuda.so";\n',
    "src/foundry/plan.cpp": '#include "plan/backend.h"\n#include "container/file.h"\nvoid f() { throw "abort( printf("; }\n',
    "src/engine/session.cpp": '#include "ingot/ingot.h"\n#include "plan/backend.h"\nvoid g(C& c) { c.exit(); c.print(1); }\n',
    "apps/main.cpp": '#include "ingot/ingot.h"\n#include "base/checked.h"\nint main() { getenv("NO_COLOR"); std::exit(1); }\n',
    "apps/output.cpp": "void f() { std::fwrite(a, 1, n, stdout); bool b = std::filesystem::exists(std::filesystem::path(a), error); }\n",
    "tools/setup/apt.txt": "# Debian's\ncmake\ng++ optional\n",
    "tools/setup/python.txt": f"# some\nsix==1.17.0 --hash=sha256:{'0a' * 32}\nfour==4 \\\n    --hash=sha256:{'1b' * 32} \\\n    --hash=sha256:{'2c' * 32}\n",
    "tools/setup/install.sh": '"$python" -m pip install --no-deps \\\n  --require-hashes -r python.txt\n',
    "bench/build.py": 'run(python, "-m", "pip", "download",\n    "--require-hashes", names[0], "-r", packages)\nprint("git clones")\n',
    ".github/workflows/a.yml": f"steps:\n  - uses: actions/checkout@{'3d' * 20}  # v4\n  - uses: ./here\n  - run: tools/curl.sh\n",
    "tests/formats/q9_z_test.cpp": '#include "q9_z.h"\n#include "backends/cpu/lanes.h"\nconst char* camel = "Q9_Z";\n',
}


def build(folder, changes):
    for path, text in {**RIGHT, **changes}.items():
        if text is not None:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)


def offences(changes):
    """What the script says of RIGHT with `changes`."""
    with tempfile.TemporaryDirectory() as folder:
        build(pathlib.Path(folder), changes)
        return check_house.House(pathlib.Path(folder)).check()


def status(changes):
    """Exit status of the script for RIGHT with `changes`, run as a program."""
    with tempfile.TemporaryDirectory() as folder:
        build(pathlib.Path(folder), changes)
        return subprocess.run([sys.executable, SCRIPT, "--root", folder], stdout=subprocess.DEVNULL, check=False).returncode


# (what is wrong, changed files, where it is reported, words of the rule)
WRONG = [
    ("dialect includes kernels", {"kernels/dialect/cpp.h": '\n#include "gemv/params.h"\n'}, "kernels/dialect/cpp.h:2", "includes kernels/gemv"),
    ("format includes dialect", {"formats/q9_z.h": '#include "dialect/cpp.h"\n'}, "formats/q9_z.h:1", "includes kernels/dialect"),
    ("format includes format", {"formats/f16.h": '#include "q9_z.h"\n#include "../src/base/checked.h"\n'}, "formats/f16.h:2", "includes src/base"),
    ("kernel includes format", {"kernels/gemv/a.h": '#include "q9_z.h"\n'}, "kernels/gemv/a.h:1", "includes formats/q9_z.h"),
    ("kernel includes another op", {"kernels/gemv/a.h": '#include "gemm/tiles.h"\n'}, "kernels/gemv/a.h:1", "includes kernels/gemm"),
    ("kernel includes std", {"kernels/gemv/a.h": "#include <vector>\n"}, "kernels/gemv/a.h:1", "device world includes <vector>"),
    ("base includes container", {"src/base/a.h": '#include "container/file.h"\n'}, "src/base/a.h:1", "includes src/container"),
    ("base includes the door", {"src/base/a.h": '#include "ingot/ingot.h"\n'}, "src/base/a.h:1", "includes include/ingot/ingot.h"),
    ("container includes backend", {"src/container/a.h": '#include "plan/backend.h"\n'}, "src/container/a.h:1", "includes src/plan"),
    ("backend includes another", {"src/backends/cpu/a.h": '#include "../cuda/b.h"\n', "src/backends/cuda/b.h": ""}, "src/backends/cpu/a.h:1", "src/backends/cuda"),
    ("interface includes a backend", {"src/plan/a.h": '#include "backends/cpu/lanes.h"\n'}, "src/plan/a.h:1", "includes src/backends/cpu"),
    ("foundry includes a backend", {"src/foundry/a.h": '#include "backends/cpu/lanes.h"\n'}, "src/foundry/a.h:1", "includes src/backends/cpu"),
    ("engine includes a backend", {"src/engine/a.h": '#include "backends/cpu/lanes.h"\n'}, "src/engine/a.h:1", "includes src/backends/cpu"),
    ("foundry includes engine", {"src/foundry/a.h": '#include "engine/b.h"\n', "src/engine/b.h": ""}, "src/foundry/a.h:1", "includes src/engine"),
    ("app goes round the door", {"apps/a.cpp": '#include "engine/b.h"\n', "src/engine/b.h": ""}, "apps/a.cpp:1", "apps includes src/engine"),
    ("library includes tests", {"src/base/a.h": '#include "b.h"\n', "tests/b.h": ""}, "src/base/a.h:1", "included by nobody"),
    ("include of nothing", {"src/base/a.h": '#include "gone.h"\n'}, "src/base/a.h:1", "not in the tree"),
    ("circle", {"src/base/a.h": '#include "b.h"\n', "src/base/b.h": '#include "a.h"\n'}, "src/base/b.h:1", "in a circle"),
    ("format named in the engine", {"src/engine/a.cpp": "int x;\nint block_q9_z;\n"}, "src/engine/a.cpp:2", "names the format q9_z"),
    ("format named in a comment", {"kernels/gemv/a.h": "// as Q9_Z\n"}, "kernels/gemv/a.h:1", "names the format Q9_Z"),
    ("format named in a spec", {"architectures/camel.json": '{"type": "q9_z"}\n'}, "architectures/camel.json:1", "names the format"),
    ("architecture named", {"src/foundry/a.cpp": 'if (name == "camel") {}\n'}, "src/foundry/a.cpp:1", "names the architecture camel"),
    ("architecture named in an app", {"apps/a.cpp": "// Camel\n"}, "apps/a.cpp:1", "names the architecture Camel"),
    ("cpu word in a kernel", {"kernels/gemv/a.h": "auto a = _mm256_add_ps(b, c);\n"}, "kernels/gemv/a.h:1", "_mm256_add_ps is a word of the cpu backend"),
    ("cpu word in foundry", {"src/foundry/a.h": "// AVX2 only\n"}, "src/foundry/a.h:1", "word of the cpu backend"),
    ("cuda word in the engine", {"src/engine/a.h": "int use_it; // cudaMalloc\n"}, "src/engine/a.h:1", "word of the cuda backend"),
    ("cuda word in another backend", {"src/backends/cpu/a.h": "__shared__ int x;\n"}, "src/backends/cpu/a.h:1", "word of the cuda backend"),
    ("metal word in an app", {"apps/a.cpp": "\n// threadgroup\n"}, "apps/a.cpp:2", "word of the metal backend"),
    ("getenv", {"src/base/a.h": '\n\nauto e = std::getenv("X");\n'}, "src/base/a.h:3", "reads the environment"),
    ("cout", {"src/base/a.h": 'void f() { std::cout << "x"; }\n'}, "src/base/a.h:1", "prints (std::cout)"),
    ("printf", {"kernels/gemv/a.h": 'fn f() { printf("x"); }\n'}, "kernels/gemv/a.h:1", "prints (printf()"),
    ("abort", {"src/base/a.h": "void f() { std::abort(); }\n"}, "src/base/a.h:1", "ends the process (abort()"),
    ("exit", {"src/engine/a.cpp": "void f() { exit(1); }\n"}, "src/engine/a.cpp:1", "ends the process (exit()"),
    ("exit behind a digit separator", {"src/engine/a.cpp": "int n = 1'000; void f() { exit(n); } char c = 'x';\n"}, "src/engine/a.cpp:1", "exit()"),
    ("assert", {"src/engine/a.cpp": "void f() { assert(1); }\n"}, "src/engine/a.cpp:1", "ends the process (assert()"),
    ("hash table", {"src/text/a.h": "\nstd::unordered_map<std::string, int> ids;\n"}, "src/text/a.h:2", "hashes without a key (std::unordered_map)"),
    ("hash", {"src/text/a.cpp": "auto h = std::hash<std::string>{}(s);\n"}, "src/text/a.cpp:1", "hashes without a key (std::hash)"),
    ("product of sizes", {"src/engine/a.cpp": "auto n = uint64_t(a) * b;\n"}, "src/engine/a.cpp:1", "multiplies sizes (uint64_t(a) *)"),
    ("product of sizes, the other way", {"src/engine/b.h": "auto n = a * static_cast<uint64_t>(b);\n"}, "src/engine/b.h:1", "multiplies sizes"),
    ("macro", {"src/base/a.h": "#define SIZE 3\n"}, "src/base/a.h:1", "defines a macro"),
    ("throwing filesystem", {"apps/a.cpp": "bool b = std::filesystem::exists(path);\n"}, "apps/a.cpp:1", "may throw std::filesystem_error"),
    ("throwing iterator", {"src/base/a.h": "for (auto& e : fs::directory_iterator(folder)) f(e);\n"}, "src/base/a.h:1", "may throw"),
    ("app prints", {"apps/a.cpp": 'void f() { std::fputs("x", stderr); }\n'}, "apps/a.cpp:1", "writes past apps/output.cpp (std::fputs()"),
    ("app prints by stream", {"apps/a.cpp": "void f() { std::cout << 1; }\n"}, "apps/a.cpp:1", "writes past apps/output.cpp (std::cout)"),
    ("umask", {"src/base/a.cpp": "void f() { umask(0); }\n"}, "src/base/a.cpp:1", "changes what all threads share (umask()"),
    ("a clock in a test", {"tests/base/a_test.cpp": "auto t = std::chrono::steady_clock::now();\n"}, "tests/base/a_test.cpp:1", "measures time (std::chrono)"),
    ("a clock in a script", {"tests/apps/a_test.py": "start = time.perf_counter()\n"}, "tests/apps/a_test.py:1", "measures time (time.perf_counter()"),
    ("include guard", {"formats/tables/a.h": "#ifndef A_H\n#define A_H\n#endif\n"}, "formats/tables/a.h:2", "defines a macro"),
    ("if 0", {"tests/a.cpp": "\n#if 0\n#endif\n"}, "tests/a.cpp:2", "keeps dead code"),
    ("body in a params.h", {"kernels/gemv/params.h": "struct P { int n; };\nfn row(int n) -> int { return n; }\n"}, "kernels/gemv/params.h:2", "has a function body"),
    ("member with a body in a params.h", {"kernels/gemv/params.h": "struct P {\n  int n() const { return 1; }\n};\n"}, "kernels/gemv/params.h:2", "has a function body"),
    ("external template", {"kernels/gemv/a.h": "fn f() {}\ntemplate <int n> __attribute__((noinline)) void g(T<n> x) {\n}\n"}, "kernels/gemv/a.h:2", "external linkage"),
    ("external function", {"kernels/gemv/a.h": "inline int f(int x) { return x; }\n"}, "kernels/gemv/a.h:1", "external linkage"),
    ("utils", {"src/base/utils.h": ""}, "src/base/utils.h:1", "the name utils says nothing"),
    ("helpers folder", {"tests/helpers/a.h": ""}, "tests/helpers/a.h:1", "the name helpers says nothing"),
    ("V2", {"src/text/VocabularyV2.h": ""}, "src/text/VocabularyV2.h:1", "says nothing"),
    ("long file", {"src/base/a.h": "int x;\n" * 601}, "src/base/a.h:601", "601 lines, at most 600"),
    ("long format", {"formats/f16.h": "\n" * 121}, "formats/f16.h:121", "at most 120"),
    ("long spec", {"architectures/camel.json": "\n" * 81}, "architectures/camel.json:81", "at most 80"),
    ("machine's path", {"tools/a.py": 'open("/work/main/x")\n'}, "tools/a.py:1", "one machine's path"),
    ("home folder", {"README.md": "cd /root/ingot\n"}, "README.md:1", "one machine's path"),
    ("shared", {"docs/a.md": "see shared/DESIGN.md\n"}, "docs/a.md:1", "one machine's path"),
    ("host", {"tools/a.sh": "echo https://pypi.org/x\n"}, "tools/a.sh:1", "path or host (pypi.org)"),
    ("no hash", {"tools/setup/python.txt": "\nsix==1.17.0\n"}, "tools/setup/python.txt:2", "six==1.17.0 has no hash"),
    ("no version", {"tools/setup/a.txt": f"six --hash=sha256:{'0a' * 32}\n"}, "tools/setup/a.txt:1", "six has no hash"),
    ("short hash", {"tools/setup/a.txt": "six==1 \\\n --hash=sha256:0a\n"}, "tools/setup/a.txt:1", "six==1 has no hash"),
    ("no hash after a long one", {"tools/setup/a.txt": f"a==1 \\\n --hash=sha256:{'0a' * 32}\nb==1\n"}, "tools/setup/a.txt:3", "b==1 has no hash"),
    ("option in a list", {"tools/setup/a.txt": "--extra-index-url x\n"}, "tools/setup/a.txt:1", "--extra-index-url has no hash"),
    ("pip in a script", {"tools/a.sh": "pip install six\n# --require-hashes\n"}, "tools/a.sh:1", "pip takes files of any hash"),
    ("pip in a script without suffix", {"demo": "\npython3 -m pip download six\n"}, "demo:2", "pip takes files of any hash"),
    ("pip in Python", {"tests/a.py": 'run("pip", "install", f(1))\nx = "--require-hashes"\n'}, "tests/a.py:1", "pip takes files of any hash"),
    ("pip in a workflow", {".github/workflows/b.yml": "- run: pip3 install x\n"}, ".github/workflows/b.yml:1", "pip takes files of any hash"),
    ("curl", {"tools/a.sh": "curl -sSf $address | sh\n"}, "tools/a.sh:1", "fetches with curl"),
    ("wget in Python", {"tools/a.py": '\nrun("wget", address)\n'}, "tools/a.py:2", "fetches with wget"),
    ("clone", {"bench/a.py": 'run("git", "clone", address)\n'}, "bench/a.py:1", "fetches with git"),
    ("urlopen", {"bench/a.py": "urllib.request.urlopen(address)\n"}, "bench/a.py:1", "fetches with urlopen"),
    ("FetchContent", {"CMakeLists.txt": "include(FetchContent)\n"}, "CMakeLists.txt:1", "fetches with FetchContent"),
    ("file(DOWNLOAD)", {"cmake/a.cmake": "file(DOWNLOAD ${address} x)\n"}, "cmake/a.cmake:1", "fetches with file(DOWNLOAD"),
    ("action by tag", {".github/workflows/b.yml": "- uses: actions/checkout@v4\n"}, ".github/workflows/b.yml:1", "actions/checkout@v4 may change"),
    ("room not in HOUSE.md", {"kernels/knead/plain.h": ""}, "HOUSE.md:1", "does not list the room `kernels/knead`"),
    ("no HOUSE.md", {"HOUSE.md": None}, "HOUSE.md:1", "does not list the room `apps`"),
    ("room that is gone", {"HOUSE.md": ROOMS + "\n| `src/attic` | old things |\n"}, "HOUSE.md:3", "lists the room `src/attic`"),
    ("file in no room", {"src/lost.h": ""}, "src/lost.h:1", "stands in no room"),
]
# Long tables and long tests are no offence.
FINE = {"formats/tables/big.h": "\n" * 2000, "tests/big_test.cpp": "\n" * 2000}


# Cases where a second rule fires as well: an include that also names what may not be named.
TWICE = {"kernel includes format", "backend includes another", "no HOUSE.md"}


class CheckHouse(unittest.TestCase):
    def test_right_tree_passes(self):
        self.assertEqual(offences({}), [])
        self.assertEqual(offences(FINE), [])

    def test_each_rule_fires_and_no_other(self):
        for name, changes, where, words in WRONG:
            with self.subTest(name):
                lines = offences(changes)
                self.assertTrue(any(line.startswith(where + ": ") and words in line and "; " in line for line in lines), lines)
                if name not in TWICE:
                    self.assertEqual(len(lines), 1, lines)

    def test_exit_status(self):
        self.assertEqual(status({}), 0)
        self.assertEqual(status({"src/base/utils.h": ""}), 1)


if __name__ == "__main__":
    unittest.main()
