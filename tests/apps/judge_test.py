#!/usr/bin/env python3
"""ingot judge on a small model: its numbers are those of the commands that it is made of, its page is whole, and nothing is left behind.

    tests/apps/judge_test.py INGOT
Exit code 77: the Python package gguf is missing.
"""

import html.parser
import json
import math
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

try:
    import gguf  # noqa: F401
except ImportError as missing:
    print(f"skipped: {missing}; ./test installs it into the private environment")
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools/goldens"))
import make_models  # noqa: E402

INGOT = sys.argv.pop(1)
SHAPE = dict(
    arch="llama", seed=33, layers=3, hidden=128, heads=4, kv_heads=2, head=32, ffn=192, tied=False, weights="F32", formats=dict(),
)  # fmt: skip
EMPTY_ELEMENTS = {"meta", "br"}


def run(*words, status=0, **environment):
    done = subprocess.run([INGOT, *map(str, words)], capture_output=True, text=True, env=os.environ | environment)
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout) if "--json" in words else done.stdout + done.stderr


class Page(html.parser.HTMLParser):
    """Checks that every element is closed, and collects what it would load."""

    def __init__(self, text):
        super().__init__()
        self.open, self.loads, self.seen = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.loads += [value for name, value in attrs if name in ("src", "href")]
        if tag not in EMPTY_ELEMENTS:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag


class Judge(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.path = pathlib.Path(cls.folder.name)
        cls.model, cls.text, cls.imatrix = cls.path / "<model>.gguf", cls.path / "text.txt", cls.path / "imatrix.gguf"
        cls.work = cls.path / "work"
        cls.work.mkdir()
        make_models.write_model(cls.model, "judge", SHAPE)
        cls.text.write_text("The ships were built of oak, and oak was slow to grow. " * 12)
        run("imatrix", cls.model, "--text", cls.text, "-o", cls.imatrix, "--ctx", 32)
        cls.words = ("--text", cls.text, "--ctx", 32, "--windows", 3, "-p", 8, "-n", 4, "-r", 1)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_numbers_are_those_of_the_single_commands(self):
        report = self.path / "report"
        made = run("judge", "q4_0", "q8_0", "--model", self.model, *self.words, "--imatrix", self.imatrix, "--report", report, "--json", TMPDIR=str(self.work))
        self.assertEqual(list(self.work.iterdir()), [])
        self.assertEqual(json.loads((report / "judgement.json").read_text()), made)
        self.assertEqual(made["reference"]["quantized"], {})
        floor = made["reference"]["noise_floor"]["kl"]["mean"]
        self.assertTrue(0 < floor < made["formats"][0]["against"]["kl"]["mean"])
        self.assertEqual([f["name"] for f in made["formats"]], ["q4_0", "q8_0"])
        out = self.path / "out.gguf"
        for verdict in made["formats"]:
            quantized = run("quantize", self.model, out, "--to", verdict["name"], "--imatrix", self.imatrix, "--json")
            self.assertEqual((verdict["file_bytes"], verdict["bits_per_weight"]), (quantized["to_bytes"], quantized["bits_per_weight"]))
            evaluated = run("eval", out, *self.words[:6], "--against", self.model, "--json")
            for key in ("perplexity", "perplexity_error"):
                self.assertEqual(verdict[key], evaluated[key])
            self.assertEqual(verdict["against"], evaluated["against"])
            compared = [t for t in run("compare", self.model, out, "--imatrix", self.imatrix, "--json")["tensors"] if len(t["shape"]) > 1]
            self.assertEqual((verdict["matrices"], verdict["matrices_with_importance"]), (len(compared), len(compared) - 1))
            for layer in verdict["layers"]:
                errors = [t["weighted_error"] for t in compared if t["name"].startswith(f"blk.{layer['layer']}.")]
                self.assertAlmostEqual(layer["weighted_error"], math.sqrt(sum(e * e for e in errors) / len(errors)), 12)
            for key in ("error", "weighted_error"):
                errors = [t[key] for t in compared if t[key] is not None]
                self.assertAlmostEqual(verdict[key], math.sqrt(sum(e * e for e in errors) / len(errors)), 12)
            (down,) = (k for k in verdict["kinds"] if k["kind"] == "ffn_down")
            errors = [t["error"] for t in compared if "ffn_down" in t["name"]]
            self.assertEqual((down["tensors"], len(errors)), (3, 3))
            self.assertAlmostEqual(down["error"], math.sqrt(sum(e * e for e in errors) / 3), 12)
            self.assertEqual([layer["layer"] for layer in verdict["layers"]], [0, 1, 2])
            self.assertGreater(verdict["speed"]["answer_tokens_per_s"]["median"], 0)
            self.assertGreater(verdict["memory_bytes"], 0)
        page = (report / "index.html").read_text()
        parsed = Page(page)
        self.assertEqual((parsed.open, parsed.loads), ([], []))
        self.assertNotIn("script", parsed.seen)
        self.assertNotIn("<model>", page)  # a name is text
        self.assertIn("width=device-width", page)
        drawings = re.findall(r"<svg.*?</svg>", page, re.S)
        self.assertEqual(len(drawings), 5)
        for drawing in drawings:
            xml.etree.ElementTree.fromstring(drawing)

    def test_a_quantized_reference_is_said_to_be_one(self):
        base = self.path / "base.gguf"
        run("quantize", self.model, base, "--to", "q8_0")
        text = run("judge", "5.5", "q8_0", "--model", base, *self.words[:-1], 0, "--work", self.work)
        self.assertIn("The reference itself is quantized (23 matrices: q8_0)", text)
        self.assertRegex(text, r"q8_0 \* .* 0\.00 % .* 0\.00000 ")  # nothing changed
        self.assertRegex(text, r"5\.5 \* +5\.\d+ ")
        self.assertEqual(list(self.work.iterdir()), [])

    def test_one_format_that_fails_leaves_the_verdicts_of_the_others(self):
        report = self.path / "failing"
        words = ("judge", "q4_0", "0.1", "q8_0", "--model", self.model, *self.words[:-1], 0, "--work", self.work, "--report", report)
        made = run(*words, "--json", status=1)
        self.assertEqual([f["name"] for f in made["formats"]], ["q4_0", "q8_0"])
        (failed,) = made["failures"]
        self.assertEqual(failed["name"], "0.1")
        self.assertIn("less than the smallest formats take", failed["error"])
        page = (report / "index.html").read_text()
        self.assertIn("0.1 could not be judged", page)
        self.assertEqual(len(re.findall("<svg", page)), 3)  # none of speeds, which were not measured
        speed = made["formats"][0]["speed"]
        self.assertEqual([speed[k] for k in ("prompt_tokens_per_s", "answer_tokens_per_s", "share_of_bandwidth")], [None] * 3)
        self.assertEqual(list(self.work.iterdir()), [])

    def test_an_interrupt_ends_quantizing(self):
        words = [INGOT, "judge", *["q2_k"] * 50, "--model", self.model, *self.words[:-1], 0, "--work", self.work, "--json"]
        process = subprocess.Popen(list(map(str, words)), stdout=subprocess.PIPE, text=True)
        while process.poll() is None and not list(self.work.glob("*.ingot-*")):
            pass  # until a quantized model is being written
        process.send_signal(signal.SIGINT)
        made = json.loads(process.communicate()[0])
        self.assertEqual(process.returncode, 130)
        self.assertTrue(made["interrupted"] and len(made["formats"]) < 50)
        self.assertEqual(made["failures"], [])
        self.assertEqual(list(self.work.iterdir()), [])

    def test_what_cannot_be_is_refused_before_anything_is_measured(self):
        for words, status, said in (
            (("q4_9", "--model", self.model), 1, "no such recipe or format"),
            (("q4_0", "0", "--model", self.model), 1, "a budget is out of range"),
            (("--model", self.model), 2, "FORMAT"),
            (("q4_0",), 2, "a reference (--model FILE) is required"),
            (("q4_0", "--model", self.model, "--work", self.path / "none"), 1, "cannot write a temporary file"),
        ):
            self.assertIn(said, run("judge", *words, *self.words, status=status))
        said = run("judge", "q4_0", "--model", self.model, *self.words, status=1, TMPDIR=str(self.path / "none"))
        self.assertIn("cannot write a temporary file in the system's folder", said)
        short = self.path / "short.txt"  # which measuring would refuse first
        short.write_text("oak")
        said = run("judge", "q4_0", "64", "--model", self.model, "--text", short, status=1)
        self.assertIn("a budget is out of range", said)
        said = run("judge", "4.5", "--model", self.model, "--text", short, "--imatrix", self.model, status=1)
        self.assertIn("has no importances", said)
        self.assertEqual(list(self.work.iterdir()), [])
        self.assertIn("--text is required", run("judge", "q4_0", "--model", self.model, status=2))


if __name__ == "__main__":
    unittest.main()
