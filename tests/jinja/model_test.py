#!/usr/bin/env python3
"""The small real model's own template: model_test.py PATH_OF_RENDER_LINES PATH_OF_INGOT.

Every conversation as jinja2 renders it, by the library and, some of them, by `ingot template`; the tokens of harmless ones are those of
the whole text with control tokens parsed. Exit code 77 (skipped): the model or jinja2 is missing.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = pathlib.Path(os.environ.get("INGOT_CACHE") or ROOT / ".cache") / "models" / "smollm2-135m-instruct-q4_1.gguf"
THROUGH_THE_COMMAND = ("one turn", "system and turns", "tools", "two calls", "control tokens in the text", "many")


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def command(ingot, *arguments, given=None):
    done = subprocess.run([ingot, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, input=given)
    return done.stdout.decode() if done.returncode == 0 else None


def main():
    try:
        import reference
    except ImportError as e:
        skip(f"{e}; ./test installs it into the private environment")
    import conversations

    if not MODEL.is_file():
        skip(f"no model at {MODEL}: tools/fetch_model.sh smollm2")
    env, library, ingot = reference.environment(), reference.Ingot(sys.argv[1]), sys.argv[2]
    template = command(ingot, "template", MODEL)
    wrong = 0

    def check(name, got, expected):
        nonlocal wrong
        if got != expected:
            wrong += 1
            print(f"{name}\n  got      {got!r}\n  expected {expected!r}")

    for name, given in conversations.variables():
        expected, _ = reference.render(env, template, given)
        check(name, library.render(template, given)[0], expected)
    for name in THROUGH_THE_COMMAND:
        given = conversations.CONVERSATIONS[name]
        expected, _ = reference.render(env, template, {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "tools": None, **given, "add_generation_prompt": True})
        with tempfile.NamedTemporaryFile("w") as tools:
            json.dump(given.get("tools"), tools)
            tools.flush()
            answer = command(ingot, "template", MODEL, "--messages", "-", "--tools", tools.name, "--json", given=json.dumps(given["messages"]).encode())
        made = json.loads(answer) if answer else {"text": None}
        check(f"{name}, command", made["text"], expected)
        if expected is not None and "control" not in name:
            tokens = command(ingot, "tokenize", MODEL, "-f", "-", "--special", "--no-bos", "--json", given=expected.encode())
            check(f"{name}, tokens", made["tokens"], json.loads(tokens))
    if wrong:
        sys.exit(1)
    print("as jinja2 renders it")


if __name__ == "__main__":
    main()
