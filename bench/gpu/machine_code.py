#!/usr/bin/env python3
"""Reads what the composed GPU kernels of one token cost off their machine code, beside kernels written by hand (yardstick.cu): no GPU needed.

The inner loop is the innermost loop with products that holds the most of them. Its instructions are counted for 32 weights of a row, which
are 8 of dp4a or, in formats that run from file rows, 32 multiply-adds. Bytes in flight: weights asked for before the first instruction that
waits for something loaded; of a core, as many as the threads that registers and group memory let in ask for. Counts are not times.

    bench/gpu/machine_code.py [--page FILE] [--formats every|classes|NAME] [--architecture sm_90] [--compose PROGRAM]
    bench/gpu/machine_code.py --check      fails where a composed loop is longer than its yardstick by more than 3 %

Needs NVRTC and nvdisasm: the Python packages nvidia-cuda-nvrtc and nvidia-cuda-nvdisasm, or the CUDA toolkit; ends with 77 without them.
"""

import argparse
import collections
import ctypes
import datetime
import pathlib
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGES = pathlib.Path(sysconfig.get_path("purelib")) / "nvidia"
TOOLKIT = pathlib.Path("/usr/local/cuda")
YARDSTICKS = ("q4_0", "q4_k", "q8_0")
MAX_ABOVE = 1.03
SKIPPED = 77
TITLE = "## GPU kernels: machine code"
THREADS, WARPS = 256, 8  # of a thread group
REGISTERS, CORE_WARPS, GROUP_MEMORY = 65536, 64, 228 * 1024  # of a core of sm_90
KINDS = {  # by the first part of an instruction's name
    "loads": {"LDG", "LDS", "LDC"},
    "dp4a": {"IDP"},
    "float": {"FADD", "FMUL", "FFMA", "HADD2", "HFMA2", "HMUL2", "I2F", "I2FP", "F2F", "MUFU", "FSEL", "FSETP"},
    "control": {"BRA", "BSSY", "BSYNC", "NOP", "WARPSYNC", "CALL", "RET"},
}

Instruction = collections.namedtuple("Instruction", "name operands")
Loop = collections.namedtuple("Loop", "chunks kinds waiting_bytes")
Kernel = collections.namedtuple("Kernel", "registers shared loop")


# ---- tools


class Missing(Exception):
    pass


class Compiler:
    def __init__(self):
        names = [f"libnvrtc.so.{major}" for major in (13, 12)]
        folders = [PACKAGES / "cu13/lib", PACKAGES / "cuda_nvrtc/lib", None, TOOLKIT / "lib64"]
        for path in (str(folder / name if folder else name) for folder in folders for name in names):
            try:
                self.library = ctypes.CDLL(path)
            except OSError:
                continue
            major, minor = ctypes.c_int(), ctypes.c_int()
            self.library.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
            self.version = f"NVRTC {major.value}.{minor.value}"
            return
        raise Missing("NVRTC is not installed; tools/setup/install.sh full installs it")

    def text(self, program, what):
        size = ctypes.c_size_t()
        getattr(self.library, f"nvrtcGet{what}Size")(program, ctypes.byref(size))
        data = ctypes.create_string_buffer(size.value)
        getattr(self.library, f"nvrtcGet{what}")(program, data)
        return data.raw

    def compile(self, source, architecture):
        """The cubin. Options as in src/backends/cuda/compiler.cpp."""
        program = ctypes.c_void_p()
        self.library.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"kernels.cu", 0, None, None)
        options = [f"--gpu-architecture={architecture}".encode(), b"--std=c++17", b"--fmad=false"]
        status = self.library.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
        try:
            if status:
                sys.exit("machine_code: the source does not compile:\n" + self.text(program, "ProgramLog").decode()[:4000])
            return self.text(program, "CUBIN")
        finally:
            self.library.nvrtcDestroyProgram(ctypes.byref(program))


def disassembler():
    for path in (PACKAGES / "cu13/bin/nvdisasm", PACKAGES / "cuda_nvdisasm/bin/nvdisasm", shutil.which("nvdisasm"), TOOLKIT / "bin/nvdisasm"):
        if path and pathlib.Path(path).exists():
            return str(path)
    raise Missing("nvdisasm is not installed; tools/setup/install.sh full installs it")


def composed(program, which):
    """Sources by format; the entries behind them are left out."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([program, which, "cuda", folder], check=True)
        paths = sorted(pathlib.Path(folder).glob("*.txt"))
        return {path.stem: path.read_text(encoding="utf-8").split('#line 1 "entries"')[0] for path in paths}


# ---- machine code


def instructions(section):
    """Of one kernel, and the labels' places among them."""
    code, labels = [], {}
    for line in section.splitlines():
        if label := re.match(r"(\.L_x_\d+):", line):
            labels[label[1]] = len(code)
        elif found := re.match(r"\s+/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+\s+)?([A-Z0-9_.]+)\s*(.*);", line):
            code.append(Instruction(found[1], found[2]))
    return code, labels


def first(instruction):
    return instruction.name.split(".")[0]


def chunks_of(body):
    """How often 32 weights are multiplied. What only adds squares up multiplies nothing else."""
    names = collections.Counter(map(first, body))
    return names["IDP"] / 8 or (names["FFMA"] / 32 if names["FMUL"] else 0)


def inner_loop(code, labels):
    targets = [(labels[m[0]], at) for at, i in enumerate(code) if first(i) == "BRA" and (m := re.search(r"\.L_x_\d+", i.operands))]
    loops = [(begin, end) for begin, end in targets if begin <= end]
    innermost = [(b, e) for b, e in loops if not any(b <= c and d <= e and (b, e) != (c, d) for c, d in loops)]
    bodies = [body for b, e in innermost if chunks_of(body := code[b : e + 1])]
    if not bodies:
        return None
    body = max(bodies, key=chunks_of)
    kinds = collections.Counter(next((kind for kind, names in KINDS.items() if first(i) in names), "integer") for i in body)
    return Loop(chunks_of(body), kinds, waiting_bytes(body) if kinds["dp4a"] else None)


def numbers(text):
    return [int(n) for n in re.findall(r"\bR(\d+)", text)]


def load_bytes(name):
    return 16 if ".128" in name else 8 if ".64" in name else 2 if "16" in name else 1 if "8" in name else 4


def waiting_bytes(body):
    """Of weights, before the first instruction that needs something loaded. Activations are what all lanes read: 16 and 8 bytes at once, and
    words that lie closer to each other than 32 rows' words do."""
    loads, written, loaded, waits = [], collections.Counter(), set(), False
    for i in body:
        target, _, rest = i.operands.partition(",")
        waits = waits or bool(loaded & set(numbers(rest)))
        if first(i) == "LDG":
            base, offset = re.search(r"\[R(\d+)[^+\]]*(?:\+(-?0x[0-9a-f]+))?\]", rest).groups()
            loads.append(((base, written[int(base)]), int(offset or "0", 16), load_bytes(i.name), waits))
            loaded |= {numbers(target)[0] + word for word in range(max(1, load_bytes(i.name) // 4))}
        written.update(numbers(target)[:1])
    places = collections.defaultdict(list)
    for base, offset, size, _ in loads:
        if size == 4:
            places[base].append(offset)
    shared = {base for base, offsets in places.items() if any(abs(a - b) < 128 for a in offsets for b in offsets if a != b)}
    return sum(size for base, _, size, late in loads if not late and size <= 4 and base not in shared)


def kernels(tool, cubin):
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        text = subprocess.run([tool, file.name], check=True, capture_output=True, text=True).stdout
    registers = {name: int(n, 16) for name, n in re.findall(r"EIATTR_REGCOUNT.*?index@\((\w+)\).*?\.word\s+0x([0-9a-f]+)", text, re.DOTALL)}
    shared_sizes = {name: int(n) for name, n in re.findall(r"^(?:\.nv\.shared\.|shared_of_)(\w+):\n\s+\.zero\s+(\d+)", text, re.MULTILINE)}
    found = {}
    for section in re.split(r"(?m)^\s*\.section\s+(?=\.text\.)", text)[1:]:
        name = re.match(r"\.text\.(\w+)", section)[1]
        found[name] = Kernel(registers[name], shared_sizes.get(name, 0), inner_loop(*instructions(section)))
    return found


# ---- the table


def groups_per_core(kernel):
    """Registers are given to warps in pieces of 256, to each quarter of a core from its own file; a group also takes 1 KB for the driver."""
    per_warp = (kernel.registers + 7) // 8 * 8 * 32
    warps = min(REGISTERS // 4 // per_warp * 4, CORE_WARPS)
    return min(warps // WARPS, GROUP_MEMORY // (kernel.shared + 1024))


def counted(n):
    return f"{n:.2f}".rstrip("0").rstrip(".")


def row(name, kernel, ggml="", ratio=""):
    loop, groups = kernel.loop, groups_per_core(kernel)
    per_chunk = [sum(loop.kinds.values()), *(loop.kinds[kind] for kind in ("loads", "dp4a", "integer", "float", "control"))]
    counts = [counted(n / loop.chunks) for n in per_chunk]
    in_flight = ["", ""]
    if loop.waiting_bytes is not None:
        in_flight = [str(loop.waiting_bytes), f"{loop.waiting_bytes * THREADS * groups / 1024:.0f}"]
    return [name, *counts, str(kernel.registers), f"{groups * WARPS} of {CORE_WARPS}", *in_flight, ratio, ggml]


# Instructions of one vec_dot_*_q8_1 call for 32 weights in machine code for sm_90: ggml d99724f2 (2026-08-21), nvcc 13.0.
GGML = {"q8_0": 84, "q4_0": 66, "q4_1": 54, "q5_0": 144, "q5_1": 128, "q4_k": 166, "q5_k": 194, "q6_k": 300, "q2_k": 182, "q3_k": 396, "iq4_nl": 126, "iq4_xs": 124,
        "mxfp4": 160, "nvfp4": 138, "iq2_xxs": 153, "iq2_s": 156, "iq3_xxs": 176, "iq3_s": 180, "iq1_s": 74, "iq1_m": 133, "q1_0": 81, "q2_0": 70}  # fmt: skip

HEAD = ["format", "all", "loads", "dp4a", "integer", "float", "control", "registers", "warps", "bytes a thread", "KB a core", "to by hand", "ggml"]


def total(kernel):
    return sum(kernel.loop.kinds.values()) / kernel.loop.chunks


def measure(arguments):
    tool, compiler = disassembler(), Compiler()
    yardsticks = kernels(tool, compiler.compile((ROOT / "bench/gpu/yardstick.cu").read_text(encoding="utf-8"), arguments.architecture))
    sources = composed(arguments.compose, arguments.formats) if not arguments.check else {}
    for name in YARDSTICKS:
        if name not in sources:
            sources |= composed(arguments.compose, name)
    ours = {}
    for name, text in sources.items():
        text += f'ENTRY(kernel, gemv<1, store_out, {name}>)\nextern "C" __device__ char shared_of_kernel[sizeof(kernel_kernel::Shared)];\n'
        ours[name] = kernels(tool, compiler.compile(text, arguments.architecture))["kernel"]
    version = re.search(r"V[\d.]+", subprocess.run([tool, "--version"], capture_output=True, text=True).stdout)[0]
    return ours, {name: yardsticks[f"yardstick_{name}"] for name in YARDSTICKS}, f"{compiler.version}, nvdisasm {version}"


def table(ours, yardsticks):
    lines = [HEAD, ["---", *["---:"] * (len(HEAD) - 1)]]
    for name, kernel in ours.items():
        if name in YARDSTICKS:
            lines.append(row(f"{name} by hand", yardsticks[name]))
        ratio = f"{total(kernel) / total(yardsticks[name]):.3f}" if name in YARDSTICKS else ""
        if kernel.loop:
            lines.append(row(name, kernel, str(GGML.get(name, "")), ratio))
        else:
            lines.append([name, "no loop found", *[""] * (len(HEAD) - 2)])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def section(ours, yardsticks, tools, arguments):
    return f"""{TITLE}

What the inner loop of a matrix kernel for one token costs on a GPU, read off its machine code for {arguments.architecture}: the composed
`gemv<1, store_out, FORMAT>` beside the same kernel written by hand, without the dialect and without templates
(`bench/gpu/yardstick.cu`; the same bits, `tests/emulator/yardstick_test.cpp`). Instructions of a thread for 32 weights of a row: all, and of them
loads, dp4a, other integer, float and control. Warps: how many of a core's 64 registers and group memory let in. Bytes: weights that a thread asks
for before it waits for anything loaded, and what the threads of a core ask for together. *To by hand*: composed over hand-written, at most
{MAX_ABOVE} (`ctest -R machine_code_ratio`). Formats without integers run from file rows, a weight at a time; what they ask for is not told from their
activations. Counts are not times.

*ggml*: instructions of one `vec_dot_*_q8_1` call for 32 weights, with its address arithmetic, in machine code for sm_90 of ggml d99724f2
(2026-08-21), nvcc 13.0. A call leaves out the loop around it, which our counts include.

{datetime.date.today().isoformat()}, {tools}: `bench/gpu/machine_code.py --formats {arguments.formats} --page docs/performance.md`

{table(ours, yardsticks)}
"""


def put(page, text):
    """Replaces the page's section, or adds it at the end."""
    old = page.read_text(encoding="utf-8") if page.exists() else "# Performance\n"
    before, found, rest = old.partition(TITLE)
    after = re.search(r"(?m)^## ", rest) if found else None
    page.write_text(before.rstrip() + "\n\n" + text + ("\n" + rest[after.start() :] if after else ""), encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compose", default=str(ROOT / "build/release/compose_texts"), metavar="PROGRAM", help="build target compose_texts")
    parser.add_argument("--formats", default="classes", help="every, classes (the first of each) or a name")
    parser.add_argument("--architecture", default="sm_90")
    parser.add_argument("--page", type=pathlib.Path, help="put the section into this Markdown file")
    parser.add_argument("--check", action="store_true", help="the yardsticks' formats only; fail above 3 %%")
    arguments = parser.parse_args()
    try:
        ours, yardsticks, tools = measure(arguments)
    except Missing as missing:
        print(f"SKIPPED: {missing}")
        sys.exit(SKIPPED)
    if arguments.page:
        put(arguments.page, section(ours, yardsticks, tools, arguments))
    else:
        print(f"{tools}, {arguments.architecture}\n\n{table(ours, yardsticks)}")
    above = [name for name in YARDSTICKS if total(ours[name]) > MAX_ABOVE * total(yardsticks[name])]
    if arguments.check and above:
        sys.exit(f"machine_code: more than 3 % above the hand-written kernel: {', '.join(above)}")


if __name__ == "__main__":
    main()
