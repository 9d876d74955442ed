#!/usr/bin/env python3
"""Writes an F16 copy of a quantized GGUF model whose weights no longer lie on the lattice of its format: dither.py IN OUT.

Where only quantized models are at hand, a plain copy in floats is no reference for comparing formats: the one that the file came in
finds its own weights again without error. Here every weight moves at random, by at most half a step of its block, which is how far
quantizing had moved it. Such a copy is a model of its own, a little worse than the file, and as hard to quantize as any. Needs the
packages gguf and numpy.
"""

import pathlib
import sys

import gguf
import numpy as np

GROUP = 16  # weights that certainly share a scale, in every format


def dithered(values, random):
    """Half a step: half the smallest distance of two different weights of a group."""
    groups = values.reshape(-1, GROUP)
    gaps = np.diff(np.sort(groups, axis=1), axis=1)
    gaps[gaps <= 1e-6 * np.abs(groups).max(axis=1, keepdims=True)] = np.inf
    step = gaps.min(axis=1, keepdims=True)
    step[~np.isfinite(step)] = 0
    return (groups + step * random.uniform(-0.5, 0.5, groups.shape)).reshape(values.shape)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    source, target = map(pathlib.Path, sys.argv[1:])
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, reader.get_field("general.architecture").contents())
    for key, field in reader.fields.items():
        if key.startswith("GGUF.") or key in ("general.architecture", "general.file_type"):
            continue
        if field.types[0] == gguf.GGUFValueType.ARRAY:
            writer.add_array(key, field.contents())
        else:
            writer.add_key_value(key, field.contents(), field.types[0])
    random = np.random.default_rng(1)
    for t in reader.tensors:
        values = gguf.dequantize(t.data, t.tensor_type).astype(np.float32).reshape(tuple(int(n) for n in reversed(t.shape)))
        if values.ndim > 1:
            values = dithered(values, random).astype(np.float16)
        writer.add_tensor(t.name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
