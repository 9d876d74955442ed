"""What the tests of the command share: running it, on a pipe or at a terminal, and what is expected of its answers. No test stands here."""

import json
import os
import pathlib
import pty
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODELS = pathlib.Path(os.environ.get("INGOT_CACHE") or ROOT / ".cache") / "models"
MODEL = MODELS / "smollm2-135m-instruct-q4_1.gguf"
MODEL_THAT_BEGINS = MODELS / "gemma-3-270m-q4_k_m.gguf"
SKIPPED = 77
# A test's first argument: the binary. Later ones are unittest's.
BINARY = str(pathlib.Path(sys.argv.pop(1)).resolve()) if len(sys.argv) > 1 else sys.exit(sys.modules["__main__"].__doc__)


def ingot(*args, **kwargs):
    """Runs the command; returns (status, stdout, stderr) as text."""
    kwargs.setdefault("stdin", subprocess.DEVNULL)
    if "input" in kwargs:
        del kwargs["stdin"]
    done = subprocess.run([BINARY, *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kwargs)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def on_terminal(*args, until=None, **environment):
    """Runs the command with stdout and stderr on a terminal; returns (status, all that it wrote). `until`: it is killed when it has
    written that."""
    main, side = pty.openpty()
    env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "TERM")} | {"TERM": "xterm"} | environment
    process = subprocess.Popen([BINARY, *map(str, args)], stdin=side, stdout=side, stderr=side, env=env)
    os.close(side)
    seen = b""
    while True:
        try:
            piece = os.read(main, 4096)
        except OSError:  # how Linux tells that the other side is closed
            piece = b""
        if not piece:
            break
        seen += piece
        if until and until in seen:
            process.kill()
            break
    os.close(main)
    return process.wait(), seen.decode(errors="replace")


def wait_for_handler(process, of):
    """Until the process has a handler for the signal `of`, as Linux shows it."""
    handled = 0
    while not handled >> (of - 1) & 1:
        if process.poll() is not None:
            raise AssertionError(f"it ended with {process.returncode}")
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        handled = int(status.partition("SigCgt:")[2].split()[0], 16)


class Command(unittest.TestCase):
    def succeeds(self, *args, quiet=True, **kwargs):
        status, out, err = ingot(*args, **kwargs)
        self.assertEqual(status, 0, err)
        if quiet:
            self.assertEqual(err, "")
        return out

    def json(self, *args, **kwargs):
        return json.loads(self.succeeds(*args, **kwargs), parse_constant=lambda word: self.fail(f"{word} is no JSON"))

    def fails(self, status, said, *args, **kwargs):
        got, out, err = ingot(*args, **kwargs)
        self.assertEqual((got, out), (status, ""), err)
        self.assertIn(said, err)
        return err

    def assert_keys(self, value, keys):
        self.assertEqual(list(value), keys.split())


def main():
    result = unittest.main(module="__main__", exit=False, verbosity=2).result
    if not result.wasSuccessful():
        sys.exit(1)
    sys.exit(SKIPPED if result.testsRun == len(result.skipped) else 0)
