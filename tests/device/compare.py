#!/usr/bin/env python3
"""A device against the processor: the same greedy answers of the same model.

    tests/device/compare.py INGOT DEVICE MODEL… [--tokens N] [--prompts N]

Teacher-forced by the prompt only: both write N tokens at temperature 0 with the log-probabilities of the best five. As long as they agree on
the tokens so far, every log-probability must be within 0.1 nat; the first token that differs must be one of two whose gap is under 0.05.
Prints a line a model and leaves with 1 when a bound does not hold, with 77 where the device cannot be used."""

import argparse
import json
import subprocess
import sys

PROMPTS = [
    "Once upon a time, a small robot found a piece of gold in the river.",
    "The capital of France is",
    "def fibonacci(n):",
    "Water boils at a temperature of",
    "In the beginning",
    "The quick brown fox jumps over the lazy dog. " * 20,
]


def answer(ingot, device, model, prompt, tokens):
    command = [ingot, "run", model, "--device", device, "--raw", "-p", prompt, "-n", str(tokens), "--temp", "0", "--logprobs", "5", "--json", "--ignore-eos"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        if "device cannot be used" in done.stderr:
            print(f"SKIPPED: {done.stderr.strip()}")
            sys.exit(77)
        sys.exit(f"FAILED: {' '.join(command)}: {done.stderr.strip()}")
    return json.loads(done.stdout)["tokens"]


def compare(here, there):
    """(tokens in common, largest and mean difference of the best five there, gap where they part or None)"""
    differences = []
    for n, (a, b) in enumerate(zip(here, there)):
        theirs = {t["id"]: t["logprob"] for t in b["top"]}
        differences += [abs(t["logprob"] - theirs[t["id"]]) for t in a["top"] if t["id"] in theirs]
        if a["id"] != b["id"]:
            return n, differences, a["top"][0]["logprob"] - a["top"][1]["logprob"]
    return len(here), differences, None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ingot")
    parser.add_argument("device")
    parser.add_argument("models", nargs="+")
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--prompts", type=int, default=len(PROMPTS))
    o = parser.parse_args()
    wrong = 0
    for model in o.models:
        differences, common, gaps = [], 0, []
        for prompt in PROMPTS[: o.prompts]:
            n, found, gap = compare(answer(o.ingot, "cpu", model, prompt, o.tokens), answer(o.ingot, o.device, model, prompt, o.tokens))
            differences += found
            common += n
            gaps += [gap] if gap is not None else []
        good = max(differences) < 0.1 and all(gap < 0.05 for gap in gaps)
        wrong += not good
        print(
            f"{model}: {common} of {o.tokens * o.prompts} tokens before the first difference, log-probabilities differ by {sum(differences) / len(differences):.5f} on average, "
            f"{max(differences):.4f} at most; gaps where answers part: {', '.join(f'{g:.3f}' for g in gaps) or 'none'}: {'ok' if good else 'NOT WITHIN BOUNDS'}"
        )
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
