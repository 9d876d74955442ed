#!/usr/bin/env python3
"""Writes tests/quantize/golden/mixes.json: which formats llama.cpp's mixes give the tensors of models of several shapes, and their size.

    python tools/goldens/mixes.py LIBLLAMA_SO

LIBLLAMA_SO: libllama.so of a build of llama.cpp (bench/peers/build.py makes one). The models are headers with holes for weights: nothing
is encoded, llama.cpp is asked for a dry run. Per model and mix: formats and how many tensors get each, and the bytes of all tensors.
"""

import collections
import ctypes
import json
import pathlib
import re
import sys
import tempfile

import gguf
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests/quantize/golden/mixes.json"

# hidden, ffn, layers, heads, kv_heads, vocabulary, tied, experts
MODELS = {
    "llama-32": dict(arch="llama", hidden=256, ffn=512, layers=32, heads=8, kv_heads=8, vocab=512, tied=False, experts=0),
    "llama-gqa": dict(arch="llama", hidden=512, ffn=768, layers=28, heads=8, kv_heads=2, vocab=512, tied=True, experts=0),
    "llama-80": dict(arch="llama", hidden=256, ffn=512, layers=80, heads=8, kv_heads=1, vocab=512, tied=False, experts=0),
    "llama-indivisible": dict(arch="llama", hidden=576, ffn=1536, layers=30, heads=9, kv_heads=3, vocab=512, tied=True, experts=0),
    "llama-odd": dict(arch="llama", hidden=264, ffn=520, layers=9, heads=4, kv_heads=4, vocab=512, tied=False, experts=0),
    "experts-8": dict(arch="llama", hidden=256, ffn=512, layers=16, heads=8, kv_heads=2, vocab=512, tied=False, experts=8),
    "experts-4": dict(arch="llama", hidden=256, ffn=512, layers=16, heads=8, kv_heads=4, vocab=512, tied=False, experts=4),
}  # fmt: skip
MIXES = {
    "f32": 0, "f16": 1, "q4_0": 2, "q4_1": 3, "q8_0": 7, "q5_0": 8, "q5_1": 9, "q2_k": 10, "q3_k_s": 11, "q3_k_m": 12, "q3_k_l": 13,
    "q4_k_s": 14, "q4_k_m": 15, "q5_k_s": 16, "q5_k_m": 17, "q6_k": 18, "iq2_xxs": 19, "iq2_xs": 20, "q2_k_s": 21, "iq3_xs": 22,
    "iq3_xxs": 23, "iq1_s": 24, "iq4_nl": 25, "iq3_s": 26, "iq3_m": 27, "iq2_s": 28, "iq2_m": 29, "iq4_xs": 30, "iq1_m": 31, "bf16": 32,
    "tq1_0": 36, "tq2_0": 37, "mxfp4_moe": 38, "q1_0": 40, "q2_0": 41,
}  # fmt: skip


def shapes(m):
    """Names of a model's tensors, and their rows, columns first."""
    yield "token_embd.weight", (m["hidden"], m["vocab"])
    if not m["tied"]:
        yield "output.weight", (m["hidden"], m["vocab"])
    yield "output_norm.weight", (m["hidden"],)
    kv = m["hidden"] // m["heads"] * m["kv_heads"]
    for n in range(m["layers"]):
        yield f"blk.{n}.attn_norm.weight", (m["hidden"],)
        yield f"blk.{n}.attn_q.weight", (m["hidden"], m["hidden"])
        yield f"blk.{n}.attn_k.weight", (m["hidden"], kv)
        yield f"blk.{n}.attn_v.weight", (m["hidden"], kv)
        yield f"blk.{n}.attn_output.weight", (m["hidden"], m["hidden"])
        yield f"blk.{n}.ffn_norm.weight", (m["hidden"],)
        ends, stack = ("_exps", (m["experts"],)) if m["experts"] else ("", ())
        if m["experts"]:
            yield f"blk.{n}.ffn_gate_inp.weight", (m["hidden"], m["experts"])
        yield f"blk.{n}.ffn_gate{ends}.weight", (m["hidden"], m["ffn"], *stack)
        yield f"blk.{n}.ffn_up{ends}.weight", (m["hidden"], m["ffn"], *stack)
        yield f"blk.{n}.ffn_down{ends}.weight", (m["ffn"], m["hidden"], *stack)


def write_model(path, m):
    """A model of F16 matrices and F32 vectors, all of zeros, which a file system need not store."""
    writer = gguf.GGUFWriter(path, m["arch"])
    writer.add_block_count(m["layers"])
    writer.add_context_length(512)
    writer.add_embedding_length(m["hidden"])
    writer.add_feed_forward_length(m["ffn"])
    writer.add_head_count(m["heads"])
    writer.add_head_count_kv(m["kv_heads"])
    writer.add_layer_norm_rms_eps(1e-5)
    if m["experts"]:
        writer.add_expert_count(m["experts"])
        writer.add_expert_used_count(2)
    writer.add_tokenizer_model("llama")
    writer.add_token_list([f"t{n}" for n in range(m["vocab"])])
    writer.add_token_scores([0.0] * m["vocab"])
    writer.add_token_types([1] * m["vocab"])
    end = 0
    for name, shape in shapes(m):
        kind = np.float32 if len(shape) == 1 else np.float16
        size = int(np.prod(shape)) * kind().itemsize
        writer.add_tensor_info(name, shape[::-1], np.dtype(kind), size)
        end += -(-size // 32) * 32
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    with open(path, "r+b") as file:
        start = -(-file.seek(0, 2) // 32) * 32
        file.truncate(start + end)


class Parameters(ctypes.Structure):
    """llama_model_quantize_params of llama.h."""

    _fields_ = [
        *[(name, ctypes.c_int32) for name in ("nthread", "ftype", "output_tensor_type", "token_embedding_type")],
        *[(name, ctypes.c_bool) for name in ("allow_requantize", "quantize_output_tensor", "only_copy", "pure", "keep_split", "dry_run")],
        *[(name, ctypes.c_void_p) for name in ("imatrix", "kv_overrides", "tt_overrides", "prune_layers")],
        ("max_buf_size", ctypes.c_size_t),
    ]  # fmt: skip


LINE = re.compile(r"\] +(\S+) +- \[ *([\d, ]+)\], type = +(\w+), size = +[\d.]+ MiB(?: -> +[\d.]+ MiB \((\w+)\))?")


def ask(library, model, file_type):
    lines = []
    callback_type = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
    callback = callback_type(lambda level, text, data: lines.append(text.decode()))
    library.llama_log_set(callback, None)
    library.llama_model_quantize_default_params.restype = Parameters
    parameters = library.llama_model_quantize_default_params()
    parameters.ftype, parameters.dry_run, parameters.nthread = file_type, True, 1
    if library.llama_model_quantize(str(model).encode(), b"unused", ctypes.byref(parameters)) != 0:
        return None  # it has no format for such rows
    formats, size = collections.Counter(), 0
    for name, shape, source, target in LINE.findall("".join(lines)):
        format = (target or source).upper()
        later = {"Q1_0": (128, 18), "Q2_0": (64, 18)}  # which the package does not know yet
        block, block_bytes = later.get(format) or gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[format]]
        formats[format.lower()] += 1
        size += int(np.prod([int(n) for n in shape.split(",")])) // block * block_bytes
    return {"formats": dict(sorted(formats.items())), "bytes": size}


def main():
    library = ctypes.CDLL(sys.argv[1])
    library.llama_backend_init()
    golden = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, m in MODELS.items():
            path = pathlib.Path(folder) / f"{name}.gguf"
            write_model(path, m)
            asked = {mix: ask(library, path, number) for mix, number in MIXES.items()}
            golden[name] = {mix: got for mix, got in asked.items() if got}
    GOLDEN.parent.mkdir(parents=True, exist_ok=True)
    texts = []
    for name, mixes in golden.items():
        lines = ",\n".join(f"  {json.dumps(mix)}: {json.dumps(got)}" for mix, got in mixes.items())
        texts.append(f" {json.dumps(name)}: {{\n{lines}\n }}")
    GOLDEN.write_text("{\n" + ",\n".join(texts) + "\n}\n")
    print(f"{GOLDEN}: {sum(len(m) for m in golden.values())} mixes")


if __name__ == "__main__":
    main()
