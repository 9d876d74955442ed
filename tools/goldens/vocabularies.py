#!/usr/bin/env python3
"""Asks llama.cpp for the ids of many strings in many vocabularies: $INGOT_CACHE/vocabulary-ids/NAME.bin, for tests/engine/vocabularies_test.cpp.

    python tools/goldens/vocabularies.py [--strings N] [--seed N] [NAME]…

NAME is a vocabulary that tools/fetch_vocabularies.sh has fetched (ggml-vocab-NAME.gguf), a model that tools/fetch_model.sh has, or
"pre-RULE": the pre-tokenizer RULE on a synthetic vocabulary, in which any two bytes are a token, so that every cut in another place
changes the ids. None: all of them. A file that is newer than this program and the package xllamacpp is kept.

A file holds 32-bit little-endian numbers: strings; then for each of them its bytes, the ids where control tokens stay text, the ids
where they are parsed, each with its count in front (bytes are padded to four); then the ids that llama.cpp puts before every text, and
those after which it ends an answer, again with counts.
"""

import argparse
import ctypes
import os
import pathlib
import random
import struct
import sys
import unicodedata

import gguf
import tokenizer
import xllamacpp

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = pathlib.Path(os.environ.get("INGOT_CACHE") or ROOT / ".cache")
OUT = CACHE / "vocabulary-ids"
VOCABULARIES = """aquila baichuan command-r deepseek-coder deepseek-llm falcon gpt-2 gpt-neox llama-bpe llama-spm mpt phi-3 qwen2 qwen35
refact starcoder""".split()
# Rules that no vocabulary above has, and that llama.cpp applies as their makers wrote them. (Its gpt-4o and tekken tell capitals from
# small letters only in ASCII: tools/goldens/words.py has those.)
RULES = """default gpt-2 smollm falcon llama-bpe qwen2 qwen35 glm4 minicpm5 jais-2 laguna bailingmoe seed-coder deepseek-llm deepseek-coder
deepseek-v3 bloom viking""".split()


class _Override(ctypes.Structure):
    """llama_model_kv_override with a string in it."""

    _fields_ = [("tag", ctypes.c_int32), ("key", ctypes.c_char * 128), ("_", ctypes.c_int32), ("value", ctypes.c_char * 128)]


VOCAB_ONLY, OVERRIDES = 72, 64  # offsets in llama_model_params, checked by the first model that loads without weights


class Vocabulary(tokenizer.Vocabulary):
    """llama.cpp's tokenizer of a file without weights, with the pre-tokenizer `pre` instead of the file's own."""

    def __init__(self, path, pre=None):
        params = tokenizer._lib.llama_model_default_params()
        params.bytes[VOCAB_ONLY] = 1
        if pre:
            self.overrides = (_Override * 2)(_Override(3, b"tokenizer.ggml.pre", 0, pre.encode()))  # 3: a string; an empty key ends the list
            struct.pack_into("P", params.bytes, OVERRIDES, ctypes.addressof(self.overrides))
        super().__init__(path, params)


def pairs_of_bytes(path):
    """A model file without weights: tokens are the bytes and all pairs of them, the merges are in an order of their own."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    spelled = {b: chr(b) for b in printable}
    for byte in range(256):
        spelled.setdefault(byte, chr(256 + len([b for b in range(byte) if b not in printable])))
    pairs = [(a, b) for a in range(256) for b in range(256)]
    random.Random(1).shuffle(pairs)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    tokens = [spelled[b] for b in range(256)] + [spelled[a] + spelled[b] for a, b in pairs]
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.NORMAL] * len(tokens))
    writer.add_token_merges([spelled[a] + " " + spelled[b] for a, b in pairs])
    for name, value in [("block_count", 1), ("context_length", 8), ("embedding_length", 8), ("feed_forward_length", 8), ("attention.head_count", 1)]:
        writer.add_uint32("llama." + name, value)
    writer.add_float32("llama.attention.layer_norm_rms_epsilon", 1e-5)
    writer.add_add_bos_token(False)
    writer.add_eos_token_id(0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


def file_of(name):
    if name in tokenizer.MODELS:
        return CACHE / "models" / tokenizer.MODELS[name]
    if name.startswith("pre-"):
        path = OUT / "pairs-of-bytes.gguf"
        if not path.exists():
            pairs_of_bytes(path)
        return path
    return CACHE / f"llama-cpp-models/ggml-vocab-{name}.gguf"


def numbers(values):
    return struct.pack(f"<{len(values) + 1}i", len(values), *values)


def edges():
    """Characters whose neighbour is of another category, and the ends of ranges that patterns name."""
    category = [unicodedata.category(chr(c)) for c in range(0x20000)]
    ends = [0x800, 0x3040, 0x309F, 0x30A0, 0x30FF, 0x4E00, 0x9FA5, 0xAC00, 0xD7FF, 0xFF0F, 0xFF1A, 0xFF5E]
    found = {c for c in range(0x80, 0x20000) if category[c] != category[c - 1]} | set(ends)
    return [chr(c + d) for c in sorted(found) for d in (-1, 0, 1) if category[c + d] != "Cs"]


def texts_of(vocabulary, n, seed):
    """Strings of every kind; among them characters at the edges of classes, spellings of this vocabulary's own tokens, and long words."""
    rng = random.Random(seed)
    at_edges, marked = edges(), [t for t in vocabulary.special_texts() if t]
    texts = tokenizer.strings(n - 2 * (n // 5), seed)
    while len(texts) < n - n // 5:
        texts.append("".join(rng.choice(at_edges) + rng.choice(["", "", "a", "中", " ", "\n", "7", "!"]) for _ in range(10)).encode())
    while len(texts) < n:
        parts = [tokenizer.part(rng), rng.choice(marked or [" "]), tokenizer.part(rng) * rng.choice([1, 1, 1, 20])]
        rng.shuffle(parts)
        texts.append("".join(parts).encode("utf-8", "surrogatepass"))
    return texts


def write(path, vocabulary, texts):
    rows = [struct.pack("<i", len(texts))]
    for raw in texts:
        rows.append(struct.pack("<i", len(raw)) + raw + bytes(-len(raw) % 4))
        rows += [numbers(vocabulary.encode(raw, False, parse)) for parse in (False, True)]
    rows += [numbers(vocabulary.encode(b"", True, False)), numbers(vocabulary.ends)]
    new = path.with_suffix(".new")
    new.write_bytes(b"".join(rows))
    new.replace(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--strings", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=6)
    args = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    stamp = max(pathlib.Path(f).stat().st_mtime for f in (__file__, tokenizer.__file__, xllamacpp.__file__))
    missing = 0
    for name in args.names or [*tokenizer.MODELS, *VOCABULARIES, *("pre-" + rule for rule in RULES)]:
        out, path = OUT / f"{name}.bin", file_of(name)
        if not path.exists():
            print(f"skipped {name}: there is no {path}; tools/fetch_vocabularies.sh and tools/fetch_model.sh fetch such files")
            missing += 1
        elif not out.exists() or out.stat().st_mtime < stamp:
            vocabulary = Vocabulary(path, name[4:] if name.startswith("pre-") else None)
            write(out, vocabulary, texts_of(vocabulary, args.strings, args.seed))
            print(f"{out}: {args.strings} strings", flush=True)
    return 77 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
