"""tests/support/skipped.py behind a real ctest: each way of saying why is read, like reasons are counted, instruction sets are gathered, the summary stays last."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[1] / "support" / "skipped.py"
GOOGLE = "/x/a_test.cpp:16: Skipped\\nno <model> & no\\nmore\\n\\n[  SKIPPED ] A.B (0 ms)\\n"
UNITTEST = "test_a (C) ... skipped 'no model at m: tool a'\\ntest_b (C) ... skipped 'no model at m: tool a'\\nRan 2 tests\\nOK (skipped=2)\\n"
SKIPPED = {  # name: what it says before it leaves with 77
    "script": "SKIPPED: no compiler; install it\\n",
    "other_script": "a line\\nskipped: no compiler; install it\\n",
    "google": GOOGLE,
    "unittest": UNITTEST,
    "parts": "skipped one: no file\\nskipped two: no file\\n",
    "silent": "",
}


def ctest(tests):
    """What is seen of ctest; `tests`: name -> (output, status)."""
    with tempfile.TemporaryDirectory() as folder:
        text = ""
        for name, (output, status) in tests.items():
            text += f"add_test([=[{name}]=] sh [=[-c]=] [=[printf \"$1\"; exit {status}]=] sh [=[{output}]=])\n"
            text += f"set_tests_properties([=[{name}]=] PROPERTIES SKIP_RETURN_CODE 77)\n"
        (pathlib.Path(folder) / "CTestTestfile.cmake").write_text(text)
        report = f"{folder}/report.xml"
        runner = subprocess.Popen(["ctest", "--test-dir", folder, "--output-junit", report], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        seen = subprocess.run([sys.executable, SCRIPT, report], stdin=runner.stdout, capture_output=True, text=True, check=True).stdout
        runner.stdout.close()
        return runner.wait(), seen


class Skipped(unittest.TestCase):
    def test_reasons_stand_above_the_summary(self):
        status, seen = ctest({name: (text, 77) for name, text in SKIPPED.items()} | {"good": ("skipped: nothing", 0), "bad": ("skipped: nothing", 1)})
        self.assertNotEqual(status, 0)
        above, _, summary = seen.partition("% tests passed")
        self.assertTrue(above.splitlines()[-1].isdigit(), above)
        said = above[above.index("Skipped, and why"):].splitlines()
        self.assertEqual(said[:-2], [
            "Skipped, and why (6):",
            "  script and 1 more: no compiler; install it",
            "  google: no <model> & no more",
            "  unittest: no model at m: tool a",
            "  parts: one: no file; two: no file",
            "  silent: it does not say why",
        ])
        self.assertIn("The following tests FAILED", summary)
        self.assertIn("bad", summary)

    def test_executed_instruction_sets_are_gathered(self):
        line = "instruction sets executed:"
        status, seen = ctest({"native": (f"x\\n{line} wide narrow\\n[ OK ]\\n", 0), "one": (f"{line} narrow (emulated)\\n", 0), "two": (f"{line} narrow plain (emulated)\\n", 0)})
        self.assertEqual(status, 0)
        self.assertIn("\nInstruction sets executed: wide narrow (native), narrow plain (emulated)\n", seen)
        self.assertNotIn("and why", seen)

    def test_nothing_is_said_where_nothing_was_skipped(self):
        status, seen = ctest({"good": ("skipped: nothing", 0)})
        self.assertEqual(status, 0)
        self.assertNotIn("and why", seen)
        self.assertIn("100% tests passed", seen)


if __name__ == "__main__":
    unittest.main()
