#!/usr/bin/env python3
"""What a grammar made of a JSON schema promises, held against Python's jsonschema: schema_test.py GRAMMAR_PROBE [SEED]

Random texts of the grammar are valid instances. Instances that jsonschema finds valid are texts of the grammar in each usual spelling;
instances made by changing them are texts exactly when jsonschema still finds them valid (their members being in the schema's order,
their numbers without exponent). Schemas that cannot be enforced are refused, with a message that names the place and after a bounded
number of steps.
"""

import copy
import datetime
import json
import random
import re
import subprocess
import sys

import jsonschema

from schema_cases import CASES, REFUSED, REFUSED_TEXTS

WALKS = 60
PATTERNS = 500
MAX_STEPS = 1 << 19  # Budget::usual; the last request may go beyond it, by no more than the schema is long


class Probe:
    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")

    def ask(self, **question):
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


checker = jsonschema.FormatChecker()


@checker.checks("duration")
def is_duration(text):
    return not isinstance(text, str) or re.fullmatch(r"P(?=.)(\d+W|(\d+Y)?(\d+M)?(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+S)?)?)", text) is not None


@checker.checks("time", raises=ValueError)
def is_time(text):
    return not isinstance(text, str) or re.fullmatch(r"\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", text) is not None and bool(datetime.time.fromisoformat(text))


@checker.checks("date", raises=ValueError)
def is_date(text):
    return not isinstance(text, str) or bool(datetime.date.fromisoformat(text)) and len(text) == 10


def search_as_ecma(validator, pattern, instance, schema):
    """As the standard wants patterns: $ is the end alone, \\d and \\w are ASCII. Python's re has another $."""
    if isinstance(instance, str) and not re.search(pattern.replace("$", r"\Z"), instance, re.ASCII):
        yield jsonschema.ValidationError(f"{instance!r} does not match {pattern!r}")


def validator_of(schema):
    cls = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    return jsonschema.validators.extend(cls, {"pattern": search_as_ecma})(schema, format_checker=checker)


def spellings(value):
    def dump(**how):
        return json.dumps(value, ensure_ascii=False, **how)

    return [dump(separators=(",", ":")), dump(), dump(indent=2), dump(indent=4), dump(indent="\t")]


def changed(value, rng):
    """Instances near `value`: something replaced, left out or added at the end, order kept."""
    others = [None, True, 0, -1, 7, 1.5, 1000000, "", "a", "abc", "Z9", "\n", "\"", [], [0], {}, {"a": 1}, {"zz": None}]
    yield from others
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, (int, float)):
        yield from (value + 1, value - 1, -value, value * 10, value + 0.5)
    if isinstance(value, str):
        yield from (value + "x", value[1:], value[:-1], value * 2, value.swapcase(), "0" + value, value + "é", value.replace("1", "9"), value + "\t")
    if isinstance(value, list):
        yield from (value[1:], value[:-1], value + value, value + [None])
        for i, item in enumerate(value):
            for other in changed(item, rng):
                yield value[:i] + [other] + value[i + 1 :]
    if isinstance(value, dict):
        for extra in ("zz", "s_", "aa", "key that is long"):
            for filler in (1, None, "text"):
                if extra not in value:
                    yield {**value, extra: filler}
        for key, item in value.items():
            yield {k: v for k, v in value.items() if k != key}
            for other in changed(item, rng):
                yield {k: other if k == key else v for k, v in value.items()}


def out_of_order(schema, value):
    """Would the grammar want the members of `value` in another order? Only known for members that the schema lists at its top."""
    names = [*schema.get("properties", {})] + [n for s in schema.get("allOf", []) for n in s.get("properties", {})] if isinstance(schema, dict) else []
    if not isinstance(value, dict) or not names:
        return False
    positions = [names.index(k) if k in names else len(names) for k in value]
    return positions != sorted(positions)


def is_left_out(schema, instance, text):
    """Valid, but documented as not written by a grammar: exponents, signed zeros, infinities, rare forms of some formats."""
    return re.search(r"\d[eE][+-]?\d|Infinity|-0\.0", text) is not None or '"format"' in json.dumps(schema) or out_of_order(schema, instance)


def check_case(probe, schema, instances, seed):
    wrong = []
    validator = validator_of(schema)
    rng = random.Random(seed)
    text = json.dumps(schema)
    for instance in instances:
        if not validator.is_valid(instance):
            wrong.append(f"the test itself: {instance!r} is not valid")
    candidates = {}
    for instance in instances:
        for one in [instance, *changed(copy.deepcopy(instance), rng)]:
            candidates.setdefault(json.dumps(one, ensure_ascii=False), one)
    own = {json.dumps(i, ensure_ascii=False) for i in instances}
    chosen = [t for t in candidates if t in own] + rng.sample(others := [t for t in candidates if t not in own], min(300, len(others)))
    check, expected = [], []
    for one in chosen:
        value = candidates[one]
        valid = validator.is_valid(value)
        if valid and one not in own and is_left_out(schema, value, one):
            continue
        for spelled in spellings(value) if one in own else [one]:
            check.append(spelled)
            expected.append(valid)
    answer = probe.ask(schema=text, walks=WALKS, seed=seed, check=check)
    if "error" in answer:
        return [answer["error"]], 0, 0, 0
    for spelled, accepts, valid in zip(check, answer["accepts"], expected):
        if accepts != valid:
            wrong.append(f"{'refused' if valid else 'let through'}: {spelled}")
    for walk in answer["walks"]:
        try:
            value = json.loads(walk)
        except ValueError as error:
            wrong.append(f"not JSON: {walk!r}: {error}")
            continue
        if not validator.is_valid(value):
            wrong.append(f"not valid: {walk!r}: {next(validator.iter_errors(value)).message[:80]}")
    return wrong, len(answer["walks"]), sum(expected), len(expected) - sum(expected)


def random_pattern(rng, depth=3):
    kind = rng.randrange(9 if depth else 3)
    if kind == 0:
        return rng.choice("abc")
    if kind == 1:
        return rng.choice([".", r"\d", r"[ab]", r"[^a]", r"[a-c\d]", r"\w", r"[^\w]?", r"\.", r"\x62", r"\u0063", "é", '"', r"\\"])
    if kind == 2:
        return rng.choice(["^", "$", ""])
    if kind in (3, 4, 5):
        return "".join(random_pattern(rng, depth - 1) for _ in range(rng.randrange(1, 4)))
    if kind == 6:
        return "(" + random_pattern(rng, depth - 1) + "|" + random_pattern(rng, depth - 1) + ")"
    return "(?:" + random_pattern(rng, depth - 1) + ")" + rng.choice(["*", "+", "?", "{2}", "{1,3}", "{2,}", "*?", "{0,1}"])


def check_patterns(probe, seed, n):
    """Patterns that nobody chose, against Python's re."""
    rng, wrong, matched = random.Random(seed), [], 0
    for i in range(n):
        pattern = random_pattern(rng)
        texts = ["", *("".join(rng.choice('abc1.é"\\\n') for _ in range(rng.randrange(1, 7))) for _ in range(30))]
        answer = probe.ask(schema=json.dumps({"type": "string", "pattern": pattern}), walks=10, seed=i, check=[json.dumps(t, ensure_ascii=False) for t in texts])
        search = re.compile(pattern.replace("$", r"\Z"), re.ASCII).search
        if "error" in answer:
            if "no value" not in answer["error"] or any(search(t) for t in texts):
                wrong.append(f"{pattern}: {answer['error']}")
            continue
        matched += sum(answer["accepts"])
        wrong += [f"{pattern} on {t!r}: {accepts}" for t, accepts in zip(texts, answer["accepts"]) if accepts != bool(search(t))]
        wrong += [f"{pattern} gave {walk!r}" for walk in answer["walks"] if not search(json.loads(walk))]
    return wrong, matched


def main():
    probe, seed = Probe(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    failures, walks, accepted, rejected = 0, 0, 0, 0
    for i, (schema, instances) in enumerate(CASES):
        wrong, n_walks, n_accepted, n_rejected = check_case(probe, schema, instances, seed + i)
        walks, accepted, rejected = walks + n_walks, accepted + n_accepted, rejected + n_rejected
        if wrong:
            failures += 1
            print(f"schema {i}: {json.dumps(schema)[:300]}")
            for line in wrong[:8]:
                print(f"    {line[:300]}")
    refused = [(json.dumps(s), named) for s, named in REFUSED] + [(t if isinstance(t, str) else t.decode("latin-1"), named) for t, named in REFUSED_TEXTS]
    for text, named in refused:
        answer = probe.ask(schema=text)
        if named not in answer.get("error", "") or answer["steps"] > MAX_STEPS + len(text) + 1000:
            failures += 1
            print(f"not refused as it should be ({named}): {text[:200]}\n    {str(answer)[:300]}")
    wrong, matched = check_patterns(probe, seed, PATTERNS)
    failures += len(wrong)
    print(*wrong[:8], f"{PATTERNS} random patterns: {matched} texts matched", sep="\n")
    print(f"{len(CASES)} schemas: {walks} random texts, {accepted} valid and {rejected} forbidden instances; {len(refused)} refused; {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
