#!/usr/bin/env python3
"""Holds C++, CUDA and Objective-C++ to .clang-format, by the version of clang-format that tools/setup/python.txt pins.

    tools/check_format.py            names files whose layout differs, and comments that are too wide; returns 1 if there are any
    tools/check_format.py --fix      rewrites them
    tools/check_format.py FILE…      only these

Other versions lay out a few constructs differently, so only the pinned one counts: it is looked for in the private environment
($INGOT_CACHE/python/bin), then on PATH. Without it the exit code is 77 (skipped).
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = ["apps", "bench", "cmake", "formats", "fuzz", "include", "kernels", "src", "tests"]
SUFFIXES = {".h", ".cpp", ".cu", ".mm"}  # templates of generated files (.in) are not C++ before their names are filled in
FILES_PER_RUN = 16
COLUMNS = 120  # .clang-format leaves comments as they are, so their width is checked here


def pinned_version():
    return re.search(r"^clang-format==([\d.]+)", (ROOT / "tools/setup/python.txt").read_text(), re.MULTILINE).group(1)


def clang_format(version):
    cache = pathlib.Path(os.environ.get("INGOT_CACHE", ROOT / ".cache"))
    for program in (cache / "python/bin/clang-format", pathlib.Path(sys.executable).parent / "clang-format", shutil.which("clang-format")):
        if program and pathlib.Path(program).is_file():
            answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
            if re.search(rf"\b{re.escape(version)}\b", answer.stdout):
                return str(program)
    return None


def files_of_tree():
    paths = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*"))
    return sorted(path for path in paths if path.suffix in SUFFIXES and path.is_file())


def misformatted(program, files):
    """Those of the files that clang-format would change."""
    answer = subprocess.run([program, "--style=file", "--dry-run", "-Werror", *files], capture_output=True, text=True, check=False)
    found = {line.split(":", 1)[0] for line in answer.stderr.splitlines() if "-Wclang-format-violations" in line}
    if answer.returncode and not found:
        sys.exit(f"[format] clang-format failed:\n{answer.stderr}")
    return found


def wide_comments(path):
    """`path:line` of every line that is a comment of more than COLUMNS columns."""
    lines = (ROOT / path).read_text().splitlines()
    return [f"{path}:{n}" for n, line in enumerate(lines, 1) if len(line) > COLUMNS and line.lstrip().startswith("//")]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--fix", action="store_true", help="rewrite the files")
    parser.add_argument("files", nargs="*", type=pathlib.Path)
    options = parser.parse_args()
    version = pinned_version()
    program = clang_format(version)
    if not program:
        print(f"skipped: there is no clang-format {version}; tools/setup/install.sh test installs it")
        return 77
    files = [os.path.relpath(path, ROOT) for path in map(pathlib.Path.absolute, options.files)] or [
        str(path.relative_to(ROOT)) for path in files_of_tree()
    ]
    os.chdir(ROOT)
    runs = [files[i : i + FILES_PER_RUN] for i in range(0, len(files), FILES_PER_RUN)]
    if options.fix:
        for run in runs:
            subprocess.run([program, "--style=file", "-i", *run], check=True)
        return 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        wrong = sorted(set().union(*pool.map(lambda run: misformatted(program, run), runs)))
    wide = [place for path in files for place in wide_comments(path)]
    for place in wide:
        print(f"{place}: a comment of more than {COLUMNS} columns")
    for path in wrong:
        print(f"{path}: not laid out as .clang-format says")
    if wrong:
        print(f"to mend: tools/check_format.py --fix, or {program} -i {' '.join(wrong)}")
    print(f"check_format: {len(files)} files, {len(wrong)} to mend (clang-format {version})")
    return 1 if wrong or wide else 0


if __name__ == "__main__":
    sys.exit(main())
