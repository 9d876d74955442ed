#!/usr/bin/env python3
"""`ingot run --json` against llama.cpp, live, on SmolLM2: live_test.py PATH_OF_INGOT.

ingot continues three prompts greedily, llama.cpp scores the same tokens: so a near-tie that falls otherwise costs one position, not
the rest of the text. On the model's F32 copy the two must agree; on the quantized file ingot must be about as near to llama.cpp's
exact result as llama.cpp is (why: tools/goldens/dequantize.py). Exit code 77 (skipped): a model or the package xllamacpp is missing.
"""

import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODELS = pathlib.Path(os.environ.get("INGOT_CACHE") or ROOT / ".cache") / "models"
QUANTIZED = MODELS / "smollm2-135m-instruct-q4_1.gguf"
EXACT = MODELS / "exact" / QUANTIZED.name
PROMPTS = [
    "The three primary colours are",
    "def is_prime(n):\n    ",
    "Gestern Abend ging ich mit meinem Hund durch den Wald, und",
]
TOKENS = 32
MIN_TOP1_AGREEMENT = 0.98  # of the positions; F32 copy
MAX_DISAGREEMENT_GAP = 0.1  # nats between the oracle's two best, where the top-1 differs; F32 copy
MAX_MEAN_DIFFERENCE = 0.03  # nats; F32 copy
PEER_MEAN_FACTOR = 1.5  # of llama.cpp's own mean difference, quantized; a hundred positions tell no more


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def ingot_run(ingot, model, prompt):
    command = [ingot, "run", model, "-p", prompt, "--raw", "-n", str(TOKENS), "--temp", "0", "--logprobs", "5", "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        sys.exit(f"[live] ingot run {model.name}; got exit code {done.returncode}; expected 0")
    return json.loads(done.stdout)


def check_reply(reply, expected_ids):
    """Faults of one reply that need no scores to be seen."""
    if reply["prompt_tokens"] != expected_ids:
        yield f"prompt_tokens; got {reply['prompt_tokens']}; expected {expected_ids}"
    n = len(reply["tokens"])
    if n == 0 or n > TOKENS or (n < TOKENS and reply["stop_reason"] == "length"):
        yield f"got {n} tokens and stop_reason {reply['stop_reason']}; expected {TOKENS}, or fewer at an end of text"
    for at, token in enumerate(reply["tokens"]):
        best = token["top"][0]
        if len(token["top"]) != 5 or token["id"] != best["id"] or abs(token["logprob"] - best["logprob"]) > 1e-4:
            yield f"token {at}; got {token}; expected five candidates, the first of them chosen at temperature 0"


class Comparison:
    """Two lists of scores a position: the exact top five, and somebody's {id: logprob}, of which at least its best is known."""

    def __init__(self):
        self.positions, self.agreeing, self.worst_gap, self.differences = 0, 0, 0.0, []

    def add(self, exact, other):
        self.positions += 1
        if max(other, key=other.get) == exact[0][0]:
            self.agreeing += 1
        else:
            self.worst_gap = max(self.worst_gap, exact[0][1] - exact[1][1])
        self.differences += [abs(other[i] - score) for i, score in exact if i in other]

    @property
    def share(self):
        return self.agreeing / max(self.positions, 1)

    @property
    def mean(self):
        return sum(self.differences) / max(len(self.differences), 1)

    def __str__(self):
        return f"top-1 agrees on {100 * self.share:.2f} % of {self.positions} positions, worst gap {self.worst_gap:.4f}; |difference| mean {self.mean:.5f} nat"


def compare(ingot, model, exact, peer=None):
    """ingot on `model`, and the oracle `peer` where given, against the oracle `exact`: two comparisons and the faults seen."""
    ours, theirs, faults = Comparison(), Comparison(), []
    for prompt in PROMPTS:
        prompt_ids = exact.encode(prompt)
        reply = ingot_run(ingot, model, prompt)
        seen = list(check_reply(reply, prompt_ids))
        faults += [f"{model.name}, {prompt!r}: {fault}" for fault in seen]
        if seen:
            continue
        ids = [t["id"] for t in reply["tokens"]]
        expected = exact.forced(prompt_ids, ids)
        for token, top in zip(reply["tokens"], expected, strict=True):
            ours.add(top, {t["id"]: t["logprob"] for t in token["top"]})
        if peer:
            for top, other in zip(expected, peer.forced(prompt_ids, ids), strict=True):
                theirs.add(top, dict(map(tuple, other)))
    return ours, theirs, faults


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for model, source in ((QUANTIZED, "tools/fetch_model.sh smollm2"), (EXACT, "tools/goldens/dequantize.py")):
        if not model.exists():
            skip(f"there is no {model}; {source} puts it there")
    sys.path.insert(0, str(ROOT / "tools/goldens"))
    try:
        import oracle
    except ImportError as missing:
        skip(f"{missing}; ./test installs it into the private environment")

    with oracle.Oracle(EXACT) as exact, oracle.Oracle(QUANTIZED) as quantized:
        ours, _, faults = compare(sys.argv[1], EXACT, exact)
        print(f"F32:       ingot      {ours}")
        if ours.share < MIN_TOP1_AGREEMENT:
            faults.append(f"F32: top-1 agreement; got {ours.share:.4f}; expected {MIN_TOP1_AGREEMENT} or more")
        if ours.worst_gap >= MAX_DISAGREEMENT_GAP:
            faults.append(f"F32: gap of a disagreement; got {ours.worst_gap:.4f} nat; expected less than {MAX_DISAGREEMENT_GAP}")
        if ours.mean > MAX_MEAN_DIFFERENCE:
            faults.append(f"F32: mean difference; got {ours.mean:.4f} nat; expected {MAX_MEAN_DIFFERENCE} or less")

        ours, theirs, more = compare(sys.argv[1], QUANTIZED, exact, quantized)
        print(f"quantized: ingot      {ours}\n           llama.cpp  {theirs}")
        faults += more
        if ours.mean > PEER_MEAN_FACTOR * theirs.mean:
            faults.append(f"quantized: mean difference; got {ours.mean:.4f} nat; expected {PEER_MEAN_FACTOR} x {theirs.mean:.4f} or less")
    for fault in faults:
        print(f"[live] {fault}")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
