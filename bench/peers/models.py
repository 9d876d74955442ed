#!/usr/bin/env python3
"""Writes models of Qwen2.5 1.5B's shape with seeded random blocks, a file a format: what speed is measured with.

    .cache/python/bin/python bench/peers/models.py [KIND…] [--out DIR]

DIR: $INGOT_CACHE/bench-models or .cache/bench-models. Codes are random bytes; scales are set so that weights have the standard
deviation that tools/goldens/make_models.py asks for. They say nothing worth reading, but every step is as much work as in a real
model. The embedding, which is the head too, is Q6_K where the layers' format is no usual one for it, as other engines' files have it.
"""

import argparse
import functools
import os
import pathlib
import sys
import time

import gguf
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools/goldens"))
import formats  # noqa: E402
import make_models  # noqa: E402

SHAPE = dict(
    arch="qwen2", layers=28, hidden=1536, heads=12, kv_heads=2, head=128, ffn=8960, vocab=151936, tied=True, bias=True, base=1e6,
    context=32768,
)  # fmt: skip
ONE_FORMAT = ("q4_0", "q6_k", "q8_0")
Q6_K_HEAD = (
    "q4_k", "q4_1", "q5_k", "q3_k", "q2_k", "iq4_xs", "mxfp4", "iq3_s", "iq3_xxs", "iq2_s", "iq2_xs", "iq2_xxs", "iq1_m", "iq1_s",
)  # fmt: skip
KINDS = ONE_FORMAT + Q6_K_HEAD
LAYOUTS = {layout.name: layout for layout in formats.LAYOUTS}
E8M0_ONE = 127  # the exponent byte of 1


def set_scales(layout, blocks, scale, low=0.0):
    """Gives every block (n, bytes) the same scale and, where the format has one, minimum."""
    if not layout.f16:
        blocks[:, 0] = E8M0_ONE + round(float(np.log2(scale)))
    for field, value in list(enumerate((scale, low)))[: formats.scale_fields(layout) if layout.f16 else 0]:
        formats.set_scale(layout, blocks.T, field, int(np.float16(value).view(np.uint16)))


@functools.cache
def scales_of_unit_deviation(name):
    """The scale and minimum with which random codes have mean 0 and standard deviation 1, as gguf's decoder sees them."""
    layout = LAYOUTS[name]
    blocks = make_models.Draws(1).bytes(2048, layout.bytes).copy()

    def decoded(scale, low):
        set_scales(layout, blocks, scale, low)
        return gguf.quants.dequantize(blocks, gguf.GGMLQuantizationType[name.upper()])

    low = 0.0
    if layout.f16 and formats.scale_fields(layout) == 2:
        low = -decoded(1.0, 0.0).mean() / decoded(0.0, 1.0).mean()
    deviation = decoded(1.0, low).std()
    return 1.0 / deviation, low / deviation


def add_blocks(writer, draws, name, format, rows, cols, deviation):
    layout = LAYOUTS[format.lower()]
    blocks = draws.bytes(rows * cols // layout.weights, layout.bytes).copy()
    set_scales(layout, blocks, *(deviation * value for value in scales_of_unit_deviation(layout.name)))
    writer.add_tensor(name, blocks.reshape(rows, -1), raw_dtype=gguf.GGMLQuantizationType[format])


def write(path, kind):
    embedding = "Q6_K" if kind in Q6_K_HEAD else kind.upper()
    model = dict(SHAPE, seed=KINDS.index(kind) + 100, weights=kind.upper(), formats=dict(embedding=embedding))
    part = path.with_suffix(f".{os.getpid()}.part")
    make_models.write_model(part, f"1.5B {kind}", model, add_blocks)
    part.replace(path)


def main():
    cache = pathlib.Path(os.environ.get("INGOT_CACHE") or ROOT / ".cache")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"default: all of {' '.join(KINDS)}")
    parser.add_argument("--out", type=pathlib.Path, default=cache / "bench-models")
    arguments = parser.parse_args()
    if unknown := set(arguments.kinds) - set(KINDS):
        parser.error(f"no kind {' '.join(unknown)}; there are {' '.join(KINDS)}")
    arguments.out.mkdir(parents=True, exist_ok=True)
    for kind in arguments.kinds or KINDS:
        path = arguments.out / f"{kind}.gguf"
        if not path.exists():
            start = time.perf_counter()
            write(path, kind)
            print(f"{path}: {path.stat().st_size / 1e9:.2f} GB, {time.perf_counter() - start:.1f} s", flush=True)


if __name__ == "__main__":
    main()
