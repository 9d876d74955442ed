#!/usr/bin/env python3
"""The built programs on processors that lack what this machine has:   emulated_test.py PROCESSOR run|kernels|all INGOT TEST_KERNELS

PROCESSOR is qemu's name of it. `run` lets the command continue a text and compares tokens and log-probabilities with this machine's own,
`kernels` runs the quick ones of the kernel tests, `all` runs all of them. Exit status 77 with a reason where qemu or the model is missing.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = pathlib.Path(os.environ.get("INGOT_CACHE") or ROOT / ".cache") / "models/smollm2-135m-instruct-q4_1.gguf"
EMULATOR = "qemu-x86_64"
QUICK = "GemvAcrossMachines.*:Norm.*:Quantize.*:Rope.*:Gate.*:Pack/*:Synthetic/*"
EXECUTED = "instruction sets executed:"


def skip(why):
    print("skipped:", why)
    sys.exit(77)


def output(*command):
    """Of a program that must succeed: its standard output."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\nended with {done.returncode}\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return done.stdout


def run(emulated, ingot):
    if not MODEL.exists():
        skip(f"there is no {MODEL.name}; tools/fetch_model.sh smollm2 fetches it")
    request = (ingot, "run", MODEL, "--raw", "-p", "Once", "-n", "4", "--temp", "0", "-t", "1", "--json")
    here, there = (json.loads(output(*prefix, *request)) for prefix in ((), emulated))
    if len(here["tokens"]) != 4 or here["tokens"] != there["tokens"]:
        sys.exit(f"expected the tokens and log-probabilities of this machine: {here['tokens']}\ngot: {there['tokens']}")


def kernels(emulated, tests, which):
    for line in output(*emulated, tests, "--gtest_filter=" + which).splitlines():
        if line.startswith(EXECUTED):
            print(line, "(emulated)")
            return
    sys.exit(f"no line begins with '{EXECUTED}'")


def main():
    processor, what, ingot, tests = sys.argv[1:]
    if not shutil.which(EMULATOR):
        skip(f"{EMULATOR} is missing; Debian's package qemu-user has it")
    emulated = (EMULATOR, "-cpu", processor)
    if what == "run":
        run(emulated, ingot)
    else:
        kernels(emulated, tests, QUICK if what == "kernels" else "*")


if __name__ == "__main__":
    main()
