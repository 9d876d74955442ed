#!/usr/bin/env python3
"""Writes some 700 malformed model files, and a few sound ones, for tests of whatever opens files.

    tools/make_malformed.py --out DIR [--small]

Each case is a file (of a split model: the part to open) in DIR; DIR/manifest.tsv has one line a case: path, group, what must
happen, and words that the message of a refusal holds (or nothing). The groups sort the ways in which loaders have failed before;
the first of them is CVE-2024-23605. What must happen:

    sound    the container opens it, and so does everything behind it
    refused  the container refuses it
    model    the container opens it; what reads the model behind it refuses it
    any      the container opens it; the rest may accept or refuse it, but not fail otherwise (odd values in sound fields)

--small leaves out files over 1 MiB. The files are the same at every run; nothing but Python is needed.
"""

import argparse
import functools
import pathlib
import random
import struct

U8, I8, U16, I16, U32, I32, F32, BOOL, STR, ARR, U64, I64, F64 = range(13)
PACK = {U8: "B", I8: "b", U16: "H", I16: "h", U32: "I", I32: "i", F32: "f", BOOL: "?", U64: "Q", I64: "q", F64: "d"}
# Tensor types: number -> (elements, bytes) of a block.
BLOCKS = {0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 10: (256, 84), 11: (256, 110),
          12: (256, 144), 13: (256, 176), 14: (256, 210), 16: (256, 66), 20: (32, 18), 23: (256, 136), 30: (1, 2),
          35: (256, 66), 39: (32, 17)}
MAX = 2**64 - 1


def u32(x):
    return struct.pack("<I", x)


def u64(x):
    return struct.pack("<Q", x)


def text(x):
    x = x.encode() if isinstance(x, str) else x
    return u64(len(x)) + x


def scalar(kind, x):
    return text(x) if kind == STR else struct.pack("<" + PACK[kind], x)


def array(kind, xs):
    return u32(kind) + u64(len(xs)) + b"".join(scalar(kind, x) for x in xs)


class Gguf:
    """A file in pieces; every number that would be computed can be stated otherwise."""

    def __init__(self):
        self.magic, self.version, self.alignment = b"GGUF", u32(3), 32
        self.keys, self.tensors = [], []  # (name, type, bytes); dicts
        self.n_keys = self.n_tensors = None
        self.tail = b""

    def key(self, name, kind, value):
        """Sets the key, in its old place if it is there. `value` is a number, a string, or bytes taken as they are."""
        data = value if isinstance(value, bytes) else scalar(kind, value)
        at = next((i for i, k in enumerate(self.keys) if k[0] == name), len(self.keys))
        self.keys[at : at + 1] = [(name, kind, data)]
        return self

    def again(self, name, kind, value):
        self.keys.append((name, kind, value if isinstance(value, bytes) else scalar(kind, value)))
        return self

    def drop(self, name):
        self.keys = [k for k in self.keys if k[0] != name]
        self.tensors = [t for t in self.tensors if t["name"] != name]
        return self

    def tensor(self, name, shape, kind, data, **stated):
        self.tensors.append({"name": name, "shape": shape, "type": kind, "data": data, **stated})
        return self

    def change(self, name, **stated):
        next(t for t in self.tensors if t["name"] == name).update(stated)
        return self

    def pad(self, data):
        return data + bytes(-len(data) % self.alignment)

    def table(self):
        out = [self.magic, self.version, u64(len(self.tensors) if self.n_tensors is None else self.n_tensors),
               u64(len(self.keys) if self.n_keys is None else self.n_keys)]
        out += [text(name) + u32(kind) + data for name, kind, data in self.keys]
        offset = 0
        for t in self.tensors:
            out += [text(t["name"]), u32(t.get("n_dims", len(t["shape"]))), b"".join(u64(n) for n in t["shape"]), u32(t["type"]),
                    u64(t.get("offset", offset))]
            offset += len(self.pad(t["data"]))
        return b"".join(out)

    def bytes(self):
        data = b"".join(self.pad(t["data"]) for t in self.tensors)
        return (self.pad(self.table()) if self.tensors else self.table()) + data + self.tail


def tiny():
    """A few keys, two tensors of 8 floats: under 500 bytes."""
    f = Gguf().key("general.architecture", STR, "none").key("a.number", U32, 7).key("a.list", ARR, array(I32, [1, 2, 3]))
    f.key("a.strings", ARR, array(STR, ["x", "yy"]))
    return f.tensor("first", [8], 0, bytes(32)).tensor("second", [4, 2], 0, bytes(32))


def blocks(kind, elements, rng):
    """Small finite weights: F32, or blocks whose scales, wherever they stand, are small and positive."""
    n, size = BLOCKS[kind]
    if kind == 0:
        return struct.pack(f"<{elements}f", *(rng.uniform(-0.1, 0.1) for _ in range(elements)))
    if kind == 8:
        return b"".join(struct.pack("<e32b", 0.001, *(rng.randrange(-100, 100) for _ in range(32))) for _ in range(elements // 32))
    return bytes([0x11] * size) * (elements // n)  # 0x1111 as f16 is 6e-4


MODEL_KEYS = {"block_count": (U32, 2), "context_length": (U32, 64), "embedding_length": (U32, 32), "feed_forward_length": (U32, 256),
              "attention.head_count": (U32, 2), "attention.head_count_kv": (U32, 1), "attention.layer_norm_rms_epsilon": (F32, 1e-5),
              "rope.freq_base": (F32, 10000.0), "rope.dimension_count": (U32, 16), "vocab_size": (U32, 258)}
ARCH, DOWN = "llama.", "blk.0.ffn_down.weight"


def byte_characters():
    """The 256 bytes as the printable characters that byte-level BPE vocabularies spell them with."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return [chr(b) if b in plain else chr(256 + sum(c not in plain for c in range(b))) for b in range(256)]


def model(down=8):
    """A whole model of 2 layers that runs: 32 wide, 258 tokens. `down`: type of layer 0's down projection, 256 -> 32."""
    f, made = Gguf(), made_model(down)
    f.keys, f.tensors = list(made.keys), [dict(t) for t in made.tensors]
    return f


@functools.lru_cache
def made_model(down):
    rng = random.Random(1)
    f = Gguf().key("general.architecture", STR, "llama")
    for name, (kind, value) in MODEL_KEYS.items():
        f.key(ARCH + name, kind, value)
    f.key("tokenizer.ggml.model", STR, "gpt2").key("tokenizer.ggml.pre", STR, "smollm")
    f.key("tokenizer.ggml.tokens", ARR, array(STR, [*byte_characters(), "th", "<|end|>"]))
    f.key("tokenizer.ggml.token_type", ARR, array(I32, [1] * 257 + [3])).key("tokenizer.ggml.merges", ARR, array(STR, ["t h"]))
    f.key("tokenizer.ggml.bos_token_id", U32, 257).key("tokenizer.ggml.eos_token_id", U32, 257)

    def add(name, shape, kind=8):
        elements = shape[0] * (shape[1] if len(shape) > 1 else 1)
        f.tensor(name, shape, kind, struct.pack("<32f", *[1.0] * 32) if len(shape) == 1 else blocks(kind, elements, rng))

    add("token_embd.weight", [32, 258])
    for i in range(2):
        b = f"blk.{i}."
        add(b + "attn_norm.weight", [32], 0), add(b + "ffn_norm.weight", [32], 0)
        add(b + "attn_q.weight", [32, 32]), add(b + "attn_k.weight", [32, 16]), add(b + "attn_v.weight", [32, 16])
        add(b + "attn_output.weight", [32, 32]), add(b + "ffn_gate.weight", [32, 256]), add(b + "ffn_up.weight", [32, 256])
        add(b + "ffn_down.weight", [256, 32], down if i == 0 else 8)
    add("output_norm.weight", [32], 0)
    return f


def whole(part=None, of=1, tensors=None, **names):
    """Layer-like tensors t0…t3 as one file, or the two of part `part` of 2; `names` are split keys to state otherwise."""
    f = Gguf().key("general.architecture", STR, "none")
    said = {"no": part or 0, "count": of, "tensors.count": 4, **{k.replace("_", "."): v for k, v in names.items()}}
    for key, value in said.items():
        if value is not None:
            f.key("split." + key, I32 if key == "tensors.count" else U16, value)
    for i in tensors if tensors is not None else range(4) if part is None else range(2 * part, 2 * part + 2):
        f.tensor(f"t{i}", [8], 0, bytes([i]) * 32)
    return f


# ---- what can be wrong. Each function yields (name, what must happen, words of the message, file).


def a01_number_of_keys():
    for n in (2**63, MAX, 2**60, 2**62 + 4, 2**32, 10**6, MAX // 48):
        f = tiny()
        f.n_keys = n
        yield f"keys_{n:x}", "refused", "keys", f
    for n in (0, 3, 5):
        f = tiny()
        f.n_keys = n
        yield f"keys_{n}_of_4", "refused", "", f


def a02_number_of_tensors():
    for n in (2**63, 2**62, MAX, 2**56 + 1, 2**40, 2**32, MAX // 88, MAX // 368, 10**6):
        f = tiny()
        f.n_tensors = n
        yield f"tensors_{n:x}", "refused", "tensors", f
    for n in (0, 1, 3):
        f = tiny()
        f.n_tensors = n
        yield f"tensors_{n}_of_2", "refused", "", f


def a03_string_lengths():
    for n in (MAX, MAX - 7, 2**63, 2**32, 1000):
        def long(x=b"abc", n=n):
            return u64(n) + x
        f = Gguf()
        f.magic, f.version, f.n_keys = b"GGUF", u32(3) + u64(0) + u64(1) + long() + u32(U8) + b"\1", None
        data = f.magic + f.version + bytes(32)
        yield f"key_{n:x}", "refused", "ends inside the name", data
        yield f"value_{n:x}", "refused", "ends inside the string", tiny().again("s", STR, long())
        yield f"element_{n:x}", "refused", "ends inside the string", tiny().again("s", ARR, u32(STR) + u64(2) + text("x") + long())
        table = Gguf().table()[:8] + u64(1) + u64(0) + long() + u32(1) + u64(8) + u32(0) + u64(0)
        yield f"tensor_{n:x}", "refused", "ends inside the name", table + bytes(64)


def a04_array_lengths():
    for kind in [*PACK, STR]:
        for n in (MAX, 2**61, 2**62 + 1, 2**30):
            yield f"array_{kind}_{n:x}", "refused", "than the file can hold", tiny().again("l", ARR, u32(kind) + u64(n) + bytes(16))
    yield "array_ends_early", "refused", "", tiny().again("l", ARR, u32(U64) + u64(200) + bytes(16))


def a05_nested_arrays():
    for depth in (1, 2, 1000, 10**5):
        nest = (u32(ARR) + u64(1)) * depth + u32(U8) + u64(1) + b"\1"
        yield f"nested_{depth}", "refused", "array of arrays", tiny().again("l", ARR, nest)


def a06_value_types():
    for kind in (13, 14, 100, 0x7FFFFFFF, 2**31, 2**32 - 1):
        yield f"type_{kind:x}", "refused", "unknown value type", tiny().again("v", kind, bytes(8))
        yield f"element_{kind:x}", "refused", "unknown element type", tiny().again("v", ARR, u32(kind) + u64(1) + bytes(8))
    for x in (2, 0xFF):
        yield f"bool_{x}", "refused", "boolean", tiny().again("b", BOOL, bytes([x]))
        yield f"bools_{x}", "refused", "boolean", tiny().again("b", ARR, u32(BOOL) + u64(3) + bytes([0, 1, x]))


def a07_dimensions():
    for n in (0, 5, 6, 64, 2**31, 2**32 - 1):
        yield f"n_dims_{n:x}", "refused", "number of dimensions", tiny().change("first", n_dims=n)
    for n in (2, 3, 4):
        yield f"n_dims_{n}_of_1", "refused", "", tiny().change("first", n_dims=n)


def a08_zero_a09_negative():
    for dims in range(1, 5):
        for at in range(dims):
            for n in (0, 2**63, MAX):
                shape = [1] * dims
                shape[at] = n
                yield f"dimension_{at}_of_{dims}_{n:x}", "refused", "impossible dimension", tiny().change("first", shape=shape)


def a10_to_a12_products():
    shapes = [[4, 2**42 + 1, 2**20], [2, 2**42 + 1, 2**21], [2**20, 2**42 + 1, 4, 1], [2**32, 2**32], [2**33, 2**31], [3 * 2**31, 2**32],
              [2**16] * 4, [2**62, 4], [2**63 - 1, 2], [2**31, 2**31, 2], [2**32, 2**31], [2**22, 2**22, 2**22], [32, 2**59],
              [2**63 - 1] * 4, [2**61 + 1, 8]]
    for kind in (0, 1, 8):
        for i, shape in enumerate(shapes):
            yield f"elements_{kind}_{i}", "refused", "more elements", tiny().change("first", shape=shape, type=kind)
    for kind, shape in [(0, [2**62]), (0, [2**61, 3]), (0, [2**62 - 1]), (0, [2**62 - 8]), (0, [2**31, 2**31 - 1]), (8, [2**62]),
                        (8, [2**63 - 32]), (2, [2**63 - 32]), (2, [2**59, 15]), (14, [2**63 - 256]), (1, [2**63 - 1]),
                        (0, [2**40]), (8, [2**45])]:
        yield f"bytes_{kind}_{'_'.join(f'{n:x}' for n in shape)}", "refused", "", tiny().change("first", shape=shape, type=kind)


def a13_a14_alignment():
    for n in (2**31, 2**30, 8192, 2**16, 0, 3, 24, 33, 2**32 - 1):
        yield f"alignment_{n:x}", "refused", "impossible alignment", tiny().key("general.alignment", U32, n)
    for kind, value in [(U64, 32), (I32, 32), (U8, 32), (F32, 32.0), (STR, "32"), (BOOL, True), (ARR, array(U32, [32]))]:
        yield f"alignment_type_{kind}", "refused", "alignment has the wrong type", tiny().key("general.alignment", kind, value)
    for a, b in ((32, 32), (32, 64)):
        twice = tiny().again("general.alignment", U32, a).again("general.alignment", U32, b)
        yield f"alignment_twice_{b}", "refused", "occurs twice", twice
    yield "alignment_other", "refused", "", tiny().key("general.alignment", U32, 128)
    for n in (1, 2, 8, 64, 4096):
        f = model().key("general.alignment", U32, n)
        f.alignment = n
        yield f"aligned_{n}", "sound", "", f


def a15_sums():
    for n in (2**60, 2**61, 2**61 - 8):
        f = tiny().change("first", shape=[n]).change("second", shape=[n], offset=(4 * n + 31) // 32 * 32 & MAX)
        yield f"sum_{n:x}", "refused", "", f
    f = tiny()
    for i in range(8):
        f.tensor(f"t{i}", [2**59], 0, b"", offset=(i * 2**61) & MAX)
    yield "sum_wraps", "refused", "", f.drop("first").drop("second")


def a16_offsets():
    for n in (1, 16, 31):
        yield f"offset_{n}", "refused", "not aligned", tiny().change("second", offset=n)
    for n in (64, 2**20, 2**32, 2**63, MAX - 31, MAX - 63, 2**64 - 256):
        yield f"offset_{n:x}", "refused", "", tiny().change("second", offset=n)
        yield f"first_offset_{n:x}", "refused", "", tiny().change("first", offset=n)
    yield "same_offset", "refused", "overlaps", tiny().change("second", offset=0)
    yield "overlap", "refused", "overlaps", tiny().change("first", shape=[16])
    yield "gap", "refused", "gap", tiny().change("first", shape=[8], data=bytes(64))
    moved = tiny().change("first", offset=32).change("second", offset=64).tensor("pad", [8], 0, bytes(32), offset=96)
    yield "gap_first", "refused", "gap before the first", moved
    for n in (1, 32, 1000):
        f = tiny()
        f.tail = bytes(n)
        yield f"tail_{n}", "refused", "follow the last tensor", f
    f = Gguf().key("a", U8, 1)
    f.tail = bytes(100)
    yield "tail_without_tensors", "refused", "follow the metadata", f
    # One number, two formats: blocks of other sizes under a number whose blocks have 18 bytes.
    for size in (14, 16, 20, 24, 34):
        f = Gguf().tensor("x", [1024], 2, bytes(32 * size)).tensor("y", [8], 0, bytes(32))
        yield f"clash_{size}", "refused", "another format", f
    yield "clash_last", "refused", "follow the last tensor", tiny().tensor("x", [256], 2, bytes(8 * 24))
    yield "clash_last_short", "refused", "past the end", tiny().tensor("x", [256], 2, bytes(8 * 14))
    f = model()
    f.tensors[1], f.tensors[2] = f.tensors[2], f.tensors[1]
    offset = 0
    for t in f.tensors:
        t["offset"], offset = offset, offset + len(f.pad(t["data"]))
    f.tensors = f.tensors[5:] + f.tensors[:5]
    data = b"".join(f.pad(t["data"]) for t in sorted(f.tensors, key=lambda t: t["offset"]))
    yield "table_in_another_order", "sound", "", f.pad(f.table()) + data


def a17_truncations():
    data, table = tiny().bytes(), len(tiny().table())
    ends = [len(data) - n for n in (64, 33, 32, 1)]
    for n in sorted({0, 1, 3, 4, 7, 8, 12, 16, 20, 24, *range(25, table, 9), table - 1, table, *ends}):
        yield f"cut_{n}", "refused", "the file is empty" if n == 0 else "", data[:n]
    data = model().bytes()
    for n in random.Random(2).sample(range(len(model().table()), len(data) - 1), 30):
        yield f"cut_model_{n}", "refused", "past the end", data[:n]


def a18_header():
    for name, magic, words in [
        ("GGUX", b"GGUX", "not a GGUF"), ("lower", b"gguf", "not a GGUF"), ("zero", bytes(4), "not a GGUF"),
        ("zip", b"PK\3\4", "not a GGUF"), ("escape", b"\x1b[2J", "\\x1b"), ("swapped", b"FUGG", "big-endian"), ("ggjt", b"tjgg", "older model format"),
        ("ggml", b"lmgg", "older model format"), ("lfs", b"version https://git-lfs.github.com/spec/v1", "Git LFS"),
    ]:
        f = tiny()
        f.magic = magic
        yield f"magic_{name}", "refused", words, f
    for n in (0, 1, 4, 5, 2**16, 2**32 - 1, 2**31):
        f = tiny()
        f.version = u32(n)
        yield f"version_{n:x}", "refused", "unknown GGUF version", f
    for n in (1, 2, 3):
        f = tiny()
        f.version = struct.pack(">I", n)
        yield f"version_swapped_{n}", "refused", "big-endian", f
    f = model()
    f.version = u32(2)
    yield "version_2", "sound", "", f


def a19_a20_tensor_types():
    for n in (4, 5, 31, 32, 33, 36, 37, 38, 255, 1000, 2**16, 2**31 - 1, 2**31, 2**31 + 8, 2**32 - 1):
        yield f"tensor_type_{n:x}", "refused", f"type {n}", tiny().change("second", type=n)
    for kind, n in [(12, 100), (12, 32), (2, 1), (2, 33), (8, 16), (8, 31), (14, 128), (14, 257), (3, 48), (23, 255)]:
        yield f"row_{kind}_{n}", "refused", "whole number of", tiny().drop("second").tensor("x", [n, 256], kind, bytes(64 * n))


def a21_names():
    yield "key_twice", "refused", "occurs twice", tiny().again("a.number", U32, 7)
    yield "key_twice_other_type", "refused", "occurs twice", tiny().again("general.architecture", U8, 1)
    yield "tensor_twice", "refused", "occurs twice", tiny().tensor("first", [8], 0, bytes(32))
    yield "key_empty", "refused", "empty", tiny().again("", U8, 1)
    yield "tensor_empty", "refused", "empty", tiny().tensor("", [8], 0, bytes(32))
    yield "key_65536", "refused", "too long", tiny().again("k" * 65536, U8, 1)
    for n in (256, 65535):
        yield f"tensor_{n}", "refused", "too long", tiny().tensor("t" * n, [8], 0, bytes(32))
    for name, bad in [("nul", b"a\0b"), ("newline", b"a\nb"), ("escape", b"\x1b]0;x\7"), ("delete", b"a\x7f"), ("c1", b"a\xc2\x9b"),
                      ("ff", b"a\xff"), ("overlong", b"\xc0\x80"), ("overlong_3", b"\xe0\x9f\xbf"), ("overlong_4", b"\xf0\x8f\xbf\xbf"),
                      ("surrogate", b"\xed\xa0\x80"), ("beyond", b"\xf4\x90\x80\x80"),
                      ("cut", b"a\xe2\x82"), ("alias", b"general.alignment\0evil"), ("lone", b"\x80")]:
        yield f"key_{name}", "refused", "the name", tiny().again(bad, U32, 64)
        yield f"tensor_{name}", "refused", "the name", tiny().tensor(bad, [8], 0, bytes(32))
    for n in (64, 65, 65535):
        yield f"key_{n}", "sound", "", model().again("k" * n, U8, 1)
    for name in ("../up", "/etc/passwd", "t" * 64, "t" * 255, "%s%n", "ünï"):
        yield f"tensor_odd_{len(name)}_{ord(name[0])}", "any", "", model().tensor(name, [8], 0, bytes(32))


def a22_many():
    head, tail = u64(8), u32(U8) + b"\1"
    keys = b"".join(head + b"k%07d" % i + tail for i in range(10**6))
    yield "keys_1000000", "refused", "too many keys", b"GGUF" + u32(3) + u64(0) + u64(10**6) + keys
    yield "keys_65537", "refused", "too many keys", b"GGUF" + u32(3) + u64(0) + u64(65537) + keys[: 65537 * 21]
    tail = u32(1) + u64(8) + u32(0)
    rows = b"".join(head + b"t%07d" % i + tail + u64(32 * i) for i in range(10**6))
    yield "tensors_1000000", "refused", "too many tensors", b"GGUF" + u32(3) + u64(10**6) + u64(0) + rows
    yield "tensors_65536_cut", "refused", "past the end", b"GGUF" + u32(3) + u64(65536) + u64(0) + rows[: 65536 * 40]
    twice = keys[: 65535 * 21] + keys[:21]
    yield "keys_65536_last_twice", "refused", "occurs twice", b"GGUF" + u32(3) + u64(0) + u64(65536) + twice
    f = model()
    for i in range(60000):
        f.again(f"k{i}", U8, 1)
    yield "keys_60000", "sound", "", f
    strings = u32(STR) + u64(2**21) + bytes(2**24)
    yield "strings_empty", "any", "", model().again("many", ARR, strings)


def a23_a24_value_types():
    wrong = [(STR, "2"), (F32, 2.5), (ARR, array(U32, [2, 2])), (ARR, array(STR, ["2"])), (I64, -1), (BOOL, True)]
    for name in ("block_count", "context_length", "embedding_length", "feed_forward_length", "attention.head_count"):
        for i, (kind, value) in enumerate(wrong):
            # Some models state a list, one number a layer.
            may = "any" if i == 2 else "model"
            yield f"{name}_as_{i}", may, "", model().key(ARCH + name, kind, value)
    for name in ("attention.layer_norm_rms_epsilon", "rope.freq_base"):
        for i, (kind, value) in enumerate([(STR, "1"), (ARR, array(F32, [1.0])), (BOOL, True)]):
            yield f"{name}_as_{i}", "model", "", model().key(ARCH + name, kind, value)
    for kind, value in [(ARR, array(STR, ["llama"])), (U32, 1), (BOOL, True)]:
        yield f"architecture_as_{kind}", "model", "", model().key("general.architecture", kind, value)
    for name, kind, values in [("tokens", U8, [1] * 258), ("tokens", F32, [1.0] * 258), ("merges", I32, [1]),
                               ("token_type", F32, [1.0] * 258), ("token_type", STR, ["1"] * 258), ("token_type", BOOL, [True] * 258)]:
        yield f"{name}_of_{kind}", "model", "", model().key("tokenizer.ggml." + name, ARR, array(kind, values))
    yield "tokens_as_string", "model", "", model().key("tokenizer.ggml.tokens", STR, "tokens")
    for kind in (I8, U8, U16, I64):
        yield f"token_type_of_{kind}", "any", "", model().key("tokenizer.ggml.token_type", ARR, array(kind, [1] * 257 + [3]))
    for n in (0, 1, 257, 259):
        yield f"token_type_{n}_long", "model" if n else "any", "", model().key("tokenizer.ggml.token_type", ARR, array(I32, [1] * n))
    for n in (258, 2**31, 2**32 - 1):
        yield f"eos_{n:x}", "any", "", model().key("tokenizer.ggml.eos_token_id", U32, n)


def a25_hyper_parameters():
    inf, nan = float("inf"), float("nan")
    for name, kind, values in [("block_count", U32, [0, 1, 3, 513, 2**31, 2**32 - 1]),
                               ("attention.head_count", U32, [0, 3, 5, 64, 2**32 - 1]),
                               ("attention.head_count_kv", U32, [0, 3, 8, 2**31]), ("embedding_length", U32, [0, 1, 31, 64, 2**32 - 1]),
                               ("feed_forward_length", U32, [0, 255, 2**31]), ("context_length", U64, [0, 2**62, MAX]),
                               ("rope.dimension_count", U32, [3, 18, 2**31]), ("attention.key_length", U32, [0, 7, 2**20]),
                               ("attention.layer_norm_rms_epsilon", F32, [nan, inf, -inf, -1.0]),
                               ("rope.freq_base", F32, [0.0, nan, inf, -1.0])]:
        for value in values:
            may = "any" if (name, value) in [("block_count", 1), ("context_length", 2**62), ("context_length", MAX)] else "model"
            yield f"{name}_{value}", may, "", model().key(ARCH + name, kind, value)
    for name in ("block_count", "embedding_length", "attention.head_count", "attention.layer_norm_rms_epsilon"):
        yield f"{name}_missing", "model", "", model().drop(ARCH + name)
    for n in (1, 3):
        yield f"head_counts_{n}_of_2", "model", "", model().key(ARCH + "attention.head_count_kv", ARR, array(U32, [2] * n))
    yield "sliding_window_0", "any", "", model().key(ARCH + "attention.sliding_window", U32, 0)
    yield "architecture_unknown", "model", "", model().key("general.architecture", STR, "../../etc/passwd\0")
    yield "architecture_missing", "model", "", model().drop("general.architecture")


def a26_tensors():
    for name in ("token_embd.weight", "output_norm.weight", "blk.0.attn_q.weight", "blk.1.ffn_down.weight", "blk.1.attn_norm.weight"):
        yield f"without_{name}", "model", "", model().drop(name)
    rng = random.Random(3)
    for name, shape in [("token_embd.weight", [64, 129]), ("token_embd.weight", [32, 257]), ("blk.0.attn_q.weight", [32, 16]),
                        ("blk.0.attn_k.weight", [32, 32]), (DOWN, [32, 256]), ("blk.0.ffn_up.weight", [32, 255]),
                        ("blk.0.ffn_up.weight", [32, 128, 2])]:
        elements = shape[0] * shape[1] * (shape[2] if len(shape) > 2 else 1)
        yield f"{name}_{'x'.join(map(str, shape))}", "model", "", model().change(name, shape=shape, data=blocks(8, elements, rng))
    yield "norm_too_long", "model", "", model().change("output_norm.weight", shape=[64], data=bytes(256))
    for name in ("blk.99999999999.attn_q.weight", "blk.-1.attn_q.weight", "blk.2.attn_q.weight", "direction.536870912", "extra"):
        yield f"extra_{name}", "any", "", model().tensor(name, [8], 0, bytes(32))


def a27_splits():
    """A dict is a folder of files; its first one is opened. A tuple ("link", target) is a symbolic link."""
    def two(a=None, b=None, of=2, names=("m-00001-of-00002.gguf", "m-00002-of-00002.gguf")):
        return {names[0]: a or whole(0, of), names[1]: b or whole(1, of)}

    yield "split", "model", "", two()
    yield "split_opened_at_2", "model", "", dict(reversed(two().items()))
    yield "split_count_0", "model", "", whole(count=0)
    yield "split_count_1", "model", "", whole(count=1)
    yield "split_count_1_few", "refused", "missing or too many", whole(0, 1)
    yield "split_name_only", "refused", "has another name", whole(0, 2)
    yield "split_missing", "refused", "cannot be opened", {"m-00001-of-00002.gguf": whole(0, 2)}
    yield "split_first_missing", "refused", "cannot be opened", {"m-00002-of-00002.gguf": whole(1, 2)}
    yield "split_65535", "refused", "cannot be opened", {"m-00001-of-65535.gguf": whole(0, 65535)}
    yield "split_65535_misnamed", "refused", "disagree", two(whole(0, 65535))
    for n in (3, 1):
        yield f"split_second_of_{n}", "refused", "another split", two(b=whole(1, n, tensors_count=4 if n > 1 else None))
    yield "split_swapped", "refused", "disagree", two(whole(1, 2), whole(0, 2))
    yield "split_twice_first", "refused", "another split", two(b=whole(0, 2))
    yield "split_same_tensors", "refused", "two parts", two(b=whole(1, 2, tensors=[0, 1]))
    yield "split_few_tensors", "refused", "are missing", two(b=whole(1, 2, tensors=[2]))
    yield "split_many_tensors", "refused", "more tensors", two(b=whole(1, 2, tensors=[2, 3, 4]))
    yield "split_no_2", "refused", "out of range", two(whole(2, 2, tensors=[0]))
    yield "split_without_no", "refused", "split.no", two(whole(0, 2, no=None))
    yield "split_without_tensors_count", "refused", "split.tensors.count", two(whole(0, 2, tensors_count=None))
    yield "split_tensors_count_huge", "refused", "out of range", two(whole(0, 2, tensors_count=2**31 - 1))
    yield "split_tensors_count_negative", "refused", "out of range", two(whole(0, 2, tensors_count=-1))
    yield "split_count_string", "refused", "wrong type", two(whole(0, 2).key("split.count", STR, "2"))
    yield "split_count_70000", "refused", "out of range", two(whole(0, 2).key("split.count", U32, 70000))
    yield "split_second_cut", "refused", "m-00002-of-00002.gguf", two(b=whole(1, 2).bytes()[:-40])
    yield "split_second_bad", "refused", "m-00002-of-00002.gguf", two(b=b"nothing")
    first, second = "m-00001-of-00002.gguf", "m-00002-of-00002.gguf"
    outside = {first: whole(0, 2), second: ("link", "elsewhere/b"), "elsewhere/b": whole(1, 2)}
    yield "split_link_out", "refused", "leaves the model", outside
    cache = {first: ("link", "store/a"), second: ("link", "store/b"), "store/a": whole(0, 2), "store/b": whole(1, 2)}
    yield "split_links_into_one_folder", "model", "", cache
    yield "split_folder", "refused", "not a regular file", {first: whole(0, 2), second + "/x": whole(1, 2)}


def a28_payloads():
    """Scales and weights that are not numbers, in layer 0's down projection."""
    half = {"inf": b"\x00\x7c", "minus_inf": b"\x00\xfc", "nan": b"\x01\x7e", "subnormal": b"\x01\x00", "max": b"\xff\x7b", "zero": b"\0\0"}
    scales = {2: [0], 3: [0, 2], 6: [0], 7: [0, 2], 8: [0], 10: [80, 82], 11: [108], 12: [0, 2], 13: [0, 2], 14: [208], 16: [0], 20: [0],
              23: [0], 35: [64]}  # type -> where its f16 scales stand in a block
    for kind, offsets in scales.items():
        size = BLOCKS[kind][1]
        for offset in offsets:
            for name, bits in half.items():
                f = model(kind)
                data = bytearray(next(t for t in f.tensors if t["name"] == DOWN)["data"])
                data[3 * size + offset : 3 * size + offset + 2] = bits
                yield f"scale_{kind}_{offset}_{name}", "any", "", f.change(DOWN, data=bytes(data))
    for kind, word in [(0, b"\0\0\xc0\x7f"), (0, b"\0\0\x80\x7f"), (1, b"\0\x7c"), (1, b"\1\x7e"), (30, b"\x80\x7f"), (30, b"\xc0\xff")]:
        data = bytes(BLOCKS[kind][1]) * 100 + word
        yield f"weight_{kind}_{word.hex()}", "any", "", model(kind).change(DOWN, data=data + bytes(256 * 32 * BLOCKS[kind][1] - len(data)))
    for x in (0xFF, 0xFE, 0):
        yield f"exponent_{x}", "any", "", model(39).change(DOWN, data=(bytes([x]) + bytes([0x71] * 16)) * 256)
    for kind in BLOCKS:
        for byte in (0, 0xFF):
            data = bytes([byte]) * (256 * 32 // BLOCKS[kind][0] * BLOCKS[kind][1])
            yield f"all_{kind}_{byte}", "any", "", model(kind).change(DOWN, data=data)


def a00_sound():
    yield "model", "sound", "", model()
    yield "tiny", "model", "", tiny()
    yield "no_tensors", "model", "", Gguf().key("a", U8, 1)
    yield "nothing", "model", "", Gguf()


GROUPS = [
    a00_sound, a01_number_of_keys, a02_number_of_tensors, a03_string_lengths, a04_array_lengths, a05_nested_arrays, a06_value_types,
    a07_dimensions, a08_zero_a09_negative, a10_to_a12_products, a13_a14_alignment, a15_sums, a16_offsets, a17_truncations, a18_header,
    a19_a20_tensor_types, a21_names, a23_a24_value_types, a25_hyper_parameters, a26_tensors, a27_splits, a28_payloads,
]  # and a22_many, whose files are large


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, tuple):
        path.unlink(missing_ok=True)
        path.symlink_to(content[1])
    else:
        path.write_bytes(content if isinstance(content, bytes) else content.bytes())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--small", action="store_true", help="leave out files over 1 MiB")
    options = parser.parse_args()
    lines, seen = [], set()
    for group in GROUPS + ([] if options.small else [a22_many]):
        for name, expected, words, content in group():
            title = group.__name__.split("_", 1)[0]
            name = title + "_" + "".join(c if c.isalnum() or c in "._-" else "_" for c in name)
            files = content if isinstance(content, dict) else {name + ".gguf": content}
            folder = options.out / name if isinstance(content, dict) else options.out
            for file, data in files.items():
                write(folder / file, data)
            opened = (folder / next(iter(files))).relative_to(options.out).as_posix()
            if opened in seen:
                raise SystemExit(f"two cases are called {opened}")
            seen.add(opened)
            lines.append("\t".join([opened, group.__name__, expected, words]))
    # Metadata larger than 256 MiB; a hole in the file, so that it takes no space.
    path = options.out / "a22_metadata_300_mib.gguf"
    with open(path, "wb") as f:
        f.write(b"GGUF" + u32(3) + u64(0) + u64(1) + text("s") + u32(STR) + u64(300 << 20))
        f.truncate(f.tell() + (300 << 20))
    lines.append("\t".join([path.name, "a22_many", "refused", "extends beyond the first"]))
    (options.out / "manifest.tsv").write_text("\n".join(lines) + "\n")
    print(f"{len(lines)} cases in {options.out}")


if __name__ == "__main__":
    main()
