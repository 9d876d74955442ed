"""bench/peers without engines: what is compared with what, tables, the page, names of llama-bench's rows, what a failed engine says."""

import json
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench" / "peers"))
import report  # noqa: E402
import run  # noqa: E402


def row(model, test, ours, *peers, threads=1, **more):
    """A row of run.py: runs of ingot, then of peers a, b, …; None: it could not."""
    all_runs = zip(("ingot", "a", "b"), (ours, *peers), strict=False)
    said = {name: {"runs": runs} if runs else {"reason": "no such format"} for name, runs in all_runs}
    return {"model": model, "test": test, "threads": threads, **more} | report.compare(said)


WIN = row("m", "tg64", [30, 31, 40], [20, 10, 21], [25, 26, 24], share_of_bandwidth=0.8)
LOSS = row("n", "tg64", [9, 8, 10], [11, 12, 11], None)
EVEN = row("o", "tg64", [9, 10, 12], [11, 12, 11])
ALONE = row("p", "tg64", [9, 10, 12], None)
ABSENT = row("q", "tg64", None, [11])


class Compare(unittest.TestCase):
    def test_median_range_and_ratios(self):
        self.assertEqual([WIN["engines"]["ingot"][k] for k in ("median", "min", "max")], [31, 30, 40])
        self.assertEqual(WIN["best_peer"], "b")
        self.assertAlmostEqual(WIN["ratio_to_best"], 31 / 25)
        self.assertAlmostEqual(WIN["engines"]["a"]["ratio"], 31 / 20)
        self.assertAlmostEqual(WIN["engines"]["b"]["ratio"], 31 / 25)

    def test_who_could_not_is_no_peer(self):
        self.assertEqual((LOSS["best_peer"], LOSS["engines"]["b"]), ("a", {"reason": "no such format"}))
        for lonely in (ALONE, ABSENT):
            self.assertEqual((lonely["best_peer"], lonely["ratio_to_best"]), (None, None))

    def test_verdict_needs_ranges_apart(self):
        self.assertEqual([report.verdict(r) for r in (WIN, LOSS, EVEN, ALONE, ABSENT)], ["win", "**loss**", "even", "-", "-"])


class Tables(unittest.TestCase):
    def test_worst_first_and_marked(self):
        lines = report.table([WIN, ABSENT, LOSS, EVEN]).splitlines()[2:]
        self.assertEqual([line[2] for line in lines], ["n", "o", "m", "q"])
        self.assertEqual(lines[0], "| n | tg64 | 1 | 9 | 8–10 |  | 11 | - | a | 0.82 | **loss** |")
        self.assertEqual(lines[2], "| m | tg64 | 1 | 31 | 30–40 | 80% | 20 | 25 | b | 1.24 | win |")
        self.assertEqual(lines[3], "| q | tg64 | 1 | - | - |  | 11 | - | - | - | - |")

    def test_small_batches_in_their_order(self):
        rows = [row("m", f"pp{n}", [n], [1], sizes=True) for n in (16, 2, 1)]
        self.assertEqual([line.split(" | ")[1] for line in report.table(rows).splitlines()[2:]], ["pp1", "pp2", "pp16"])

    def test_sections_about_gpus_stay(self):
        self.assertEqual(report.kept(""), "")
        self.assertEqual(report.kept("# P\n\n## Decode\n\na\n\n## GPU kernels: b\n\nc\n\n## Prompt\n\nd\n"), "\n## GPU kernels: b\n\nc\n")

    def test_page(self):
        machine = {"cpu": "A CPU", "cores": 2, "isas": "wide", "simd": ["avx2"]}
        said = {"machine": machine, "date": "2026-01-02", "rounds": 3, "load": ["0.1", "1.0"], "versions": {"a": "1.5"}}
        said |= {"commands": {"a": "bench MODEL"}, "rows": [WIN, LOSS, EVEN, row("m", "pp512", [5], [2]), row("m", "tg64@d8", [5], [2])]}
        text = report.page([said], [("A plot", "performance/plot.png")])
        for part in ("A CPU", "2 cores", "2026-01-02", "3 rounds", "ingot wide; the machine has avx2", "- a: 1.5", "bench MODEL"):
            self.assertIn(part, text)
        self.assertIn("![A plot](performance/plot.png)", text)
        self.assertIn("3 won, 1 even, 1 lost", text)
        self.assertIn("2 of 5 rows", text)
        self.assertEqual([line for line in text.splitlines() if line.startswith("## ")],
                         ["## Decode, 1 thread", "## Prompt, 1 thread", "## At depth, 1 thread", "## What could not be run"])  # fmt: skip
        self.assertIn("- b, n: no such format", text)

    def test_instruction_sets_have_tables_of_their_own(self):
        best, asked = row("m", "tg64", [5], [2], isa=""), row("m", "tg64", [3], [2], isa="avx2")
        self.assertEqual(report.kinds([best, asked]), {"Decode, 1 thread": [best], "Decode, 1 thread, avx2": [asked]})

    def test_every_format(self):
        speeds = {"class": "u4 affine", "slow": False, "bytes_per_weight": 0.5625, "cached_weights_per_s": 30e9, "of_best_of_class": 0.9}
        speeds |= {"streamed_weights_per_s": 20e9, "batched_mul_adds_per_s": 50e9, "share_of_bandwidth": 0.93, "share_of_peak": 0.8}
        dot = {"weights_per_s": 40e9, "ggml_weights_per_s": 20e9, "ratio": 2.0}
        rows = [{"format": "alone", "dot": None, "neon_instructions": None, **speeds}, {"format": "both", "dot": dot, "neon_instructions": 17.5, **speeds}]
        self.assertEqual(report.format_table(rows).splitlines()[2:],
                         ["| both | u4 affine | 4.50 | 40.0 | 0.90 | 20.0 | 2.0 | 20.0 | 93% | 50.0 | 80% | 17.5 |",
                          "| alone | u4 affine | 4.50 | 30.0 | 0.90 | - | - | 20.0 | 93% | 50.0 | 80% | - |"])  # fmt: skip
        machine = {"cpu": "A CPU", "cores": 2, "isas": "wide", "simd": []}
        said = {"machine": machine, "date": "", "rounds": 1, "load": [], "versions": {}, "commands": {}, "rows": [], "formats": rows}
        self.assertIn("reach 1.5 times ggml's dot: 1.", report.page([said], []))


class Engines(unittest.TestCase):
    def test_every_format_beside_ggml(self):
        with tempfile.TemporaryDirectory() as folder:
            for name, said in (("ingot", [{"format": "a"}, {"format": "b"}]), ("bench_dots", [{"format": "b", "ratio": 2}])):
                program = pathlib.Path(folder) / name
                program.write_text(f"#!/bin/sh\necho '{json.dumps(said)}'\n")
                program.chmod(0o755)
            neon = pathlib.Path(folder) / "neon.json"
            neon.write_text('[{"format": "a", "resident": null, "from_file": 9.5}, {"format": "b", "resident": 3.5, "from_file": 9.5}]')
            rows, commands = run.formats(f"{folder}/ingot", {"llama.cpp": {"bench": f"{folder}/llama-bench"}}, 5, neon)
            self.assertEqual([(row["dot"], row["neon_instructions"]) for row in rows], [(None, 9.5), ({"format": "b", "ratio": 2}, 3.5)])
            self.assertEqual(run.shown(commands["llama.cpp"]), "bench_dots libggml-cpu.so 5")

    def test_rows_of_llama_bench(self):
        cases = (512, 0, 0, "pp512"), (0, 64, 0, "tg64"), (0, 64, 8192, "tg64@d8192"), (8192, 64, None, "tg64@d8192")
        for prompt, answer, depth, name in cases:
            said = {"n_prompt": prompt, "n_gen": answer} | ({} if depth is None else {"n_depth": depth})
            self.assertEqual(run.test_name(said), name)

    def test_commands(self):
        peers = {name: {"bench": "bench of " + name} for name in ("ik_llama.cpp", "llama.cpp")}
        settings = {"prompts": "0", "decode": 64, "depth": 8192, "repetitions": 1}
        found = run.engines("ingot", peers, settings)
        self.assertEqual(list(found), ["ingot", "llama.cpp", "ik_llama.cpp", "ik_llama.cpp rtr"])
        self.assertEqual([command.count("-n") for command in found.values()], [1, 1, 1, 1])  # llama-bench runs each one it is given
        self.assertEqual(found["ingot"][-2:], ["--depth", "8192"])
        self.assertEqual(found["llama.cpp"][-4:], ["-n", "64", "-d", "8192"])
        self.assertEqual(found["ik_llama.cpp rtr"][-6:], ["-rtr", "1", "-n", "0", "-gp", "8192,64"])
        self.assertNotIn("-d", run.engines("ingot", peers, settings | {"depth": 0})["llama.cpp"])
        asked = run.engines("ingot", peers, settings | {"isa": "avx2"})
        self.assertEqual(asked["ingot"][-2:], ["--isa", "avx2"])
        self.assertEqual(asked["llama.cpp"], found["llama.cpp"])  # peers are built for it

    def test_many_streams(self):
        peers = {"llama.cpp": {"bench": "/b/llama-bench", "programs": ["llama-bench", "llama-batched-bench"]}, "other": {"bench": "/b/x"}}
        found = run.stream_engines("ingot", peers, {"streams": "1,16", "prompt": 64, "decode": 32})
        self.assertEqual(list(found), ["ingot", "llama.cpp"])
        self.assertIn("--streams 1,16 -p 64 -n 32", " ".join(found["ingot"]))
        self.assertIn("-c 1536 ", " ".join(found["llama.cpp"]))
        line = {"pp": 64, "tg": 32, "pl": 16, "speed_pp": 900.5, "speed_tg": 80.25}
        code = f"print('loading'); print({json.dumps(line)!r})"
        theirs = run.measure([sys.executable, "-c", code, "--output-format", "jsonl"])
        self.assertEqual({test: speed for test, (speed, _) in theirs.items()}, {"pp64x16": 900.5, "tg32x16": 80.25})
        titles = report.kinds([row("m", "pp64x16", [5], [2]), row("m", "tg32x16", [5], [2])])
        self.assertEqual(list(titles), ["Many prompts at once, 1 thread", "Many answers at once, 1 thread"])

    def test_measures_the_processor(self):
        devices = [{"name": "cuda", "description": "a GPU", "isas": []}, {"name": "cpu", "description": "a processor", "isas": ["avx2"]}]
        with tempfile.TemporaryDirectory() as folder:
            ingot = pathlib.Path(folder) / "ingot"
            ingot.write_text(f"#!/bin/sh\necho '{json.dumps({'devices': devices})}'\n")
            ingot.chmod(0o755)
            self.assertEqual({key: run.machine(ingot)[key] for key in ("cpu", "isas")}, {"cpu": "a processor", "isas": "avx2"})
        found = run.engines("ingot", {}, {"prompts": "0", "decode": 4, "depth": 0, "repetitions": 1})
        self.assertIn("--device cpu", " ".join(found["ingot"]))

    def test_measure(self):
        def python(code):
            return run.measure([sys.executable, "-c", code])

        self.assertEqual(python("import sys; sys.exit('loading\\nerror: no such type')"), "exit status 1: error: no such type")
        self.assertRegex(python("import os; os.kill(os.getpid(), 4)"), "^SIGILL: ")
        theirs = python("print('hello\\n[{\"n_prompt\": 4, \"n_gen\": 0, \"samples_ts\": [3, 1, 2]}]')")
        self.assertEqual(theirs["pp4"][0], 2)
        ours = python("print('[{\"test\": \"tg4\", \"tokens_per_s\": {\"median\": 7}}]')")
        self.assertEqual(ours["tg4"][0], 7)


if __name__ == "__main__":
    unittest.main()
