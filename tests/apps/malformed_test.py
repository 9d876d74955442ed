#!/usr/bin/env python3
"""The whole loader against damaged model files: whatever tools/make_malformed.py writes, the command ends by itself, says what
is wrong where something is, and never dies by a signal.   malformed_test.py INGOT MAKE_MALFORMED"""
import csv
import pathlib
import subprocess
import sys
import tempfile

HANG_SECONDS = 60  # a guard against hangs; a file takes some hundredths of a second


def call(*command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=HANG_SECONDS)


def faults(ingot, folder, row):
    """What is wrong with the answers about one file of the manifest."""
    path = str(folder / row["path"])
    for command in (["inspect", path, "--json"], ["run", path, "-p", "ab", "-n", "1", "--temp", "0"]):
        done = call(ingot, *command)
        what = f"{row['path']}: {command[0]}"
        error = done.stderr.decode("utf-8", "replace")
        if done.returncode not in (0, 1):
            yield f"{what} ended with {done.returncode}: {error[-300:]}"
        refused = row["expected"] == "refused" or (row["expected"] == "model" and command[0] == "run")
        if refused and done.returncode != 1:
            yield f"{what} accepted the file"
        if row["expected"] == "sound" and done.returncode != 0:
            yield f"{what} refused a sound file: {error[-300:]}"
        if done.returncode == 1 and not any(f"[{room}] " in error for room in ("container", "foundry", "text", "engine", "sampling", "plan", "cpu")):
            yield f"{what} failed without saying why: {error[-300:]}"


def main():
    ingot, make = sys.argv[1:3]
    with tempfile.TemporaryDirectory(prefix="ingot_malformed_") as out:
        subprocess.run([sys.executable, make, "--out", out], check=True, stdout=subprocess.DEVNULL)
        folder = pathlib.Path(out)
        with open(folder / "manifest.tsv", newline="") as f:
            rows = list(csv.DictReader(f, ["path", "group", "expected", "words"], delimiter="\t"))
        found = [fault for row in rows for fault in faults(ingot, folder, row)]
    for fault in found:
        print(fault)
    print(f"{len(rows)} files, {len(found)} faults")
    return 1 if found or len(rows) < 300 else 0


if __name__ == "__main__":
    sys.exit(main())
