#!/usr/bin/env python3
"""A format is one file: three made-up ones of different kinds, dropped into formats/ of a copy of the tree, run a model on the processor
and on both emulated GPUs, with no other edit.

    new_formats_test.py SOURCE

Copies the tree, writes three files, builds, makes a small model whose matrices are in those formats, and compares the devices. Builds for
minutes. Leaves with 77, which ctest shows as skipped, where the private Python environment is missing.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

try:
    import gguf
    import numpy as np
except ImportError as missing:
    print(f"SKIPPED: {missing}; ./test installs it into the private environment")
    sys.exit(77)

SOURCE = pathlib.Path(sys.argv[1]).resolve()
sys.path.insert(0, str(SOURCE / "tools/goldens"))
import make_models  # noqa: E402

AFFINE = """// Three bits, steps of an integer by 16 weights.
//
//   byte  0   scale   f16
//   byte  2   steps   4 signed bytes
//   byte  6   codes   two lower bits, 16 bytes;  byte 22  upper bits, 8 bytes
struct octave : affine {
  enum { ggml_id = 1001, block = 64, group = 16, code_bits = 3, block_bytes = 30 };

  fn code(view b, int i) { return (b.byte(6 + i / 4) >> i % 4 * 2 & 3) | (b.byte(22 + i / 8) >> i % 8 & 1) << 2; }
  fn zero() { return 4; }
  fn scale(view b) { return b.f16(0); }
  fn sub(view b, int g) { return b.signed_byte(2 + g); }
};
"""
TABLE = """// Four bits into squares with a sign.
//
//   byte  0   scale   bf16
//   byte  2   codes   16 bytes, the lower half of a byte first
struct squares : table {
  enum { ggml_id = 1002, block = 32, group = 32, code_bits = 4, block_bytes = 18 };

  fn code(view b, int i) { return b.byte(2 + i / 2) >> i % 2 * 4 & 15; }
  fn value(u32 code) { return code < 8 ? -(8 - (int)code) * (8 - (int)code) : ((int)code - 7) * ((int)code - 7); }
  fn scale(view b) { return b.bf16(0); }
};
"""
VECTOR = """// Two bits a weight: eight signs and eight sizes a code.
//
//   byte  0   scale   f16
//   byte  2   codes   4 of 16 bits
struct threes : vector {
  enum { ggml_id = 1003, block = 32, group = 32, code_bits = 16, block_bytes = 10, values = 4 };

  fn code(view b, int j) { return b.word16(2 + 2 * j); }
  fn value(int c) { return c == 0 ? -3 : c == 1 ? -1 : c == 2 ? 1 : 3; }
  fn expand(u32 code) {
    u64 run = 0;
    for (int k = 0; k < 8; k++) run |= (u64)(u8)(i8)(((code >> k & 1) ? -1 : 1) * ((code >> (8 + k) & 1) ? 3 : 1)) << 8 * k;
    return run;
  }
  fn scale(view b) { return b.f16(0); }
};
"""


def octave(draws, blocks, deviation):
    block = draws.bytes(blocks, 30).copy()
    block[:, 2:6] = draws.integers(21, blocks, 4) + 20
    block[:, 0:2] = np.full((blocks, 1), deviation / (30 * 2.35), np.float16).view(np.uint8)
    return block


def squares(draws, blocks, deviation):
    block = draws.bytes(blocks, 18).copy()
    values = [(-(8 - c) ** 2 if c < 8 else (c - 7) ** 2) for c in range(16)]
    scale = np.full((blocks, 1), deviation / np.sqrt(np.mean(np.square(values))), np.float32)
    block[:, 0:2] = (scale.view(np.uint32) >> 16).astype(np.uint16).view(np.uint8)
    return block


def threes(draws, blocks, deviation):
    block = draws.bytes(blocks, 10).copy()
    block[:, 0:2] = np.full((blocks, 1), deviation / np.sqrt(5), np.float16).view(np.uint8)
    return block


# Number, weights and bytes a block, text, random blocks.
FORMATS = {"octave": (1001, 64, 30, AFFINE, octave), "squares": (1002, 32, 18, TABLE, squares), "threes": (1003, 32, 10, VECTOR, threes)}
PARTS = {"token_embd": "squares", "attn_q": "octave", "attn_k": "squares", "attn_v": "threes", "attn_output": "octave", "ffn_gate": "squares",
         "ffn_up": "octave", "ffn_down": "threes"}  # fmt: skip
SHAPE = dict(arch="llama", seed=21, layers=3, hidden=128, heads=4, kv_heads=2, head=32, ffn=192, tied=True, weights="", formats={})
LEFT_OUT = {".git", ".cache", "build", ".venv", "__pycache__"}


def add_matrix(writer, draws, name, _, rows, cols, deviation):
    number, weights, bytes_, _, blocks = FORMATS[PARTS[name.removesuffix(".weight").split(".")[-1]]]
    data = blocks(draws, rows * cols // weights, deviation).reshape(rows, cols // weights * bytes_)
    writer.add_tensor(name, data, raw_dtype=number)


def run(*command, **options):
    print("+", *command, flush=True)
    return subprocess.run([str(word) for word in command], check=True, text=True, **options)


def copy_tree(to):
    tracked = subprocess.run(["git", "-C", str(SOURCE), "ls-files"], text=True, capture_output=True)
    if tracked.returncode:
        return shutil.copytree(SOURCE, to, ignore=lambda _, names: LEFT_OUT & set(names), dirs_exist_ok=True)
    for name in tracked.stdout.splitlines():
        if (SOURCE / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(SOURCE / name, to / name)


def check(tree, model):
    build = tree / "build/release"
    for name in FORMATS:
        found = json.loads(run(build / "ingot", "formats", name, "--json", capture_output=True).stdout)
        assert name in json.dumps(found), found
    run(build / "ingot", "run", model, "--raw", "-p", "The", "-n", "8", "--temp", "0", "--device", "cpu", "--strict-kernels")
    environment = os.environ | {"INGOT_CACHE": str(model.parents[1]), "LD_LIBRARY_PATH": str(build / "tests/emulator/doubles")}
    devices = {"cuda": build / "model_check", "metal": build / "model_check_metal"}
    for device, program in devices.items():
        if not program.exists():
            print(f"{device} is left out: {program.name} could not be built here")
            continue
        # With a prompt that goes through the matrix unit.
        run(program, device, model.name, "8", "1e-3", "The capital of the house is in the hand of one that is not here", env=environment)


def main():
    gguf.GGML_QUANT_SIZES.update({number: (weights, bytes_) for number, weights, bytes_, *_ in FORMATS.values()})
    with tempfile.TemporaryDirectory(prefix="ingot-formats-") as folder:
        tree, models = pathlib.Path(folder) / "tree", pathlib.Path(folder) / "models"
        tree.mkdir()
        models.mkdir()
        copy_tree(tree)
        for name, (_, _, _, text, _) in FORMATS.items():
            (tree / f"formats/{name}.h").write_text(text)
        make_models.write_model(models / "made_up.gguf", "made-up", SHAPE, add_matrix)
        run("cmake", "--preset", "release", cwd=tree, stdout=subprocess.DEVNULL)
        known = run("ninja", "-C", tree / "build/release", "-t", "targets", "all", capture_output=True).stdout
        targets = ["ingot", "model_check"] + [t for t in ("cuda_double", "nvrtc_double", "model_check_metal") if f"\n{t}:" in known]
        run("cmake", "--build", "--preset", "release", "--target", *targets, cwd=tree, stdout=subprocess.DEVNULL)
        check(tree, models / "made_up.gguf")
    print("three formats, one file each")


if __name__ == "__main__":
    main()
