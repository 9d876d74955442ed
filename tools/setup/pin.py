#!/usr/bin/env python3
"""Writes the sha256 of every package of a list beside its version, so that pip takes these files and no others.

    python3 tools/setup/pin.py [LIST…]    default: all lists of Python packages in tools/setup

To take a newer version, change it in the list and run this. A hash is what the package index says today: whoever commits it vouches for
it from then on. Wheels are pinned for the machines below; of sources.txt the source distributions, whose code is not run here: pip
compares a file with its hash before it looks inside. Needs a Python with pip, as $INGOT_CACHE/python/bin/python3.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SOURCES = "sources.txt"
LISTS = [*sorted(path.name for path in HERE.glob("python*.txt")), "models.txt", SOURCES]
# Python and glibc of Debian 12, Ubuntu 24.04, Debian 13.
SYSTEMS = [("3.11", 36), ("3.12", 39), ("3.13", 41)]
MACHINES = ["x86_64", "aarch64"]
REQUIREMENT = re.compile(r"^([\w.-]+)==([^\s\\]+)")


def pip(*arguments):
    environment = {name: value for name, value in os.environ.items() if name != "PIP_FIND_LINKS"}  # files of this machine
    command = [sys.executable, "-m", "pip", *arguments, "--quiet", "--no-deps", "--no-cache-dir", "--disable-pip-version-check"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def wheel_hashes(requirement):
    """The hashes of the wheels that pip would choose on each system and machine."""
    hashes = set()
    for python, glibc in SYSTEMS:
        for machine in MACHINES:
            tags = [f"manylinux_2_{n}_{machine}" for n in range(glibc, 16, -1)] + [f"manylinux2014_{machine}"]
            platforms = [part for tag in tags for part in ("--platform", tag)]
            with tempfile.TemporaryDirectory() as folder:
                # A dry run: its report names the file that would be installed, and the file's hash.
                answer = pip("install", "--dry-run", "--report", "-", "--target", folder, "--ignore-installed", "--only-binary", ":all:",
                             "--implementation", "cp", "--python-version", python, *platforms, requirement)  # fmt: skip
            if answer.returncode:
                sys.exit(f"[setup] {requirement} has no wheel for Python {python} on {machine}:\n{answer.stderr}")
            (package,) = json.loads(answer.stdout)["install"]
            file = package["download_info"]
            hashes.add(file["archive_info"]["hashes"]["sha256"])
            if file["url"].endswith("-none-any.whl"):  # the same everywhere
                return hashes
    return hashes


def source_hash(requirement):
    """pip refuses a file of another hash than the one asked for, before it looks inside, and says which it has."""
    with tempfile.TemporaryDirectory() as folder:
        asked = pathlib.Path(folder, "asked.txt")
        asked.write_text(f"{requirement} --hash=sha256:{'0' * 64}\n")
        answer = pip("download", "--require-hashes", "--no-binary", ":all:", "--dest", folder, "-r", str(asked))
    got = re.search(r"Got\s+([0-9a-f]{64})", answer.stderr)
    if not got:
        sys.exit(f"[setup] pip did not say the hash of {requirement}:\n{answer.stderr}")
    return {got.group(1)}


def pinned(requirement, hashes):
    options = [f"--hash=sha256:{digest}" for digest in sorted(hashes)]
    return requirement + (" " + options[0] if len(options) == 1 else "".join(" \\\n    " + option for option in options))


def main():
    for name in sys.argv[1:] or LISTS:
        path = HERE / pathlib.Path(name).name
        logical = path.read_text().replace("\\\n", " ").splitlines()
        requirements = [m.group(0) for line in logical if (m := REQUIREMENT.match(line))]
        hashes = {r: source_hash(r) if path.name == SOURCES else wheel_hashes(r) for r in requirements}
        lines = [pinned(m.group(0), hashes[m.group(0)]) if (m := REQUIREMENT.match(line)) else line for line in logical]
        path.write_text("\n".join(lines) + "\n")
        print(f"{path.name}: {len(requirements)} packages, {sum(map(len, hashes.values()))} hashes")


if __name__ == "__main__":
    main()
