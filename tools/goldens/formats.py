#!/usr/bin/env python3
"""Makes tests/formats/golden/<format>.bin: blocks of every format with the values that references written elsewhere decode.

References: the numpy decoders of the package `gguf`, and ggml's C functions `dequantize_row_*`, which the shared library of the
package `xllamacpp` exports. Where a format has both, both must give the same bits (a NaN equals any NaN).
A file is three little-endian u32 (blocks, bytes a block, weights a block), the bytes of the blocks, then the f32 values.
A format of one's own needs no golden file: tests/formats checks it for consistency with itself.
"""
import argparse
import ctypes
import importlib.util
import pathlib
import struct

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, quants

F16 = (0x0000, 0x8000, 0x0001, 0x8001, 0x03ff, 0x0400, 0x3c00, 0xbc00, 0x7bff, 0xfbff, 0x7c00, 0xfc00, 0x7e00, 0x7c01, 0xfe55)
BF16 = (0x0000, 0x8000, 0x0001, 0x007f, 0x0080, 0x3f80, 0xbf80, 0x7f7f, 0xff7f, 0x7f80, 0xff80, 0x7fc0, 0x7f81)
F32 = (0x00000000, 0x80000000, 1, 0x007fffff, 0x00800000, 0x3f800000, 0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000, 0x7fc00000,
       0x7f800001)


class Layout:
    """Name of a format, its number in gguf, and where its scales stand; from these the blocks are made."""

    def __init__(self, name, weights, block_bytes, f16=(), codebook=None):
        self.name, self.weights, self.bytes, self.f16, self.codebook = name, weights, block_bytes, f16, codebook


def put16(block, at, word):
    block[at], block[at + 1] = word & 255, word >> 8 & 255


# Codebook formats: entries of the codebook, indices a block, and how index n of a block is written.
def index_iq1_s(b, n, v):
    b[2 + n] = v & 255
    at = 34 + 2 * (n // 4)
    word = int(b[at]) | int(b[at + 1]) << 8
    put16(b, at, word & ~(7 << 3 * (n % 4)) | (v >> 8) << 3 * (n % 4))


def index_iq1_m(b, n, v):
    b[n] = v & 255
    b[32 + n // 2] = int(b[32 + n // 2]) & ~(7 << 4 * (n % 2)) & 255 | (v >> 8) << 4 * (n % 2)


def index_iq2_xxs(b, n, v):
    b[2 + n // 4 * 8 + n % 4] = v


def index_iq2_xs(b, n, v):
    put16(b, 2 + 2 * n, (int(b[3 + 2 * n]) >> 1) << 9 | v)


def index_iq2_s(b, n, v):
    b[2 + n] = v & 255
    b[66 + n // 4] = int(b[66 + n // 4]) & ~(3 << 2 * (n % 4)) & 255 | (v >> 8) << 2 * (n % 4)


def index_iq3_xxs(b, n, v):
    b[2 + n] = v


def index_iq3_s(b, n, v):
    b[2 + n] = v & 255
    b[66 + n // 8] = int(b[66 + n // 8]) & ~(1 << n % 8) & 255 | (v >> 8) << n % 8


LAYOUTS = [
    Layout("f32", 1, 4), Layout("f16", 1, 2), Layout("bf16", 1, 2),
    Layout("q4_0", 32, 18, [0]), Layout("q4_1", 32, 20, [0, 2]), Layout("q5_0", 32, 22, [0]), Layout("q5_1", 32, 24, [0, 2]),
    Layout("q8_0", 32, 34, [0]),
    Layout("q2_k", 256, 84, [80, 82]), Layout("q3_k", 256, 110, [108]), Layout("q4_k", 256, 144, [0, 2]),
    Layout("q5_k", 256, 176, [0, 2]), Layout("q6_k", 256, 210, [208]),
    Layout("iq1_s", 256, 50, [0], (2048, 32, index_iq1_s)), Layout("iq1_m", 256, 56, "scattered", (2048, 32, index_iq1_m)),
    Layout("iq2_xxs", 256, 66, [0], (256, 32, index_iq2_xxs)), Layout("iq2_xs", 256, 74, [0], (512, 32, index_iq2_xs)),
    Layout("iq2_s", 256, 82, [0], (1024, 32, index_iq2_s)), Layout("iq3_xxs", 256, 98, [0], (256, 64, index_iq3_xxs)),
    Layout("iq3_s", 256, 110, [0], (512, 64, index_iq3_s)),
    Layout("iq4_nl", 32, 18, [0]), Layout("iq4_xs", 256, 136, [0]),
    Layout("tq1_0", 256, 54, [52]), Layout("tq2_0", 256, 66, [64]),
    Layout("mxfp4", 32, 17), Layout("nvfp4", 64, 36),
    Layout("q1_0", 128, 18, [0]), Layout("q2_0", 64, 18, [0]),
]


def set_scale(layout, block, field, bits):
    if layout.f16 == "scattered":  # the top nibbles of four u16 at byte 48, lowest nibble first
        for n in range(4):
            at = 49 + 2 * n
            block[at] = block[at] & 15 | (bits >> 4 * n & 15) << 4
    else:
        put16(block, layout.f16[field], bits)


def scale_fields(layout):
    return 1 if layout.f16 == "scattered" else len(layout.f16)


def ordinary_scales(layout, block, rng):
    for field in range(scale_fields(layout)):
        set_scale(layout, block, field, int(np.float16(rng.normal() * 0.05).view(np.uint16)))


def make_blocks(layout, seed):
    rng = np.random.default_rng(seed)
    if layout.weights == 1:
        special, kind = {4: (F32, np.uint32), 2: (F16 if layout.name == "f16" else BF16, np.uint16)}[layout.bytes]
        ordinary = rng.integers(0, 256, 2048 * layout.bytes, np.uint8)
        return np.concatenate([np.array(special, kind).view(np.uint8), ordinary]).reshape(-1, layout.bytes)
    blocks = []

    def add(block, keep_scale=False):
        if not keep_scale:
            ordinary_scales(layout, block, rng)
        blocks.append(block)

    def noise():
        return rng.integers(0, 256, layout.bytes, dtype=np.uint8)

    for _ in range(8):  # any bytes at all, scales too
        add(noise(), keep_scale=True)
    for n in range(6 if layout.weights == 256 else 16):
        add(noise())
    for v in (0x00, 0xff, 0x55, 0xaa, 0x0f, 0xf0, 0x80, 0x7f):  # one code, lowest and highest, in every place
        add(np.full(layout.bytes, v, np.uint8))
    for n in range(-(-256 // layout.bytes) + 1):  # every byte value, in several places
        add((np.arange(layout.bytes) + n * layout.bytes & 255).astype(np.uint8))
    for bits in F16 if layout.f16 else ():
        for field in range(scale_fields(layout)):
            block = noise()
            ordinary_scales(layout, block, rng)
            set_scale(layout, block, field, bits)
            add(block, keep_scale=True)
    if layout.f16 and scale_fields(layout) == 2:
        for scale, low in ((0x7c00, 0x7c00), (0x7c00, 0xfc00), (0x7bff, 0x7bff), (0x8000, 0x8000), (0, 0)):
            block = noise()
            set_scale(layout, block, 0, scale)
            set_scale(layout, block, 1, low)
            add(block, keep_scale=True)
    if layout.name == "mxfp4":  # every exponent byte
        for e in range(256):
            block = (np.arange(17) * 17 + e & 255).astype(np.uint8)
            block[0] = e
            add(block, keep_scale=True)
    if layout.name == "nvfp4":  # every scale byte
        for e in range(0, 256, 4):
            block = noise()
            block[:4] = range(e, e + 4)
            add(block, keep_scale=True)
    if layout.codebook:
        entries, per_block, write = layout.codebook
        for first in range(0, entries, per_block):
            block = noise()
            for n in range(per_block):
                write(block, n, first + n)
            add(block)
    return np.array(blocks, np.uint8)


def by_gguf(layout, blocks):
    qtype = getattr(GGMLQuantizationType, layout.name.upper(), None)
    if qtype is None:
        return None
    if GGML_QUANT_SIZES[qtype] != (layout.weights, layout.bytes):
        ours = layout.weights, layout.bytes
        raise SystemExit(f"{layout.name}: gguf has {GGML_QUANT_SIZES[qtype]} weights and bytes a block, this script {ours}")
    try:
        with np.errstate(all="ignore"):
            return quants.dequantize(blocks, qtype).astype(np.float32).ravel()
    except NotImplementedError:
        return None


def ggml_library():
    found = importlib.util.find_spec("xllamacpp")
    if not found:
        raise SystemExit("the package xllamacpp is not installed; its ggml is one of the two references: tools/setup/install.sh test installs it")
    return ctypes.CDLL(str(next(pathlib.Path(found.origin).parent.glob("*.so"))))


def by_ggml(library, layout, blocks):
    names = {"f16": "ggml_fp16_to_fp32_row", "bf16": "ggml_bf16_to_fp32_row"}
    function = getattr(library, names.get(layout.name, "dequantize_row_" + layout.name.replace("_k", "_K")), None)
    if function is None:
        return None
    values = np.empty(len(blocks) * layout.weights, np.float32)
    data = np.ascontiguousarray(blocks)
    function(data.ctypes.data_as(ctypes.c_void_p), values.ctypes.data_as(ctypes.c_void_p), ctypes.c_int64(values.size))
    return values


def differing(a, b):
    return np.flatnonzero((a.view(np.uint32) != b.view(np.uint32)) & ~(np.isnan(a) & np.isnan(b)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parents[2] / "tests/formats/golden")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    library = ggml_library()
    failed = False
    for n, layout in enumerate(LAYOUTS):
        blocks = make_blocks(layout, [args.seed, n])
        found = [(who, v) for who, v in (("gguf", by_gguf(layout, blocks)), ("ggml", by_ggml(library, layout, blocks))) if v is not None]
        note = " and ".join(who for who, _ in found)
        if len(found) == 2 and (bad := differing(found[0][1], found[1][1])).size:
            i = int(bad[0])
            block = blocks[i // layout.weights]
            note += f" DIFFER at {bad.size} values, first {found[0][1][i]!r} and {found[1][1][i]!r}"
            note += f", weight {i % layout.weights} of block {block.tobytes().hex()}"
            failed = True
        values = found[-1][1]
        data = struct.pack("<III", len(blocks), layout.bytes, layout.weights) + blocks.tobytes() + values.astype("<f4").tobytes()
        (args.out / f"{layout.name}.bin").write_bytes(data)
        print(f"{layout.name:8} {len(blocks):5} blocks {len(data):7} bytes  {note}")
    if failed:
        raise SystemExit("the references disagree; see above")


if __name__ == "__main__":
    main()
