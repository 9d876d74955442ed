#!/usr/bin/env python3
"""ingot beside natively built peers on the same files and cores: interleaved rounds, each engine in a fresh process.

    python3 bench/peers/build.py && .cache/python/bin/python bench/peers/models.py          once
    python3 bench/peers/run.py build/release/ingot --json speed.json                        prompt and decode
    python3 bench/peers/run.py build/release/ingot --sizes --models q4_k --json sizes.json  what a batch of 1 to 64 tokens costs
    python3 bench/peers/run.py build/release/ingot --context 8192 --json depth.json         decode behind a long context
    python3 bench/peers/run.py build/release/ingot --streams 1,4,16 --json streams.json     many answers at once (llama-batched-bench)
    python3 bench/peers/run.py build/release/ingot --formats --json formats.json            every format by itself, on one core
    python3 bench/peers/run.py build/release/ingot --isa avx2 --json avx2.json              with AVX2 alone (build.py --isa avx2)

A round runs every engine once; a row has the median of the rounds, their range and the ratios. An engine that cannot run a model gets
"-", and the JSON says why. MODEL: a kind of models.py, smollm2, gemma3 or a path. report.py makes docs/performance.md of the JSON."""

import argparse
import datetime
import hashlib
import json
import os
import pathlib
import platform
import signal
import statistics
import subprocess
import sys

import build
import report

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = pathlib.Path(os.environ.get("INGOT_CACHE") or ROOT / ".cache")
REAL = {"smollm2": "smollm2-*.gguf", "gemma3": "gemma-3-*.gguf"}
SIZES = "1,2,3,4,6,8,12,16,24,32,48,64"
SIMD = ("avx", "amx", "fma", "f16c", "asimd", "sve", "i8mm")
SECONDS = 3600  # of a process: beyond that it hangs


def engines(ingot, peers, s):
    """Name -> command as a list, MODEL and THREADS left open. The peers' llama-bench warms up as ours does."""
    decode, depth = str(s["decode"]), str(s["depth"]) if s["depth"] else None
    isa = ["--isa", s["isa"]] if s.get("isa") else []
    tests = ["-p", s["prompts"], "-r", str(s["repetitions"]), "-t", "THREADS"]
    found = {report.OURS: [ingot, "bench", "MODEL", "--device", "cpu", *tests, "-n", decode, "--json", *(["--depth", depth] if depth else []), *isa]}
    variants = {"llama.cpp": {"llama.cpp": []}, "ik_llama.cpp": {"ik_llama.cpp": [], "ik_llama.cpp rtr": ["-rtr", "1"]}}
    for peer, name, options in ((peer, *variant) for peer in variants if peer in peers for variant in variants[peer].items()):
        command = [peers[peer]["bench"], "-m", "MODEL", *tests, "-fa", "1", "-o", "json", *options]
        if depth and peer == "ik_llama.cpp":  # it has no -d; its -gp times the answer after a prompt
            found[name] = [*command, "-n", "0", "-gp", f"{depth},{decode}"]
        else:
            found[name] = [*command, "-n", decode, *(["-d", depth] if depth else [])]
    return found


def stream_engines(ingot, peers, s):
    """The same for many answers at once: s["streams"] prompts of s["prompt"] tokens, each answered with s["decode"]. Of the peers, those
    that have llama-batched-bench."""
    isa = ["--isa", s["isa"]] if s.get("isa") else []
    sizes = ["-p", str(s["prompt"]), "-n", str(s["decode"])]
    found = {report.OURS: [ingot, "bench", "MODEL", "--device", "cpu", "--streams", s["streams"], *sizes, "-r", "1", "-t", "THREADS", "--json", *isa]}
    for name, peer in peers.items():
        if "llama-batched-bench" in peer.get("programs", ()):
            context = max(map(int, s["streams"].split(","))) * (s["prompt"] + s["decode"])
            found[name] = [str(pathlib.Path(peer["bench"]).with_name("llama-batched-bench")), "-m", "MODEL", "-t", "THREADS", "-fa", "on",
                           "-c", str(context), "-b", "2048", "-ub", "512", "-npp", str(s["prompt"]), "-ntg", str(s["decode"]),
                           "-npl", s["streams"], "--output-format", "jsonl"]  # fmt: skip
    return found


def stream_rows(text):
    """Test -> (tokens/s of all streams together, row) of llama-batched-bench's lines."""
    found = {}
    for line in text.splitlines():
        if line.startswith("{"):
            row = json.loads(line)
            found[f"pp{row['pp']}x{row['pl']}"] = (row["speed_pp"], row)
            found[f"tg{row['tg']}x{row['pl']}"] = (row["speed_tg"], row)
    return found


def test_name(row):
    """Our name for a row of llama-bench."""
    depth = row.get("n_depth") or (row["n_prompt"] if row["n_gen"] else 0)
    return f"tg{row['n_gen']}" + (f"@d{depth}" if depth else "") if row["n_gen"] else f"pp{row['n_prompt']}"


def measure(command):
    """Test -> (tokens/s, the engine's whole row), or why there is none."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return f"no answer within {SECONDS} s"
    said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    if done.returncode:
        ended = signal.Signals(-done.returncode).name if done.returncode < 0 else f"exit status {done.returncode}"
        wrong = [line for line in said if "error" in line.lower() or "fail" in line.lower()] or said
        return f"{ended}: {wrong[0] if wrong else 'nothing said'}"
    if "--output-format" in command:
        return stream_rows(done.stdout) or "no line of JSON"
    rows = json.loads(done.stdout[done.stdout.index("[") :])
    if "tokens_per_s" in rows[0]:
        return {row["test"]: (row["tokens_per_s"]["median"], row) for row in rows}
    return {test_name(row): (statistics.median(row["samples_ts"]), row) for row in rows}


def compare_model(name, path, threads, commands, rounds, progress):
    """Rows of one model with one thread count."""
    runs, refused = {}, {}  # test -> engine -> [(tokens/s, row)]; engine -> reason
    for n in range(rounds):
        for engine, command in commands.items():
            if engine in refused:
                continue
            progress(f"{name}, {threads} threads, round {n + 1}/{rounds}: {engine}")
            found = measure([{"MODEL": str(path), "THREADS": str(threads)}.get(word, word) for word in command])
            if isinstance(found, str):
                refused[engine] = found
                continue
            for test, run in found.items():
                runs.setdefault(test, {}).setdefault(engine, []).append(run)
    rows = []
    for test, by_engine in runs.items():
        row = {"model": name, "bytes": path.stat().st_size, "test": test, "threads": threads}
        ours = [ours for _, ours in by_engine.get(report.OURS, [])]
        for fact in ("weight_bytes_per_token", "read_bandwidth_gb_per_s", "gb_per_s", "share_of_bandwidth"):
            values = [run[fact] for run in ours if run.get(fact) is not None]
            row[fact] = statistics.median(values) if values else None
        said = {e: {"reason": refused.get(e, "no such test")} for e in commands}
        said |= {e: {"runs": [speed for speed, _ in runs_of]} for e, runs_of in by_engine.items()}
        rows.append(row | report.compare(said))
    nobody = {engine: {"reason": reason} for engine, reason in refused.items()}
    return rows or [{"model": name, "test": "-", "threads": threads} | report.compare(nobody)]


def formats(ingot, peers, rounds, neon):
    """Rows of `ingot bench --formats`, each with the dot product of ggml (bench_dots, built beside ingot) and the instructions of the
    NEON kernel for 32 weights (what neon_instructions.py --json wrote) where there are any."""
    if "llama.cpp" not in peers:
        sys.exit("[peers] llama.cpp is not among the peers; `python3 bench/peers/build.py llama.cpp` builds it")
    program, library = pathlib.Path(ingot).with_name("bench_dots"), pathlib.Path(peers["llama.cpp"]["bench"]).with_name("libggml-cpu.so")
    if not program.exists():
        sys.exit(f"[peers] there is no {program}; `ninja -C {program.parent} bench_dots` builds it")
    commands = {report.OURS: [ingot, "bench", "--formats", "--device", "cpu", "--json"], "llama.cpp": [str(program), str(library), str(rounds)]}
    rows, dots = (json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout) for command in commands.values())
    dots = {row["format"]: row for row in dots}
    counted = {row["format"]: row["resident"] or row["from_file"] for row in json.loads(neon.read_text())} if neon else {}
    for row in rows:
        row |= {"dot": dots.get(row["format"]), "neon_instructions": counted.get(row["format"])}
    return rows, commands


def machine(ingot):
    said = json.loads(subprocess.run([ingot, "doctor", "--json"], check=True, capture_output=True, text=True).stdout)
    device = next(device for device in said["devices"] if device["name"] == "cpu")
    info = pathlib.Path("/proc/cpuinfo")
    flags = [line for line in info.read_text().splitlines() if line.startswith(("flags", "Features"))] if info.exists() else []
    simd = sorted({flag for flag in " ".join(flags[:1]).split() if flag.startswith(SIMD)})
    found = {"cpu": device["description"], "cores": os.cpu_count(), "isas": device["isas"][0], "simd": simd}
    return found | {"system": platform.platform(), "doctor": said}


def digest(program):
    return hashlib.sha256(pathlib.Path(program).read_bytes()).hexdigest()[:16]


def models(names):
    """[(name, path)]; all there are when none is named."""
    made = sorted((CACHE / "bench-models").glob("*.gguf"))
    found = []
    for name in names or [*REAL, *(path.stem for path in made)]:
        paths = sorted((CACHE / "models").glob(REAL[name])) if name in REAL else [p for p in made if p.stem == name] or [pathlib.Path(name)]
        if paths and paths[0].exists():
            found.append((name if name in REAL else paths[0].stem, paths[0]))
        elif names:
            sys.exit(f"[peers] no model {name}; expected a path, {', '.join(REAL)} or a kind that models.py has made")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ingot")
    parser.add_argument("--models", default="", metavar="NAME,NAME", help="default: all there are")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--decode", type=int, default=64)
    parser.add_argument("--sizes", action="store_true", help=f"instead: prompts of {SIZES} tokens")
    parser.add_argument("--context", type=int, default=0, metavar="N", help="instead: decode behind N tokens")
    parser.add_argument("--streams", default="", metavar="N,N", help="instead: so many answers at once; --prompt and --decode are those of each")
    parser.add_argument("--formats", action="store_true", help="instead: every format by itself, on one core, beside ggml's dot products")
    parser.add_argument("--neon", type=pathlib.Path, metavar="JSON", help="with --formats: what bench/neon_instructions.py --json wrote")
    parser.add_argument("--isa", choices=build.ISAS, default="", help="default: the best of this machine")
    parser.add_argument("--peers", type=pathlib.Path, help="what build.py wrote; default: for this --isa")
    parser.add_argument("--json", type=pathlib.Path, metavar="OUT")
    o = parser.parse_args()
    if o.formats and o.isa:
        parser.error("--formats measures the best instruction set of this machine; leave out --isa")
    o.peers = o.peers or CACHE / "peers" / build.manifest_of(o.isa)
    if not o.peers.exists():
        option = o.isa and f" --isa {o.isa}"
        sys.exit(f"[peers] there is no {o.peers}; python3 bench/peers/build.py{option} builds the peers and writes it")
    peers = json.loads(o.peers.read_text())
    settings = {"prompts": SIZES if o.sizes else "0" if o.context else str(o.prompt), "decode": 0 if o.sizes else o.decode}
    settings |= {"depth": o.context, "repetitions": 3 if o.sizes else 1, "isa": o.isa}
    commands = engines(o.ingot, peers, settings)
    if o.streams:
        commands = stream_engines(o.ingot, peers, settings | {"streams": o.streams, "prompt": o.prompt, "decode": o.decode})
    version = subprocess.run([o.ingot, "--version"], check=True, capture_output=True, text=True).stdout.strip()
    ours = digest(o.ingot)
    versions = {report.OURS: f"{version}, sha256 {ours}"}
    versions |= {name: f"{p['version']}, {p['compiler']}, {p['configure']}" for name, p in peers.items()}
    here, load, rows = machine(o.ingot), f"{os.getloadavg()[0]:.1f}", []
    if o.isa:
        here["isas"] = o.isa

    def write(commands, more):
        result = {"date": datetime.date.today().isoformat(), "machine": here, "rounds": o.rounds, "versions": versions}
        result |= {"commands": {e: shown(c) for e, c in commands.items()}, "load": [load, f"{os.getloadavg()[0]:.1f}"], "rows": rows} | more
        if o.json:
            o.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")

    if o.formats:
        every, commands = formats(o.ingot, peers, o.rounds, o.neon)
        write(commands, {"formats": every})
        print(report.format_table(every))
        return
    for name, path in models(list(filter(None, o.models.split(",")))):
        for threads in map(int, o.threads.split(",")):
            rows += compare_model(name, path, threads, commands, o.rounds, lambda text: print(text, file=sys.stderr, flush=True))
            if digest(o.ingot) != ours:
                sys.exit(f"[peers] {o.ingot} was built anew during the run; got another sha256 than {ours}; measure with a copy of it")
            for row in rows:
                row |= {"sizes": o.sizes, "isa": o.isa}
            write(commands, {})  # after each model: a long run that ends early has said something
    print(report.table(rows))
    for line in report.reasons(rows):
        print(line)


def shown(command):
    """The command without this machine's folders."""
    return " ".join(pathlib.Path(word).name if word.startswith("/") or word == command[0] else word for word in command)


if __name__ == "__main__":
    main()
