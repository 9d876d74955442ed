#!/usr/bin/env python3
"""ingot quantize through the command: the mixes of llama.cpp to the byte (tests/quantize/golden/mixes.json), and a written model that the
gguf package reads.

    tests/apps/quantize_test.py INGOT
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
import mixes  # noqa: E402

INGOT = sys.argv.pop(1)


def run(*words, status=0):
    done = subprocess.run([INGOT, "quantize", *map(str, words)], capture_output=True, text=True)
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout) if "--json" in words else done.stdout + done.stderr


def compare(*words):
    done = subprocess.run([INGOT, "compare", *map(str, words), "--json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class Quantize(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.folder.name)

    def tearDown(self):
        self.folder.cleanup()

    def test_mixes_are_those_of_llama_cpp_to_the_byte(self):
        for name, golden in json.loads(mixes.GOLDEN.read_text()).items():
            model = self.path / f"{name}.gguf"
            mixes.write_model(model, mixes.MODELS[name])
            for mix, expected in golden.items():
                planned = run(model, "--to", mix, "--dry-run", "--json")
                formats = {}
                for tensor in planned["tensors"]:
                    formats[tensor["to"]] = formats.get(tensor["to"], 0) + 1
                got = {"formats": dict(sorted(formats.items())), "bytes": sum(t["to_bytes"] for t in planned["tensors"])}
                self.assertEqual(got, expected, f"{name} {mix}")

    def test_the_file_is_read_elsewhere(self):
        model, out = self.path / "model.gguf", self.path / "out.gguf"
        random = np.random.default_rng(1)
        weights = random.normal(0, 1, (24, 512)).astype(np.float32)
        writer = gguf.GGUFWriter(model, "llama")
        writer.add_block_count(1)
        writer.add_tensor("blk.0.ffn_up.weight", weights)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        for name in ("q4_0", "q5_k", "q6_k", "iq4_xs", "iq2_xxs", "iq1_m", "tq1_0", "mxfp4"):
            made = run(model, out, "--to", name, "--pure", "--json")
            self.assertEqual(made["to_bytes"], out.stat().st_size)
            (tensor,) = gguf.GGUFReader(out).tensors
            self.assertEqual(tensor.tensor_type.name, name.upper())
            error = gguf.quants.dequantize(tensor.data, tensor.tensor_type) - weights
            self.assertLess(np.sqrt((error**2).mean()), {"iq2_xxs": 0.34, "iq1_m": 0.43, "tq1_0": 0.46, "mxfp4": 0.12}.get(name, 0.085), name)
        self.assertIn("expected another file", run(model, model, "--to", "q4_0", status=1))
        self.assertIn("no such recipe or format", run(model, out, "--to", "q4_9", status=1))
        self.assertIn("q4_k_m", run("--list"))
        run(model, "--to", "q4_0", status=2)

    def test_a_budget_is_spent_and_the_errors_are_those_of_the_file(self):
        model, out = self.path / "model.gguf", self.path / "out.gguf"
        random = np.random.default_rng(2)
        weights = {f"blk.{n}.{name}.weight": random.normal(0, 1, (rows, 512)).astype(np.float32) for n in range(2) for name, rows in (("ffn_up", 48), ("attn_v", 16))}
        writer = gguf.GGUFWriter(model, "llama")
        writer.add_block_count(2)
        for name, values in weights.items():
            writer.add_tensor(name, values)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        words = (model, out, "--budget", "4.3", "--formats", "q2_k,q3_k,Q4_K,q5_k,q6_k")
        made = run(*words, "--json")
        self.assertEqual(made["budget"]["asked"], 4.3)
        self.assertTrue(4.1 < made["budget"]["spent"] <= 4.3, made["budget"])
        self.assertEqual({t["name"]: t["to"] for t in made["tensors"]}, {t["name"]: t["to"] for t in run(*words, "--dry-run", "--json")["tensors"]})
        compared = compare(model, out)
        for tensor, planned, measured in zip(gguf.GGUFReader(out).tensors, made["tensors"], compared["tensors"], strict=True):
            x = weights[tensor.name]
            off = gguf.quants.dequantize(tensor.data, tensor.tensor_type) - x
            error = np.sqrt((off.astype(np.float64) ** 2).sum() / (x.astype(np.float64) ** 2).sum())
            (trial,) = (t for t in planned["trials"] if t["format"] == planned["to"])
            self.assertAlmostEqual(trial["error"], error, 6)
            self.assertAlmostEqual(measured["error"], error, 6)
            self.assertEqual((measured["base_format"], measured["format"]), ("f32", planned["to"]))
        text = run(*words, "--dry-run")
        self.assertIn("2 x ffn_up", text)
        self.assertRegex(text, r"4\.\d+ of 4\.3 bits per weight; the last step up saved [\d.]+ .*; the best that did not fit would save [\d.]+\n")
        self.assertIn("--to excludes --budget", run(*words, "--to", "q4_0", status=2))
        self.assertIn("got '0'", run(model, out, "--budget", "0", status=2))
        self.assertIn("less than the smallest formats take", run(model, out, "--budget", "1", "--formats", "q4_0", status=1))

    def test_a_model_in_parts(self):
        model, whole, out = self.path / "model.gguf", self.path / "whole.gguf", self.path / "out.gguf"
        mixes.write_model(model, mixes.MODELS["llama-gqa"])
        run(model, whole, "--to", "q8_0")
        out.write_bytes(b"older")
        self.assertIn("is an older file, left as it is", run(model, out, "--to", "q8_0", "--split", "10M"))
        out.unlink()
        made = run(model, out, "--to", "q8_0", "--split", "10M", "--json")
        parts = sorted(self.path.glob("out-*.gguf"))
        self.assertEqual([str(p) for p in parts], made["files"])
        self.assertEqual([p.name for p in parts], [f"out-{n:05}-of-{len(parts):05}.gguf" for n in range(1, len(parts) + 1)])
        self.assertGreater(len(parts), 2)
        self.assertFalse(out.exists())
        self.assertEqual(sum(p.stat().st_size for p in parts), made["to_bytes"])
        tensors = []
        for n, part in enumerate(parts):
            self.assertLessEqual(part.stat().st_size, 10_000_000)
            reader = gguf.GGUFReader(part)
            tensors += reader.tensors
            self.assertEqual(reader.fields["split.no"].contents(), n)
            self.assertEqual(reader.fields["split.no"].types[0], gguf.GGUFValueType.UINT16)
            self.assertEqual(reader.fields["split.count"].contents(), len(parts))
            self.assertEqual(reader.fields["split.count"].types[0], gguf.GGUFValueType.UINT16)
            self.assertEqual(reader.fields["split.tensors.count"].types[0], gguf.GGUFValueType.INT32)
        self.assertEqual([t.name for t in tensors], [t.name for t in gguf.GGUFReader(whole).tensors])
        self.assertEqual({t["error"] for t in compare(whole, parts[1])["tensors"]}, {0})
        # Parts are a model like any other, and are not overwritten by what is made of them.
        run(parts[0], self.path / "again.gguf", "--to", "q8_0")
        self.assertEqual((self.path / "again.gguf").read_bytes(), whole.read_bytes())
        self.assertIn("expected another file", run(parts[0], parts[1], "--to", "q8_0", status=1))
        self.assertIn("got '2K'", run(model, out, "--to", "q4_0", "--split", "2K", status=2))

    def test_a_comparison_names_the_worst(self):
        model, out = self.path / "model.gguf", self.path / "out.gguf"
        mixes.write_model(model, mixes.MODELS["llama-gqa"])
        run(model, out, "--to", "q4_k_m")
        compared = compare(model, out)
        self.assertLess(compared["bits"], 6)
        self.assertEqual({t["error"] for t in compared["tensors"]}, {0})  # it has zeros alone
        table = subprocess.run([INGOT, "compare", model, out], capture_output=True, text=True, check=True).stdout
        self.assertIn("28 x ffn_down", table)
        self.assertIn("bits per weight", table)


if __name__ == "__main__":
    unittest.main()
