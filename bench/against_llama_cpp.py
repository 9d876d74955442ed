#!/usr/bin/env python3
"""ingot and a prebuilt llama.cpp (xllamacpp) on the same file, interleaved: prompt and decode speed as ratios.

  .cache/python/bin/python bench/against_llama_cpp.py build/release/ingot MODEL.gguf [--threads 1,2] [--rounds 3]

Each round runs ingot, then llama.cpp, each with a fresh context; a row gives the median of the rounds and the ratio of medians.
llama.cpp decides its own layouts and attention; its context is warmed up with one short decode."""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tools" / "goldens"))
import oracle  # noqa: E402

PROMPT, DECODE = 512, 64


def ingot_speed(ingot, model, threads):
    command = [ingot, "bench", model, "-p", str(PROMPT), "-n", str(DECODE), "-t", str(threads), "-r", "1", "--json"]
    rows = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return {row["test"][:2]: row["tokens_per_s"]["median"] for row in rows}


def peer_speed(peer):
    ids = [(i * 7919) % (peer.vocab - 200) + 100 for i in range(PROMPT)]

    def timed(calls):
        start = time.perf_counter()
        for part in calls:
            peer.decode(part)
        return time.perf_counter() - start

    peer.start()
    timed([ids[:8]])
    peer.start()
    prompt = PROMPT / timed([ids])
    peer.start()
    timed([ids[:1]])
    return {"pp": prompt, "tg": DECODE / timed([[i] for i in ids[:DECODE]])}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ingot")
    parser.add_argument("model")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    print("| test | threads | ingot tokens/s | llama.cpp tokens/s | ratio |\n|---|---:|---:|---:|---:|")
    for threads in (int(t) for t in args.threads.split(",")):
        ours, theirs = [], []
        with oracle.Oracle(args.model, threads=threads) as peer:
            for _ in range(args.rounds):
                ours.append(ingot_speed(args.ingot, args.model, threads))
                theirs.append(peer_speed(peer))
        for test in ("pp", "tg"):
            a, b = (statistics.median(run[test] for run in runs) for runs in (ours, theirs))
            print(f"| {test}{PROMPT if test == 'pp' else DECODE} | {threads} | {a:.1f} | {b:.1f} | {a / b:.2f} |")


if __name__ == "__main__":
    main()
