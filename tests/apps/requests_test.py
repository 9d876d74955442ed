#!/usr/bin/env python3
"""Files of requests and many answers at once, from outside: `ingot run -f FILE.jsonl --parallel N --json` and `ingot bench --streams`.

    requests_test.py BINARY [WithModel|WithoutModel]    unittest's options work too

WithModel needs SmolLM2-135M-Instruct in $INGOT_CACHE/models, or in .cache/models of the tree.
"""

import json
import pathlib
import tempfile
import unittest

from harness import Command, MODEL, ingot, main

SHARED = "The old lighthouse keeper climbed the stairs every evening, lit the lamp, and wrote the weather into his book. " * 8


class Requests(Command):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = pathlib.Path(folder.name) / "requests.jsonl"

    def write(self, *lines):
        self.file.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
        return self.file


class WithoutModel(Requests):
    def refused(self, said, *lines, flags=()):
        self.fails(1, said, "run", "absent.gguf", "-f", self.write(*lines), "--parallel", "2", "--json", *flags)

    def test_what_is_wrong_is_said_before_the_model_is_loaded(self):
        self.refused("holds no requests", "", "  ")
        self.refused("line 2: a line is not a request; got no valid JSON", {"prompt": "x"}, "{")
        self.refused("a line is not a request; got array", "[]")
        self.refused("line 1: there is no member 'tempo'", {"prompt": "x", "tempo": 1})
        self.refused("a request has no prompt", {"n": 3})
        self.refused("a request has no prompt", {"prompt": "x", "messages": [{"role": "user", "content": "x"}]})
        self.refused("a member has an impossible value", {"prompt": "x", "temp": -1})
        self.refused("a member has an impossible value", {"prompt": "x", "n": "many"})
        self.refused('"raw" is not a boolean', {"prompt": "x", "raw": 1})
        self.refused('"messages" are not a conversation', {"messages": []})
        self.refused('"messages" exclude', {"messages": [{"role": "user", "content": "x"}], "system": "y"})
        self.refused("the grammar says where the text ends", {"prompt": "x", "ignore-eos": True, "grammar": 'root ::= "a"'})

    def test_usage(self):
        for flags in (["-p", "x", "--parallel", "2", "--json"], ["-f", self.write({"prompt": "x"}), "--parallel", "2"]):
            self.fails(2, "--parallel: needs --json and -f FILE", "run", "m.gguf", *flags)
        self.fails(2, "--parallel", "run", "m.gguf", "-f", self.file, "--json", "--parallel", "0")
        self.fails(2, "expected prompts for --streams", "bench", "m.gguf", "--streams", "2", "-p", "0")


@unittest.skipUnless(MODEL.is_file(), f"no model at {MODEL}: tools/fetch_model.sh smollm2")
class WithModel(Requests):
    def answers(self, *lines, parallel=4, status=0, flags=()):
        got, out, err = ingot("run", MODEL, "-f", self.write(*lines), "--parallel", parallel, "--json", *flags)
        self.assertEqual(got, status, err)
        return [json.loads(line) for line in out.splitlines()]

    def alone(self, *flags):
        return self.json("run", MODEL, "--json", *flags)

    def test_every_answer_is_the_one_that_it_would_be_alone(self):
        schema = {"type": "array", "items": {"type": "integer"}, "maxItems": 4}
        requests = [
            ({"prompt": SHARED, "raw": True, "n": 12, "temp": 0}, ["-p", SHARED, "--raw", "-n", "12", "--temp", "0"]),
            ({"prompt": SHARED + "One night", "raw": True, "n": 9, "temp": 0.8, "seed": 3}, ["-p", SHARED + "One night", "--raw", "-n", "9", "--temp", "0.8", "--seed", "3"]),
            ({"prompt": "Hi", "n": 5, "temp": 0, "logprobs": 3}, ["-p", "Hi", "-n", "5", "--temp", "0", "--logprobs", "3"]),
            ({"prompt": "Why?", "system": "Be brief.", "predict": 7, "top_k": 5, "seed": 1}, ["-p", "Why?", "--system", "Be brief.", "-n", "7", "--top-k", "5", "--seed", "1"]),
            ({"messages": [{"role": "user", "content": "Hi"}], "n": 5, "temp": 0}, ["-p", "Hi", "-n", "5", "--temp", "0"]),
            ({"prompt": "Primes?", "json-schema": schema, "temp": 0, "n": 24}, ["-p", "Primes?", "--json-schema", json.dumps(schema), "--temp", "0", "-n", "24"]),
            ({"prompt": "Once upon a time", "raw": True, "n": 30, "temp": 0, "stop": [",", "."]}, ["-p", "Once upon a time", "--raw", "-n", "30", "--temp", "0", "--stop", ",", "--stop", "."]),
            ({"prompt": SHARED + "The storm", "raw": True, "n": 20, "temp": 1.2, "seed": 9, "repeat-penalty": 1.1}, ["-p", SHARED + "The storm", "--raw", "-n", "20", "--temp", "1.2", "--seed", "9", "--repeat-penalty", "1.1"]),
        ]  # fmt: skip
        expected = [self.alone(*flags) for _, flags in requests]
        for parallel in (1, 3, 8):
            made = self.answers(*(request for request, _ in requests), parallel=parallel)
            self.assertEqual(len(made), len(expected))
            for one, other in zip(made, expected, strict=True):
                self.assert_keys(one, "prompt_tokens tokens text stop_reason timings")
                self.assert_keys(one["timings"], "load_s prompt_tokens_per_s decode_tokens_per_s")
                self.assertEqual({**one, "timings": 0}, {**other, "timings": 0})

    def test_flags_are_what_requests_leave_out(self):
        made = self.answers({"prompt": "Once upon a time"}, {"prompt": "Once upon a time", "n": 2}, flags=["--raw", "-n", "6", "--temp", "0"])
        self.assertEqual([len(one["tokens"]) for one in made], [6, 2])
        self.assertEqual(made[0]["tokens"][:2], made[1]["tokens"])

    def test_a_request_fails_alone(self):
        good = {"prompt": "Hi", "n": 2, "temp": 0}
        made = self.answers(good, {"prompt": "x " * 3000, "n": 2}, {"messages": [{"role": 3}]}, good, status=1, flags=["-c", "512"])
        self.assertEqual([list(one) == ["error"] for one in made], [False, True, True, False])
        self.assertEqual(made[0]["tokens"], made[3]["tokens"])
        self.assertIn("3", made[1]["error"])

    def test_little_memory_changes_nothing(self):
        requests = [{"prompt": f"{SHARED} Number {i}", "raw": True, "n": 16, "temp": 0.7, "seed": i} for i in range(6)]
        page = self.json("explain", MODEL, "-c", "512", "--json")["page_bytes"]
        plenty, little = (self.answers(*requests, parallel=6, flags=["-c", "512", *more]) for more in ([], ["--state-memory", f"{12 * page}"]))
        self.assertEqual([one["tokens"] for one in plenty], [one["tokens"] for one in little])

    def test_bench_of_streams(self):
        rows = self.json("bench", MODEL, "--streams", "1,3", "-p", "16", "-n", "4", "-r", "2", "--json")
        self.assertEqual([row["test"] for row in rows], ["pp16x1", "tg4x1", "pp16x3", "tg4x3"])
        for row in rows:
            self.assert_keys(row["tokens_per_s"], "median min max")
            self.assertTrue(0 < row["tokens_per_s"]["min"] <= row["tokens_per_s"]["median"] <= row["tokens_per_s"]["max"])


if __name__ == "__main__":
    main()
