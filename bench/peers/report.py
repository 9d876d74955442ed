#!/usr/bin/env python3
"""Compares what run.py measured and makes the page of it: docs/performance.md with plots in docs/performance/.

    .cache/peers/python/bin/python bench/peers/report.py JSON… [--out docs/performance.md]

The plots need matplotlib, which build.py puts into that environment; comparing and writing tables needs nothing. Losses stand first."""

import argparse
import json
import pathlib
import re
import statistics

OURS = "ingot"
MAX_BYTES = 60_000  # of a plot
ROOT = pathlib.Path(__file__).resolve().parents[2]
HEAD = """# Performance beside other engines

Made by `bench/peers/report.py` from `bench/peers/run.py`; `bench/peers/build.py` builds the others. Tokens per second, medians of
interleaved rounds, each engine in a fresh process. Ratio: ingot over the best peer, worst first. A row counts as won or lost only if
the ranges of the rounds do not overlap; otherwise it is even. Share: weights read per second over the bandwidth that a plain
read reached in the same process.
"""

FORMATS = """## Every format, one core

`ingot bench --formats` and `bench_dots`, {isa}: 10^9 weights a second of one token, with weights in the L2 cache beside the dot product
of the same format in ggml (`vec_dot` of llama.cpp above, same core, rounds alternating) and from memory with the share of a plain read;
10^9 multiply-adds a second of 128 tokens, and their share of what a loop over registers alone reaches. Formats that reach 1.5 times ggml's dot: {n}. NEON: instructions executed for 32 weights, counted under
qemu (`bench/neon_instructions.py`), never run on Arm hardware. \\* marks formats without a fast kernel.
"""


def compare(engines):
    """The part of a row about engines {name: {"runs": [tokens/s…]} or {"reason": text}}: medians, ranges, ingot's ratio to each peer
    and to the best."""
    row = {"engines": {}, "best_peer": None, "ratio_to_best": None}
    for name, engine in engines.items():
        runs = engine.get("runs")
        row["engines"][name] = dict(engine, median=statistics.median(runs), min=min(runs), max=max(runs)) if runs else dict(engine)
    ours = row["engines"].get(OURS, {}).get("median")
    peers = {name: engine["median"] for name, engine in row["engines"].items() if name != OURS and "median" in engine}
    if ours and peers:
        for name, median in peers.items():
            row["engines"][name]["ratio"] = ours / median
        row["best_peer"] = max(peers, key=peers.get)
        row["ratio_to_best"] = ours / peers[row["best_peer"]]
    return row


def verdict(row):
    """`loss` and `win` only where the ranges of the runs do not meet."""
    if not row["best_peer"]:
        return "-"
    ours, peer = row["engines"][OURS], row["engines"][row["best_peer"]]
    return "**loss**" if ours["max"] < peer["min"] else "win" if ours["min"] > peer["max"] else "even"


def worst_first(rows):
    return sorted(rows, key=lambda row: (row["ratio_to_best"] is None, row["ratio_to_best"] or 0, row["model"]))


def speed(engine):
    return f"{engine['median']:.4g}" if "median" in engine else "-"


def table(rows):
    """Rows as Markdown: the worst ratio first, or for small batches in their order."""
    peers = [name for name in {name: None for row in rows for name in row["engines"]} if name != OURS]
    head = ["model", "test", "threads", OURS, "min–max", "share of bandwidth", *peers, "best peer", "ratio", ""]
    lines = ["| " + " | ".join(head) + " |", "|---|---|---:|---:|---:|---:|" + "---:|" * len(peers) + "---|---:|---|"]
    curve = all(row.get("sizes") for row in rows)
    for row in sorted(rows, key=lambda row: (row["model"], batch(row) or 0)) if curve else worst_first(rows):
        ours, share = row["engines"][OURS], row.get("share_of_bandwidth")
        cells = [row["model"], row["test"], str(row["threads"]), speed(ours)]
        cells += [f"{ours['min']:.4g}–{ours['max']:.4g}" if "min" in ours else "-", f"{share:.0%}" if share else ""]
        cells += [speed(row["engines"].get(name, {})) for name in peers]
        cells += [row["best_peer"] or "-", f"{row['ratio_to_best']:.2f}" if row["ratio_to_best"] else "-", verdict(row)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def format_table(rows):
    """Rows of `ingot bench --formats` as Markdown, those that are slowest beside ggml's dot product first."""
    giga = lambda value: f"{value / 1e9:.1f}" if value else "-"  # noqa: E731
    head = ["format", "class", "bits read", "from the cache", "of best of class", "ggml's dot", "ratio", "from memory", "share of bandwidth", "128 tokens", "share of peak", "NEON"]
    lines = ["| " + " | ".join(head) + " |", "|---|---|" + "---:|" * (len(head) - 2)]
    for row in sorted(rows, key=lambda row: (row["dot"]["ratio"] if row["dot"] else float("inf"), row["format"])):
        dot = row["dot"] or {}
        cells = [row["format"] + (" *" if row["slow"] else ""), row["class"], f"{8 * row['bytes_per_weight']:.2f}", giga(dot.get("weights_per_s") or row["cached_weights_per_s"])]
        cells += [f"{row['of_best_of_class']:.2f}", giga(dot.get("ggml_weights_per_s")), f"{dot['ratio']:.1f}" if dot else "-", giga(row["streamed_weights_per_s"])]
        cells += [f"{row['share_of_bandwidth']:.0%}", giga(row["batched_mul_adds_per_s"]), f"{row['share_of_peak']:.0%}" if row["share_of_peak"] else "-"]
        cells += [f"{row['neon_instructions']:.1f}" if row["neon_instructions"] else "-"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def reasons(rows):
    """Why something is "-", each engine and model once."""
    found = {(name, row["model"], engine["reason"]) for row in rows for name, engine in row["engines"].items() if "reason" in engine}
    return [f"- {name}, {model}: {reason}" for name, model, reason in sorted(found)]


def counted(n, noun):
    return f"{n} {noun}{'' if n == 1 else 's'}"


def batch(row):
    """Tokens of a prompt test ppN, else None."""
    found = re.fullmatch(r"pp(\d+)", row["test"])
    return int(found[1]) if found else None


def isa(row):
    """How a title or label says that an instruction set was asked for."""
    return f", {row['isa']}" if row.get("isa") else ""


def kinds(rows):
    """Title -> rows: what one table of the page shows."""
    groups = {}
    for row in rows:
        many = re.fullmatch(r"(pp|tg)\d+x\d+", row["test"])
        what = "Small batches" if row.get("sizes") else "At depth" if "@" in row["test"] else "Prompt" if batch(row) else "Decode"
        if many:
            what = "Many prompts at once" if many[1] == "pp" else "Many answers at once"
        groups.setdefault(f"{what}, {counted(row['threads'], 'thread')}{isa(row)}", []).append(row)
    return groups


def page(runs, plots):
    """The Markdown of docs/performance.md from run.py's results and [(title, path of a PNG)]."""
    rows = [row for run in runs for row in run["rows"]]
    verdicts, compared = [verdict(row) for row in rows], [row["ratio_to_best"] for row in rows if row["ratio_to_best"]]
    won, even, lost = (verdicts.count(each) for each in ("win", "even", "**loss**"))
    below = sum(ratio < 1 for ratio in compared)
    lines = [HEAD, f"{won} won, {even} even, {lost} lost; the median is below the best peer's in {below} of {len(compared)} rows.", ""]
    for run in runs:
        machine, load, rounds = run["machine"], " to ".join(run["load"]), counted(run["rounds"], "round")
        lines += [f"**{machine['cpu']}**, {counted(machine['cores'], 'core')}, {run['date']}, {rounds}, load {load}", ""]
        lines += [f"- instruction sets: ingot {machine['isas']}; the machine has {' '.join(machine['simd'])}"]
        lines += [f"- {name}: {version}" for name, version in run["versions"].items()]
        lines += ["", "```", *run["commands"].values(), "```", ""]
    lines += [f"![{title}]({path})\n" for title, path in plots]
    for title, group in kinds(rows).items():
        lines += [f"## {title}", "", table(group), ""]
    for run in runs:
        if every := run.get("formats"):
            ahead = sum(bool(row["dot"]) and row["dot"]["ratio"] >= 1.5 for row in every)
            lines += [FORMATS.format(n=ahead, isa=run["machine"]["isas"]), format_table(every), ""]
    if missing := reasons(rows):
        lines += ["## What could not be run", "", *missing, ""]
    return "\n".join(lines)


def kept(old):
    """What other programs put into a page: the sections about GPUs."""
    return "".join("\n" + section.rstrip() + "\n" for section in re.split(r"(?m)^(?=## )", old) if section.startswith("## GPU"))


def chart(plt, path, title, draw):
    figure, axes = plt.subplots(figsize=(8, 4.2), dpi=80, layout="constrained")
    draw(axes)
    axes.set_title(title)
    axes.legend(fontsize=8)
    figure.savefig(path)
    plt.close(figure)
    if path.stat().st_size > MAX_BYTES:
        raise SystemExit(f"[report] {path} has {path.stat().st_size} bytes; at most {MAX_BYTES}; draw less or smaller")
    return title, f"{path.parent.name}/{path.name}"


def bars(axes, rows, label, value):
    """Horizontal bars, a colour a thread count, the lowest value first."""
    ordered = sorted(rows, key=value)
    names = list(dict.fromkeys(label(row) for row in ordered))
    threads = sorted({row["threads"] for row in rows})
    for n, count in enumerate(threads):
        mine = [row for row in rows if row["threads"] == count]
        height, width = 0.8 / len(threads), [value(row) for row in mine]
        axes.barh([names.index(label(row)) + n * height for row in mine], width, height, label=counted(count, "thread"))
    axes.set_yticks(range(len(names)), names, fontsize=6)
    axes.invert_yaxis()


def plots(rows, folder):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.png"):
        old.unlink()
    made = []
    if decode := [row for row in rows if row.get("share_of_bandwidth")]:
        draw = lambda axes: bars(axes, decode, lambda r: f"{r['model']} {r['test']}{isa(r)}", lambda r: r["share_of_bandwidth"])  # noqa: E731
        made.append(chart(plt, folder / "bandwidth.png", "Share of the read bandwidth while writing", draw))
    for what, chosen in (("decode", lambda r: batch(r) is None), ("prompt", lambda r: batch(r) and not r.get("sizes"))):
        if some := [row for row in rows if row["ratio_to_best"] and chosen(row)]:

            def draw(axes, some=some):
                bars(axes, some, lambda r: f"{r['model']} {r['test']}{isa(r)}", lambda r: r["ratio_to_best"])
                axes.axvline(1, color="black", linewidth=1)

            made.append(chart(plt, folder / f"ratio-{what}.png", f"ingot over the best peer, {what}: left of 1 is a loss", draw))
    curves = {}
    for row in rows:
        if row.get("sizes") and batch(row):
            curves.setdefault((row["model"], row["threads"]), []).append(row)
    for (model, threads), points in curves.items():
        points = sorted(points, key=batch)
        stem, of = f"{re.sub('[^a-z0-9_]+', '-', model.lower())}-{threads}", f"{model}, {counted(threads, 'thread')}"

        def lines(axes, y, points=points):
            for name in points[0]["engines"]:
                some = [row for row in points if "median" in row["engines"].get(name, {})]
                axes.plot([batch(r) for r in some], [y(r, r["engines"][name]["median"]) for r in some], ".-", label=name)
            axes.set_xlabel("tokens in a batch")

        def cost(axes):
            lines(axes, lambda row, speed: 1000 * batch(row) / speed)
            axes.set_ylabel("ms a batch")

        def roofline(axes, points=points):
            lines(axes, lambda row, speed: speed)
            reads = [1e9 * r["read_bandwidth_gb_per_s"] / r["weight_bytes_per_token"] for r in points if r["read_bandwidth_gb_per_s"]]
            most = max(engine.get("max", 0) for row in points for engine in row["engines"].values())
            roof = [(n, n * statistics.median(reads)) for n in map(batch, points) if reads and n * statistics.median(reads) < 2 * most]
            axes.plot(*zip(*roof, strict=True) if roof else ([], []), "k--", label="weights read once a batch")
            axes.set(xscale="log", yscale="log", ylabel="tokens/s")

        made.append(chart(plt, folder / f"cost-{stem}.png", f"What a batch costs: {of}", cost))
        made.append(chart(plt, folder / f"roofline-{stem}.png", f"Roofline: {of}", roofline))
    return made


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="+", type=pathlib.Path, metavar="JSON")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "docs/performance.md")
    arguments = parser.parse_args()
    runs = [json.loads(path.read_text(encoding="utf-8")) for path in arguments.results]
    made = plots([row for run in runs for row in run["rows"]], arguments.out.with_suffix(""))
    old = arguments.out.read_text(encoding="utf-8") if arguments.out.exists() else ""
    arguments.out.write_text(page(runs, made) + kept(old), encoding="utf-8")


if __name__ == "__main__":
    main()
