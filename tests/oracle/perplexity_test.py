#!/usr/bin/env python3
"""`ingot eval` against llama.cpp, live: perplexity_test.py PATH_OF_INGOT [MODEL_FILE TOKENS]. Default: SmolLM2, one window.

Perplexity and divergence are computed here from llama.cpp's scores, by the definition of its own tool: windows of 512 tokens, each
begun by the beginning-of-text token where the model asks for one, the second half scored. The text is the Python interpreter's
reference manual, which every Python carries (pydoc_data.topics). Three comparisons: on the model's F32 copy, where engines agree
closely; on the quantized file; and the divergence of the quantized file from its F32 copy. Exit code 77 (skipped): a model or the
package xllamacpp is missing.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
from pydoc_data.topics import topics

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODELS = pathlib.Path(os.environ.get("INGOT_CACHE") or ROOT / ".cache") / "models"
CONTEXT = 512
MAX_OFF_F32 = 0.001  # of the perplexity
EXACT_WINDOWS = 8  # at most so many with the F32 copy, which is slow
FULL_TOKENS = 20_000  # from here on, errors of single tokens average out
MAX_OFF, MAX_OFF_FEW = 0.005, 0.03  # of the perplexity, quantized: on as many tokens, and on fewer
MAX_DIVERGENCE_FACTOR = 1.15  # of llama.cpp's own from the F32 copy (docs/decisions/0009)


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def fetch_name(model):
    return "gemma3" if model.startswith("gemma") else "smollm2"


def reference_text(n_bytes):
    """The first topics of the manual, from its beginning, cut between topics."""
    text = ""
    for name in sorted(topics):
        if len(text) < n_bytes:
            text += topics[name] + "\n"
    return text


def log_softmax(np, rows):
    rows = rows.astype(np.float64)
    rows -= rows.max(axis=1, keepdims=True)
    return rows - np.log(np.exp(rows).sum(axis=1, keepdims=True))


def windows(oracle, ids):
    """The windows of a text as the model is given them."""
    first = oracle.encode("")
    for at in range(0, len(ids) - CONTEXT + 1, CONTEXT):
        yield [*first, *ids[at + len(first) : at + CONTEXT]]


class Expected:
    """What llama.cpp makes of a text: mean and error of −ln p, and where a second model reads along, divergence from that."""

    def __init__(self, np, model, ids, max_windows, base=None):
        half = CONTEXT // 2
        nll, base_nll, divergences, same = [], [], [], []
        for _, window in zip(range(max_windows), windows(model, ids)):
            scored, after = np.arange(CONTEXT - 1 - half), window[half + 1 :]
            rows = log_softmax(np, self.scores(model, window, half))
            nll += list(-rows[scored, after])
            if base:
                base_rows = log_softmax(np, self.scores(base, window, half))
                base_nll += list(-base_rows[scored, after])
                divergences += list((np.exp(base_rows) * (base_rows - rows)).sum(axis=1))
                same += list(base_rows.argmax(axis=1) == rows.argmax(axis=1))
        self.scored = len(nll)
        self.perplexity = float(np.exp(np.mean(nll)))
        self.error = float(np.std(nll) / (len(nll) - 1) ** 0.5 * self.perplexity)
        if base:
            self.base_perplexity = float(np.exp(np.mean(base_nll)))
            self.divergence, self.same_top = float(np.mean(divergences)), float(np.mean(same))

    @staticmethod
    def scores(model, window, first):
        model.start()
        return model.decode_rows(window[:-1], first)


def ingot_eval(ingot, text, model, *more):
    command = [ingot, "eval", model, "--text", text, "--ctx", str(CONTEXT), "--json", *more]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        sys.exit(f"[perplexity] ingot eval {model.name}; got exit code {done.returncode}; expected 0")
    return json.loads(done.stdout)


def main():
    if len(sys.argv) not in (2, 4):
        sys.exit(__doc__)
    ingot = sys.argv[1]
    file, tokens = (sys.argv[2], int(sys.argv[3])) if len(sys.argv) == 4 else ("smollm2-135m-instruct-q4_1.gguf", CONTEXT)
    if not (MODELS / file).exists():
        skip(f"there is no {MODELS / file}; tools/fetch_model.sh {fetch_name(file)} puts it there")
    if not (MODELS / "exact" / file).exists():
        skip(f"there is no {MODELS / 'exact' / file}; tools/goldens/dequantize.py puts it there")
    sys.path.insert(0, str(ROOT / "tools/goldens"))
    try:
        import numpy as np
        import oracle
    except ImportError as missing:
        skip(f"{missing}; ./test installs it into the private environment")

    faults = []

    def compare(what, got, wanted, max_off):
        off = got / wanted - 1
        print(f"{what}: ingot {got:.4f}, llama.cpp {wanted:.4f}, off by {100 * off:+.3f} %")
        if not abs(off) <= max_off:
            faults.append(f"{what}; got {got:.4f}; expected {wanted:.4f} within {100 * max_off} %")

    def check_one(made, wanted):
        print(f"{file}: {made['windows']} windows, {made['scored_tokens']} tokens scored")
        if made["scored_tokens"] != wanted.scored:
            faults.append(f"got {made['scored_tokens']} scored tokens; expected {wanted.scored}")
        compare("perplexity, quantized", made["perplexity"], wanted.perplexity, MAX_OFF if made["windows"] * CONTEXT >= FULL_TOKENS else MAX_OFF_FEW)
        compare("its error", made["perplexity_error"], wanted.error, 0.05)

    with tempfile.NamedTemporaryFile("w", suffix=".txt") as text, oracle.Oracle(MODELS / file, CONTEXT) as quantized:
        ids, n_bytes = [], 3 * tokens
        while len(ids) < tokens + CONTEXT:
            text_so_far = reference_text(n_bytes)
            ids, n_bytes = quantized.encode(text_so_far), n_bytes + n_bytes // 8
        text.write(text_so_far)
        text.flush()
        n_windows = -(-tokens // CONTEXT)
        few = min(n_windows, EXACT_WINDOWS)
        if n_windows > few:
            wanted = Expected(np, quantized, ids, n_windows)
            made = ingot_eval(ingot, text.name, MODELS / file, "--windows", str(n_windows))
            check_one(made, wanted)
        with oracle.Oracle(MODELS / "exact" / file, CONTEXT) as exact:
            wanted = Expected(np, quantized, ids, few, exact)
        made = ingot_eval(ingot, text.name, MODELS / file, "--windows", str(few), "--against", MODELS / "exact" / file)
    check_one(made, wanted)
    base = made["against"]
    compare("perplexity, F32 copy", base["perplexity"], wanted.base_perplexity, MAX_OFF_F32)
    print(f"divergence of the quantized file: ingot {base['kl']['mean']:.5f} nat, llama.cpp {wanted.divergence:.5f}")
    print(f"same best token: ingot {base['same_top']:.4f}, llama.cpp {wanted.same_top:.4f}")
    if not wanted.divergence / 4 <= base["kl"]["mean"] <= MAX_DIVERGENCE_FACTOR * wanted.divergence:
        faults.append(f"mean divergence; got {base['kl']['mean']:.5f}; expected at most {MAX_DIVERGENCE_FACTOR} x {wanted.divergence:.5f}, and not far less")
    if not base["same_top"] >= wanted.same_top - 0.02:
        faults.append(f"same best token; got {base['same_top']:.4f}; expected {wanted.same_top:.4f} or about as many")
    for fault in faults:
        print(f"[perplexity] {fault}")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
