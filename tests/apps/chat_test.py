#!/usr/bin/env python3
"""`ingot chat` as a person meets it: through a pseudo-terminal, key by key, and through pipes.

    chat_test.py BINARY [Terminal|Pipe]    unittest's options work too

Needs SmolLM2-135M-Instruct in $INGOT_CACHE/models, or in .cache/models of the tree; exits with 77 (skipped) without it.
"""

import fcntl
import json
import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import termios
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = pathlib.Path(os.environ.get("INGOT_CACHE") or ROOT / ".cache") / "models" / "smollm2-135m-instruct-q4_1.gguf"
SKIPPED = 77
PATIENCE = 120  # seconds; only a failure waits so long
BINARY = ""
CONTROL = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b.")
ENTER, UP, LEFT, BACKSPACE, CTRL_C, CTRL_D, CTRL_Z, ALT_ENTER = "\r", "\x1b[A", "\x1b[D", "\x7f", "\x03", "\x04", "\x1a", "\x1b\r"


class Keyboard:
    """The command at a terminal of its own, whose keys are these."""

    def __init__(self, *args, shell="exec", **environment):
        """`shell`: what bash puts in front of the command, or does with it as "$@"."""
        self.seen = b""
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.environ.pop("NO_COLOR", None)
            os.environ.update({"TERM": "xterm", "LC_ALL": "C.UTF-8"} | environment)
            script = shell if "$@" in shell else shell + ' "$@"'
            os.execvp("bash", ["bash", "-c", script, "bash", BINARY, "chat", str(MODEL), *map(str, args)])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.terminal)
        try:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass

    def read_until(self, pattern):
        """Waits until what was written since the last wait, without control sequences, has `pattern`; returns it up to its end."""
        start, end = len(self.seen), time.monotonic() + PATIENCE
        while True:
            new = CONTROL.sub(b"", self.seen[start:]).decode(errors="replace").replace("\r\n", "\n")
            if found := re.search(pattern, new):
                return new[: found.end()]
            ready, _, _ = select.select([self.terminal], [], [], max(0, end - time.monotonic()))
            if not ready:
                raise AssertionError(f"waited for {pattern!r}; got {new!r}")
            try:
                piece = os.read(self.terminal, 4096)
            except OSError:  # how Linux tells that the other side is closed
                raise AssertionError(f"it ended before {pattern!r} came; got {new!r}") from None
            self.seen += piece

    def wait_for_the_end_of_editing(self):
        """Until the terminal hands out lines, not keys, and Ctrl-C is a signal: a line is being answered."""
        end = time.monotonic() + PATIENCE
        while not termios.tcgetattr(self.terminal)[3] & termios.ICANON:
            if time.monotonic() > end:
                raise AssertionError("waited for the end of editing")

    def prompt(self):
        """What is written before the next prompt."""
        return self.read_until(r"(?:^|\n|\r)> $")

    def press(self, keys):
        os.write(self.terminal, keys.encode())

    def type(self, text):
        """Types a line, and returns what comes before the next prompt without the line itself."""
        self.press(text + ENTER)
        return self.prompt().partition("\n")[2].removesuffix("> ")

    def status(self):
        """The exit status, once the program has ended."""
        while True:
            try:
                piece = os.read(self.terminal, 4096)
            except OSError:
                piece = b""
            if not piece:
                return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            self.seen += piece


class Chat(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.history = os.path.join(self.folder.name, "state", "lines")
        self.saved = os.path.join(self.folder.name, "chat.json")

    def keyboard(self, *args, history=None, **more):
        keyboard = Keyboard("--history", history or self.history, "--temp", "0", "-n", "8", *args, **more)
        keyboard.prompt()
        return keyboard

    def messages(self, keyboard):
        self.assertIn(" in " + self.saved, keyboard.type(f"/save {self.saved}"))
        return json.loads(pathlib.Path(self.saved).read_text())

    def contents(self, keyboard, role="user"):
        return [m["content"] for m in self.messages(keyboard) if m["role"] == role]


class Terminal(Chat):
    def test_a_conversation(self):
        with self.keyboard("--system", "You are brief.") as k:
            first = k.type("What is the capital of France?")
            self.assertNotEqual(first.strip(), "")
            stats = k.type("/stats")
            prompt, fresh = map(int, re.search(r"prompt +(\d+) tokens, (\d+) of them evaluated", stats).groups())
            self.assertEqual(fresh, prompt)
            self.assertRegex(stats, r"answer +\d+ tokens? at [\d.]+ tokens/s\n.*context +\d+ of 4096 tokens")
            k.type("And of Italy?")
            prompt, fresh = map(int, re.search(r"prompt +(\d+) tokens, (\d+) of them evaluated", k.type("/stats")).groups())
            self.assertLess(fresh, prompt / 2)
            messages = self.messages(k)
            self.assertEqual([m["role"] for m in messages], ["system", "user", "assistant", "user", "assistant"])
            self.assertEqual(messages[1], {"role": "user", "content": "What is the capital of France?"})
            self.assertTrue(first.startswith(messages[2]["content"]))
            self.assertIn("removed: And of Italy?", k.type("/undo"))
            self.assertEqual(self.messages(k), messages[:3])
            k.type("/reset")
            self.assertEqual(self.messages(k), messages[:1])
            k.type("/system")
            self.assertEqual(self.messages(k), [])
            self.assertIn("nothing to remove", k.type("/undo"))
            self.assertEqual(k.type("What is the capital of France?").strip() != "", True)
            k.press("/quit" + ENTER)
            self.assertEqual(k.status(), 0)

    def test_retry_answers_otherwise_and_settings_change_answers(self):
        with self.keyboard() as k:
            greedy = k.type("Tell me a story.")
            self.assertEqual(k.type("/retry"), greedy)
            self.assertIn("temp 1.5", k.type("/set temp 1.5"))
            k.type("/set n 12")
            others = [k.type("/retry") for _ in range(3)]
            self.assertEqual(len({greedy, *others}), 4)
            self.assertEqual(len(self.messages(k)), 2)
            self.assertRegex(k.type("/set"), r"(?ms)^predict +12\n.*^temp +1.5\n")
            self.assertRegex(k.type("/set --top-k"), r"top-k +40\nChoose among")
            self.assertIn("there is no setting 'warmth'", k.type("/set warmth 1"))
            self.assertIn("'temp' cannot be set to 'hot'; --temp: got 'hot'; expected a number", k.type("/set temp hot"))
            self.assertRegex(k.type("/set"), r"\ntemp +1.5\n")

    def test_save_and_load(self):
        with self.keyboard() as k:
            k.type("My name is Ada.")
            before = self.messages(k)
            answer = k.type("What is my name?")
            k.type("/reset")
            self.assertIn("2 messages; the last one:", k.type(f"/load {self.saved}"))
            self.assertEqual(self.messages(k), before)
            self.assertEqual(k.type("What is my name?"), answer)
            for wrong in ("", "{", "{}", "[1]", '[{"role": "user"}]', '[{"role": "user", "content": 1}]', '[{"role": "user", "content": "x", "tool_calls": []}]',
                          '[{"role": "cook", "content": "x"}]', '[{"role": "user", "content": "x"}, {"role": "system", "content": "x"}]', "[" * 100000):
                pathlib.Path(self.folder.name, "wrong").write_text(wrong)
                self.assertIn("[chat] ", k.type(f"/load {self.folder.name}/wrong"))
            self.assertIn("cannot read", k.type(f"/load {self.folder.name}/none"))
            self.assertIn("cannot write", k.type(f"/save {self.folder.name}/none/chat"))
            self.assertEqual(len(self.messages(k)), 4)

    def test_file_goes_in_front_of_the_next_message(self):
        path = pathlib.Path(self.folder.name, "letter.txt")
        path.write_text("Dear Bob,\nthe key is under the mat.")
        with self.keyboard() as k:
            self.assertIn("prepended to your next message", k.type(f"/file {path}"))
            k.type("Where is the key?")
            k.type("Thanks.")
            self.assertEqual(self.contents(k), ["Dear Bob,\nthe key is under the mat.\n\nWhere is the key?", "Thanks."])
            path.write_bytes(b"\xff\x00")
            self.assertIn("is not a text file", k.type(f"/file {path}"))
            self.assertIn("there is no file", k.type("/file"))

    def test_several_lines_in_one_message(self):
        with self.keyboard() as k:
            k.press("one\\" + ENTER)
            k.read_until(r"\n\. $")
            k.type("two")
            k.press("three" + ALT_ENTER)
            k.type("four")
            k.press("\x1b[200~five\rsix\r/seven\x1b[201~")  # what a terminal sends for a paste
            k.type("!")
            k.type("/système")  # no command, and no message either
            k.type(" /eight é😀x" + BACKSPACE)
            self.assertEqual(self.contents(k), ["one\ntwo", "three\nfour", "five\nsix\n/seven!", " /eight é😀"])

    def test_lines_are_remembered(self):
        with self.keyboard() as k:
            k.type("Good morning")
            k.type("/stats")
            k.press(UP + UP + LEFT + LEFT)
            k.type("!")
            self.assertEqual(self.contents(k), ["Good morning", "Good morni!ng"])
            k.press(CTRL_D)
            self.assertEqual(k.status(), 0)
        with self.keyboard() as k:
            k.press(UP + UP)  # behind /save
            k.type("")
            self.assertEqual(self.contents(k), ["Good morni!ng"])
        with self.keyboard(history="/dev/null/none") as k:
            self.assertIn("the history is not saved", k.type("/stats"))
            self.assertNotIn("not saved", k.type("/stats"))

    def test_chats_that_share_a_history_lose_no_line(self):
        with self.keyboard() as first, self.keyboard() as second:
            for k, line in ((first, "/set n 1"), (second, "/set n 2"), (first, "/set n 3"), (second, "/set n 4")):
                k.type(line)
            first.press(UP + UP)
            self.assertEqual(first.type("").strip(), "n 1")  # the arrow keys bring back its own lines
            for k in (first, second):
                k.press(CTRL_D)
                self.assertEqual(k.status(), 0)
        with self.keyboard() as k:
            k.press(UP + UP + UP)
            self.assertEqual(k.type("").strip(), "n 3")

    def test_a_file_that_is_no_history_is_not_replaced(self):
        notes = pathlib.Path(self.folder.name, "notes")
        notes.write_text("my notes\n")
        with self.keyboard(history=str(notes)) as k:
            self.assertIn("is not a history of lines", k.type("/stats"))
        self.assertEqual(notes.read_text(), "my notes\n")

    def test_save_replaces_nothing_that_this_chat_does_not_know(self):
        notes, other = (pathlib.Path(self.folder.name, name) for name in ("notes", "other"))
        notes.write_text("my notes\n")
        with self.keyboard() as first, self.keyboard() as second:
            self.assertIn("is not replaced", first.type(f"/save {notes}"))
            self.assertEqual(notes.read_text(), "my notes\n")
            first.type("Hello")
            self.messages(first)
            second.type(f"/load {self.saved}")
            second.type("And again.")
            first.type("/reset")
            self.assertEqual(self.messages(first), [])
            self.assertIn("was changed after this chat", second.type(f"/save {self.saved}"))
            self.assertIn("4 messages in", second.type(f"/save {other}"))
            self.assertEqual(self.messages(first), [])
            with other.open() as held:
                fcntl.flock(held, fcntl.LOCK_EX)
                self.assertIn("another process is using", second.type(f"/save {other}"))
            self.assertIn("4 messages in", second.type(f"/save {other}"))

    def test_ctrl_c_stops_an_answer_and_keeps_the_chat(self):
        with self.keyboard("--ignore-eos") as k:
            k.type("/set n -1")
            k.press("Count from 1 to 1000." + ENTER)
            k.read_until(r"1000\.\n\s*\S+\s")  # the answer has begun
            k.press(CTRL_C)
            self.assertIn("stopped", k.prompt())
            messages = self.messages(k)
            self.assertEqual([m["role"] for m in messages], ["user", "assistant"])
            self.assertNotEqual(messages[1]["content"], "")
            k.type("/set n 8")
            self.assertNotEqual(k.type("Thank you.").strip(), "")

    def test_ctrl_c_while_the_prompt_is_read_takes_the_message_back(self):
        path = pathlib.Path(self.folder.name, "long.txt")
        path.write_text("The sea is wide. " * 1200)
        with self.keyboard("-c", "8000", "-t", "1") as k:
            k.type(f"/file {path}")
            k.press("What is wide?" + ENTER)
            k.wait_for_the_end_of_editing()
            k.press(CTRL_C)
            self.assertIn("the message was removed", k.prompt())
            self.assertEqual(self.messages(k), [])
            self.assertNotEqual(k.type("Hello").strip(), "")

    def test_ctrl_c_at_the_prompt_drops_the_line(self):
        with self.keyboard() as k:
            k.press("not this")
            k.press(CTRL_C)
            k.prompt()
            k.press(CTRL_C)
            self.assertIn("Ctrl-D ends the chat", k.prompt())
            k.press("nor this\\" + ENTER)
            k.read_until(r"\n\. $")
            k.press(CTRL_C)
            k.prompt()
            self.assertEqual(self.messages(k), [])
            k.press(CTRL_D)
            self.assertEqual(k.status(), 0)

    def test_ctrl_z_suspends(self):
        with self.keyboard(shell='set -m; "$@"; echo suspended; read; fg') as k:
            k.press("hal")
            k.read_until("hal")
            k.press(CTRL_Z)
            k.read_until("suspended\n")
            self.assertTrue(termios.tcgetattr(k.terminal)[3] & termios.ICANON)  # the shell finds the terminal as it was
            k.press(ENTER)
            k.read_until("> hal$")
            k.type("lo")
            self.assertEqual(self.contents(k), ["hallo"])

    def test_a_conversation_outgrows_its_context(self):
        with self.keyboard("-c", "200") as k:
            told = [k.type(f"Number {i} is a number that I like very much, and so I say it again: {i}.") for i in range(6)]
            self.assertTrue(any("no longer fits into the context: the model does not see the first" in t for t in told))
            self.assertTrue(all(t.strip() for t in told))
            self.assertEqual(len(self.messages(k)), 12)
            self.assertIn("does not fit into the context", k.type("word " * 300))
            self.assertEqual(len(self.messages(k)), 12)

    def test_words_that_are_no_commands(self):
        with self.keyboard() as k:
            help_text = k.type("/help")
            for name in ("help", "reset", "undo", "retry", "system", "save", "load", "stats", "set", "file", "quit"):
                self.assertIn(f"/{name} ", help_text)
            self.assertIn("there is no command /cook", k.type("/cook dinner"))
            self.assertIn("/reset takes no argument; got 'now'", k.type("/reset now"))
            self.assertIn("no message to answer again", k.type("/retry"))
            self.assertEqual(k.type("   "), "")

    def test_no_color(self):
        for environment, colored in (({}, True), ({"NO_COLOR": "1"}, False)):
            with self.keyboard(**environment) as k:
                k.type("/cook")
                self.assertEqual(bool(re.search(rb"\x1b\[\d*m", k.seen)), colored, k.seen)


class Pipe(Chat):
    def chat(self, message, *args):
        done = subprocess.run([BINARY, "chat", str(MODEL), "--temp", "0", "-n", "16", *args], input=message.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def test_a_pipe_is_one_message(self):
        status, out, err = self.chat("What is the capital of France?\n")
        self.assertEqual((status, err), (0, "token limit reached (/set n)\n"))
        self.assertEqual(out, subprocess.run([BINARY, "run", MODEL, "-p", "What is the capital of France?", "--temp", "0", "-n", "16"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.decode())
        self.assertEqual(self.chat("", "-p", "What is the capital of France?")[1], out)
        self.assertEqual(self.chat("France?", "-p", "What is the capital of?")[1], self.chat("What is the capital of?\n\nFrance?")[1])

    def test_a_pipe_gives_no_commands(self):
        status, out, _ = self.chat("/quit")
        self.assertEqual(status, 0)
        self.assertNotEqual(out.strip(), "")

    def test_failures(self):
        status, out, err = self.chat("")
        self.assertEqual((status, out), (2, ""))
        self.assertIn("no message given", err)
        status, out, err = self.chat("word " * 400, "-c", "100")
        self.assertEqual((status, out), (1, ""))
        self.assertIn("does not fit into the context", err)


def main():
    global BINARY
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    BINARY = os.path.abspath(sys.argv.pop(1))
    if not MODEL.is_file():
        print(f"skipped: no model at {MODEL}; tools/fetch_model.sh smollm2 puts it there")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)


if __name__ == "__main__":
    main()
