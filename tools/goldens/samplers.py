#!/usr/bin/env python3
"""Makes tests/sampling/golden/llama.cpp.json: what llama.cpp's samplers leave of small synthetic distributions.

The samplers are the llama_sampler_* C functions that the package `xllamacpp` exports. A case is a sampler with its options, logits, for
penalties and DRY the text so far, and what is left: ids with their probabilities, most probable first. Draws are left out: every engine
has random numbers of its own; XTC is always applied, and of mirostat 2 the first cut is kept.
"""
import argparse
import ctypes
import json
import pathlib

import numpy as np
import xllamacpp

CASES = 6  # of each sampler
TOKENS = 24

lib = ctypes.CDLL(str(next(pathlib.Path(xllamacpp.__file__).parent.glob("*.so"))))
f32, i32, u32, size, pointer = ctypes.c_float, ctypes.c_int32, ctypes.c_uint32, ctypes.c_size_t, ctypes.c_void_p


class TokenData(ctypes.Structure):
    _fields_ = [("id", i32), ("logit", f32), ("p", f32)]


class TokenDataArray(ctypes.Structure):
    _fields_ = [("data", ctypes.POINTER(TokenData)), ("size", size), ("selected", ctypes.c_int64), ("sorted", ctypes.c_bool)]


lib.llama_sampler_apply.argtypes = [pointer, ctypes.POINTER(TokenDataArray)]
lib.llama_sampler_accept.argtypes = [pointer, i32]
lib.llama_sampler_free.argtypes = [pointer]


def make(name, types, *values):
    function = getattr(lib, "llama_sampler_init_" + name)
    function.restype, function.argtypes = pointer, types
    return function(*values)


def left(sampler, logits, text=()):
    """[[id, probability], …] after `sampler`, which is freed."""
    for token in text:
        lib.llama_sampler_accept(sampler, token)
    data = (TokenData * len(logits))(*[TokenData(i, x, 0) for i, x in enumerate(logits)])
    array = TokenDataArray(data, len(logits), -1, False)
    lib.llama_sampler_apply(sampler, ctypes.byref(array))
    lib.llama_sampler_free(sampler)
    # An array of its own may come back, and a token may be ruled out by its logit.
    tokens = [(array.data[i].id, array.data[i].logit) for i in range(array.size) if np.isfinite(array.data[i].logit)]
    weights = np.exp(np.array([x for _, x in tokens], np.float64) - max(x for _, x in tokens))
    order = sorted(range(len(tokens)), key=lambda i: (-weights[i], tokens[i][0]))
    return [[tokens[i][0], round(weights[i] / weights.sum(), 7)] for i in order]


def samplers(rng):
    """(name, options by their name in SamplingOptions, a function that makes it, does it read the text?) for each sampler."""
    real = lambda low, high: round(float(rng.uniform(low, high)), 3)
    k, p, m, y, n, x, t = int(rng.integers(1, TOKENS)), real(0.1, 1), real(0.01, 0.5), real(0.1, 0.95), real(0.2, 2), real(0.02, 0.3), real(0.1, 3)
    yield "top_k", {"top_k": k}, lambda: make("top_k", [i32], k), False
    yield "top_p", {"top_p": p}, lambda: make("top_p", [f32, size], p, 1), False
    yield "min_p", {"min_p": m}, lambda: make("min_p", [f32, size], m, 1), False
    yield "typ_p", {"typical_p": y}, lambda: make("typical", [f32, size], y, 1), False
    yield "top_n_sigma", {"top_n_sigma": n}, lambda: make("top_n_sigma", [f32], n), False
    yield "xtc", {"xtc_threshold": x}, lambda: make("xtc", [f32, f32, size, u32], 1, x, 1, 0), False
    yield "temperature", {"temperature": t}, lambda: make("temp", [f32], t), False
    temperature, reach, exponent = real(0.3, 2), real(0.1, 1), real(0.3, 3)
    yield (
        "dynamic_temperature",
        {"temperature": temperature, "dynatemp_range": reach, "dynatemp_exponent": exponent},
        lambda: make("temp_ext", [f32, f32, f32], temperature, reach, exponent),
        False,
    )
    last, repeat, frequency, presence = int(rng.integers(1, 40)), real(0.7, 2), real(-0.5, 0.5), real(-1, 1)
    yield (
        "penalties",
        {"repeat_last_n": last, "repeat_penalty": repeat, "frequency_penalty": frequency, "presence_penalty": presence},
        lambda: make("penalties", [i32, i32, f32, f32, f32], TOKENS, last, repeat, frequency, presence),
        True,
    )
    multiplier, base, allowed, seen = real(0.1, 1.5), real(1, 2), int(rng.integers(1, 4)), int(rng.integers(5, 60))
    yield (
        "dry",
        {"dry_multiplier": multiplier, "dry_base": base, "dry_allowed_length": allowed, "dry_penalty_last_n": seen},
        lambda: make("dry", [pointer, f32, f32, i32, i32, pointer, size], None, multiplier, base, allowed, seen, None, 0),
        True,
    )
    target = real(0.5, 3)
    yield "mirostat", {"mirostat_ent": target}, lambda: make("mirostat_v2", [u32, f32, f32], 1, target, 0.1), False


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parents[2] / "tests/sampling/golden/llama.cpp.json")
    args = parser.parse_args()
    rng = np.random.default_rng(1)
    cases = []
    for _ in range(CASES):
        logits = [round(float(x), 3) for x in rng.normal(0, rng.uniform(1, 4), TOKENS)]
        text = [int(t) for t in rng.integers(0, 3, 60)]  # few kinds, so that much repeats
        for name, options, sampler, reads in samplers(rng):
            case = {"sampler": name, "options": options, "logits": logits} | ({"text": text} if reads else {})
            cases.append(case | {"left": left(sampler(), logits, text if reads else ())})
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")
    print(f"{len(cases)} cases, {args.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
