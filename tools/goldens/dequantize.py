#!/usr/bin/env python3
"""Writes a copy of a GGUF model whose every tensor is F32: dequantize.py IN OUT, or without arguments for each real model in the cache.

The copy computes with float activations, so two engines agree on it to a few thousandths of a nat. On the quantized model they do
not: activations are rounded to int8, a last-bit difference flips some of these codes, and after a few layers two runs differ as
much as each of them differs from the exact result. The decoder is the package `gguf`'s. Exit code 77: that package is missing.
"""

import os
import pathlib
import sys

try:
    import gguf
    import numpy as np
except ImportError as missing:
    print(f"skipped: {missing}; ./test installs it into the private environment")
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODELS = ("smollm2-135m-instruct-q4_1.gguf", "gemma-3-270m-q4_k_m.gguf")


def dequantize(source, target):
    """All metadata and all tensors of `source`, as F32, in their order; `target` appears when it is whole."""
    reader = gguf.GGUFReader(source)
    part = target.with_suffix(f".{os.getpid()}.part")
    target.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(part, reader.get_field("general.architecture").contents())
    try:
        for key, field in reader.fields.items():
            if key.startswith("GGUF.") or key == "general.architecture":
                continue
            value, kind = field.contents(), field.types[0]
            if kind == gguf.GGUFValueType.ARRAY:
                writer.add_array(key, value)
            else:
                writer.add_key_value(key, value, kind)
        shapes = [tuple(int(n) for n in reversed(t.shape)) for t in reader.tensors]
        for t, shape in zip(reader.tensors, shapes, strict=True):
            writer.add_tensor_info(t.name, shape, np.dtype(np.float32), 4 * int(np.prod(shape)))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for t, shape in zip(reader.tensors, shapes, strict=True):  # one at a time: the whole would be a gigabyte
            writer.write_tensor_data(gguf.dequantize(t.data, t.tensor_type).astype(np.float32, copy=False).reshape(shape))
        writer.close()
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def main():
    if len(sys.argv) == 3:
        dequantize(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
    elif len(sys.argv) == 1:
        models = pathlib.Path(os.environ.get("INGOT_CACHE") or ROOT / ".cache") / "models"
        present = [models / name for name in MODELS if (models / name).exists()]
        if not present:
            print(f"skipped: there is no model in {models}; tools/fetch_model.sh fetches them")
            sys.exit(77)
        for source in present:
            target = models / "exact" / source.name
            if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
                dequantize(source, target)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
