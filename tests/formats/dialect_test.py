#!/usr/bin/env python3
"""The same text for every target: all files of formats/ in one program, compiled unchanged and run against the golden blocks.

  g++, clang      as C++17, warnings are errors; run
  nvrtc           as CUDA for sm_90; run where a CUDA device is
  metal-check     as Metal's C++14 with distinct address spaces, through a stand-in for metal_stdlib; compiled only
  metal-run       the same without address spaces; run

Leaves with 77, which ctest shows as skipped, and the name of the package where a compiler is missing. Needs only the standard
library of Python. A format without a golden file is compiled and named, not compared.
"""
import argparse
import array
import ctypes
import glob
import importlib.util
import os
import pathlib
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
INCLUDES = [f"-I{ROOT / 'kernels'}", f"-I{ROOT}"]
ROOMS = ["dialect/contract.h", "quant/facts.h", "quant/decode.h"]


def skip(what, package):
    print(f"SKIPPED: {what} is not here, so the formats were not tried with it; install {package}")
    sys.exit(77)


def fail(text):
    print(f"FAILED: {text}")
    sys.exit(1)


def format_names():
    return sorted(p.stem for p in (ROOT / "formats").glob("*.h"))


def program(dialect, more=""):
    """The text that a target compiles: the dialect, the contract, every format, one entry each."""
    formats = [f"formats/{name}.h" for name in format_names()]
    includes = [f"dialect/{dialect}.h", *ROOMS, *formats, f"tests/formats/dialect/entries_{dialect}.h"]
    return "".join(f'#include "{path}"\n' for path in includes) + "".join(f"DECODE_ENTRY({name})\n" for name in format_names()) + more


def golden(name):
    """(blocks, bytes a block, weights a block, the bytes, the f32 values as bytes), or None where there is no file."""
    path = HERE / "golden" / f"{name}.bin"
    if not path.exists():
        return None
    data = path.read_bytes()
    count, size, weights = struct.unpack_from("<III", data)
    return count, size, weights, data[12:12 + count * size], data[12 + count * size:]


def compare(name, got, expected):
    if got == expected:
        return
    is_nan = lambda bits: bits & 0x7fffffff > 0x7f800000
    for i, (g, e) in enumerate(zip(array.array("I", got), array.array("I", expected))):
        if g != e and not (is_nan(g) and is_nan(e)):
            fail(f"{name}: weight {i} of the golden blocks has bits {g:08x}, expected {e:08x}")


def run_library(path):
    library = ctypes.CDLL(str(path))
    compared = 0
    for name in format_names():
        data = golden(name)
        if not data:
            print(f"{name}: compiled, not compared; tools/goldens/formats.py makes golden files for formats that a reference decodes")
            continue
        count, _, weights, blocks, expected = data
        values = ctypes.create_string_buffer(4 * count * weights)
        decode = getattr(library, f"decode_{name}")
        for n in range(count):
            decode(blocks, values, ctypes.c_uint32(n))
        compare(name, values.raw, expected)
        compared += 1
    print(f"{compared} formats decode their golden blocks bit for bit")


def check_bits(path):
    """Codes and sub-scales of random blocks stay within what the format states; the resident layout counts on it."""
    library = ctypes.CDLL(str(path))
    for name in format_names():
        size = getattr(library, f"block_bytes_{name}")()
        for seed in range(64):
            block = random.Random(seed).randbytes(size)
            if not getattr(library, f"keeps_to_its_bits_{name}")(block):
                fail(f"{name}: a code has more than code_bits bits, or a sub-scale does not fit a signed byte; block {block.hex()}")


def compile_text(compiler, flags, text, out):
    """Compiles `text` to a shared library, or only checks it when `out` is None; gives what the compiler says, None if all is well."""
    to = ["-fsyntax-only"] if out is None else ["-shared", "-fPIC", "-o", str(out)]
    done = subprocess.run([compiler, *flags, *INCLUDES, "-x", "c++", "-", *to], input=text, text=True, capture_output=True)
    return None if done.returncode == 0 else done.stderr


def first_program(names):
    return next((found for name in names if (found := shutil.which(name))), None)


def as_cpp(compiler, out):
    flags = ["-std=c++17", "-O2", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror"]
    if error := compile_text(compiler, flags, program("cpp"), out / "cpp.so"):
        fail(f"{compiler} refuses the formats:\n{error}")
    print(f"compiled as C++ with {compiler}")
    run_library(out / "cpp.so")
    check_bits(out / "cpp.so")


def target_gxx(out):
    as_cpp(shutil.which("g++") or skip("g++", "the Debian package g++"), out)


def target_clang(out):
    as_cpp(first_program(["clang++", "clang++-19", "clang++-14"]) or skip("clang++", "the Debian package clang"), out)


# ---- Metal

METAL_FLAGS = ["-std=c++14", "-Wno-c++17-extensions", "-nostdinc", f"-I{ROOT / 'tests/emulator/metal_include'}", "-O2", "-ffp-contract=off",
               "-Wall", "-Wextra", "-Werror", "-Wno-unknown-attributes", "-fno-exceptions", "-fno-rtti"]


def metal_compiler():
    found = first_program([f"clang++-{n}" for n in (19, 20, 21, 18, 17, 16, 15)])
    return found or skip("clang 15 or later (for half floats)", "the Debian package clang-19")


def target_metal_check(out):
    flags = METAL_FLAGS + ["-DMETAL_CHECK_SPACES"]
    compiler = metal_compiler()
    if error := compile_text(compiler, flags, program("metal"), None):
        fail(f"the formats are no Metal:\n{error}")
    mistake = '#include "tests/formats/dialect/mixed_address_spaces.h"\n'
    error = compile_text(compiler, flags, program("metal", mistake), None)
    if not error or "mixed_address_spaces.h" not in error:
        fail(f"a pointer from one address space into another was not refused; the check is blind:\n{error}")
    print(f"compiled as Metal with {compiler}; a mix of address spaces is refused")


def target_metal_run(out):
    compiler = metal_compiler()
    if error := compile_text(compiler, METAL_FLAGS, program("metal"), out / "metal.so"):
        fail(f"the formats are no Metal:\n{error}")
    print(f"compiled as Metal with {compiler}")
    run_library(out / "metal.so")


# ---- CUDA


def nvrtc_library():
    """NVRTC of the toolkit whose nvcc is on the path, of the system, or of the Python package."""
    found = []
    if nvcc := shutil.which("nvcc"):
        home = pathlib.Path(nvcc).resolve().parents[1]
        found += glob.glob(str(home / "lib64/libnvrtc.so*")) + glob.glob(str(home / "targets/*/lib/libnvrtc.so*"))
    spec = importlib.util.find_spec("nvidia")
    for folder in spec.submodule_search_locations if spec else ():
        found += glob.glob(folder + "/*/lib/libnvrtc.so*")
    for name in [*found, "libnvrtc.so", "libnvrtc.so.13", "libnvrtc.so.12"]:
        if "alt" in pathlib.Path(name).name:
            continue
        try:
            return ctypes.CDLL(name), name
        except OSError:
            pass
    skip("NVRTC (CUDA's run-time compiler)", "the CUDA toolkit or the PyPI package nvidia-cuda-nvrtc, and run this with its Python")


def nvrtc_compile(library, text):
    """The machine code for sm_90; ends the test with the compiler's words when it refuses."""
    handle = ctypes.c_void_p()
    library.nvrtcCreateProgram(ctypes.byref(handle), text.encode(), b"formats.cu", 0, None, None)
    options = [b"--gpu-architecture=sm_90", b"--std=c++17", b"--fmad=false", *(f.encode() for f in INCLUDES)]
    status = library.nvrtcCompileProgram(handle, len(options), (ctypes.c_char_p * len(options))(*options))

    def fetch(what):
        size = ctypes.c_size_t()
        getattr(library, f"nvrtcGet{what}Size")(handle, ctypes.byref(size))
        buffer = ctypes.create_string_buffer(size.value)
        getattr(library, f"nvrtcGet{what}")(handle, buffer)
        return buffer.raw

    log = fetch("ProgramLog").rstrip(b"\0").decode()
    if status != 0:
        fail(f"NVRTC refuses the formats:\n{log}")
    if re.search(r"\bwarning\b", log):
        fail(f"NVRTC warns:\n{log}")
    return fetch("CUBIN")


class Device:
    """The first CUDA device through the driver's C functions; `Device.open()` is None where there is none."""

    def __init__(self, driver):
        self.driver = driver

    @staticmethod
    def open():
        try:
            driver = ctypes.CDLL("libcuda.so.1")
        except OSError:
            return None
        device, context = ctypes.c_int(), ctypes.c_void_p()
        if driver.cuInit(0) or driver.cuDeviceGet(ctypes.byref(device), 0):
            return None
        if driver.cuDevicePrimaryCtxRetain(ctypes.byref(context), device):
            return None
        opened = Device(driver)
        opened.call("cuCtxSetCurrent", context)
        return opened

    def call(self, name, *args):
        if status := getattr(self.driver, name)(*args):
            fail(f"{name} gives CUDA error {status}")

    def memory(self, size):
        at = ctypes.c_uint64()
        self.call("cuMemAlloc_v2", ctypes.byref(at), ctypes.c_size_t(size))
        return at

    def decode(self, module, name, blocks, count, weights):
        function = ctypes.c_void_p()
        self.call("cuModuleGetFunction", ctypes.byref(function), module, f"decode_{name}".encode())
        source, to, n = self.memory(len(blocks)), self.memory(4 * count * weights), ctypes.c_uint32(count)
        self.call("cuMemcpyHtoD_v2", source, blocks, ctypes.c_size_t(len(blocks)))
        args = (ctypes.c_void_p * 3)(*(ctypes.cast(ctypes.byref(a), ctypes.c_void_p) for a in (source, to, n)))
        self.call("cuLaunchKernel", function, -(-count // 64), 1, 1, 64, 1, 1, 0, None, args, None)
        values = ctypes.create_string_buffer(4 * count * weights)
        self.call("cuMemcpyDtoH_v2", values, to, ctypes.c_size_t(len(values)))
        for at in (source, to):
            self.call("cuMemFree_v2", at)
        return values.raw


def target_nvrtc(out):
    library, name = nvrtc_library()
    code = nvrtc_compile(library, program("cuda"))
    print(f"compiled as CUDA for sm_90 with {name}: {len(code)} bytes")
    device = Device.open()
    if not device:
        print("not run: no CUDA device here")
        return
    module = ctypes.c_void_p()
    device.call("cuModuleLoadData", ctypes.byref(module), code)
    compared = 0
    for name in format_names():
        if data := golden(name):
            count, _, weights, blocks, expected = data
            compare(name, device.decode(module, name, blocks, count, weights), expected)
            compared += 1
    print(f"{compared} formats decode their golden blocks bit for bit on the device")


TARGETS = {"g++": target_gxx, "clang": target_clang, "nvrtc": target_nvrtc,
           "metal-check": target_metal_check, "metal-run": target_metal_run}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", choices=TARGETS)
    args = parser.parse_args()
    os.chdir(ROOT)  # compilers look for includes in the current folder first
    with tempfile.TemporaryDirectory() as out:
        TARGETS[args.target](pathlib.Path(out))


if __name__ == "__main__":
    main()
