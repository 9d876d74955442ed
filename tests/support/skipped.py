#!/usr/bin/env python3
"""What was skipped, and why, and what ran where: ctest … --output-junit REPORT | skipped.py REPORT

Passes on what ctest says, and puts above its summary a line for each reason with the tests that gave it, and the instruction sets whose
kernels were executed. A reason is what a script wrote behind "skipped", what GoogleTest wrote under "Skipped", what unittest wrote behind
a case. Sets are what tests wrote in lines "instruction sets executed: NAME… [(how)]"; without how they ran on this machine itself.
"""

import pathlib
import re
import signal
import sys
import xml.etree.ElementTree

SUMMARY = re.compile(r"\d+% tests passed")
REASONS = (
    re.compile(r": Skipped\n(.+?)(?:\n\n|\n\[|\Z)", re.S),  # GoogleTest
    re.compile(r"\.\.\. skipped ['\"](.+)['\"]"),  # unittest
    re.compile(r"^skipped:? (.+)", re.I | re.M),  # the project's scripts
)
EXECUTED = re.compile(r"^instruction sets executed: ([\w ]*\w)(?: \((\w+)\))?$", re.M)


def reason(output):
    """In one line; the same one twice counts once."""
    for pattern in REASONS:
        if found := pattern.findall(output):
            return "; ".join(dict.fromkeys(" ".join(words.split()) for words in found))
    return "it does not say why"


def lines(report):
    """What to say of REPORT: nothing where ctest wrote none."""
    if not report.exists():
        return
    tests, executed = {}, {}
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        for names, how in EXECUTED.findall(case.findtext("system-out") or ""):
            executed.setdefault(how or "native", {}).update(dict.fromkeys(names.split()))
        if case.find("skipped") is not None:
            tests.setdefault(reason(case.findtext("system-out") or ""), []).append(case.get("name").split("  # ")[0])  # without what GoogleTest says of a parameter
    if tests:
        yield f"Skipped, and why ({sum(map(len, tests.values()))}):\n"
    for why, names in tests.items():
        yield f"  {names[0]}{f' and {len(names) - 1} more' if names[1:] else ''}: {why}\n"
    if executed:
        yield "Instruction sets executed: " + ", ".join(f"{' '.join(names)} ({how})" for how, names in sorted(executed.items(), reverse=True)) + "\n"
    if tests or executed:
        yield "\n"


def main():
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctest has more to say
    summary = []
    for line in sys.stdin:
        if summary or SUMMARY.match(line):
            summary.append(line)
        else:
            print(line, end="", flush=True)
    sys.stdout.writelines(lines(pathlib.Path(sys.argv[1])))
    sys.stdout.writelines(summary)


if __name__ == "__main__":
    main()
