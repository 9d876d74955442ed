#!/usr/bin/env python3
"""The command `ingot` from outside, without a model: exit statuses, what goes to stdout and to stderr, wrong usage, colour.

    command_test.py BINARY    unittest's options work too
"""

import os
import pathlib
import signal
import subprocess
import tempfile
import unittest

from harness import BINARY, Command, MODEL, ROOT, ingot, main, on_terminal

COMMANDS = ["run", "chat", "bench", "eval", "inspect", "explain", "imatrix", "quantize", "compare", "judge", "formats", "tokenize", "template", "doctor"]


class WithoutModel(Command):
    def test_help_and_version(self):
        self.assertRegex(self.succeeds("--version"), r"^ingot \d+\.\d+\.\d+\n$")
        overview = self.succeeds("--help")
        for command in COMMANDS:
            self.assertIn(f"\n  {command} ", overview)
            text = self.succeeds(command, "--help")
            self.assertIn(f"Usage: ingot {command}", text)
            self.assertIn(f"Examples:\n  ingot {command}", text)

    def test_examples_name_flags_that_exist(self):
        for command in COMMANDS:
            flags, examples = self.succeeds(command, "--help").split("Examples:")
            for word in examples.replace(",", " ").split():
                if word.startswith("-") and word not in ("-", "-n"):  # echo has -n too
                    self.assertRegex(flags, rf"(^|[ ,]){word}[ ,]", command)

    def test_wrong_usage(self):
        self.fails(2, "Usage: ingot")
        self.fails(2, "there is no command 'cook'; expected one of run, chat, bench", "cook")
        self.fails(2, "there is no flag '--fast'", "--fast")
        self.fails(2, "ingot run --help", "run", "model.gguf", "--fast")
        self.fails(2, "unexpected argument 'another.gguf'", "run", "model.gguf", "another.gguf", "-p", "x")
        self.fails(2, "no flag '--isaa'", "run", "model.gguf", "-p", "x", "--isaa", "avx2")
        self.fails(2, "no command 'fromats'", "fromats", "q4_0")
        for command in ("run", "chat", "bench", "inspect", "explain", "tokenize", "template"):
            self.fails(2, "a model (MODEL or -m FILE)", command)
        self.fails(2, "a model (MODEL or -m FILE)", "eval", "--text", "x")
        self.fails(2, "--text is required", "eval", "model.gguf")
        self.fails(2, "no text given", "run", "model.gguf")
        self.fails(2, "--prompt excludes --file", "tokenize", "model.gguf", "-p", "x", "-f", "y")
        self.fails(2, "--no-bos excludes --detokenize", "tokenize", "model.gguf", "-p", "1", "--detokenize", "--no-bos")
        self.fails(2, "needs --json", "run", "model.gguf", "-p", "x", "--logprobs", "3")
        self.fails(2, "--messages excludes --prompt", "template", "model.gguf", "--messages", "x", "-p", "y")
        self.fails(2, "--system requires --prompt", "template", "model.gguf", "--system", "y")
        self.fails(2, "--raw excludes --system", "run", "model.gguf", "-p", "x", "--system", "y", "--raw")
        self.fails(2, "stdin can be read only once", "template", "model.gguf", "--messages", "-", "--tools", "-")
        self.fails(2, "something to measure", "bench", "model.gguf", "-p", "0", "-n", "0")

    def test_given_but_empty_is_not_absent(self):
        for option in ("--grammar", "--json-schema", "--pre", "--session"):
            self.fails(2, "got ''", "run", "model.gguf", "-p", "x", option, "")
        self.fails(2, "got ''", "eval", "model.gguf", "--text", "x", "--against", "")
        for option in ("--messages", "--tools", "--template", "--set", "--pre"):
            self.fails(2, "got ''", "template", "model.gguf", option, "")
        self.fails(2, "got ''", "chat", "model.gguf", "--template", "")

    def test_wrong_numbers(self):
        wrong = {
            "-t": ["-1", "1025", "x", "1.5", "", "1 "],
            "-c": ["-1", "99999999999", "x"],
            "-n": ["-2", "3000000000", "x"],
            "--temp": ["-0.1", "nan", "inf", "1e39", "warm"],
            "--top-k": ["-1", "0.5"],
            "--top-p": ["0", "1.01", "nan"],
            "--min-p": ["-0.1", "1.1"],
            "--seed": ["-1", "99999999999999999999"],
            "--dynatemp-range": ["-1", "x"],
            "--typical": ["0", "1.1"],
            "--top-nsigma": ["nan"],
            "--xtc-probability": ["1.1"],
            "--dry-base": ["0.5"],
            "--dry-penalty-last-n": ["-2"],
            "--dry-sequence-breaker": [""],
            "--repeat-penalty": ["0", "-1"],
            "--repeat-last-n": ["-2"],
            "--frequency-penalty": ["inf"],
            "--mirostat": ["1", "x"],
            "--logit-bias": ["5", "x+1", "5+", "5+-1", "-1+1", "5+nan", "5+inf", "5+1 "],
            "--stop": [""],
            "--logprobs": ["-1", "101"],
        }
        for flag, values in wrong.items():
            for value in values:
                self.fails(2, f"got '{value}'; expected", "run", "none.gguf", "-p", "x", "--json", flag, value)
        self.fails(2, "got 'top_q'; expected any of penalties, dry", "run", "none.gguf", "-p", "x", "--samplers", "top_k;top_q")
        self.fails(2, "requires --context-shift", "run", "none.gguf", "-p", "x", "--keep", "3")
        for flag, value in (("-p", "1,x"), ("-n", "1,,2"), ("-t", "0,1025"), ("-r", "0")):
            self.fails(2, f"got '{value}'; expected", "bench", "none.gguf", flag, value)
        for flag, values in {"--ctx": ["3", "-1", "x"], "--windows": ["-1", "x"]}.items():
            for value in values:
                self.fails(2, f"got '{value}'; expected", "eval", "none.gguf", "--text", "x", flag, value)
        self.fails(2, "got 'fast'; expected", "explain", "none.gguf", "--bandwidth", "fast")

    def test_right_numbers_pass_the_check(self):
        right = {"-t": "1024", "-c": "0", "-n": "-1", "--temp": "0", "--top-k": "0", "--top-p": "1", "--min-p": "0", "--seed": "18446744073709551"}
        right |= {"--logit-bias": "15043-inf", "--samplers": "temp;top-k,typical", "--dry-sequence-breaker": "none", "--mirostat": "2", "--top-nsigma": "-1"}
        for flag, value in right.items():
            self.fails(1, "none.gguf", "run", "none.gguf", "-p", "x", flag, value)

    def test_missing_and_wrong_files(self):
        for command in (["run", "-p", "x"], ["bench"], ["inspect"], ["explain"], ["tokenize", "-p", "x"], ["template", "-p", "x"]):
            self.assertRegex(self.fails(1, "none.gguf", *command, "-m", "none.gguf"), r"^\[\w+\] .*\n$")
            self.assertRegex(self.fails(1, "", *command, __file__), r"^\[\w+\] .*\n$")
        self.fails(1, "cannot read none.txt", "run", "none.gguf", "-f", "none.txt")
        self.fails(1, "cannot read none.txt", "eval", "none.gguf", "--text", "none.txt")
        self.fails(1, "none.gguf", "eval", "none.gguf", "--text", __file__)

    def test_formats(self):
        rows = self.json("formats", "--json")
        self.assertGreater(len(rows), 10)
        for row in rows:
            self.assert_keys(row, "name space id bits_per_weight block block_bytes group code_bits value scale has_min class resident_bits views")
            self.assertEqual(row["bits_per_weight"], 8 * row["block_bytes"] / row["block"])
            self.assertIn("decode", row["views"])
        names = [row["name"] for row in rows]
        self.assertEqual(sorted(names), sorted(f.stem for f in (ROOT / "formats").glob("*.h")))
        table = self.succeeds("formats").splitlines()
        self.assertEqual([line.split()[0] for line in table], ["format", *names])
        one = names[len(names) // 2]
        self.assertEqual(self.json("formats", one.upper(), "--json"), rows[len(names) // 2])
        self.assertTrue(self.succeeds("formats", one).startswith(one + "\n"))
        self.fails(1, "got q9_z; expected one of " + names[0], "formats", "q9_z")

    def test_formats_page_is_up_to_date(self):
        page = ROOT / "docs" / "formats.md"
        there = page.read_text() if page.is_file() else ""
        self.assertEqual(there, self.succeeds("formats", "--markdown"), "docs/formats.md is stale; build/release/ingot formats --markdown > docs/formats.md")

    def test_doctor(self):
        report = self.json("doctor", "--json")
        self.assert_keys(report, "version compiler formats devices cache terminal")
        self.assertEqual(report["terminal"] | {"columns": 0}, {"stdout": False, "stderr": False, "color": False, "columns": 0})
        device = next(d for d in report["devices"] if d["name"] == "cpu")
        self.assert_keys(device, "name available description isas missing_isas cores memory_bytes free_bytes read_bandwidth_gb_per_s")
        self.assertTrue(device["available"])
        self.assertEqual(device["cores"], len(os.sched_getaffinity(0)))
        self.assertGreater(device["read_bandwidth_gb_per_s"]["one_thread"], 0.1)
        with tempfile.TemporaryDirectory() as folder:
            report = self.json("doctor", "--json", env=os.environ | {"INGOT_CACHE": folder})
            self.assertEqual(report["cache"], {"path": folder, "exists": True, "writable": True})
        self.assertIn(device["description"], self.succeeds("doctor"))

    def test_closed_pipe_ends_quietly(self):
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run([BINARY, "formats"], stdout=writer, stderr=subprocess.PIPE)
        os.close(writer)
        self.assertEqual((done.returncode, done.stderr), (0, b""))

    @unittest.skipUnless(os.path.exists("/dev/full"), "no /dev/full")
    def test_full_disk_is_an_error(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([BINARY, "formats"], stdout=full, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"[output] cannot write", done.stderr)

    def test_color_only_on_a_terminal_that_wants_it(self):
        escape = "\033["
        status, seen = on_terminal("cook")
        self.assertEqual(status, 2)
        self.assertIn(escape + "31m[usage]", seen)
        self.assertIn(escape, on_terminal("formats")[1])
        for args, environment in ((["formats"], {"NO_COLOR": "1"}), (["formats"], {"TERM": "dumb"}), (["formats", "--no-color"], {}), (["--no-color", "formats"], {})):
            status, seen = on_terminal(*args, **environment)
            self.assertEqual(status, 0)
            self.assertNotIn(escape, seen)
        self.assertIn(escape, on_terminal("formats", NO_COLOR="")[1])  # no-color.org: an empty one does not count
        self.assertNotIn(escape, self.succeeds("formats"))

    def test_interrupt_while_waiting_for_input(self):
        process = subprocess.Popen([BINARY, "run", "none.gguf", "-f", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        # The handler stands once the process sleeps in its read; the kernel shows that as state S.
        while pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "S":
            pass
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
        self.assertEqual((process.returncode, out, err), (130, b"", b""))


if __name__ == "__main__":
    main()
