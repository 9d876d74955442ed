#!/usr/bin/env python3
"""ingot imatrix against numpy: a small llama in F32, computed here token by token in float64, and the squares of what its matrices are
multiplied by. Files go through the gguf package in both directions, in the form of llama.cpp's imatrix tool.

    tests/apps/imatrix_test.py INGOT
Exit code 77: the Python package gguf is missing.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

try:
    import gguf
    import numpy as np
except ImportError as missing:
    print(f"skipped: {missing}; ./test installs it into the private environment")
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools/goldens"))
import make_models  # noqa: E402

INGOT = sys.argv.pop(1)
WINDOW, WINDOWS = 24, 2
SHAPE = dict(
    arch="llama", seed=31, layers=2, hidden=96, heads=3, kv_heads=1, head=32, ffn=160, tied=False, weights="F32", formats=dict(),
)  # fmt: skip
MAX_OFF = 3e-5  # of the mean of a matrix's sums: what float32 leaves of float64 after two layers


def run(*words, status=0):
    done = subprocess.run([INGOT, *map(str, words)], capture_output=True, text=True)
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout) if "--json" in words else done.stdout + done.stderr


def tensors_of(path):
    return {t.name: np.asarray(gguf.quants.dequantize(t.data, t.tensor_type), np.float64) for t in gguf.GGUFReader(path).tensors}


def norm(x, weight):
    return x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + 1e-6) * weight


def rotate(x):
    """x (tokens, heads, 32): neighbours are rotated by the angle of their pair."""
    pairs = np.arange(x.shape[2] // 2)
    angles = np.arange(len(x))[:, None] * 10000.0 ** (-2 * pairs / x.shape[2])
    cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
    even, odd = x[..., 0::2], x[..., 1::2]
    return np.stack([even * cos - odd * sin, even * sin + odd * cos], axis=-1).reshape(x.shape)


def halves(x):
    """As keys and values are kept."""
    return x.astype(np.float16).astype(np.float64)


def sums_of(model, ids):
    """Sums of squares of the inputs of every matrix, for one window of tokens."""
    sums = {}

    def multiply(name, x):
        sums[name] = (x * x).sum(axis=0)
        return x @ model[name].T

    x = model["token_embd.weight"][ids]
    n, heads, kv, head = len(ids), SHAPE["heads"], SHAPE["kv_heads"], SHAPE["head"]
    for layer in range(SHAPE["layers"]):
        at = f"blk.{layer}."
        normed = norm(x, model[at + "attn_norm.weight"])
        q, k, v = (multiply(f"{at}attn_{part}.weight", normed).reshape(n, -1, head) for part in "qkv")
        q, k, v = rotate(q), halves(rotate(k)), halves(v)
        scores = np.einsum("ihd,jhd->hij", q, np.repeat(k, heads // kv, axis=1)) / np.sqrt(head)
        scores[:, np.triu(np.ones((n, n), bool), 1)] = -np.inf
        p = np.exp(scores - scores.max(axis=2, keepdims=True))
        attended = np.einsum("hij,jhd->ihd", p / p.sum(axis=2, keepdims=True), np.repeat(v, heads // kv, axis=1))
        x = x + multiply(at + "attn_output.weight", attended.reshape(n, -1))
        normed = norm(x, model[at + "ffn_norm.weight"])
        gate, up = multiply(at + "ffn_gate.weight", normed), multiply(at + "ffn_up.weight", normed)
        x = x + multiply(at + "ffn_down.weight", gate / (1 + np.exp(-gate)) * up)
    multiply("output.weight", norm(x, model["output_norm.weight"]))
    return sums


def write_imatrix(path, matrices):
    """As llama.cpp's imatrix tool does: {name: (sums (experts, cols), counts (experts))}."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type("imatrix")
    writer.add_array("imatrix.datasets", ["elsewhere.txt"])
    writer.add_uint32("imatrix.chunk_count", 3)
    writer.add_uint32("imatrix.chunk_size", 512)
    for name, (sums, counts) in matrices.items():
        writer.add_tensor(name + ".in_sum2", np.asarray(sums, np.float32))
        writer.add_tensor(name + ".counts", np.asarray(counts, np.float32)[:, None])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


class Imatrix(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.path = pathlib.Path(cls.folder.name)
        cls.model, cls.text, cls.out = cls.path / "model.gguf", cls.path / "text.txt", cls.path / "out.gguf"
        make_models.write_model(cls.model, "imatrix", SHAPE)
        cls.text.write_text("The ships were built of oak, and oak was slow to grow. " * 3)
        cls.measure = ("imatrix", cls.model, "--text", cls.text, "-o", cls.out, "--ctx", WINDOW, "--windows", WINDOWS)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_sums_are_those_of_numpy(self):
        made = run(*self.measure, "--json")
        self.assertEqual((made["windows"], made["context"]), (WINDOWS, WINDOW))
        ids = run("tokenize", self.model, "-f", self.text, "--json")
        ids = [t["id"] if isinstance(t, dict) else t for t in (ids["tokens"] if isinstance(ids, dict) else ids)]
        model, expected = tensors_of(self.model), {}
        for window in range(WINDOWS):
            for name, sums in sums_of(model, ids[window * WINDOW : (window + 1) * WINDOW]).items():
                expected[name] = expected.get(name, 0) + sums
        got = tensors_of(self.out)
        self.assertEqual(sorted(got), sorted(name + end for name in expected for end in (".in_sum2", ".counts")))
        for name, sums in expected.items():
            self.assertEqual(got[name + ".counts"].tolist(), [[WINDOW * WINDOWS]])
            off = np.abs(got[name + ".in_sum2"][0] - sums).max() / sums.mean()
            self.assertLess(off, MAX_OFF, name)

    def test_the_file_says_what_it_is(self):
        run(*self.measure)
        fields = gguf.GGUFReader(self.out).fields
        self.assertEqual(fields["general.type"].contents(), "imatrix")
        self.assertEqual(fields["imatrix.chunk_count"].contents(), WINDOWS)
        self.assertEqual(fields["imatrix.chunk_size"].contents(), WINDOW)
        self.assertEqual(fields["imatrix.datasets"].contents(), [str(self.text)])

    def test_files_made_elsewhere_are_added_and_used(self):
        run(*self.measure)
        before = tensors_of(self.out)
        other, both = self.path / "other.gguf", self.path / "both.gguf"
        sums = np.arange(1, 97, dtype=np.float32)
        experts = np.arange(1, 13, dtype=np.float32).reshape(3, 4)
        write_imatrix(other, {"blk.0.ffn_up.weight": ([sums], [10]), "blk.0.ffn_up_exps.weight": (experts, [4, 0, 2])})
        made = run("imatrix", "--merge", self.out, "--merge", other, "-o", both, "--json")
        self.assertEqual((made["windows"], made["texts"]), (WINDOWS + 3, [str(self.text), "elsewhere.txt"]))
        after = tensors_of(both)
        name = "blk.0.ffn_up.weight"
        np.testing.assert_allclose(after[name + ".in_sum2"][0], before[name + ".in_sum2"][0] + sums, rtol=1e-6)
        self.assertEqual(after[name + ".counts"].tolist(), [[WINDOW * WINDOWS + 10]])
        self.assertEqual(after["blk.0.ffn_up_exps.weight.in_sum2"].tolist(), experts.tolist())
        self.assertEqual(after["blk.0.ffn_up_exps.weight.counts"].tolist(), [[4], [0], [2]])
        merged = run("imatrix", "--merge", self.out, "--merge", other, "-o", both)
        self.assertIn(f"{WINDOWS + 3} windows\n", merged)  # of several sizes
        words = ("quantize", self.model, "--to", "q4_0", "--imatrix", both, "--dry-run")
        self.assertIn("1 matrix has no importance", run(*words))  # the embedding
        planned = run(*words, "--json")
        self.assertTrue(all(t["importance"] for t in planned["tensors"] if t["name"].startswith("blk.") and len(t["shape"]) > 1))

    def test_what_cannot_be_is_refused(self):
        other, both = self.path / "wide.gguf", self.path / "not_there.gguf"
        run(*self.measure)
        write_imatrix(other, {"blk.0.ffn_up.weight": ([np.ones(64)], [10])})
        self.assertIn("of different models", run("imatrix", "--merge", self.out, "--merge", other, "-o", both, status=1))
        self.assertFalse(both.exists())
        self.assertIn("has no importances", run("imatrix", "--merge", self.model, "-o", both, status=1))
        short = self.path / "short.txt"  # which measuring would refuse
        short.write_text("oak")
        early = ("imatrix", self.model, "--text", short)
        self.assertIn("cannot write", run(*early, "-o", self.path / "none" / "out.gguf", status=1))
        self.assertIn("has no importances", run(*early, "--merge", self.model, "-o", both, status=1))
        self.assertFalse(both.exists())
        none = self.path / "none.gguf"
        write_imatrix(none, {"elsewhere.weight": ([np.ones(64)], [10])})
        for words in (("quantize", self.model, both, "--to", "q4_0"), ("compare", self.model, self.model)):
            self.assertIn("the importances are of another model", run(*words, "--imatrix", none, status=1))
        self.assertIn("expected --text", run("imatrix", self.model, "-o", both, status=2))
        self.assertIn("a model", run("imatrix", "--text", self.text, "-o", both, status=2))
        self.assertIn("--out is required", run("imatrix", self.model, "--text", self.text, status=2))


if __name__ == "__main__":
    unittest.main()
