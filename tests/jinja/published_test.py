#!/usr/bin/env python3
"""Published chat templates, rendered by ingot and by Python's jinja2: published_test.py PATH_OF_RENDER_LINES [-v].

The templates are those that llama.cpp ships ($INGOT_CACHE/llama-cpp-models/templates; tools/fetch_vocabularies.sh fetches them), read
where they lie. Exit code 77 (skipped): they or jinja2 are missing.
"""

import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEMPLATES = pathlib.Path(os.environ.get("INGOT_CACHE") or ROOT / ".cache") / "llama-cpp-models" / "templates"
MIN_TEMPLATES = 70
# Templates that may differ, with the reason.
EXPLAINED = {
    "llama-cpp-deepseek-r1.jinja": "writes a generator as JSON, which jinja2 refuses; ingot writes the list that is meant",
    "meetkai-functionary-medium-v3.1.jinja": "adds texts to one marked |safe, which makes jinja2 escape them for HTML; ingot never escapes",
}


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def main():
    try:
        import reference
    except ImportError as e:
        skip(f"{e}; ./test installs it into the private environment")
    from conversations import variables

    paths = sorted(TEMPLATES.glob("*.jinja"))
    if not paths:
        skip(f"there is no template in {TEMPLATES}; run tools/fetch_vocabularies.sh")
    env, ingot = reference.environment(), reference.Ingot(sys.argv[1])
    differing, rendered, both_fail = {}, 0, 0
    for path in paths:
        template = path.read_text(encoding="utf-8")
        for name, given in variables():
            expected, expected_error = reference.render(env, template, given)
            got, error = ingot.render(template, given)
            rendered += expected is not None
            both_fail += expected is None and got is None
            refused_alike = not (expected_error or "").startswith("refused") or error == expected_error
            if got != expected or not refused_alike:
                differing.setdefault(path.name, []).append((name, expected, expected_error, got, error))
    for file, cases in differing.items():
        print(f"{file}: {len(cases)} conversations differ{'; ' + EXPLAINED[file] if file in EXPLAINED else ''}")
        for name, expected, expected_error, got, error in cases if "-v" in sys.argv else cases[:1]:
            print(f"  {name}\n    jinja2: {expected_error or show(expected, got)}\n    ingot:  {error or show(got, expected)}")
    unexplained = set(differing) - set(EXPLAINED)
    print(f"{len(paths)} templates, {len(paths) - len(differing)} identical; {rendered} renderings, {both_fail} refused by both")
    if len(paths) < MIN_TEMPLATES or unexplained:
        sys.exit(1)


def show(text, other):
    """Where `text` begins to differ."""
    if text is None or other is None:
        return repr((text or "")[:120])
    at = next((i for i, (a, b) in enumerate(zip(text, other)) if a != b), min(len(text), len(other)))
    return repr(text[max(0, at - 60) : at + 60])


if __name__ == "__main__":
    main()
