#!/usr/bin/env python3
"""Holds the tree to the rules of HOUSE.md: who may include whom, what may be named where, what no file may do.

Prints each offence as `file:line: rule; what to do` and returns 1 when there is one. Reads text only: it compiles nothing, needs
nothing but Python, and takes about a second. Style is not its business (check_format.py, .clang-tidy).

    tools/check_house.py             the whole tree
    tools/check_house.py --sizes     the ten largest files of code as well
    tools/check_house.py --root DIR  another tree
"""

import argparse
import fnmatch
import pathlib
import re
import sys

# ---- who may include whom. A room is a folder; the longest prefix of a path that stands here is its room. Right of it: rooms and
# single headers that it may include besides itself. `*` stands for one folder.
DOOR, ERROR = "include/ingot", "include/ingot/error.h"
ROOMS = {
    "kernels/dialect": [],
    "formats/tables": [],
    "formats": ["formats/tables"],
    "kernels/quant": ["kernels/dialect"],
    "kernels/batch": ["kernels/dialect", "kernels/quant"],
    "kernels/gemv": ["kernels/dialect", "kernels/quant"],
    "kernels/gemm": ["kernels/dialect", "kernels/quant", "kernels/gemv"],  # tiles of gemv are its inner loop
    "kernels/embed": ["kernels/dialect", "kernels/quant", "kernels/batch"],
    "kernels/norm": ["kernels/dialect", "kernels/gemv"],  # its output is what gemv reads
    "kernels/rope": ["kernels/dialect", "kernels/quant", "kernels/batch"],
    "kernels/attend": ["kernels/dialect", "kernels/quant", "kernels/batch", "kernels/gemv", "kernels/embed", "kernels/rope"],
    "kernels/sample": ["kernels/dialect", "kernels/batch"],
    "kernels/*": ["kernels/dialect"],
    "include/ingot": [],
    "src/base": [ERROR],
    "src/container": [ERROR, "src/base"],
    "src/text": [DOOR, "src/base"],  # implements the door's Tokenizer
    "src/sampling": [DOOR, "src/base"],  # chooses by the door's SamplingOptions
    "src/grammar": [ERROR, "src/base", "src/text"],
    "src/jinja": [ERROR, "src/base"],
    "src/quant": [ERROR, "src/base", "kernels/dialect", "kernels/quant", "kernels/encode"],
    "src/plan": [ERROR, "src/base", "src/quant"],
    "src/backends/gpu": [ERROR, "src/base", "src/quant", "src/plan", "kernels/*"],
    "src/backends/*": [ERROR, "src/base", "src/quant", "src/plan", "src/backends/gpu", "kernels/*"],
    "src/foundry": [ERROR, "src/base", "src/container", "src/quant", "src/plan"],
    "src/quantize": [DOOR, "src/base", "src/container", "src/quant", "src/foundry/geometry.h", "src/backends/cpu"],  # encodes on the processor
    "src/engine": [DOOR, "src/base", "src/container", "src/text", "src/jinja", "src/sampling", "src/grammar", "src/quant", "src/plan", "src/foundry"],
    "src/server": [DOOR, "src/base"],
    "apps": [DOOR, "src/base"],
}
OPEN = ["tests", "bench", "fuzz"]  # may look into every room
SEARCHED = ["", "include", "src", "kernels", "formats", "tests"]  # where a quoted include is looked for

# ---- which words belong to one backend; a folder of src/backends that is not listed owns its own name
BACKEND_WORDS = {
    "cpu": r"immintrin|arm_neon|arm_sve|__m(?:128|256|512)[id]?|_mm\d*_\w+|v(?:ld1|st1|dot|fma|add|mul)q?_\w+|vpdpbusd|"
    r"avx-?2|avx-?512\w*|sse[2-4]\w*|neon|vnni|f16c",
    "cuda": r"cuda\w*|nvrtc\w*|cubin|ptx|__(?:shared|device|global|syncthreads|shfl\w*)__?|cu(?:Module|Launch|Mem|Ctx|Device|Stream)\w*",
    "metal": r"metal\w*|msl|threadgroup\w*|simdgroup\w*|MTL\w+|simd_(?:sum|shuffle|max)\w*",
}

# ---- what is allowed where it otherwise would not be: (path pattern, what the rule found, why)
ALLOWED = [
    ("src/text/*", "llama", "GGUF calls SPM vocabularies so (tokenizer.ggml.model), and names splits (tokenizer.ggml.pre) after models"),
    ("src/text/*", "qwen2", "a value of tokenizer.ggml.pre"),
    ("src/text/*", "glm4", "a value of tokenizer.ggml.pre"),
    ("src/text/*", "#define PCRE2_CODE_UNIT_WIDTH 8", "the library's header asks for it"),
    ("src/jinja/unicode.cpp", "#define PCRE2_CODE_UNIT_WIDTH 8", "the library's header asks for it"),
]
# Names of formats that are names of number types first.
NUMBER_TYPES = {"f32", "f16", "bf16"}

# ---- what is fetched. Debian's packages come signed; of everything else the hash stands in the tree and is compared before any code of it
# runs. So pip is the only other way in, and its lists are tools/setup/*.txt but those of Debian packages.
PIP = re.compile(r"\bpip3?\b[\"',(\s]+(?:install|download|wheel)\b")
OTHER_WAYS_IN = re.compile(
    r"\b(?:curl|wget|uvx?|pipx|npx|easy_install)[ \"'](?=\S)|(?<!a )\bgit[\"',\s]+clone\b|\b(?:npm|cargo|gem|go|conda|pecl|cpan)[\"',\s]+install\b|"
    r"\burl(?:open|retrieve)\b|\brequests\.get\b|\bFetchContent\w*|\bExternalProject\w*|\bfile\s*\(\s*DOWNLOAD\b"
)
PINNED = re.compile(r"[\w.-]+==\S+(?: +--hash=sha256:[0-9a-f]{64})+ *")
PINS = "tools/setup/pin.py"  # writes the hashes: it looks at wheels without installing them
ACTION = re.compile(r"\buses:[ \t]*(\S+)")
REFUSED_NAMES = re.compile(r"^(utils?|common|helpers?|misc|new|old|stuff)$|(V\d|_v\d|_new|_old|_utils?|_helpers?|_common|_misc)$")
MACHINE = re.compile(
    r"(?<![\w.])/(?:work|root|home/\w+|tmp/(?:venv|build)[\w-]*)(?:/|\b)|(?<![\w/-])(?:\.\./)?shared/\w|"
    r"\b(?:pypi\.org|pythonhosted\.org|deb\.debian\.org|docker\.io|ghcr\.io)\b"
)
MAX_LINES, MAX_FORMAT_LINES, MAX_SPEC_LINES = 600, 120, 80
SCRIPTS = {".py", ".sh", ".cmake", ".txt", ".yml", ".yaml", ""}
CODE = {".h", ".cpp", ".cu", ".metal", ".mm", ".py", ".sh", ".cmake"}
CPP = {".h", ".cpp", ".cu", ".metal", ".mm"}
TEXT = CODE | {".txt", ".md", ".json", ".yml", ".yaml", ""}
SKIPPED_FOLDERS = {".git", ".cache", ".venv", "build", "__pycache__"}
# This script and its test spell what they refuse.
OWN = {"tools/check_house.py", "tests/house/check_house_test.py"}


class File:
    def __init__(self, root, path):
        self.path = path.relative_to(root).as_posix()
        self.suffix = path.suffix
        self.text = path.read_text(encoding="utf-8", errors="replace")
        self.room = room_of(self.path)
        self._code = None

    @property
    def code(self):
        """The text with comments and the insides of strings blanked; lines stay where they are."""
        if self._code is None:
            self._code = without_comments(self.text)
        return self._code

    def under(self, *folders):
        return any(self.path == f or self.path.startswith(f + "/") for f in folders)


def without_comments(text):
    number = r"\b\d[\w']*"  # may hold digit separators, which open no character
    token = re.compile(number + r'|//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.S)

    def blank(match):
        piece = match.group(0)
        return piece if piece[0].isdigit() else re.sub(r"[^\n]", " ", piece)

    return token.sub(blank, text)


def room_of(path):
    best = None
    for room in [*ROOMS, *OPEN]:
        if matches_room(path, room) and (best is None or room.count("/") > best.count("/") or "*" in best):
            best = room
    if best and "*" in best:  # each folder under it is a room of its own
        best = "/".join(path.split("/")[: best.count("/") + 1])
    return best


def matches_room(path, room):
    parts, pattern = path.split("/")[:-1], room.split("/")
    return len(parts) >= len(pattern) and all(p in ("*", q) for p, q in zip(pattern, parts))


def allowed_by(room):
    if room in ROOMS:
        return ROOMS[room]
    return ROOMS.get(room.rsplit("/", 1)[0] + "/*", [])


class House:
    def __init__(self, root):
        self.root = root
        self.offences = []
        paths = (p for p in sorted(root.rglob("*")) if not SKIPPED_FOLDERS & set(p.relative_to(root).parts))
        self.paths = [p for p in paths if p.is_file() and not p.is_symlink()]
        self.files = [File(root, p) for p in self.paths if p.suffix in TEXT and p.stat().st_size < 4 << 20]
        self.by_path = {f.path: f for f in self.files}
        self.cpp = [f for f in self.files if f.suffix in CPP]
        self.generated = "".join(f.text for f in self.files if f.suffix == ".cmake" or f.path.endswith("CMakeLists.txt"))
        self.graph = {}

    def offend(self, path, line, rule, advice):
        self.offences.append(f"{path}:{line}: {rule}; {advice}")

    def each(self, files, pattern, rule, advice, of="text"):
        """One offence a match; `{}` in the texts stands for what was matched."""
        pattern = re.compile(pattern) if isinstance(pattern, str) else pattern
        allowed = [(path, found.lower(), why) for path, found, why in ALLOWED]
        for f in files:
            text = getattr(f, of)
            for m in pattern.finditer(text):
                word = m.group(0).strip()
                if not any(fnmatch.fnmatch(f.path, path) and found == word.lower() for path, found, _ in allowed):
                    self.offend(f.path, text.count("\n", 0, m.start()) + 1, rule.format(word), advice.format(word))

    # ---- includes

    def resolve(self, f, name):
        for folder in [f.path.rsplit("/", 1)[0] if "/" in f.path else "", *SEARCHED]:
            parts = []
            for part in (folder + "/" + name).split("/"):
                if part == "..":
                    del parts[-1:]
                elif part not in ("", "."):
                    parts.append(part)
            if "/".join(parts) in self.by_path:
                return "/".join(parts)
        return None

    def check_includes(self):
        for f in self.cpp:
            self.graph[f.path] = []
            for m in re.finditer(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', f.text, re.M):
                line = f.text.count("\n", 0, m.start()) + 1
                if m.group(1) == "<":
                    if f.under("formats", "kernels") and f.room != "kernels/dialect":
                        self.offend(f.path, line, f"the device world includes <{m.group(2)}>", "it has no standard library: use the dialect's words")
                    continue
                target = self.resolve(f, m.group(2))
                if target is None:
                    if m.group(2).rsplit("/", 1)[-1] not in self.generated:
                        self.offend(f.path, line, f'includes "{m.group(2)}", which is not in the tree', "add the file, or use <> for a library")
                    continue
                self.graph[f.path].append(target)
                self.check_edge(f, line, target)
        self.check_cycles()

    def check_edge(self, f, line, target):
        room, to = f.room, room_of(target)
        if room is None or room in OPEN or room == to:
            return
        if to in OPEN:
            self.offend(f.path, line, f"{room} includes {target}", "tests, benchmarks and fuzzers are included by nobody")
            return
        for allowed in allowed_by(room):
            if allowed == target or allowed == to or (allowed.endswith("/*") and to and matches_room(to + "/", allowed)):
                return
        may = ", ".join(allowed_by(room)) or "nothing but itself"
        self.offend(f.path, line, f"{room} includes {target}", f"it may include {may} (HOUSE.md)")

    def check_cycles(self):
        state = {}
        for start in self.graph:
            stack = [(start, iter(self.graph[start]))] if start not in state else []
            state.setdefault(start, 1)
            while stack:
                path, rest = stack[-1]
                for target in rest:
                    if state.get(target) == 1:
                        ring = [p for p, _ in stack]
                        ring = ring[ring.index(target) :] + [target]
                        self.offend(path, 1, "includes run in a circle: " + " -> ".join(ring), "move what both need into a header of its own")
                    elif target not in state and target in self.graph:
                        state[target] = 1
                        stack.append((target, iter(self.graph[target])))
                        break
                else:
                    state[path] = 2
                    stack.pop()

    # ---- words

    def names_in(self, folder, suffix):
        return [p.stem for p in (self.root / folder).glob("*" + suffix)]

    def check_names(self):
        inside = ("include", "src", "kernels", "apps", "cmake", "CMakeLists.txt")
        formats = [n for n in self.names_in("formats", ".h") if n not in NUMBER_TYPES]
        if formats:
            self.each(
                [f for f in self.files if f.under(*inside, "architectures")],
                named(formats),
                "names the format {}",
                "only formats/ and tests know formats; ask for the fact you need (class, bits, group) instead",
            )
        architectures = self.names_in("architectures", ".json")
        if architectures:
            self.each(
                [f for f in self.files if f.under(*inside, "formats")],
                named(architectures),
                "names the architecture {}",
                "only architectures/ and tests know architectures; let the spec state the difference",
            )

    def check_backend_words(self):
        backends = {p.name for p in (self.root / "src/backends").glob("*/")} - {"gpu"} | set(BACKEND_WORDS)
        for backend in sorted(backends):
            own = BACKEND_WORDS.get(backend, re.escape(backend))
            home = "src/backends/" + backend
            files = [f for f in self.files if f.under("include", "src", "kernels", "formats", "apps", "architectures")]
            self.each(
                [f for f in files if not f.under("kernels/dialect", home)],
                rf"(?i)(?<![A-Za-z0-9_])(?:{own})(?![A-Za-z0-9])",
                "{} is a word of the " + backend + " backend",
                f"it belongs in kernels/dialect or {home}",
            )

    def check_library_manners(self):
        library = [f for f in self.cpp if f.under("include", "src", "kernels", "formats")]
        self.each(library, r"\b(?:secure_)?getenv\b|\benviron\b", "reads the environment", "only apps do; take it as an option", "code")
        self.each(
            library,
            r"\bstd::(?:cout|cerr|clog|print|println)\b|\bfmt::print\b|(?<![\w.>])v?f?printf\s*\(|(?<![\w.>])(?:f?puts|putchar|perror)\s*\(",
            "prints ({})",
            "the library is silent: return it, throw ingot::Error, or call back",
            "code",
        )
        self.each(
            library,
            r"(?<![\w.>])(?:abort|_?exit|quick_exit|terminate|assert|__builtin_trap)\s*\(",
            "ends the process ({})",
            "throw ingot::Error: the library never aborts or exits",
            "code",
        )
        self.each(
            [f for f in self.cpp if f.under("include", "src") and f.path != "src/base/keyed_hash.h"],
            r"\bstd::(?:unordered_\w+|hash)\b",
            "hashes without a key ({})",
            "whoever writes the keys can make them collide: take HashMap, HashSet or keyed_hash of base/keyed_hash.h",
            "code",
        )
        self.each(
            [f for f in self.cpp if f.under("include", "src", "kernels", "formats", "apps") and not f.under("kernels/dialect")],
            r"(?m)^[ \t]*#[ \t]*define\b[^\n]*",
            "defines a macro",
            "macros live in kernels/dialect; use a constant, a template or an enum, and #pragma once",
            "code",
        )
        widened = r"(?:\bstatic_cast<(?:std::)?uint64_t>|\b(?:std::)?uint64_t)\([^()]*\)"
        self.each(
            [f for f in self.cpp if f.under("src") and not f.under("src/base")],
            rf"{widened}\s*\*|\*\s*{widened}",
            "multiplies sizes ({})",
            "capped_product or checked_mul of base/checked.h: what a file says may wrap",
            "code",
        )
        self.each(
            [f for f in self.cpp if f.under("include", "src", "apps")],
            r"\b(?:std::filesystem|fs)::(?!path\b|perms\b|file_status\b|file_type\b|copy_options\b)\w+\s*(?:\w+\s*)?[({](?![^;]*\berror\b)|"
            r"\busing namespace std::filesystem\b",
            "may throw std::filesystem_error ({})",
            "pass a std::error_code called error, and throw ingot::Error",
            "code",
        )
        self.each(
            [f for f in self.cpp if f.under("apps") and f.path != "apps/output.cpp"],
            r"\bstd::(?:cout|cerr|clog)\b|\bfmt::print\b|(?<![\w.>:])(?:std::)?(?:v?f?printf|f?puts|f?putc|putchar|fwrite|perror)\s*\(",
            "writes past apps/output.cpp ({})",
            "answer, note and control_terminal see to it that nothing from elsewhere steers a terminal",
            "code",
        )
        self.each(
            [f for f in self.cpp if f.under("include", "src", "apps")],
            r"(?<![\w.>])(?:umask|f?chdir|setenv|putenv|unsetenv)\s*\(",
            "changes what all threads share ({})",
            "pass it to the call that needs it: a mode to open, a path to openat",
            "code",
        )
        self.each(
            [f for f in self.files if f.under("tests") and f.path.endswith((".cpp", ".h", ".mm", ".py"))],
            r"\bstd::(?:chrono|clock)\b|\b(?:clock_gettime|getrusage|gettimeofday)\b|\btime\.(?:time|perf_counter|process_time|thread_time)(?:_ns)?\(",
            "measures time ({})",
            "count the work instead: a clock on a shared machine is noise; waiting with a limit is time.monotonic",
            "code",
        )
        self.each(self.cpp, r"(?m)^[ \t]*#[ \t]*if[ \t]+(?:0|false)\b", "keeps dead code", "delete it; history remembers", "code")

    # ---- linkage: what is compiled once per instruction set must not be merged by the linker

    def check_linkage(self):
        kernels = [f for f in self.cpp if f.under("kernels")]
        self.each(
            [f for f in kernels if f.path.endswith("/params.h")],
            r"\)[^(){};]*\{",
            "a params.h has a function body",
            "units of every instruction set share this file: types only; move the body into a header that each includes in its own namespace",
            "code",
        )
        self.each(
            [f for f in kernels if not f.path.endswith("/params.h")],
            r"(?m)^(?:template ?<[^\n;]*?> )?(?!fn\b|static\b|struct\b|enum\b|typedef\b|template\b|extern\b)[A-Za-z_][^\n;={#]*\([^\n]*\{[^\n]*",
            "a function with external linkage ({})",
            "the linker would keep one machine's copy for all: begin it with fn or static",
            "code",
        )

    # ---- files

    def check_files(self):
        for p in self.paths:
            path = p.relative_to(self.root)
            for part in [*path.parts[:-1], path.stem]:
                if REFUSED_NAMES.search(part):
                    self.offend(path.as_posix(), 1, f"the name {part} says nothing", "name the file after what it does")
        for f in self.files:
            lines = f.text.count("\n")
            if f.under("formats") and f.room == "formats":
                limit, what = MAX_FORMAT_LINES, "put codebooks into formats/tables"
            elif re.fullmatch(r"architectures/[^/]+\.json", f.path):
                limit, what = MAX_SPEC_LINES, "say what the model is, not how it runs; use extends"
            elif f.suffix in CODE and not f.under("formats/tables", "tests"):
                limit, what = MAX_LINES, "cut it where it has two subjects"
            else:
                continue
            if lines > limit:
                self.offend(f.path, limit + 1, f"{lines} lines, at most {limit}", what)
        outside = [f for f in self.files if f.path not in OWN]
        self.each(outside, MACHINE, "names one machine's path or host ({})", "the project stands on its own: use relative paths or options")

    # ---- downloads

    def check_downloads(self):
        scripts = [f for f in self.files if f.suffix in SCRIPTS and f.path not in OWN]
        for f in scripts:
            for m in PIP.finditer(f.text):
                if "--require-hashes" not in command_after(f, m.start()) and f.path != PINS:
                    line = f.text.count("\n", 0, m.start()) + 1
                    self.offend(f.path, line, "pip takes files of any hash", "add --require-hashes and a list of tools/setup")
            if f.under("tools/setup") and f.suffix == ".txt" and not f.path.startswith("tools/setup/apt"):
                self.check_list(f)
            if f.under(".github"):
                for m in ACTION.finditer(f.text):
                    if not re.search(r"@[0-9a-f]{40}$", m.group(1)) and not m.group(1).startswith("./"):
                        line = f.text.count("\n", 0, m.start()) + 1
                        self.offend(f.path, line, f"the action {m.group(1)} may change", "name the 40 digits of a commit")
        self.each(scripts, OTHER_WAYS_IN, "fetches with {}", "only apt and pip do, so that a hash is compared before code of a download runs")

    def check_list(self, f):
        """A list of Python packages: each with its version and a hash at least."""
        line = 1
        for logical in re.sub(r" *\\\n *", lambda m: " \0", f.text).split("\n"):
            requirement = logical.replace("\0", "")
            if requirement and not requirement.startswith("#") and not PINNED.fullmatch(requirement):
                self.offend(f.path, line, f"{requirement.split()[0]} has no hash", "tools/setup/pin.py writes it")
            line += 1 + logical.count("\0")

    def check_house_list(self):
        """HOUSE.md names every room that exists, and its table of rooms no other."""
        house = self.by_path.get("HOUSE.md")
        rooms = {f.room for f in self.files if f.room and f.room not in OPEN}
        for room in sorted(rooms):
            if house is None or not re.search(rf"`{re.escape(room)}/?`", house.text):
                self.offend("HOUSE.md", 1, f"does not list the room `{room}`", "add its line: what it does, whom it may include")
        if house:
            for n, line in enumerate(house.text.splitlines(), 1):
                for room in re.findall(r"`([^`]+)`", line.split("|")[1]) if line.startswith("| `") else []:
                    if not (self.root / room).is_dir():
                        self.offend("HOUSE.md", n, f"lists the room `{room}`, which is not there", "take its line out")
        for f in self.cpp:
            if f.room is None and f.under("src", "kernels"):
                self.offend(f.path, 1, "stands in no room", "move it into a room, or add the room here and in HOUSE.md")

    def check(self):
        self.check_includes()
        self.check_names()
        self.check_backend_words()
        self.check_library_manners()
        self.check_linkage()
        self.check_files()
        self.check_downloads()
        self.check_house_list()
        return self.offences


def command_after(f, start):
    """The rest of the command in which `start` stands: in Python to the bracket that closes it, elsewhere to the end of the line."""
    if f.suffix != ".py":
        return re.compile(r"(?:\\\n|[^\n])*").match(f.text, start).group(0)
    depth, end = 0, start
    while end < len(f.text) and depth >= 0:
        depth += (f.text[end] in "([") - (f.text[end] in ")]")
        end += 1
    return f.text[start:end]


def named(names):
    """Any of the names as a word of its own, in any case; `_` and `-` end a word. `name.cpp` is another project's name."""
    longest_first = "|".join(sorted(map(re.escape, names), key=len, reverse=True))
    return re.compile(rf"(?i)(?<![a-z0-9])(?:{longest_first})(?![a-z0-9]|\.cpp| \d)")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    parser.add_argument("--sizes", action="store_true", help="print the ten largest files of code")
    options = parser.parse_args()
    house = House(options.root.resolve())
    offences = house.check()
    for offence in offences:
        print(offence)
    if options.sizes:
        code = [f for f in house.files if f.suffix in CODE]
        for f in sorted(code, key=lambda f: -f.text.count("\n"))[:10]:
            print(f"{f.text.count(chr(10)):6} lines  {f.path}")
    print(f"check_house: {len(house.files)} files, {len(offences)} offences")
    return 1 if offences else 0


if __name__ == "__main__":
    sys.exit(main())
