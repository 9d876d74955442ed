#!/usr/bin/env python3
"""Builds the engines that bench/peers/run.py compares ingot with, natively for this machine, and an environment for the report's plots.

    python3 bench/peers/build.py [PEER…] [--isa NAME] [--out DIR] [--source PEER=DIR] [--jobs N]

DIR: $INGOT_CACHE/peers or .cache/peers, nothing else is touched. Sources are the ones that Python packages of fixed versions and hashes
carry, or a folder of yours; of each engine only its own benchmarks are built, and DIR/peers.json says what was built, from what and how.
--isa avx2 builds for machines with AVX2 and nothing beyond, to be compared with `ingot --isa avx2` on any machine; DIR/peers-avx2.json.
Needs CMake, Ninja and a C++ compiler; a first build takes 5 to 15 minutes on two cores.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tarfile
import venv

ROOT = pathlib.Path(__file__).resolve().parents[2]
SETUP = ROOT / "tools/setup"
PEERS = {  # packages of tools/setup/sources.txt
    "llama.cpp": dict(package="llama-cpp-python", folder="vendor/llama.cpp", programs=("llama-bench", "llama-batched-bench")),
    "ik_llama.cpp": dict(package="ik-llama-cpp-python", folder="vendor/ik_llama.cpp", programs=("llama-bench",)),
}
CONFIGURE = (
    "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", "-DLLAMA_CURL=OFF",
    "-DLLAMA_BUILD_SERVER=OFF", "-DLLAMA_BUILD_TESTS=OFF",
    "-DGGML_IQK_FA_ALL_QUANTS=OFF",  # attention over an f16 cache is all that we compare; the rest is many minutes of compiling
)  # fmt: skip
ISAS = {  # what `ingot --isa` calls them; "": all that this machine has
    "": ("-DGGML_NATIVE=ON",),
    "avx2": ("-DGGML_NATIVE=OFF", "-DGGML_AVX=ON", "-DGGML_AVX2=ON", "-DGGML_FMA=ON", "-DGGML_F16C=ON", "-DGGML_BMI2=ON"),
}
# GCC 12 takes the operand of the instruction that configures AMX tiles for 8 bytes and drops the other 56: an illegal instruction
# later. Naming the whole struct keeps it whole.
TILES = ("    _tile_loadconfig(&tc);", '    asm volatile("" : : "m"(tc)); _tile_loadconfig(&tc);')

# A script that the package of ik_llama.cpp forgets: it fills in where the build comes from.
BUILD_INFO = """set(BUILD_NUMBER 0)
set(BUILD_COMMIT unknown)
configure_file(common/build-info.cpp.in common/build-info.cpp)
"""


def run(*command, **options):
    print("$", *command, flush=True)
    subprocess.run([str(part) for part in command], check=True, **options)


def environment(out):
    """The private environment's Python, made and filled where it is missing."""
    python = out / "python/bin/python"
    if not python.exists():
        venv.create(out / "python", with_pip=True)
    for packages in ("python-source.txt", "python-bench.txt"):
        run(python, "-m", "pip", "install", "-q", "--require-hashes", "--only-binary", ":all:", "-r", SETUP / packages)
    return python


def pinned(package):
    """Its line of sources.txt: name==version --hash=sha256:…"""
    return next(line for line in (SETUP / "sources.txt").read_text().splitlines() if line.startswith(package + "=="))


def unpacked(python, peer, out):
    """The sources of the package, downloaded once. pip compares the file with its hash before it looks inside."""
    requirement = pinned(peer["package"])
    name = requirement.split()[0].replace("-", "_").replace("==", "-")
    if not (out / name).exists():
        asked = out / "asked.txt"
        asked.write_text(requirement + "\n")
        run(python, "-m", "pip", "download", "-q", "--require-hashes", "--no-deps", "--no-binary", ":all:", "--no-build-isolation",
            "-d", out, "-r", asked)  # fmt: skip
        asked.unlink()
        with tarfile.open(out / f"{name}.tar.gz") as archive:
            archive.extractall(out, filter="data")
        mend(out / name / peer["folder"])
    return out / name / peer["folder"]


def mend(source):
    """Makes the freshly unpacked sources of a package build and run."""
    tiles, info = source / "ggml/src/ggml-cpu/amx/mmq.cpp", source / "common/cmake/build-info-gen-cpp.cmake"
    if tiles.exists():
        tiles.write_text(tiles.read_text().replace(*TILES))
    if (source / "common/build-info.cpp.in").exists() and not info.exists():
        info.parent.mkdir(exist_ok=True)
        info.write_text(BUILD_INFO)


def manifest_of(isa):
    """The file that says what was built for an instruction set."""
    return f"peers-{isa}.json" if isa else "peers.json"


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def main():
    cache = pathlib.Path(os.environ.get("INGOT_CACHE") or ROOT / ".cache")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peers", nargs="*", metavar="PEER", help=f"default: {' '.join(PEERS)}")
    parser.add_argument("--isa", choices=ISAS, default="", help="default: what this machine has")
    parser.add_argument("--out", type=pathlib.Path, default=cache / "peers")
    parser.add_argument("--source", action="append", default=[], metavar="PEER=DIR", help="build this folder instead of a package's")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    sources = dict(source.split("=", 1) for source in arguments.source)
    if unknown := (set(arguments.peers) | set(sources)) - set(PEERS):
        parser.error(f"no peer {' '.join(unknown)}; there are {' '.join(PEERS)}")
    out = arguments.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    python = environment(out)
    manifest = out / manifest_of(arguments.isa)
    configure = (*CONFIGURE, *ISAS[arguments.isa])
    built = json.loads(manifest.read_text()) if manifest.exists() else {}
    for name in arguments.peers or PEERS:
        source, build = sources.get(name) or unpacked(python, PEERS[name], out), out / f"build{arguments.isa and '-'}{arguments.isa}" / name
        run("cmake", "-S", source, "-B", build, *configure)
        run("ninja", "-C", build, f"-j{arguments.jobs}", *PEERS[name]["programs"])
        built[name] = dict(
            version=sources.get(name) or pinned(PEERS[name]["package"]).split()[0],
            bench=str(build / "bin/llama-bench"), programs=PEERS[name]["programs"],
            configure=" ".join(configure), compiler=output("c++", "--version").splitlines()[0],
        )  # fmt: skip
        manifest.write_text(json.dumps(built, indent=1) + "\n")
    print(f"built {', '.join(built)}; {manifest} says how")


if __name__ == "__main__":
    sys.exit(main())
