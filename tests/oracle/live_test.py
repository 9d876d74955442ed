#!/usr/bin/env python3
"""`ingot run --json` against llama.cpp, live, on SmolLM2: live_test.py PATH_OF_INGOT.

ingot continues three prompts greedily; llama.cpp scores the same tokens. So a near-tie that falls otherwise costs one position,
not the rest of the text. Exit code 77 (skipped): the model or the Python package xllamacpp is missing.
"""

import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = pathlib.Path(os.environ.get("INGOT_CACHE") or ROOT / ".cache") / "models/smollm2-135m-instruct-q4_1.gguf"
PROMPTS = [
    "The three primary colours are",
    "def is_prime(n):\n    ",
    "Gestern Abend ging ich mit meinem Hund durch den Wald, und",
]
TOKENS = 32
MIN_TOP1_AGREEMENT = 0.95  # about a hundred positions: room for a few near-ties
MAX_DISAGREEMENT_GAP = 0.1  # nats between the oracle's two best, where the top-1 differs
MAX_MEAN_DIFFERENCE = 0.03  # nats


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def ingot_run(ingot, prompt):
    command = [ingot, "run", MODEL, "-p", prompt, "--raw", "-n", str(TOKENS), "--temp", "0", "--logprobs", "5", "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        sys.exit(f"[live] ingot run; got exit code {done.returncode}; expected 0")
    return json.loads(done.stdout)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if not MODEL.exists():
        skip(f"there is no {MODEL.name} in the cache; tools/fetch_model.sh smollm2 fetches it")
    sys.path.insert(0, str(ROOT / "tools/goldens"))
    try:
        import oracle
    except ImportError as missing:
        skip(f"{missing}; ./test installs it into the private environment")

    faults, positions, agreeing, differences = [], 0, 0, []
    with oracle.Oracle(MODEL) as o:
        for prompt in PROMPTS:
            reply = ingot_run(sys.argv[1], prompt)
            expected_ids = o.encode(prompt)
            if reply["prompt_tokens"] != expected_ids:
                faults.append(f"{prompt!r}: prompt_tokens; got {reply['prompt_tokens']}; expected {expected_ids}")
                continue
            ids = [t["id"] for t in reply["tokens"]]
            if not ids or (len(ids) != TOKENS and reply["stop_reason"] == "length"):
                faults.append(f"{prompt!r}: got {len(ids)} tokens; expected {TOKENS}")
                continue
            for at, (token, expected) in enumerate(zip(reply["tokens"], o.forced(expected_ids, ids), strict=True)):
                ours = {t["id"]: t["logprob"] for t in token["top"]}
                if token["id"] != token["top"][0]["id"] or abs(token["logprob"] - token["top"][0]["logprob"]) > 1e-4:
                    faults.append(f"{prompt!r} token {at}: at temperature 0 the token is not the best of its own list; got {token}")
                gap = expected[0][1] - expected[1][1]
                positions += 1
                if token["id"] == expected[0][0]:
                    agreeing += 1
                elif gap >= MAX_DISAGREEMENT_GAP:
                    faults.append(f"{prompt!r} token {at}: got {token['id']}; expected {expected[0][0]}, ahead by {gap:.3f} nat")
                common = [(ours[i], score) for i, score in expected if i in ours]
                if len(common) < 3:
                    faults.append(f"{prompt!r} token {at}: the two top fives have {len(common)} ids in common; expected 3 or more")
                differences += [abs(a - b) for a, b in common]

    share, mean = agreeing / max(positions, 1), sum(differences) / max(len(differences), 1)
    print(f"top-1 agrees on {100 * share:.2f} % of {positions} positions; |difference| mean {mean:.5f}, max {max(differences, default=0):.4f} nat")
    if share < MIN_TOP1_AGREEMENT:
        faults.append(f"top-1 agreement; got {share:.4f}; expected {MIN_TOP1_AGREEMENT} or more")
    if mean > MAX_MEAN_DIFFERENCE:
        faults.append(f"mean difference; got {mean:.4f} nat; expected {MAX_MEAN_DIFFERENCE} or less")
    for fault in faults:
        print(f"[live] {fault}")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
