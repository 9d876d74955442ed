#!/usr/bin/env python3
"""Writes small models with seeded weights, and with --goldens what llama.cpp says of them (tests/oracle/golden/synthetic.json).

    python tools/goldens/make_models.py [--out DIR] [--goldens]

They reach what the real models do not: QKV bias, tied and separate heads, rope scaling (linear, llama3, yarn), rope on part of a head
and layers without it, fused tensors, a sliding window that is shorter than the text. DIR: $INGOT_CACHE/models/synthetic or
.cache/models/synthetic. The bytes are the same on every machine: weights come from integer draws with exact arithmetic, and the
sha256 of each file is compared with the golden's.
Exit code 77: the Python package `gguf` is missing.
"""

import argparse
import hashlib
import json
import math
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
GOLDEN = ROOT / "tests/oracle/golden/synthetic.json"
PROMPT_TOKENS = (3, 40, 97, 230)  # the last is far beyond windows and original contexts
FORCED_TOKENS = 48
CONTEXT = 512
LOGIT_GAIN = 2.5  # standard deviation of the logits, in nats
TEXT_SEED = 6000  # of a dozen, the one with the fewest near-ties between the two best: which of them leads says nothing

# Byte-level BPE beyond the 256 bytes; _ is the space.
MERGES = (
    "t h|th e|i n|a n|e r|o n|r e|a t|e n|_ the|_ a|an d|_ and|in g|o u|i s|_ t|_ s|_ of|o f|l l|s t|1 0|2 0|e s|o r|_ in|_ is|e d|l e|"
    "c h|a l|r o|i t|h e|_ b|_ c|_ w|_ h|_ m|ou r|er s|on e|o m|a r|a s|v e|n t|_ _|_1 0|_ 1|0 0"
)

# Sizes are small, but heads, kv_heads, hidden and ffn differ from each other so that no mix-up of two passes unseen.
# `head` is a head's size, `tied` whether the embedding is the head too, `fused` which matrices are one tensor, `rope_dims` how much
# of a head is rotated where that is not all of it. Matrices are `weights` but for those in `formats`, which
# are of the last layer, the embedding or the head: what these models prove is the architecture, and a quantized matrix adds noise
# (int8 activations) that every later layer amplifies.
MODELS = {
    "qwen2-tied": dict(
        arch="qwen2", seed=11, layers=3, hidden=128, heads=4, kv_heads=2, head=32, ffn=192, tied=True, bias=True,
        weights="F32", formats=dict(),
    ),
    "qwen2-separate": dict(
        arch="qwen2", seed=12, layers=3, hidden=256, heads=4, kv_heads=1, head=64, ffn=512, tied=False, bias=True, base=1e6,
        weights="F16", formats=dict(v="Q4_K", embedding="Q4_K"),
    ),
    "llama-plain": dict(
        arch="llama", seed=13, layers=3, hidden=96, heads=3, kv_heads=3, head=32, ffn=160, tied=False,
        weights="F16", formats=dict(up="Q8_0", embedding="Q8_0"),
    ),
    "llama-linear": dict(
        arch="llama", seed=14, layers=3, hidden=128, heads=4, kv_heads=2, head=32, ffn=320, tied=True, scaling=("linear", 4.0),
        weights="F16", formats=dict(k="Q4_1"),
    ),
    "llama-llama3": dict(
        arch="llama", seed=15, layers=3, hidden=128, heads=4, kv_heads=2, head=32, ffn=192, tied=False, factors=True,
        weights="F16", formats=dict(),
    ),
    "llama-yarn": dict(
        arch="llama", seed=16, layers=3, hidden=128, heads=2, kv_heads=1, head=64, ffn=256, tied=False, scaling=("yarn", 8.0, 64),
        weights="F16", formats=dict(gate="Q4_0"),
    ),
    "gemma3-window": dict(
        arch="gemma3", seed=17, layers=7, hidden=256, heads=3, kv_heads=1, head=64, ffn=512, tied=True, window=32, base=1e6,
        qk_norm=True, post_norms=True, weights="F16", formats=dict(v="Q4_K", k="Q5_0"),
    ),
    "qwen3-tied": dict(
        arch="qwen3", seed=18, layers=3, hidden=128, heads=4, kv_heads=2, head=64, ffn=192, tied=True, base=1e6, qk_norm=True,
        weights="F16", formats=dict(k="Q8_0"),
    ),
    "smollm3-plain": dict(
        arch="smollm3", seed=19, layers=5, hidden=96, heads=6, kv_heads=2, head=16, ffn=160, tied=True, base=5e6,
        weights="F16", formats=dict(),
    ),
    "phi-fused": dict(  # llama.cpp asks models that are called phi3 for tokens of their own
        arch="phi3", seed=24, layers=3, hidden=128, heads=4, kv_heads=2, head=32, ffn=192, tied=False, fused=("qkv", "gate_up"), rope_dims=24,
        weights="F16", formats=dict(qkv="Q8_0", gate_up="Q8_0"),
    ),
    "glm4-fused": dict(
        arch="glm4", seed=47, layers=3, hidden=160, heads=5, kv_heads=1, head=32, ffn=224, tied=False, fused=("gate_up",), bias=True,
        rope_dims=16, post_norms=True, weights="F16", formats=dict(),
    ),
}


class Draws:
    """Seeded numbers without libm: a sum of four 16-bit draws stands for a normal variable."""

    def __init__(self, seed):
        self._state = np.random.RandomState(seed)

    def integers(self, below, *shape):
        return self._state.randint(0, below, size=shape)

    def bytes(self, *shape):
        return np.frombuffer(self._state.bytes(math.prod(shape)), np.uint8).reshape(shape)

    def normal(self, *shape):
        """Mean 0, variance 1."""
        sums = sum(self.integers(65536, *shape).astype(np.float64) for _ in range(4))
        return (sums - 2 * 65535) * (math.sqrt(3) / 65536)

    def spread(self, low, high, *shape):
        return low + (high - low) * self.integers(65536, *shape) / 65535


def q4_k_blocks(draws, rows, cols, deviation):
    """Random Q4_K blocks of 256 weights, w = d·sc·code − dmin·m: 8 sub-scales sc and mins m of 6 bits; zero mean, standard `deviation`."""
    n = rows * cols // 256
    codes = draws.integers(16, n, 8, 32)
    scales = draws.integers(16, n, 8) + 24  # within 6 bits, mean 31.5
    step = deviation / (31.5 * math.sqrt(21.25))  # 21.25: variance of a uniform code
    # min = 7.5 code steps of its group: sc·7.5 in units of step, stored in units of 8 steps
    mins = (scales * 15 + 8) // 16
    block = np.zeros((n, 144), np.uint8)
    block[:, 0:2] = np.full((n, 1), step, np.float16).view(np.uint8)
    block[:, 2:4] = np.full((n, 1), 8 * step, np.float16).view(np.uint8)
    block[:, 4:8] = scales[:, :4] | (scales[:, 4:] >> 4) << 6
    block[:, 8:12] = mins[:, :4] | (mins[:, 4:] >> 4) << 6
    block[:, 12:16] = (scales[:, 4:] & 15) | (mins[:, 4:] & 15) << 4
    block[:, 16:] = (codes[:, 0::2] | codes[:, 1::2] << 4).reshape(n, 128)
    return block.reshape(rows, cols // 256 * 144)


def add_matrix(writer, draws, name, format, rows, cols, deviation):
    kind = gguf.GGMLQuantizationType[format]
    if format == "Q4_K":
        data = q4_k_blocks(draws, rows, cols, deviation)
    else:
        data = gguf.quantize((draws.normal(rows, cols) * deviation).astype(np.float32), kind)
    writer.add_tensor(name, data, raw_dtype=kind)


def add_vector(writer, name, values):
    writer.add_tensor(name, np.asarray(values, np.float32))


def add_vocabulary(writer, size=0):
    """The 256 bytes in the printable spelling that GPT-2 gave them, merges, fillers up to `size`, one control token. Returns the
    number of tokens."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    spelling = [chr(b) for b in range(256)]
    for n, byte in enumerate(b for b in range(256) if b not in printable):
        spelling[byte] = chr(256 + n)
    merges = [m.replace("_", spelling[32]) for m in MERGES.split("|")]
    tokens = spelling + [m.replace(" ", "") for m in merges]
    tokens += [f"<filler {n}>" for n in range(len(tokens), size - 1)] + ["<|end|>"]
    types = [gguf.TokenType.NORMAL] * (len(tokens) - 1) + [gguf.TokenType.CONTROL]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(merges)
    writer.add_eos_token_id(len(tokens) - 1)
    writer.add_add_bos_token(False)
    return len(tokens)


def llama3_factors(dims, base=10000.0, factor=8.0, low=1.0, high=4.0, original=64):
    """What each rotation frequency is divided by: none for short waves, `factor` for long ones, a blend between (Llama 3.1 model card)."""
    factors = []
    for i in range(0, dims, 2):
        wave = 2 * math.pi * base ** (i / dims)
        blend = (original / wave - low) / (high - low)
        factors.append(1.0 if wave < original / high else factor if wave > original / low else 1 / ((1 - blend) / factor + blend))
    return factors


def write_model(path, name, m, add_matrix=add_matrix):
    """One model of MODELS as GGUF. Standard deviations are chosen so that attention is selective, every part has its say in the
    residual stream and logits spread over several nats."""
    draws = Draws(m["seed"])
    hidden, ffn, head = m["hidden"], m["ffn"], m["head"]
    q_rows, kv_rows = m["heads"] * head, m["kv_heads"] * head
    w = gguf.GGUFWriter(path, m["arch"])
    w.add_name(f"synthetic {name}")
    w.add_context_length(m.get("context", CONTEXT))
    w.add_embedding_length(hidden)
    w.add_block_count(m["layers"])
    w.add_feed_forward_length(ffn)
    w.add_head_count(m["heads"])
    w.add_head_count_kv(m["kv_heads"])
    w.add_layer_norm_rms_eps(1e-6)
    w.add_rope_freq_base(m.get("base", 10000.0))
    if head * m["heads"] != hidden:
        w.add_key_length(head)
        w.add_value_length(head)
    if "window" in m:
        w.add_sliding_window(m["window"])
    else:
        w.add_rope_dimension_count(m.get("rope_dims", head))
    if scaling := m.get("scaling"):
        w.add_rope_scaling_type(gguf.RopeScalingType(scaling[0]))
        w.add_rope_scaling_factor(scaling[1])
        if scaling[2:]:
            w.add_rope_scaling_orig_ctx_len(scaling[2])
    vocab = add_vocabulary(w, m.get("vocab", 0))

    def matrix(name, part, rows, cols, gain):
        special = not name.startswith("blk.") or name.startswith(f"blk.{m['layers'] - 1}.")
        add_matrix(w, draws, name, m["formats"].get(part, m["weights"]) if special else m["weights"], rows, cols, gain / math.sqrt(cols))

    def gains(n, middle=1.0):
        return draws.spread(0.7, 1.3, n) * middle

    matrix("token_embd.weight", "embedding", vocab, hidden, LOGIT_GAIN if m["tied"] else math.sqrt(hidden))
    if not m["tied"]:
        matrix("output.weight", "head", vocab, hidden, LOGIT_GAIN)
    # Signs at random: with a tied head a token would otherwise predict itself.
    add_vector(w, "output_norm.weight", gains(hidden) * (2 * draws.integers(2, hidden) - 1))
    if m.get("factors"):
        add_vector(w, "rope_freqs.weight", llama3_factors(head))
    for layer in range(m["layers"]):
        at = f"blk.{layer}."
        add_vector(w, at + "attn_norm.weight", gains(hidden))
        if "qkv" in m.get("fused", ()):
            matrix(at + "attn_qkv.weight", "qkv", q_rows + 2 * kv_rows, hidden, 1.2)
        else:
            matrix(at + "attn_q.weight", "q", q_rows, hidden, 1.2)
            matrix(at + "attn_k.weight", "k", kv_rows, hidden, 1.2)
            matrix(at + "attn_v.weight", "v", kv_rows, hidden, 1.0)
        matrix(at + "attn_output.weight", "o", hidden, q_rows, 2.0)
        if m.get("bias"):
            for part, rows in (("q", q_rows), ("k", kv_rows), ("v", kv_rows)):
                add_vector(w, at + f"attn_{part}.bias", draws.normal(rows) * 0.3)
        add_vector(w, at + "ffn_norm.weight", gains(hidden))
        if "gate_up" in m.get("fused", ()):
            matrix(at + "ffn_up.weight", "gate_up", 2 * ffn, hidden, 1.2)
        else:
            matrix(at + "ffn_gate.weight", "gate", ffn, hidden, 1.2)
            matrix(at + "ffn_up.weight", "up", ffn, hidden, 1.2)
        matrix(at + "ffn_down.weight", "down", hidden, ffn, 1.5)
        if m.get("qk_norm"):
            add_vector(w, at + "attn_q_norm.weight", gains(head, 1.2))
            add_vector(w, at + "attn_k_norm.weight", gains(head, 1.2))
        if m.get("post_norms"):
            add_vector(w, at + "post_attention_norm.weight", gains(hidden, 1.2))
            add_vector(w, at + "post_ffw_norm.weight", gains(hidden, 1.2))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def make_goldens(folder):
    import oracle

    models = []
    for name, m in MODELS.items():
        path = folder / f"{name}.gguf"
        cases, draws = [], Draws(TEXT_SEED + m["seed"])
        with oracle.Oracle(path, CONTEXT) as o:
            for n in PROMPT_TOKENS:
                ids = draws.integers(o.vocab - 1, n + FORCED_TOKENS).tolist()
                case = {"prompt_ids": ids[:n], "ids": ids[n:], "top": o.forced(ids[:n], ids[n:])}
                oracle.check_case(case, None)
                cases.append(case)
        models.append({"name": name, "file": path.name, "sha256": sha256(path), "cases": cases})
    oracle.dump(GOLDEN, {"oracle": oracle.version(), "models": models})


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main():
    cache = pathlib.Path(os.environ.get("INGOT_CACHE") or ROOT / ".cache")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=cache / "models/synthetic")
    parser.add_argument("--goldens", action="store_true", help="ask llama.cpp anew and write the golden file")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    pinned = {}
    if not arguments.goldens:
        pinned = {m["name"]: m["sha256"] for m in json.loads(GOLDEN.read_text(encoding="utf-8"))["models"]}
    for name, m in MODELS.items():
        path = arguments.out / f"{name}.gguf"
        if path.exists() and sha256(path) == pinned.get(name):
            continue
        part = path.with_suffix(f".{os.getpid()}.part")
        write_model(part, name, m)
        digest = sha256(part)
        if not arguments.goldens and digest != pinned.get(name):
            part.unlink()
            sys.exit(
                f"[goldens] {path.name} differs from the one that the goldens speak of; got sha256 {digest}; "
                f"expected {pinned.get(name)}; after a wanted change run this script with --goldens"
            )
        part.replace(path)
    if arguments.goldens:
        make_goldens(arguments.out)


if __name__ == "__main__":
    main()
