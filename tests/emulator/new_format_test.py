#!/usr/bin/env python3
"""A file dropped into formats/ is all that a new format takes: `new_format_test.py [metal]`.

In a copy of the tracked tree three formats that nobody uses are added, one a kind, each with another geometry than any real one. Only
what is needed is built there. Then a small model whose every matrix is in these formats has to run by fast kernels on the processor,
on emulated CUDA and, with `metal`, on emulated Metal, and all have to agree on its greedy answer as model_check understands it. The blocks
are random codes under sensible scales: nothing here knows what a block decodes to.

Leaves with 77, which ctest shows as skipped, where the copy cannot be made or the model cannot be written.
"""

import hashlib
import json
import math
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools/goldens"))
import make_models  # noqa: E402  leaves with 77 where the package gguf is missing

import gguf  # noqa: E402
import numpy as np  # noqa: E402

# Three groups of 32 in 67 bytes; codes in two planes, signed integer factors, a minimum for the whole block.
AFFINE = """struct synthetic_affine : affine {
  enum { ggml_id = 90001, block = 96, group = 32, code_bits = 5, zero = 15, block_bytes = 67 };
  enum at { scale_at = 0, min_at = 2, subs_at = 4, low_at = 7, high_at = 55 };

  fn code(view b, int i) { return (b.byte(low_at + i / 2) >> i % 2 * 4 & 15) | (b.byte(high_at + i / 8) >> i % 8 & 1) << 4; }
  fn unit() { return 0.5f; }
  fn scale(view b) { return b.bf16(scale_at); }
  fn sub(view b, int g) { return b.signed_byte(subs_at + g); }
  fn min(view b) { return b.f16(min_at); }
};
"""


def affine_blocks(draws, n, deviation):
    block = draws.bytes(n, 67).copy()
    subs = draws.integers(32, n, 3) + 32
    # 0.5: the unit; 9.2 and 48: the root mean squares of a code around its zero and of a factor
    block[:, 0:2] = bfloat16(np.full(n, deviation / (0.5 * 9.2 * 48)))
    block[:, 2:4] = (draws.normal(n) * deviation / 8).astype(np.float16).view(np.uint8).reshape(n, 2)
    block[:, 4:7] = (subs * (2 * draws.integers(2, n, 3) - 1)).astype(np.int8).view(np.uint8)
    return block


# Eight uneven values, a power of two for every 16 weights.
TABLE = """TABLE(i8, synthetic_values, 8) = {-113, -60, -27, -6, 9, 31, 66, 127};
struct synthetic_table : table {
  enum { ggml_id = 90002, block = 64, group = 16, code_bits = 3, block_bytes = 28 };
  enum at { low_at = 0, high_at = 16, scales_at = 24 };

  fn code(view b, int i) { return (b.byte(low_at + i % 16) >> i / 16 * 2 & 3) | (b.byte(high_at + i % 8) >> i / 8 & 1) << 2; }
  fn value(u32 code) { return synthetic_values[code]; }
  fn scale(view b, int g) { return b.e8m0_half(scales_at + g); }
};
"""


def table_blocks(draws, n, deviation):
    block = draws.bytes(n, 28).copy()
    block[:, 24:28] = 128 + math.floor(math.log2(deviation / 67)) + draws.integers(2, n, 4)  # 67: root mean square of the values
    return block


# Runs of 8 from a codebook of 16, and their signs; 12 groups of 16 with a factor of 4 bits each.
VECTOR = """TABLE(u32, synthetic_grid, 16) = {0x1b06, 0x0419, 0xe540, 0x91c2, 0x6f10, 0x2b74, 0x0d8a, 0xc013, 0x5926, 0x840d, 0x31e5, 0x4b60, 0x1294, 0xa70c, 0x0251, 0x7c38};
TABLE(i8, synthetic_runs, 8) = {-29, -13, -5, -1, 1, 5, 13, 29};
struct synthetic_vector : vector {
  enum { ggml_id = 90003, block = 192, group = 16, code_bits = 12, block_bytes = 44, values = 8 };
  enum at { scale_at = 0, subs_at = 2, indices_at = 8, signs_at = 20 };

  fn code(view b, int j) { return (b.byte(indices_at + j / 2) >> j % 2 * 4 & 15) | b.byte(signs_at + j) << 4; }
  fn value(int c) { return synthetic_runs[c]; }
  fn expand(u32 code) {
    u64 run = 0;
    for (int k = 0; k < 8; k++) {
      int size = (int)(synthetic_grid[code & 15] >> 2 * k & 3), negative = (int)(code >> (4 + k) & 1);
      run |= (u64)(u8)value(negative ? 3 - size : 4 + size) << 8 * k;
    }
    return run;
  }
  fn scale(view b) { return b.f16(scale_at); }
  fn sub(view b, int g) { return (int)(b.byte(subs_at + g / 2) >> g % 2 * 4 & 15) + 1; }
};
"""


def vector_blocks(draws, n, deviation):
    block = draws.bytes(n, 44).copy()
    block[:, 0:2] = np.full((n, 1), deviation / (16 * 9.7), np.float16).view(np.uint8)  # 16 and 9.7: about what values and factors are
    return block


def bfloat16(x):
    return (x.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16).view(np.uint8).reshape(-1, 2)


# name: number, weights and bytes a block, bits a code, kind, text, blocks
FORMATS = {
    "synthetic_affine": (90001, 96, 67, 5, "affine", AFFINE, affine_blocks),
    "synthetic_table": (90002, 64, 28, 3, "table", TABLE, table_blocks),
    "synthetic_vector": (90003, 192, 44, 12, "vector", VECTOR, vector_blocks),
}

# The first layer is affine; in the second, three formats meet in a launch, and two.
MODEL = dict(
    arch="llama", seed=21, layers=2, hidden=192, heads=3, kv_heads=1, head=64, ffn=384, tied=False, weights="synthetic_affine",
    formats=dict(embedding="synthetic_table", head="synthetic_vector", k="synthetic_table", v="synthetic_vector", o="synthetic_vector",
                 gate="synthetic_table", up="synthetic_vector", down="synthetic_table"),
)
PROMPT = "The capital of France is Paris, and the capital of Italy is"
TOKENS, DIVERGENCE = "8", "1e-3"  # nats; how far two honest runs of quantized matrices part: decision 0009

failures = []


def check(holds, words):
    print(("ok: " if holds else "FAILED: ") + words, flush=True)
    if not holds:
        failures.append(words)


def skip(words):
    print(f"SKIPPED: {words}")
    sys.exit(77)


def add_blocks(writer, draws, name, format, rows, cols, deviation):
    number, block, block_bytes, *_, blocks = FORMATS[format]
    gguf.GGML_QUANT_SIZES[number] = (block, block_bytes)  # how the writer finds the shape
    data = blocks(draws, rows * cols // block, deviation).reshape(rows, cols // block * block_bytes)
    writer.add_tensor(name, data, raw_dtype=number)


def tracked_files():
    try:
        names = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        skip("the tree is not a clone, so its files are not known; run this in a git clone (Debian package git)")
    return [name for name in names.split("\0") if name and (ROOT / name).exists()]


def run(*words, cwd=None, **environment):
    """Status, what it wrote to stdout, and to stderr."""
    done = subprocess.run([str(w) for w in words], cwd=cwd, text=True, capture_output=True, env=os.environ | environment)
    return done.returncode, done.stdout, done.stderr


def build(tree, targets):
    # ccache sees the same commands in another folder
    environment = dict(CCACHE_BASEDIR="/", CCACHE_NOHASHDIR="1")
    jobs = os.environ.get("CMAKE_BUILD_PARALLEL_LEVEL") or str(os.cpu_count() or 1)
    for command in (["--preset", "release"], ["--build", "--preset", "release", "--parallel", jobs, "--target", *targets]):
        status, out, errors = run("cmake", *command, cwd=tree, **environment)
        if status:
            print(out[-8000:], errors[-8000:])
            sys.exit("FAILED: the tree with three more formats does not build")


def check_command(ingot, model, doubles):
    for name, (number, block, block_bytes, code_bits, kind, *_) in FORMATS.items():
        status, out, errors = run(ingot, "formats", name, "--json")
        said = json.loads(out) if status == 0 else {}
        facts = [said.get(key) for key in ("name", "space", "id", "block", "code_bits", "value")]
        check(facts == [name, "ggml", number, block, code_bits, kind], f"ingot formats {name} says {facts} {errors}")
    for device, environment in (("cpu", {}), ("cuda", dict(LD_LIBRARY_PATH=str(doubles)))):
        status, out, errors = run(ingot, "explain", model, "--device", device, "--strict-kernels", "--bandwidth", "0", "--json", **environment)
        plan = json.loads(out) if status == 0 else {"steps": [], "slow_steps": None}
        used = {f for step in plan["steps"] if step["kind"] != "embed" for f in step["formats"]}
        slow = [step["name"] for step in plan["steps"] if step["slow"]]
        layouts = {step["layout"] for step in plan["steps"] if step["formats"] and step["kind"] != "embed"}
        check(status == 0 and used == set(FORMATS) and plan["slow_steps"] == 0 and not slow, f"ingot explain on {device}: {sorted(used)}, slow steps: {slow} {errors}")
        check(layouts == {"resident"}, f"ingot explain on {device}: layouts {layouts}")


def check_model(program, device, cache, doubles):
    status, out, errors = run(program, device, "synthetic.gguf", TOKENS, DIVERGENCE, PROMPT, INGOT_CACHE=str(cache), LD_LIBRARY_PATH=str(doubles))
    print(out, errors, flush=True)
    if status == 77:
        skip(out)
    check(status == 0 and "emulated" in out, f"{device}, emulated, beside the processor")


def digests(tree):
    """Of every file but what was built."""
    files = [path for path in tree.rglob("*") if path.is_file() and path.relative_to(tree).parts[0] != "build"]
    return {str(path.relative_to(tree)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def check_untouched(before, after):
    added = {f"formats/{name}.h" for name in FORMATS}
    others = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name) and name not in added)
    check(added <= after.keys() - before.keys() and not others, f"nothing but {sorted(added)} was written; others: {others}")


def main():
    if not shutil.which("clang++-19"):
        skip("kernels cannot be compiled for the emulator; install the Debian package clang-19")
    metal = "metal" in sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="ingot-") as folder:
        tree, cache = pathlib.Path(folder) / "tree", pathlib.Path(folder) / "cache"
        for name in tracked_files():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name, follow_symlinks=False)
        before = digests(tree)
        for name, (*_, text, _) in FORMATS.items():
            (tree / f"formats/{name}.h").write_text(f"// A format that nobody uses.\n{text}")
        build(tree, ["ingot", "model_check", "cuda_double", "nvrtc_double", *(["model_check_metal"] if metal else [])])
        (cache / "models").mkdir(parents=True)
        model, built = cache / "models/synthetic.gguf", tree / "build/release"
        make_models.write_model(model, "synthetic", MODEL, add_blocks)
        doubles = built / "tests/emulator/doubles"
        check_command(built / "ingot", model, doubles)
        check_model(built / "model_check", "cuda", cache, doubles)
        if metal:
            check_model(built / "model_check_metal", "metal", cache, doubles)
        check_untouched(before, digests(tree))
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
