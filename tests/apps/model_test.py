#!/usr/bin/env python3
"""The command `ingot` from outside, with real models: answers, JSON shapes, sessions, Ctrl-C, closed pipes.

    model_test.py BINARY [WithModel|WithModelThatBegins]    unittest's options work too

WithModel needs SmolLM2-135M-Instruct in $INGOT_CACHE/models, or in .cache/models of the tree, WithModelThatBegins needs Gemma 3 270M
there; what was skipped to the last case exits with 77.
"""

import csv
import io
import json
import math
import os
import pathlib
import pty
import re
import signal
import subprocess
import tempfile
import time
import unittest

from harness import BINARY, Command, MODEL, MODEL_THAT_BEGINS, ROOT, ingot, main, wait_for_handler


@unittest.skipUnless(MODEL.is_file(), f"no model at {MODEL}: tools/fetch_model.sh smollm2")
class WithModel(Command):
    PROMPT = "Once upon a time"

    def run_json(self, *args, **kwargs):
        return self.json("run", MODEL, "-p", self.PROMPT, "--raw", "--temp", "0", "--json", *args, **kwargs)

    def test_run_json(self):
        made = self.run_json("-n", "8", "--logprobs", "3")
        self.assert_keys(made, "prompt_tokens tokens text stop_reason timings")
        self.assert_keys(made["timings"], "load_s prompt_tokens_per_s decode_tokens_per_s")
        self.assertTrue(all(rate > 0 for rate in made["timings"].values()))
        self.assertEqual(made["prompt_tokens"], self.json("tokenize", MODEL, "-p", self.PROMPT, "--json"))
        self.assertEqual((len(made["tokens"]), made["stop_reason"]), (8, "length"))
        self.assertEqual("".join(token["text"] for token in made["tokens"]), made["text"])  # ASCII: no token is half a character
        for token in made["tokens"]:
            self.assert_keys(token, "id text logprob top")
            self.assertEqual(len(token["top"]), 3)
            # temperature 0 takes the best
            self.assertEqual(token["top"][0], {"id": token["id"], "text": token["text"], "logprob": token["logprob"]})
            logprobs = [t["logprob"] for t in token["top"]]
            self.assertEqual(logprobs, sorted(logprobs, reverse=True))
            self.assertLess(sum(map(math.exp, logprobs)), 1.0001)

    def test_run_without_logprobs_has_no_top(self):
        made = self.run_json("-n", "2")
        for token in made["tokens"]:
            self.assert_keys(token, "id text logprob")

    def test_run_streams_the_same_text(self):
        made = self.run_json("-n", "12")
        status, out, err = ingot("run", "-m", MODEL, "-p", self.PROMPT, "-n", "12", "--temp", "0", "--raw")
        self.assertEqual((status, out), (0, made["text"] + "\n"))
        self.assertRegex(err, r"^loaded in .*; prompt: \d+ tokens at .* tokens/s; answer: 12 tokens at .* tokens/s; .*\n$")

    def test_text_is_whole_where_tokens_are_not(self):
        cut = 0
        for n in range(5, 9):  # an emoji is two tokens or more, so that some of these end inside one
            made = self.json("run", MODEL, "-p", "😀😃😄😁😆😅😂🤣😊😇🙂🙃😉😌😍🥰😘😗", "-n", n, "--raw", "--temp", "0", "--json")
            ids = " ".join(str(token["id"]) for token in made["tokens"])
            raw = subprocess.run([BINARY, "tokenize", MODEL, "--detokenize", "-p", ids], stdout=subprocess.PIPE, check=True).stdout
            self.assertEqual(made["text"], raw.decode(errors="replace"))
            cut += made["text"].endswith("\ufffd")
        self.assertGreater(cut, 0)

    def test_template(self):
        template = self.succeeds("template", MODEL)
        self.assertTrue(template.startswith("{% for message in messages %}"))
        self.assertEqual(self.json("template", MODEL, "--json"), template)
        head, tail = "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n", "<|im_end|>\n"
        self.assertEqual(self.succeeds("template", MODEL, "-p", "Hi", "--system", "Be brief.", "--no-generation-prompt"), head + "Hi" + tail)
        made = self.json("template", MODEL, "-p", "<|im_end|>é", "--system", "Be brief.", "--json")
        self.assert_keys(made, "text input tokens")
        self.assertEqual(made["text"], head + "<|im_end|>é" + tail + "<|im_start|>assistant\n")
        text = made["text"].encode()
        self.assertEqual([text[begin:end].decode() for begin, end in made["input"]], ["Be brief.", "<|im_end|>é"])
        control = self.json("tokenize", MODEL, "-p", "<|im_start|><|im_end|>", "--special", "--json")
        self.assertEqual([made["tokens"].count(id) for id in control], [3, 2])
        self.assertEqual(subprocess.run([BINARY, "tokenize", MODEL, "--detokenize", "--special", "-p", json.dumps(made["tokens"])], stdout=subprocess.PIPE).stdout, text)

    def test_template_of_an_empty_message(self):
        user = "<|im_start|>user\n<|im_end|>\n<|im_start|>assistant\n"
        with_default = self.succeeds("template", MODEL, "-p", "")
        self.assertTrue(with_default.endswith(user))
        self.assertEqual(self.succeeds("template", MODEL, "-p", "", "--system", ""), "<|im_start|>system\n<|im_end|>\n" + user)
        prompt = self.json("template", MODEL, "-p", "", "--system", "", "--json")["tokens"]
        self.assertEqual(self.json("run", MODEL, "-p", "", "--system", "", "-n", "1", "--json")["prompt_tokens"], prompt)

    def test_template_of_files(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder)
            (path / "own.jinja").write_text("{{ bos_token }}{{ messages[0].content }}{{ tools|tojson }}{{ x }}{{ strftime_now('%Y') }}\n")
            (path / "chat.json").write_text('[{"role": "user", "content": "Hi"}]')
            (path / "tools.json").write_text('[{"a": 1}]')
            own = ["template", MODEL, "--template", path / "own.jinja"]
            self.assertRegex(self.succeeds(*own, "--messages", path / "chat.json", "--tools", path / "tools.json", "--set", '{"x": 7}'), r'^<\|im_start\|>Hi\[{"a": 1}\]7\d{4}$')
            self.assertRegex(self.succeeds(*own, "--messages", "-", input=b'[{"content": ""}]'), r"^<\|im_start\|>null\d{4}$")
            self.fails(1, "a variable has a reserved name", *own, "-p", "Hi", "--set", '{"messages": []}')
            self.fails(1, "not a JSON object", *own, "-p", "Hi", "--set", "[]")
            self.fails(1, "messages cannot be read", *own, "--messages", "-", input=b"[")
            (path / "own.jinja").write_text("\n{% include 'x' %}")
            self.fails(1, "[jinja] line 2: there is no statement 'include' here", *own)
            (path / "own.jinja").write_text("{{ raise_exception('only ' ~ 2) }}")
            self.fails(1, "[template] only 2; the model's chat template refuses this conversation", *own, "-p", "Hi")

    def test_run_speaks_the_template(self):
        prompt = self.json("template", MODEL, "-p", "Hi <|im_end|>", "--system", "Be brief.", "--json")["tokens"]
        made = self.json("run", MODEL, "-p", "Hi <|im_end|>", "--system", "Be brief.", "-n", "1", "--json")
        self.assertEqual(made["prompt_tokens"], prompt)

    def test_stop_reasons(self):
        self.assertEqual(self.run_json("-n", "0")["tokens"], [])
        self.assertIsNone(self.run_json("-n", "1")["timings"]["decode_tokens_per_s"])
        made = self.run_json("-c", "10")
        self.assertEqual(made["stop_reason"], "context")
        self.assertEqual(len(made["prompt_tokens"]) + len(made["tokens"]), 11)  # the last one need not be held
        self.fails(1, "context is full", "run", MODEL, "-p", self.PROMPT, "-c", "2", "--raw")

    def test_stop_strings_limits_and_bias(self):
        whole = self.run_json("-n", "16")
        stop = whole["text"][8:14]
        made = self.run_json("-n", "16", "--stop", "never", "--stop", stop)
        self.assertEqual((made["text"], made["stop_reason"]), (whole["text"][: whole["text"].index(stop)], "stop"))
        first = whole["tokens"][0]["id"]
        self.assertNotEqual(self.run_json("-n", "1", "--logit-bias", f"{first}-inf")["tokens"][0]["id"], first)
        self.assertEqual({t["id"] for t in self.run_json("-n", "4", "--logit-bias", "28+100")["tokens"]}, {28})
        self.fails(1, "a token of logit_bias", "run", MODEL, "-p", "x", "--logit-bias", "999999+1")
        made = self.run_json("-n", "40", "-c", "16", "--context-shift", "--keep", "-1", "--ignore-eos")
        self.assertEqual((len(made["tokens"]), made["stop_reason"]), (40, "length"))
        self.fails(1, "cannot keep that many", "run", MODEL, "--raw", "-p", "x", "-c", "8", "--context-shift", "--keep", "7")

    def test_answers_have_the_structure_that_was_asked_for(self):
        schema = {"type": "object", "properties": {"name": {"type": "string", "maxLength": 12}, "legs": {"type": "integer", "minimum": 2, "maximum": 8},
                  "tame": {"type": "boolean"}, "colours": {"type": "array", "items": {"enum": ["black", "white", "red"]}, "maxItems": 3}},
                  "required": ["name", "legs", "tame", "colours"], "additionalProperties": False}
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "animal.json"
            file.write_text(json.dumps(schema))
            for seed in range(2):
                made = self.json("run", MODEL, "-p", "An animal as JSON:", "--raw", "--json", "--json-schema", file, "--temp", "2", "--seed", seed, "-n", "400")
                animal = json.loads(made["text"])
                self.assertEqual((list(animal), made["stop_reason"]), (schema["required"], "end"))
                self.assertTrue(2 <= animal["legs"] <= 8 and len(animal["name"]) <= 12 and {*animal["colours"]} <= {"black", "white", "red"}, animal)
            (pathlib.Path(folder) / "date.gbnf").write_text("root ::= [12] [0-9]{3} \"-\" [01] [0-9]\n")
            dated = self.run_json("--grammar", pathlib.Path(folder) / "date.gbnf")
            self.assertRegex(dated["text"], r"^[12]\d{3}-[01]\d$")
        self.assertIn(self.run_json("--grammar", 'root ::= " yes" | " no"', "-n", "20")["text"], (" yes", " no"))
        self.assertEqual(self.run_json("-j", '{"const": [1, {"a": null}]}', "--top-k", "1", "-n", "40")["text"].replace(" ", "").replace("\n", ""), '[1,{"a":null}]')
        self.fails(1, "at #/properties/a/not", "run", MODEL, "-p", "x", "-j", '{"properties": {"a": {"not": {}}}}')
        self.fails(1, "no rule named root", "run", MODEL, "-p", "x", "--grammar", 'a ::= "b"')
        self.fails(1, "cannot read none.gbnf", "run", MODEL, "-p", "x", "--grammar", "none.gbnf")
        self.fails(2, "where the text ends", "run", MODEL, "-p", "x", "-j", "{}", "--ignore-eos")
        self.fails(2, "excludes", "run", MODEL, "-p", "x", "-j", "{}", "--grammar", 'root ::= "a"')

    def test_a_session_goes_on_where_it_was(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "a.session"
            drawn = ["run", MODEL, "--raw", "--json", "--seed", "3", "--temp", "0.9"]
            whole = self.json(*drawn, "-p", self.PROMPT, "-n", "24")
            first = self.json(*drawn, "-p", self.PROMPT, "-n", "10", "--session", file)
            saved = file.read_bytes()
            second = self.json(*drawn, "-n", "14", "--session", file)
            self.assertEqual(second["prompt_tokens"], [])
            self.assertEqual(first["text"] + second["text"], whole["text"])
            self.assertNotEqual(file.read_bytes(), saved)
            more = self.json("run", MODEL, "-p", " And then", "--raw", "--json", "--session", file, "-n", "4", "--temp", "0")
            text = self.PROMPT + whole["text"] + " And then"
            self.assertEqual(more["text"], self.json("run", MODEL, "-p", text, "--raw", "--json", "-n", "4", "--temp", "0")["text"])
            self.assertEqual([f.name for f in pathlib.Path(folder).iterdir()], ["a.session"])
            damaged = bytearray(saved)
            damaged[len(saved) // 2] ^= 4
            file.write_bytes(damaged)
            self.fails(1, f"[container] {file}: the session is damaged", "run", MODEL, "-p", "x", "--raw", "--session", file)
            self.assertEqual(file.read_bytes(), damaged)
            file.write_bytes(saved)
            self.fails(1, "have another format", "run", MODEL, "-p", "x", "--raw", "--session", file, "--kv", "q8_0")
            self.fails(1, "context is full", "run", MODEL, "-p", "x", "--raw", "--session", file, "-c", "8")
            self.fails(1, "cannot write", "run", MODEL, "-p", "x", "--raw", "--session", file / "b")
            self.fails(1, "cannot write", "run", MODEL, "-p", "x", "--raw", "--session", pathlib.Path(folder) / "none" / "b")
            self.fails(1, "regular file", "run", MODEL, "-p", "x", "--raw", "--session", folder)

    def test_same_seed_same_text(self):
        args = ["run", MODEL, "-p", self.PROMPT, "-n", "16", "--temp", "1.5", "--raw", "--json", "--seed"]
        texts = [self.json(*args, seed)["text"] for seed in (1, 1, 2)]
        self.assertEqual(texts[0], texts[1])
        self.assertNotEqual(texts[0], texts[2])

    def test_prompt_from_file_and_stdin_byte_for_byte(self):
        text = " two\nlines \n"
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(text)
            file.flush()
            ids = self.json("tokenize", MODEL, "-f", file.name, "--json")
        self.assertEqual(ids, self.json("tokenize", MODEL, "-f", "-", "--json", input=text.encode()))
        self.assertEqual(ids, self.json("tokenize", MODEL, "-p", text, "--json"))
        self.assertEqual(text, self.succeeds("tokenize", MODEL, "--detokenize", "-f", "-", input=json.dumps(ids).encode()))
        self.assertEqual(text, self.json("tokenize", MODEL, "--detokenize", "-p", " ".join(map(str, ids)), "--json"))

    def test_tokenize(self):
        lines = self.succeeds("tokenize", MODEL, "-p", "The sea\n'é'").splitlines()
        ids = self.json("tokenize", MODEL, "-p", "The sea\n'é'", "--json")
        self.assertEqual([int(line.split()[0]) for line in lines], ids)
        self.assertTrue(lines[0].endswith(" 'The'"), lines[0])
        plain, special = (self.json("tokenize", MODEL, "-p", "<|im_end|>", "--json", *flag) for flag in ([], ["--special"]))
        self.assertEqual(len(special), 1)
        self.assertGreater(len(plain), 1)
        self.assertEqual(self.succeeds("tokenize", MODEL, "--detokenize", "-p", special[0]), "")
        self.assertEqual(self.succeeds("tokenize", MODEL, "--detokenize", "--special", "-p", special[0]), "<|im_end|>")
        text = "a  \n \nb"  # llama-bpe keeps white space with line ends together
        forced = self.json("tokenize", MODEL, "-p", text, "--pre", "llama-bpe", "--json")
        self.assertNotEqual(forced, self.json("tokenize", MODEL, "-p", text, "--json"))
        self.assertEqual(forced, self.json("run", MODEL, "--raw", "-p", text, "-n", "1", "--pre", "llama-bpe", "--json")["prompt_tokens"])
        for command in (["tokenize"], ["run", "-n", "1"]):
            self.fails(1, 'unknown pre-tokenizer; got "nobody"; expected one of a.x-4.0, ', *command, MODEL, "-p", "x", "--pre", "nobody")
        self.fails(2, "got 'two'", "tokenize", MODEL, "--detokenize", "-p", "1 two")
        self.fails(1, "not in the vocabulary; got 999999", "tokenize", MODEL, "--detokenize", "-p", "999999")

    def test_eval(self):
        text = (ROOT / "HOUSE.md").read_text()[:2000].encode()
        args = ["eval", MODEL, "--text", "-", "--ctx", "64", "--windows", "4"]
        made = self.json(*args, "--json", input=text)
        self.assert_keys(made, "perplexity perplexity_error nll context windows scored_tokens interrupted tokens_per_s")
        self.assertEqual((made["context"], made["windows"], made["scored_tokens"], made["interrupted"]), (64, 4, 4 * 31, False))
        self.assertAlmostEqual(made["perplexity"], math.exp(made["nll"]), 9)
        self.assertTrue(0 < made["perplexity_error"] < made["perplexity"])
        both = self.json(*args, "--json", "--against", MODEL, input=text)
        self.assertEqual(both["nll"], made["nll"])
        self.assert_keys(both["against"], "perplexity perplexity_error log_ratio log_ratio_error kl same_top same_top_error by_confidence")
        self.assertEqual(sum(band["tokens"] for band in both["against"]["by_confidence"]), made["scored_tokens"])
        self.assertEqual(both["against"]["kl"], dict.fromkeys("mean mean_error median p90 p99 p99_9 max".split(), 0))
        self.assertEqual(both["against"]["same_top"], 1)
        status, out, err = ingot(*args, "--against", MODEL, input=text)
        self.assertEqual(status, 0, err)
        self.assertTrue(out.startswith(f"perplexity         {made['perplexity']:.4f} ± "), out)
        self.assertIn("100.00 %", out)
        self.assertRegex(err, r"^4 windows of 64 tokens each, 124 tokens scored; \d+ tokens/s\n$")
        self.fails(1, "the text is shorter than a window", "eval", MODEL, "--text", "-", input=b"short")
        self.fails(1, "context exceeds the model's", "eval", MODEL, "--text", "-", "--ctx", "100000", input=text)

    def test_eval_shows_the_time_left_and_stops_at_a_window(self):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write((ROOT / "HOUSE.md").read_text() * 40)
            file.flush()
            main, side = pty.openpty()
            process = subprocess.Popen([BINARY, "eval", MODEL, "--text", file.name, "--ctx", "64"], stdin=side, stdout=side, stderr=side)
            os.close(side)
            seen = b""
            while not re.search(rb"evaluating \[=* *\] +\d+%, \d+:\d\d left", seen):
                seen += os.read(main, 4096)
            process.send_signal(signal.SIGINT)
            while b"interrupted" not in seen:
                seen += os.read(main, 4096)
            self.assertEqual(process.wait(), 130)
            os.close(main)
        self.assertRegex(seen.decode(), r"perplexity +\d+\.\d+ ± ")

    def test_bench_profile_and_depth(self):
        rows = self.json("bench", MODEL, "-p", "8", "-n", "4", "-d", "20", "-r", "1", "--profile", "--json")
        self.assertEqual([row["test"] for row in rows], ["pp8@d20", "tg4@d20"])
        for row in rows:
            steps = {step["step"]: step for step in row["profile"]}
            self.assertLessEqual({"embed", "qkv", "rope_store", "attend", "output", "gate_up", "down", "lm_head", "outside"}, set(steps))
            self.assertAlmostEqual(sum(step["share"] for step in steps.values()), 1, places=6)
        self.assertIn("| tg4@d20 | 1 | gate_up |", self.succeeds("bench", MODEL, "-p", "0", "-n", "4", "-d", "20", "-r", "1", "--profile"))

    def test_keys_and_values_in_a_format(self):
        sizes = [self.json("explain", MODEL, "--kv", kv, "--bandwidth", "0", "--json")["kv_bytes_per_token"] for kv in ("f16", "q8_0")]
        self.assertAlmostEqual(sizes[1] / sizes[0], 8.5 / 16, places=3)
        for device in ("cuda", "metal"):
            plans = [self.json("explain", MODEL, "--device", device, "--kv", kv, "--bandwidth", "0", "--json") for kv in ("f16", "q8_0")]
            self.assertEqual([plan["kv_bytes_per_token"] for plan in plans], sizes)
            self.fails(1, "keys and values", "explain", MODEL, "--device", device, "--kv", "q4_k")
        first = [self.json("run", MODEL, "-p", self.PROMPT, "--raw", "-n", "4", "--temp", "0", "--kv", kv, "--json")["text"] for kv in ("f16", "q8_0")]
        self.assertEqual(first[0].split()[0], first[1].split()[0])
        self.fails(1, "keys and values", "run", MODEL, "-p", "x", "--kv", "q4_k")
        self.fails(1, "unknown format for keys and values", "run", MODEL, "-p", "x", "--kv", "q99")

    def test_bench(self):
        rows = self.json("bench", MODEL, "-p", "8,16", "-n", "4", "-t", "1,2", "-r", "2", "--json")
        self.assertEqual([(r["test"], r["threads"]) for r in rows], [(test, t) for t in (1, 2) for test in ("pp8", "pp16", "tg4")])
        for row in rows:
            self.assert_keys(row, "test threads tokens_per_s weight_bytes_per_token gb_per_s read_bandwidth_gb_per_s share_of_bandwidth")
            speed = row["tokens_per_s"]
            self.assertTrue(0 < speed["min"] <= speed["median"] <= speed["max"])
            if row["test"].startswith("pp"):
                self.assertEqual((row["gb_per_s"], row["share_of_bandwidth"]), (None, None))
            else:
                self.assertAlmostEqual(row["gb_per_s"], speed["median"] * row["weight_bytes_per_token"] / 1e9, 9)
                self.assertAlmostEqual(row["share_of_bandwidth"], row["gb_per_s"] / row["read_bandwidth_gb_per_s"], 9)
        small = ["bench", MODEL, "-p", "4", "-n", "2", "-r", "1"]
        table = list(csv.DictReader(io.StringIO(self.succeeds(*small, "--csv"))))
        self.assertEqual([(r["test"], r["gb_per_s"] == "") for r in table], [("pp4", True), ("tg2", False)])
        self.assertTrue(self.succeeds(*small).startswith("| test | threads |"))

    def test_inspect(self):
        found = self.json("inspect", MODEL, "--json")
        self.assert_keys(found, "path version bytes tensor_bytes parameters metadata formats tensors")
        self.assertEqual(found["bytes"], MODEL.stat().st_size)
        metadata = {m["key"]: m for m in found["metadata"]}
        self.assertEqual(metadata["tokenizer.ggml.tokens"]["count"], 49152)
        self.assertEqual(len(metadata["tokenizer.ggml.tokens"]["value"]), 8)
        self.assertEqual(sum(f["tensors"] for f in found["formats"]), len(found["tensors"]))
        self.assertEqual(sum(f["bytes"] for f in found["formats"]), sum(t["bytes"] for t in found["tensors"]))
        self.assertEqual({f["format"] for f in found["formats"]}, {t["format"] for t in found["tensors"]})
        self.assertNotIn("blk.0.attn_q.weight", self.succeeds("inspect", MODEL))
        self.assertIn("blk.0.attn_q.weight", self.succeeds("inspect", MODEL, "--tensors"))

    def test_explain(self):
        plan = self.json("explain", MODEL, "--json", "-t", "1", "-c", "64", "--bandwidth", "10")
        self.assertEqual((plan["threads"], plan["context"], plan["read_bandwidth_gb_per_s"]), (1, 64, 10))
        self.assertEqual(sum(s["bytes_per_token"] for s in plan["steps"]), plan["weight_bytes_per_token"])
        self.assertAlmostEqual(sum(s["share"] for s in plan["steps"]), 1)
        self.assertAlmostEqual(sum(s["seconds_bound"] for s in plan["steps"]), plan["seconds_bound"])
        # More threads than can compute at the same time are not started, nor planned for.
        most = self.json("explain", MODEL, "--json", "--bandwidth", "10")["threads"]
        self.assertEqual(self.json("explain", MODEL, "--json", "-t", "1024", "--bandwidth", "10")["threads"], most)
        (row,) = self.json("bench", MODEL, "-p", "8", "-n", "0", "-t", "1024", "-r", "1", "--json")
        self.assertEqual(row["threads"], most)
        for step in plan["steps"]:
            self.assert_keys(step, "name role kind shape formats classes strategy layout bytes_per_token share seconds_bound slow")
            self.assertEqual(len(step["formats"]), len(step["classes"]), step)
        self.assertIsNone(self.json("explain", MODEL, "--json", "--bandwidth", "0")["seconds_bound"])
        self.assertGreater(self.json("explain", MODEL, "--json")["read_bandwidth_gb_per_s"], 0.1)
        whole, folded = (self.succeeds("explain", MODEL, "--bandwidth", "10", *flag) for flag in ([], ["--fold"]))
        self.assertGreater(len(whole.splitlines()), len(plan["steps"]))
        self.assertLess(len(folded.splitlines()), 40)
        for table in (whole, folded):
            self.assertAlmostEqual(sum(map(float, re.findall(r"([\d.]+)%", table))), 100, delta=5)  # each is rounded to 0.1

    def test_memory_stays_near_the_size_of_the_file(self):
        plan = self.json("explain", MODEL, "--json", "--bandwidth", "0", "-c", "64")
        found = self.json("inspect", MODEL, "--json")
        largest = max(t["bytes"] for t in found["tensors"])  # the one that is in memory twice while it is laid out
        process_bytes = 24 << 20  # program, vocabulary, buffers
        process = subprocess.Popen([BINARY, "run", MODEL, "-p", self.PROMPT, "--raw", "-c", "64"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        os.read(process.stdout.fileno(), 1)  # loaded, and one token made
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        process.kill()
        process.communicate()
        peak = 1024 * int(re.search(r"VmHWM:\s*(\d+)", status).group(1))
        self.assertLess(peak, 1.05 * found["bytes"] + 64 * plan["kv_bytes_per_token"] + largest + process_bytes)

    def test_strict_kernels_refuses_what_is_marked(self):
        for layout in ([], ["--no-repack"]):
            slow = self.json("explain", MODEL, "--json", "--bandwidth", "0", *layout)["slow_steps"]
            lines = self.succeeds("explain", MODEL, "--bandwidth", "0", *layout).splitlines()
            self.assertEqual(sum(line.startswith("* ") for line in lines), slow + bool(slow))  # and the legend
            if slow:
                self.fails(1, "fast kernel", "explain", MODEL, "--strict-kernels", *layout)
                self.fails(1, "fast kernel", "run", MODEL, "-p", "x", "--strict-kernels", *layout)
            else:
                self.succeeds("explain", MODEL, "--bandwidth", "0", "--strict-kernels", *layout)

    def test_chosen_machine(self):
        device = self.json("doctor", "--json")["devices"][0]
        for isa in device["isas"]:
            plan = self.json("explain", MODEL, "--bandwidth", "0", "--device", device["name"], "--isa", isa, "--json")
            self.assertEqual((plan["device"], plan["isa"]), (device["name"], isa))
        for flag in ("--isa", "--device"):
            self.fails(1, "abacus", "explain", MODEL, flag, "abacus")

    def test_devices_that_compile_kernels_show_them_without_being_there(self):
        devices = [d for d in self.json("doctor", "--json")["devices"] if d["name"] in ("cuda", "metal")]
        self.assertEqual([d["name"] for d in devices], ["cuda", "metal"])
        for device in devices:
            name = device["name"]
            self.assertEqual(self.json("explain", MODEL, "--device", name, "--bandwidth", "0", "--json")["device"], name)
            self.assertIn("\nENTRY(attend_merge, ", self.succeeds("kernels", MODEL, "--device", name))
            if not device["available"]:
                self.fails(1, device["description"], "run", MODEL, "-p", "x", "--device", name)

    def test_interrupt_keeps_what_is_there(self):
        process = subprocess.Popen([BINARY, "run", MODEL, "-p", self.PROMPT, "--temp", "0", "--raw"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        first = os.read(process.stdout.fileno(), 1)  # it writes
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
        self.assertEqual(process.returncode, 130)
        self.assertTrue(err.endswith(b"interrupted\n"), err)
        text = self.run_json("-n", "64")["text"].encode()
        shorter, longer = sorted((text, first + out.rstrip(b"\n")), key=len)
        self.assertTrue(longer.startswith(shorter))

    def test_interrupt_leaves_whole_json(self):
        # Nothing is said before the end, and the text has none. An interrupt while the model is loaded leaves nothing: then it comes later.
        out, seconds = b"", 0.25
        while not out:
            endless = ["--ignore-eos", "--context-shift"]
            process = subprocess.Popen([BINARY, "run", MODEL, "-p", self.PROMPT, "--raw", "--temp", "0", "--json", *endless], stdout=subprocess.PIPE)
            wait_for_handler(process, signal.SIGINT)
            time.sleep(seconds)
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate()
            self.assertEqual(process.returncode, 130)
            seconds *= 2
        self.assertEqual(json.loads(out)["stop_reason"], "interrupted")

    def test_reader_that_leaves_stops_the_run(self):
        process = subprocess.Popen([BINARY, "run", MODEL, "-p", self.PROMPT, "--raw"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        os.read(process.stdout.fileno(), 1)
        process.stdout.close()
        err = process.stderr.read()
        self.assertEqual((process.wait(), err), (0, b""))
        process.stderr.close()


@unittest.skipUnless(MODEL_THAT_BEGINS.is_file(), f"no model at {MODEL_THAT_BEGINS}: tools/fetch_model.sh gemma3")
class WithModelThatBegins(Command):
    """A model that asks for a beginning-of-text token, and says text with another kind of tokenizer."""

    def test_beginning_of_text(self):
        ids, bare = (self.json("tokenize", MODEL_THAT_BEGINS, "-p", "The sea", "--json", *flag) for flag in ([], ["--no-bos"]))
        self.assertEqual(ids[1:], bare)
        self.assertEqual(self.succeeds("tokenize", MODEL_THAT_BEGINS, "--detokenize", "-p", json.dumps(ids)), "The sea")
        self.assertEqual(self.json("run", MODEL_THAT_BEGINS, "-p", "The sea", "-n", "0", "--json", quiet=False)["prompt_tokens"], ids)

    def test_formats_of_a_mixed_model_are_told_apart(self):
        plan = self.json("explain", MODEL_THAT_BEGINS, "--json", "--bandwidth", "0")
        self.assertGreater(len({tuple(step["formats"]) for step in plan["steps"] if len(step["formats"]) > 1}), 0)
        self.assertGreater(len({f for step in plan["steps"] for f in step["formats"]}), 2)


if __name__ == "__main__":
    main()
