#!/usr/bin/env python3
"""Makes tests/text/golden/words.json: strings and the words that makers' own patterns cut them into, with Python's `regex` module.

    python tools/goldens/words.py [--strings N] [--seed N]

These are pre-tokenizers that tell capitals from small letters in every script, which llama.cpp does in ASCII only. A word is given by
its bytes.
"""

import argparse
import json
import pathlib
import random
import unicodedata

import regex
import tokenizer

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONTRACTION = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
PATTERNS = {
    # tiktoken, openai_public.py, o200k_base
    "gpt-4o": "|".join([
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+" + CONTRACTION,
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*" + CONTRACTION,
        r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+",
    ]),
    # tokenizer.json of Mistral Nemo
    "tekken": "|".join([
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*",
        r"\p{N}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+",
    ]),
    # tokenization_kimi.py of Kimi K2
    "kimi-k2": "|".join([
        r"[\p{Han}]+",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+" + CONTRACTION,
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*" + CONTRACTION,
        r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+",
    ]),
}  # fmt: skip
CASED = "aZéÉßẞδΔжЖǅǈաԱⴀႠᏣꭳ𝒶𝒜ªʰー々漢字かナ한בعका়์̈ﬁⅣ٣²"


def cased(rng):
    """Letters of both cases, of neither, marks and what may stand between them."""
    return "".join(rng.choice([*CASED, *"'' -/\n1", "'s", "'LL", "'Re", rng.choice(CASED) * 3]) for _ in range(rng.randint(2, 20)))


def known(text):
    """Every engine knows these characters: those of Unicode 14."""
    newer = [(0x10EFD, 0x10EFF), (0x11F00, 0x11F59), (0x1E030, 0x1E08F), (0x2EBF0, 0x2EE5D), (0x31350, 0x323AF)]
    return not any(unicodedata.category(c) == "Cn" or any(a <= ord(c) <= b for a, b in newer) for c in text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--strings", type=int, default=400)
    parser.add_argument("--seed", type=int, default=14)
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "tests/text/golden/words.json")
    args = parser.parse_args()
    rng = random.Random(args.seed)
    texts = [raw.decode() for raw in tokenizer.strings(args.strings, args.seed) if not unreadable(raw)]
    texts = [t for t in texts if known(t)] + [cased(rng) for _ in range(args.strings)]
    rules = {}
    for name, pattern in PATTERNS.items():
        pattern = regex.compile(pattern, regex.V1)
        rules[name] = [[len(word.encode()) for word in words_of(pattern, text)] for text in texts]
    head = {"oracle": "regex " + regex.__version__, "seed": args.seed}
    rows = [json.dumps([text, *words], separators=(",", ":")) for text, *words in zip(texts, *rules.values())]
    args.out.write_text(json.dumps({**head, "rules": list(rules)})[:-1] + ', "cases": [\n' + ",\n".join(rows) + "\n]}\n")
    print(f"{args.out}: {len(rows)} strings")


def unreadable(raw):
    try:
        raw.decode()
    except UnicodeDecodeError:
        return True


def words_of(pattern, text):
    words = pattern.findall(text)
    assert "".join(words) == text, "the pattern leaves something out"
    return words


if __name__ == "__main__":
    main()
