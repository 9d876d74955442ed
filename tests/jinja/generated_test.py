#!/usr/bin/env python3
"""Small templates, rendered by ingot and by Python's jinja2: generated_test.py PATH_OF_RENDER_LINES [N] [-v].

First the lines of snippets.txt, one or more constructs each, errors too; then N templates (800) from a grammar, always the same ones.
Where jinja2 fails, ingot must fail; where it renders, ingot must render the same. Exit code 77 (skipped): jinja2 is missing.
"""

import pathlib
import random
import sys

HERE = pathlib.Path(__file__).resolve().parent
VARIABLES = {
    "n": 3,
    "f": 2.5,
    "text": "Häl lo <wörld> 😀",
    "words": ["pear", "Apple", "fig", "banana"],
    "numbers": [3, 1, 2, 3, 5],
    "record": {"name": "Ünal", "age": 42, "_private": 1, "nested": {"list": [{"x": 1}, {"x": None}]}},
    "people": [{"name": "Ada", "age": 36}, {"name": "bob", "age": 30}, {"name": "Cy", "age": 36}],
    "tree": [{"v": 1, "c": []}, {"v": 2, "c": [{"v": 3, "c": []}, {"v": 4, "c": [{"v": 5}]}]}],
}


class Grammar:
    """Templates at random; expressions know what they give, so that most of them render."""

    def __init__(self, seed):
        self.r = random.Random(seed)
        self.scope = [[]]

    def pick(self, *choices):
        return self.r.choice(choices)

    def expr(self, kind, depth):
        if depth <= 0 or self.r.random() < 0.2:
            return self.leaf(kind)
        return getattr(self, kind)(depth - 1)

    def leaf(self, kind):
        own = [name for frame in self.scope for name, k in frame if k == kind]
        if own and self.r.random() < 0.5:
            return self.r.choice(own)
        return {
            "string": lambda: self.pick("text", "'ab'", "' x\\ny '", "''", "record.name", "words[0]", "'É<&>\"'"),
            "number": lambda: self.pick("n", "0", "7", "-2", "record.age", "numbers[1]", "numbers|length"),
            "real": lambda: self.pick("f", "0.5", "1e3", "-1.25"),
            "boolean": lambda: self.pick("true", "false", "n is defined", "missing is defined", "'a' in text"),
            "list": lambda: self.pick("words", "numbers", "[]", "[1, 'a', none]", "('p', 'q')|list"),
            "strings": lambda: self.pick("words", "['x', 'Y']", "text.split()"),
            "anything": lambda: self.pick("missing", "none", "record", "people", "record.nested", "(1, 'b')"),
        }[kind]()

    def string(self, d):
        s = self.expr("string", d)
        return self.pick(
            lambda: f"{s} ~ {self.any(d)}",
            lambda: f"({s} + {self.expr('string', d)})",
            lambda: f"({s})|{self.pick('upper', 'lower', 'trim', 'title', 'capitalize', 'string', 'reverse')}",
            lambda: f"({s}).{self.pick('upper', 'lower', 'strip', 'lstrip', 'rstrip', 'title', 'capitalize', 'swapcase')}()",
            lambda: f"({s})[{self.slice()}]",
            lambda: f"({s})|replace({self.expr('string', d)}, '{self.pick('', '-', 'ö')}')",
            lambda: "(" + s + ").replace(" + self.pick("'a'", "'l'", "' '") + ", " + self.expr('string', d) + ")",
            lambda: "(" + self.expr('strings', d) + ")|join(" + self.pick("', '", "''", s) + ")",
            lambda: f"'-'.join({self.expr('strings', d)})",
            lambda: f"({self.jsonable(d)})|tojson{self.pick('', '(indent=2)', '(ensure_ascii=true)')}",
            lambda: f"({s} if {self.expr('boolean', d)} else {self.expr('string', d)})",
            lambda: "(" + s + ")|indent(" + self.pick('2', '3, true', "'> '") + ")",
            lambda: "(" + s + ")|truncate(" + str(self.r.randint(5, 9)) + self.pick('', ', true', ', false, \"…\", 0') + ")",
            lambda: f"'{self.pick('%s', '[%5s]', '%-4s|', '%r')}'|format({s})",
            lambda: f"'{self.pick('{}', '{:>9}', '{!r}', '<{:^7}>', '{:.2}')}'.format({s})",
            lambda: f"({self.expr('number', d)})|string",
            lambda: f"({s} or {self.expr('string', d)})",
        )()

    def number(self, d):
        return self.pick(
            lambda: f"({self.expr('number', d)} {self.pick('+', '-', '*')} {self.leaf('number')})",
            lambda: f"({self.expr('number', d)} {self.pick('//', '%')} {self.pick('2', '-3', '7')})",
            lambda: f"({self.any(d)})|string|length",
            lambda: "(" + self.expr('string', d) + ")." + self.pick('count', 'find', 'rfind') + "(" + self.pick("'l'", "'a'", "' '") + ")",
            lambda: f"({self.expr('string', d)})|int({self.leaf('number')})",
            lambda: f"({self.expr('list', d)})|length",
            lambda: f"({self.expr('number', d)})|abs",
            lambda: f"(-{self.expr('number', d)})",
            lambda: f"numbers|{self.pick('sum', 'max', 'min', 'first', 'last')}",
        )()

    def real(self, d):
        return self.pick(
            lambda: f"({self.expr('real', d)} {self.pick('+', '-', '*')} {self.expr('number', d)})",
            lambda: f"({self.expr('number', d)} / {self.pick('2', '3', '-7')})",
            lambda: f"({self.expr('real', d)})|round({self.r.randint(0, 3)})",
            lambda: f"({self.expr('number', d)})|float",
        )()

    def boolean(self, d):
        tests = ("defined", "none", "string", "number", "mapping", "iterable", "sequence", "boolean", "true", "callable", "integer", "float")
        return self.pick(
            lambda: f"({self.any(d)} is {self.pick('', 'not ')}{self.pick(*tests)})",
            lambda: f"({self.expr('number', d)} {self.pick('<', '<=', '==', '!=', '>', '>=')} {self.expr('number', d)})",
            lambda: f"({self.any(d)} == {self.any(d)})",
            lambda: f"({self.expr('string', d)} {self.pick('in', 'not in', '<', '>=')} {self.expr('string', d)})",
            lambda: f"({self.any(d)} in {self.expr('list', d)})",
            lambda: f"(not {self.expr('boolean', d)})",
            lambda: f"({self.expr('boolean', d)} {self.pick('and', 'or')} {self.expr('boolean', d)})",
            lambda: f"({self.expr('string', d)}).{self.pick('startswith', 'endswith')}({self.leaf('string')})",
        )()

    def list(self, d):
        items = self.expr("list", d)
        return self.pick(
            lambda: f"[{', '.join(self.any(d) for _ in range(self.r.randint(0, 3)))}]",
            lambda: f"({items} + {self.expr('list', d)})",
            lambda: f"({items})[{self.slice()}]",
            lambda: f"({items})|reverse|list",
            lambda: "(" + items + ")|select(" + self.pick("'string'", "'number'", "'defined'") + ")|list",
            lambda: f"({items})|map('string')|list",
            lambda: "(" + self.expr('strings', d) + ")|" + self.pick('sort', 'unique|list', 'map("upper")|list', "map('length')|list", 'sort(reverse=true)'),
            lambda: f"people|map(attribute='{self.pick('name', 'age', 'none')}')|list",
            lambda: f"people|selectattr('age', '{self.pick('eq', 'ne', 'lt', 'ge')}', {self.expr('number', d)})|list",
            lambda: "(" + self.expr('string', d) + ").split(" + self.pick('', "'l'", "' ', 1") + ")",
            lambda: f"record|{self.pick('items', 'list')}|list",
            lambda: f"range({self.r.randint(-2, 4)}, {self.r.randint(-2, 6)})|list",
            lambda: "(" + items + ")|batch(" + str(self.r.randint(1, 3)) + self.pick('', ", '_'") + ")|list",
        )()

    def strings(self, d):
        return self.pick(
            lambda: f"[{self.expr('string', d)}, {self.expr('string', d)}]",
            lambda: f"({self.expr('strings', d)})|sort",
            lambda: "(" + self.expr('string', d) + ").split(" + self.pick('', "' '", "'l', 1") + ")",
            lambda: f"({self.expr('string', d)}).splitlines()",
        )()

    def anything(self, d):
        return self.pick(
            lambda: "{'k': " + self.any(d) + ", " + self.pick("'é'", '1') + ": " + self.any(d) + "}",
            lambda: f"({self.any(d)}, {self.any(d)})",
            lambda: f"({self.any(d)})|default({self.any(d)}{self.pick('', ', true')})",
            lambda: f"({self.expr('list', d)})|{self.pick('first', 'last')}",
            lambda: f"({self.expr('list', d)})[{self.r.randint(-3, 4)}]",
            lambda: f"record.get('{self.pick('name', 'no')}', {self.any(d)})",
            lambda: f"({self.any(d)} and {self.any(d)})",
        )()

    def jsonable(self, d):
        return self.expr(self.pick("string", "number", "real", "boolean", "strings"), d) if self.r.random() < 0.6 else self.pick("record", "people", "tree", "[1, {'a': none}]")

    def any(self, d):
        return self.expr(self.pick("string", "number", "real", "boolean", "list", "anything"), d)

    def slice(self):
        part = lambda: self.pick("", str(self.r.randint(-4, 5)))
        return f"{part()}:{part()}{self.pick('', '', ':-1', ':2')}"

    # ---- statements

    def template(self):
        return "".join(self.statement(2) for _ in range(self.r.randint(1, 4)))

    def tag(self, inside):
        opening, closing = self.pick("{%", "{%", "{%-", "{%+"), self.pick("%}", "%}", "-%}")
        return f"{opening} {inside} {closing}{self.pick('', chr(10), ' ', chr(10) + '  ')}"

    def data(self):
        return self.pick("x", "\n", "  ", "a b\n", "\n  ", "<|end|>\n", "{# note #}", "{#- note -#}\n", "é ", "")

    def output(self):
        return f"{self.pick('{{', '{{', '{{-')} {self.any(3)} {self.pick('}}', '}}', '-}}')}"

    def body(self, depth):
        self.scope.append([])
        text = "".join(self.statement(depth - 1) for _ in range(self.r.randint(1, 3)))
        self.scope.pop()
        return text

    def statement(self, depth):
        if depth == 0 or self.r.random() < 0.5:
            return self.data() + self.output() + self.data()
        return self.data() + self.pick(self.if_, self.for_, self.set_, self.macro, self.block)(depth) + self.data()

    def if_(self, d):
        text = self.tag(f"if {self.expr('boolean', 2)}") + self.body(d)
        if self.r.random() < 0.3:
            text += self.tag(f"elif {self.any(2)}") + self.body(d)
        if self.r.random() < 0.5:
            text += self.tag("else") + self.body(d)
        return text + self.tag("endif")

    def for_(self, d):
        name = self.pick("x", "y", "w")
        kind = self.pick("list", "strings")
        test = f" if {name} is {self.pick('string', 'number', 'defined')}" if self.r.random() < 0.3 else ""
        head = self.tag(f"for {name} in {self.expr(kind, 2)}{test}")
        self.scope.append([(name, "string" if kind == "strings" else "anything"), ("loop.index", "number"), ("loop.last", "boolean")])
        text = head + self.body(d)
        if self.r.random() < 0.2:
            text += self.tag(f"if loop.index == 2") + self.tag(self.pick("break", "continue")) + self.tag("endif") + self.output()
        self.scope.pop()
        return text + (self.tag("else") + self.data() if self.r.random() < 0.3 else "") + self.tag("endfor")

    def set_(self, d):
        kind, name = self.pick("string", "number", "list"), f"v{self.r.randint(0, 3)}"
        if kind == "string" and self.r.random() < 0.3:
            text = self.tag(f"set {name}{self.pick('', ' | upper', ' | trim')}") + self.body(d) + self.tag("endset")
        else:
            text = self.tag(f"set {name} = {self.expr(kind, 3)}")
        for frame in self.scope:
            frame[:] = [own for own in frame if own[0] != name]
        self.scope[-1].append((name, kind))
        return text

    def macro(self, d):
        name = f"m{self.r.randint(0, 9)}"
        outer, self.scope = self.scope, [[("p", "string"), ("q", "number")]]
        text = self.tag(f"macro {name}(p, q={self.leaf('number')})") + self.body(d) + self.tag("endmacro")
        self.scope = outer
        return text + f"{{{{ {name}({self.expr('string', 2)}{self.pick('', ', 4', ', q=n')}) }}}}"

    def block(self, d):
        return self.pick(
            lambda: self.tag("filter " + self.pick("upper", "trim", "replace('a', 'b')", "indent")) + self.body(d) + self.tag("endfilter"),
            lambda: self.tag(f"with z = {self.any(2)}") + self.body(d) + "{{ z }}" + self.tag("endwith"),
            lambda: "{% raw %}" + self.data() + "{{ x }}{% endraw %}" + self.data(),
            lambda: self.tag("generation") + self.body(d) + self.tag("endgeneration"),
        )()


def snippets():
    """The lines of the file; those that are indented or follow such a one belong together, as one template."""
    text = (HERE / "snippets.txt").read_text(encoding="utf-8")
    start = text.index("  {% if true %}  \n")
    end = text.index("{% if false %}a{% elif")
    return [line for line in (text[:start] + text[end:]).split("\n") if line] + [text[start:end]]


def main():
    try:
        import reference
    except ImportError as e:
        print(f"skipped: {e}; ./test installs it into the private environment")
        sys.exit(77)
    env, ingot = reference.environment(), reference.Ingot(sys.argv[1])
    counts = [a for a in sys.argv[2:] if a.isdigit()]
    templates = snippets() + [Grammar(seed).template() for seed in range(int(counts[0]) if counts else 800)]
    wrong = rendered = refused = 0
    for template in templates:
        expected, expected_error = reference.render(env, template, VARIABLES)
        got, error = ingot.render(template, VARIABLES)
        rendered += expected is not None
        refused += expected is None and got is None
        if got == expected and (not (expected_error or "").startswith("refused") or error == expected_error):
            continue
        wrong += 1
        if wrong <= 12 or "-v" in sys.argv:
            print(f"{template!r}\n    jinja2: {expected_error or repr(expected)}\n    ingot:  {error or repr(got)}")
    print(f"{len(templates)} templates: {rendered} rendered, {refused} refused by both, {wrong} wrong")
    sys.exit(1 if wrong or rendered < 500 else 0)


if __name__ == "__main__":
    main()
