#!/usr/bin/env python3
"""What the command must stand: files that were made to harm, places that cannot be written to, readers that leave, signals.

    hostile_test.py BINARY    unittest's options work too

The model is one of 2 layers that tools/make_malformed.py makes; as root, tests of permissions are skipped.
"""

import fcntl
import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from harness import BINARY, ROOT, Command, ingot, main, on_terminal

sys.path.insert(0, str(ROOT / "tools"))
sys.dont_write_bytecode = True
import make_malformed as make  # noqa: E402

# OSC that sets the title, C1 as a character, a mark of direction: nothing of it may reach a terminal or a message.
ESCAPES = "\x1b]0;owned\x07\x9b31m\u202e"
REFUSED = ["\x1b]", "\x07", "\x9b", "\u202e"]
WAIT = 60  # seconds; only a failure waits so long


def wait_until(happened):
    end = time.monotonic() + WAIT
    while not happened() and time.monotonic() < end:
        time.sleep(0.01)


def is_locked(path):
    """By any process, as Linux lists them: "1: FLOCK  ADVISORY  WRITE 4711 fe:00:1234 0 EOF", the last number of three being the inode."""
    if not path.exists():
        return False
    locks = [line.split() for line in pathlib.Path("/proc/locks").read_text().splitlines()]
    return any("FLOCK" in lock and any(word.endswith(f":{path.stat().st_ino}") for word in lock) for lock in locks)


class InFolder(Command):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name)
        self.model = self.write("m.gguf", make.model())

    def write(self, name, model):
        (self.path / name).write_bytes(model.bytes())
        return self.path / name

    def entries(self):
        return sorted(p.name for p in self.path.iterdir())

    def run_session(self, session, *args, text="x", n=4, **kwargs):
        return ingot("run", self.model, "--raw", "-p", text, "-n", n, "--ignore-eos", "--session", session, *args, **kwargs)

    def start(self, *args, **kwargs):
        kwargs = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | kwargs
        process = subprocess.Popen([BINARY, *map(str, args)], **kwargs)
        self.addCleanup(lambda: (process.kill(), process.communicate()))
        return process


class Escapes(InFolder):
    def assert_clean(self, text):
        for refused in REFUSED:
            self.assertNotIn(refused, text)

    def test_errors_quote_what_a_file_says(self):
        kinds = {
            "tokenizer.ggml.pre": make.model().key("tokenizer.ggml.pre", make.STR, ESCAPES),
            "tokenizer.ggml.model": make.model().key("tokenizer.ggml.model", make.STR, ESCAPES),
            "general.architecture": make.model().key("general.architecture", make.STR, ESCAPES),
            "merge": make.model().key("tokenizer.ggml.merges", make.ARR, make.array(make.STR, [ESCAPES + " " + ESCAPES])),
            "long merge": make.model().key("tokenizer.ggml.merges", make.ARR, make.array(make.STR, ["m" * 3_000_000])),
            "two equal tokens": make.model().key("tokenizer.ggml.tokens", make.ARR, make.array(make.STR, [ESCAPES] * 258)),
            "template": make.model().key("tokenizer.chat_template", make.STR, "{{ raise_exception('" + ESCAPES + "') }}"),
            "stray character": make.model().key("tokenizer.chat_template", make.STR, "{% if \x1b %}"),
        }
        for name, model in kinds.items():
            with self.subTest(name):
                status, _, err = ingot("template", self.write("bad.gguf", model), "-p", "x")
                if "template" not in name and "stray" not in name:
                    status, _, err = ingot("run", self.path / "bad.gguf", "-p", "x", "--raw", "-n", "1")
                self.assertEqual(status, 1, err)
                self.assert_clean(err)
                self.assertLess(len(err), 4000)

    def test_arguments_are_quoted(self):
        for args in (["run", ESCAPES], ["inspect", ESCAPES], [ESCAPES], ["run", self.model, "-p", "x", "--" + ESCAPES], ["formats", ESCAPES],
                     ["tokenize", self.model, "-p", ESCAPES, "--detokenize"], ["run", self.model, "-p", "x", "--grammar", "root ::= " + ESCAPES],
                     ["run", self.model, "-p", "x", "--json-schema", json.dumps({"type": ESCAPES})]):
            with self.subTest(args=args):
                status, _, err = ingot(*args)
                self.assertIn(status, (1, 2))
                for refused in REFUSED[:3]:
                    self.assertNotIn(refused, err)

    def test_a_terminal_gets_no_control_characters(self):
        named = make.model().key("general.name", make.STR, ESCAPES).key("tokenizer.chat_template", make.STR, ESCAPES + "a\tb\n")
        model = self.write("named.gguf", named)
        for args in (["inspect", model, "--tensors"], ["template", model, "-p", "x"], ["template", model],
                     ["tokenize", model, "--special", "-p", ESCAPES], ["tokenize", model, "--detokenize", "-p", "27 93 48 7 128"],
                     ["run", model, "--raw", "-p", ESCAPES, "-n", "8", "--ignore-eos", "--temp", "50"], ["chat", model, "--history", ""]):
            with self.subTest(args=args):
                _, seen = on_terminal(*args, until=b"> " if args[0] == "chat" else None, NO_COLOR="1", TERM="dumb")
                self.assertNotIn("\x1b]", seen)
                self.assertNotIn("\x07", seen)
                self.assertNotIn("\x9b", seen)

    def test_a_pipe_gets_every_byte(self):
        model = self.write("named.gguf", make.model().key("tokenizer.chat_template", make.STR, ESCAPES))
        self.assertEqual(self.succeeds("template", model, "-p", "x", quiet=False), ESCAPES)

    def test_inspect_shows_no_mark_of_direction(self):
        named = make.model().key("general.name", make.STR, ESCAPES).key("general.\u202ekey", make.STR, "x")
        self.assert_clean(self.succeeds("inspect", self.write("named.gguf", named)))


class Sessions(InFolder):
    def test_a_reader_that_leaves_loses_no_text(self):
        process = self.start("run", self.model, "--raw", "-p", "hello", "-n", "9999", "--ignore-eos", "--context-shift", "--session", self.path / "s")
        os.read(process.stdout.fileno(), 1)
        process.stdout.close()
        self.assertEqual((process.wait(WAIT), process.stderr.read()), (0, b""))
        self.assertEqual(self.entries(), ["m.gguf", "s"])
        self.assertEqual(self.run_session(self.path / "s")[0], 0)

    def test_a_full_disk_behind_stdout_loses_no_text(self):
        with open("/dev/full", "wb") as full:
            process = self.start("run", self.model, "--raw", "-p", "hello", "-n", "5", "--session", self.path / "s", stdout=full)
            _, err = process.communicate(timeout=WAIT)
        self.assertEqual(process.returncode, 1)
        self.assertIn(b"[output] cannot write the answer", err)
        self.assertGreater((self.path / "s").stat().st_size, 0)

    def test_one_process_at_a_time(self):
        session = self.path / "s"
        self.assertEqual(self.run_session(session)[0], 0)
        before = session.read_bytes()
        with open(session, "rb") as holder:
            fcntl.flock(holder, fcntl.LOCK_EX)
            status, out, err = self.run_session(session)
            self.assertEqual((status, out), (1, ""))
            self.assertIn("another process is using", err)
        self.assertEqual(session.read_bytes(), before)
        self.assertEqual(self.run_session(session)[0], 0)
        self.assertGreater(len(session.read_bytes()), len(before))

    def test_two_that_begin_at_once(self):
        """The first holds a name that is not there yet while it reads its prompt from a pipe."""
        first = self.start("run", self.model, "--raw", "-f", "-", "-n", "2", "--session", self.path / "s", stdin=subprocess.PIPE)
        wait_until(lambda: is_locked(self.path / "s"))
        self.assertIn("another process is using", self.run_session(self.path / "s")[2])
        first.communicate(b"hello", timeout=WAIT)
        self.assertEqual(first.returncode, 0)
        self.assertEqual(self.run_session(self.path / "s")[0], 0)

    def test_nothing_remains_of_a_session_that_did_not_begin(self):
        self.assertEqual(ingot("run", "/nowhere", "-p", "x", "--session", self.path / "s")[0], 1)
        for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            process = self.start("run", self.model, "-f", "-", "--session", self.path / "s", stdin=subprocess.PIPE)
            wait_until((self.path / "s").exists)
            process.send_signal(ending)
            self.assertEqual(process.wait(WAIT), 130 if ending == signal.SIGINT else -ending)
            self.assertEqual(self.entries(), ["m.gguf"])

    def test_links_are_followed(self):
        (self.path / "real").mkdir()
        (self.path / "link").symlink_to("real/s")
        for _ in range(2):  # a link that leads nowhere yet, and one that leads to a session
            self.assertEqual(self.run_session(self.path / "link")[0], 0)
            self.assertTrue((self.path / "link").is_symlink())
        self.assertEqual([p.name for p in (self.path / "real").iterdir()], ["s"])

    def test_only_its_owner_reads_it(self):
        self.run_session(self.path / "s")
        self.assertEqual((self.path / "s").stat().st_mode & 0o777, 0o600)

    def test_places_that_cannot_be_used_are_named(self):
        (self.path / "loop").symlink_to("loop")
        (self.path / "folder").mkdir()
        os.mkfifo(self.path / "pipe")
        for name in ("n" * 300, "loop", "folder", "pipe", "nowhere/s", "m.gguf/s", "/proc/s", "/dev/null", "/dev/full"):
            with self.subTest(name):
                status, out, err = self.run_session(self.path / name, timeout=WAIT)
                self.assertEqual((status, out), (1, ""))
                self.assertIn("] cannot ", err)
        self.assertIn("--session: got ''", self.run_session("")[2])

    def test_a_working_directory_that_is_gone(self):
        gone = self.path / "gone"
        gone.mkdir()
        script = 'cd "$1" && rmdir "$1" && shift && exec "$@"'
        done = subprocess.run(["sh", "-c", script, "sh", gone, BINARY, "run", self.model, "-p", "x", "--raw", "--session", "s"], capture_output=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"[run] cannot write s; got No such file", done.stderr)

    @unittest.skipIf(os.geteuid() == 0, "root may write everywhere")
    def test_folders_without_permission(self):
        (self.path / "closed").mkdir(0o000)
        self.assertIn("Permission denied", self.run_session(self.path / "closed" / "s")[2])

    def test_a_limit_on_the_size_of_files(self):
        self.assertEqual(self.run_session(self.path / "s")[0], 0)
        before = (self.path / "s").read_bytes()
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))  # noqa: E731
        status, _, err = self.run_session(self.path / "s", preexec_fn=limit)
        self.assertEqual(status, 1)
        self.assertIn("File too large", err)
        self.assertEqual(((self.path / "s").read_bytes(), self.entries()), (before, ["m.gguf", "s"]))


class Input(InFolder):
    def test_what_has_no_end_is_refused(self):
        limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (2500 << 20, 2500 << 20))  # noqa: E731
        for flag in ("--file", "--grammar"):
            prompt = ["-p", "x"] if flag == "--grammar" else []
            self.fails(1, "[input] /dev/zero is too long; got more than", "run", self.model, *prompt, flag, "/dev/zero", preexec_fn=limit)

    def test_models_that_are_no_files(self):
        os.mkfifo(self.path / "pipe")
        for name in ("pipe", "", "/dev/null", "/dev/zero", "none", "n" * 300):
            for command in ("inspect", "run", "explain", "tokenize"):
                with self.subTest(name=name, command=command):
                    self.fails(1, "[container] ", command, self.path / name, *(["-p", "x"] if command in ("run", "tokenize") else []), timeout=WAIT)

    def test_given_but_empty_is_not_left_out(self):
        for flag in ("--session", "--grammar", "--json-schema", "--device", "--isa", "--kv", "--pre", "--file"):
            self.fails(2, f"{flag}: got ''; expected a non-empty text", "run", self.model, *([] if flag == "--file" else ["-p", "x"]), flag, "")
        self.fails(2, "got ''; expected a non-empty text", "run", "", "-p", "x")
        self.fails(2, "--template: got ''", "chat", self.model, "--template", "")
        self.fails(2, "--against: got ''", "eval", self.model, "--text", "x", "--against", "")
        self.fails(2, "--dump: got ''", "kernels", self.model, "--dump", "")
        self.fails(2, "got ''; expected a non-empty text", "formats", "")

    def test_ranges_have_two_ends(self):
        for flag, value, bound in (("--seed", 2**64, 2**63 - 1), ("--seed", 10**40, 2**63 - 1), ("-n", 99999999999, 2**31 - 1), ("-c", 2**31, 2**31 - 1)):
            self.fails(2, f"got '{value}'; expected a whole number from {-1 if flag == '-n' else 0} to {bound}", "run", self.model, "-p", "x", flag, value)

    def test_a_model_that_shrinks_while_it_is_read(self):
        """--no-repack reads the weights from the file for each token."""
        process = self.start("run", self.model, "--raw", "-p", "x", "--no-repack", "-n", "9999", "--context-shift", "--ignore-eos")
        os.read(process.stdout.fileno(), 1)
        os.truncate(self.model, 4096)
        _, err = process.communicate(timeout=WAIT)
        self.assertEqual(process.returncode, 1, err)
        self.assertIn(b"[files] a file can no longer be read", err)
        self.assertIn(b"m.gguf", err)


if __name__ == "__main__":
    main()
