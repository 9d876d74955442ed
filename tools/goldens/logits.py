#!/usr/bin/env python3
"""Makes tests/oracle/golden/{smollm2,gemma3}.json: 20 prompts x 64 greedy tokens of llama.cpp with its top-5 log-probabilities.

    python tools/goldens/logits.py [--models DIR] [smollm2] [gemma3]

DIR (default $INGOT_CACHE/models or .cache/models) holds the models as tools/fetch_model.sh leaves them. The log-probabilities
are those of the exact result: of the same weights as F32 (dequantize.py tells why). `peer` is how far llama.cpp itself is from it
when it runs the quantized file with int8 activations: share of positions with the same top-1, largest top-2 gap among the others,
mean |difference| over the top five in nats.
"""

import argparse
import hashlib
import os
import pathlib
import sys

import dequantize
import oracle

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests/oracle/golden"
TOKENS = 64

# name: file, sha256
MODELS = {
    "smollm2": ("smollm2-135m-instruct-q4_1.gguf", "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"),
    "gemma3": ("gemma-3-270m-q4_k_m.gguf", "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"),
}

PROMPTS = [
    "The capital of France is",
    "Once upon a time, in a village by the sea, there lived an old clockmaker who",
    "Water boils at 100 degrees Celsius because",
    "Dear Ms. Alvarez,\n\nThank you for your letter of 14 March. I am writing to",
    "def fibonacci(n):\n    \"\"\"Return the n-th Fibonacci number.\"\"\"\n    if n < 2:\n",
    "#include <vector>\n#include <algorithm>\n\n// Returns the median of v.\ndouble median(std::vector<double> v) {\n",
    "SELECT customer.name, SUM(orders.total)\nFROM customer\nJOIN orders ON",
    "{\"name\": \"Ada Lovelace\", \"born\": 1815, \"fields\": [\"mathematics\",",
    "Die Würde des Menschen ist unantastbar. Sie zu achten und zu schützen",
    "Il était une fois une petite fille qui habitait près de la forêt et",
    "En un lugar de la Mancha, de cuyo nombre no quiero acordarme,",
    "Москва является столицей России. Санкт-Петербург",
    "東京は日本の首都です。大阪は",
    "1, 1, 2, 3, 5, 8, 13, 21,",
    "12 + 7 = 19\n25 + 17 = 42\n108 + 64 =",
    "Shopping list:\n- 2 litres of milk\n- 12 eggs\n- ",
    "Three reasons to learn to cook:\n1. It is cheaper than eating out.\n2.",
    "Q: What is the largest planet of the solar system?\nA: Jupiter.\nQ: Who wrote Hamlet?\nA:",
    "Photosynthesis is the process by which green plants turn light, water and carbon dioxide into sugar and oxygen. "
    "It takes place in the chloroplasts, which hold the pigment chlorophyll. In the first stage, light is absorbed and "
    "its energy is kept in two carriers, ATP and NADPH; water is split and oxygen is set free. In the second stage, "
    "known as the Calvin cycle, these carriers drive the making of sugar from carbon dioxide. The rate of the whole "
    "process depends on",
    "🙂 The emoji at the beginning of this sentence means",
]


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        while chunk := f.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def distance(forced, exact):
    """How far `forced` (log-probabilities of the vocabulary, a position each) is from `exact` (a top five, a position each)."""
    agree, worst_gap, differences = [], 0.0, []
    for scores, top in zip(forced, exact, strict=True):
        agree.append(int(scores.argmax()) == top[0][0])
        if not agree[-1]:
            worst_gap = max(worst_gap, top[0][1] - top[1][1])
        differences += [abs(scores[i] - score) for i, score in top]
    mean = sum(differences) / len(differences)
    return {"top1_share": sum(agree) / len(agree), "worst_gap": worst_gap, "mean_difference": float(f"{mean:.4g}")}


def make(name, models):
    file, expected = MODELS[name]
    digest = sha256(models / file)
    if digest != expected:
        sys.exit(f"[goldens] {file} is another file; got sha256 {digest}; expected {expected}; fetch it again")
    if not (models / "exact" / file).exists():
        dequantize.dequantize(models / file, models / "exact" / file)
    cases = []
    with oracle.Oracle(models / "exact" / file) as o:
        for prompt in PROMPTS:
            prompt_ids = o.encode(prompt)
            ids, top = o.greedy(prompt_ids, TOKENS)
            case = {"prompt": prompt, "prompt_ids": prompt_ids, "ids": ids, "top": top}
            oracle.check_case(case, o.ends)
            cases.append(case)
    with oracle.Oracle(models / file) as o:
        scores = (s for case in cases for s in o.forced_scores(case["prompt_ids"], case["ids"]))
        peer = distance(scores, [top for case in cases for top in case["top"]])
    model = {"name": name, "file": file, "sha256": digest, "peer": peer, "cases": cases}
    oracle.dump(GOLDEN / f"{name}.json", {"oracle": oracle.version(), "models": [model]})


def main():
    cache = pathlib.Path(os.environ.get("INGOT_CACHE") or ROOT / ".cache")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=pathlib.Path, default=cache / "models")
    parser.add_argument("names", nargs="*", default=list(MODELS), help="smollm2, gemma3; default: both")
    arguments = parser.parse_args()
    for name in arguments.names:
        make(name, arguments.models)


if __name__ == "__main__":
    main()
