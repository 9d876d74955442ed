#!/usr/bin/env python3
"""Templates made to harm: hostile_test.py PATH_OF_RENDER_LINES [FACTOR].

Each is rendered by a process of its own, which must answer with a text or an error, within the steps that the budget of a rendering counts
and 64 MiB of memory (times FACTOR, for builds with sanitizers or without optimization). None of them may see the machine.
"""

import json
import os
import re
import subprocess
import sys
import tempfile

STEPS, MEBIBYTES = 2_000_000 + 64 * 100, 64  # 100: bytes of the conversation
DEEP = 100_000
MESSAGES = [{"role": "user", "content": "{{ 7 * 7 }}{% raise %}"}]


def cases():
    """(name, template, what the answer must be: a part of an error, or the text as `=text`)."""
    reach = "undefined"
    yield "class", "{{ ''.__class__ }}", "="
    yield "mro", "{{ ''.__class__.__mro__ }}", reach
    yield "subclasses", "{{ ().__class__.__base__.__subclasses__() }}", reach
    yield "globals", "{{ lipsum.__globals__['os'].popen('id').read() }}", "not supported"
    yield "cycler", "{{ cycler.__init__.__globals__ }}", reach
    yield "joiner", "{{ joiner(',').__init__ }}", "="
    yield "macro", "{% macro m() %}{% endmacro %}{{ m.__globals__ }}", "="
    yield "namespace", "{{ namespace().__class__.__init__ }}", reach
    yield "self", "{{ self.__dict__ }}", "not supported"
    yield "config", "{{ config.items() }}", reach
    yield "request", "{{ request.application.__globals__.__builtins__.__import__('os') }}", reach
    yield "attr filter", "{{ ''|attr('__class__')|attr('__mro__') }}", reach
    yield "item", "{{ ''['__class__']['__mro__'] }}", reach
    yield "format reaches", "{{ '{0.__class__}'.format('') }}", "format"
    yield "format items", "{{ '{0[a]}'.format({}) }}", "format"
    yield "format_map", "{{ '{x.__class__}'.format_map({'x': 1}) }}", "format_map"
    yield "map attribute", "{{ ['']|map(attribute='__class__.__mro__')|list }}", reach
    yield "include", "{% include '/etc/passwd' %}", "include"
    yield "import", "{% import 'os' as os %}", "import"
    yield "from", "{% from 'os' import system %}", "from"
    yield "extends", "{% extends 'base' %}", "extends"
    yield "environ", "{{ environ }}{{ os }}{{ open }}", "="
    yield "open", "{{ open('/etc/passwd') }}", reach
    yield "do", "{% do 1 %}", "do"
    yield "content is not run", "{{ messages[0].content }}", "={{ 7 * 7 }}{% raise %}"
    much = "too much"
    yield "long range", "{% for i in range(10**9) %}x{% endfor %}", "range"
    yield "nested ranges", "{% for a in range(999) %}{% for b in range(999) %}{% for c in range(999) %}{{ a }}{% endfor %}{% endfor %}{% endfor %}", much
    yield "silent ranges", "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", much
    yield "repeated text", "{{ 'x' * 10**10 }}", much
    yield "repeated much", "{{ 'x' * 9223372036854775807 }}", much
    yield "repeated list", "{{ [1] * 10**12 }}", "too long"
    yield "repeated list of many", "{{ ([1] * 200000) * 200000 }}", "too long"
    yield "list in list", "{% set ns = namespace(l=[1]) %}{% for i in range(99) %}{% set ns.l = ns.l + ns.l %}{% endfor %}", much
    yield "doubling", "{% set ns = namespace(s='ab') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", much
    yield "doubling by block", "{% set ns = namespace(s='ab') %}{% for i in range(99) %}{% set ns.s %}{{ ns.s }}{{ ns.s }}{% endset %}{% endfor %}", much
    yield "doubling by replace", "{% set ns = namespace(s='ab') %}{% for i in range(99) %}{% set ns.s = ns.s|replace('a', 'aaaa') %}{% endfor %}", much
    yield "doubling by join", "{% set ns = namespace(s='ab') %}{% for i in range(99) %}{% set ns.s = ns.s.join(ns.s|list) %}{% endfor %}", much
    yield "doubling tree", "{% set ns = namespace(l=[1]) %}{% for i in range(90) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}", much
    yield "doubling tree compared", "{% set a = namespace(l=[1]) %}{% set b = namespace(l=[1]) %}{% for i in range(90) %}{% set a.l = [a.l, a.l] %}{% set b.l = [b.l, b.l] %}{% endfor %}{{ a.l == b.l }}", much
    yield "doubling tree as json", "{% set ns = namespace(l=[1]) %}{% for i in range(90) %}{% set ns.l = {'a': ns.l, 'b': ns.l} %}{% endfor %}{{ ns.l|tojson }}", much
    yield "deep list", "{% set ns = namespace(l=[]) %}{% for i in range(99999) %}{% set ns.l = [ns.l] %}{% endfor %}", "nested"
    yield "deep list by append", "{% set ns = namespace(l=[]) %}{% for i in range(99999) %}{% set m = [] %}{% set _ = m.append(ns.l) %}{% set ns.l = m %}{% endfor %}{{ ns.l }}", "n"
    yield "deep methods", "{% set ns = namespace(d={}) %}{% for i in range(99999) %}{% set ns.d = {'a': ns.d.get} %}{% endfor %}", "nested"
    yield "deep macros", "{% set ns = namespace(m=1) %}{% for i in range(20000) %}{% set old = ns.m %}{% macro m() %}{{ old }}{% endmacro %}{% set ns.m = m %}{% endfor %}", ""
    yield "deep loops", "{% set ns = namespace(l=1) %}{% for i in range(20000) %}{% set p = ns.l %}{% for j in [1] recursive %}{% set ns.l = loop %}{% endfor %}{% endfor %}", ""
    yield "holds itself", "{% set l = [] %}{% set _ = l.append(l) %}{{ l }}", "nested"
    yield "holds itself as json", "{% set l = [] %}{% set _ = l.append(l) %}{{ l|tojson }}", "nested"
    yield "compares with itself", "{% set l = [] %}{% set m = [] %}{% set _ = l.append(m) %}{% set _ = m.append(l) %}{{ l == [l] }}", "nested"
    yield "namespace in itself", "{% set ns = namespace() %}{% set ns.a = ns %}{{ ns }}", "nested"
    yield "grows as it is walked", "{% set l = [1] %}{% for x in l %}{% set _ = l.append(1) %}{% endfor %}{{ l }}", "=[1, 1]"
    yield "indent", "{{ 'a\\nb'|indent(10**9) }}", much
    yield "indent lines", "{{ ('a\\n' * 5000)|indent(10000) }}", much
    yield "json indent", "{{ [[1]]|tojson(indent=10**9) }}", much
    yield "center", "{{ 'a'|center(10**10) }}", much
    yield "ljust", "{{ 'a'.ljust(10**10) }}", much
    yield "zfill", "{{ 'a'.zfill(10**10) }}", much
    yield "format width", "{{ '%9999999999d'|format(1) }}", much
    yield "format precision", "{{ '%.999999999f'|format(1.5) }}", "digits"
    yield "brace width", "{{ '{:>9999999999}'.format('a') }}", much
    yield "brace precision", "{{ '{:.999999999f}'.format(1.5) }}", "digits"
    yield "power", "{{ 9 ** 99999999999 }}", "too large"
    yield "power of one", "{{ 1 ** 9223372036854775807 }}", "=1"
    yield "smallest", "{{ (-9223372036854775807 - 1) // -1 }}", "=9223372036854775808"
    yield "smallest modulo", "{{ (-9223372036854775807 - 1) % -1 }}", "=0"
    yield "negated", "{{ -(-9223372036854775807 - 1) }}", "=9223372036854775808"
    yield "slice step", "{{ 'abc'[::9223372036854775807] }}{{ [1, 2][::-9223372036854775807] }}", "=a[2]"
    yield "batch", "{{ [1]|batch(10**12, 0)|list }}", much
    yield "slices", "{{ [1]|slice(10**12)|list }}", much
    yield "truncate", "{{ 'abc'|truncate(9223372036854775807, true, '', 9223372036854775807) }}", "=abc"
    yield "huge number", "{{ 99999999999999999999 }}", "=99999999999999999999"
    yield "many words", "{{ ('a ' * 400000).split()|length }}", ""
    yield "many cuts", "{{ ('a' * 400000).rsplit('a')|length }}", ""
    yield "list of a text", "{{ ('a' * 900000)|list|length }}", much
    yield "join of many", "{{ range(99999)|join('x' * 1000) }}", much
    yield "sort of many", "{{ ((range(99999)|list) * 3)|sort|length }}", much
    yield "search again and again", "{% set s = 'a' * 900000 %}{% for i in range(99999) %}{{ 'b' in s }}{% endfor %}", much
    yield "search of almost", "{% set s = 'a' * 900000 %}{{ s.find('a' * 400000 ~ 'b') }}", ""
    yield "dict of many", "{% set ns = namespace() %}{% set d = {} %}{% for i in range(99999) %}{% set _ = d.update({i: i}) %}{% endfor %}{{ d|length }}", ""
    yield "unique of many", "{{ range(99999)|unique|list|length }}", ""
    yield "macro calls itself", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "deep"
    yield "macro calls itself twice", "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(90) }}", much
    yield "macro writes and calls", "{% macro m() %}{{ 'x' * 900000 }}{{ m() }}{% endmacro %}{{ m() }}", much
    yield "caller calls", "{% macro m() %}{{ caller() }}{% endmacro %}{% macro n() %}{% call m() %}{{ n() }}{% endcall %}{% endmacro %}{{ n() }}", "deep"
    yield "loop in itself", "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "deep"
    yield "macro by its default", "{% macro m(a=m()) %}{% endmacro %}{{ m() }}", "deep"
    yield "many variables", "".join(f"{{% set v{i} = 1 %}}" for i in range(20000)) + "{{ v1 }}", "=1"
    yield "many variables inside", "{% for i in range(9) %}" + "".join(f"{{% set v{i} = 1 %}}" for i in range(20000)) + "{% endfor %}", ""
    for name, opening, closing in (("parentheses", "(", ")"), ("lists", "[", "]"), ("dicts", "{1:", "}"), ("not", "not ", ""), ("minus", "- ", ""), ("calls", "f(", ")"), ("items", "a[", "]")):
        yield f"deep {name}", "{{ " + opening * DEEP + "1" + closing * DEEP + " }}", "nested"
        yield f"open {name}", "{{ " + opening * DEEP, "no end"
    yield "deep ifs", "{% if 1 %}" * 40_000, "nested"
    yield "deep loops in loops", "{% for a in b %}" * 30_000, "nested"
    yield "deep else", "{{ " + "1 if 0 else " * 30_000 + "1 }}", "nested"
    yield "long sum", "{{ " + "1 + " * DEEP + "1 }}", "deep"
    yield "long and", "{{ " + "1 and " * 80_000 + "1 }}", "deep"
    yield "long filters", "{{ 1" + "|abs" * DEEP + " }}", "deep"
    yield "long attributes", "{{ a" + ".b" * DEEP + " }}", "deep"
    yield "long calls", "{{ a" + "()" * DEEP + " }}", "deep"
    yield "long tests", "{{ 1" + " is odd" * 60_000 + " }}", "chained"
    yield "long comparison", "{{ " + "1 < " * DEEP + "1 }}", "=False"
    yield "long concatenation", "{{ " + "1 ~ " * DEEP + "1 }}", ""
    yield "long elif", "{% if 0 %}" + "{% elif 0 %}" * 30_000 + "{% endif %}", "="
    yield "much text", "x" * (500 << 10), ""
    yield "too long", "x" * (2 << 20), "too long"
    yield "empty", "", "="
    yield "open tags", "{{" * 50_000, ""
    yield "open comments", "{#" * 100_000, "comment"
    yield "open raws", "{% raw %}" + "{% endra %}" * 40_000, "raw"
    yield "many signs", "{%-" * 90_000, ""
    yield "white space", "{{ 1 }}" + " " * 400_000 + "{%- if 1 -%}" + "\n" * 90_000 + "{%- endif -%}", "=1"
    yield "backslash at the end", "{{ 'a\\", "string"
    yield "NUL", "a\0b{{ '\0' }}", "=a\0b\0"
    yield "byte order mark", "\ufeffa\r\nb\rc\n", "=\ufeffa\nb\nc"
    yield "unclosed", "{% for a in b %}{{ a", "no end"
    yield "generation", "{% generation %}a{% endgeneration %}", "=a"
    yield "break outside", "{% break %}", "outside"
    yield "raises long", "{{ raise_exception('x' * 100000) }}", "xxx"
    yield "long date", "{{ strftime_now('%Y' * 10000) }}", "too long"
    yield "odd date", "{{ strftime_now('%') }}", "date"
    yield "odder date", "{{ strftime_now('%Q%999999Y') }}", "date"
    yield "long name", "{{ " + "a" * 400_000 + ".b }}", "aaa"
    yield "json of itself", "{% set s = '[' * 100000 %}{{ s|from_json }}", "nested"
    yield "large power", "{{ 10 ** (10 ** 10) }}", "too large"
    yield "larger power", "{{ 3 ** (10 ** 30) }}", "too large"
    yield "tower", "{% set ns = namespace(x=3) %}{% for i in range(99999) %}{% set ns.x = ns.x * ns.x %}{% endfor %}", "too large"
    yield "long numbers", "{% set x = 7 ** 5000 %}{% for i in range(99999) %}{{ x // 3 }}{% endfor %}", much
    yield "list of long numbers", "{% set l = [] %}{% for i in range(99999) %}{% set _ = l.append(7 ** 5000 + i) %}{% endfor %}", much
    yield "long digits", "{{ " + "7" * 5000 + " }}", "too large"
    yield "spelled digits", "{{ ('7' * 900000)|int }}", "too large"
    yield "no json", "{{ '[1'|from_json }}", "from_json"


def answer_to(line):
    """(exit status, what it said, mebibytes at most) of a process of its own."""
    with tempfile.TemporaryFile() as question, tempfile.TemporaryFile() as answer:
        question.write(line.encode())
        question.seek(0)
        child = subprocess.Popen([sys.argv[1]], stdin=question, stdout=answer)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        answer.seek(0)
        return child.returncode, answer.read().decode(), used.ru_maxrss / 1024


def main():
    factor = float(sys.argv[2]) if len(sys.argv) > 2 else 1
    n = wrong = 0
    most, largest = (0, ""), (0, "")
    for name, template, wanted in cases():
        n += 1
        line = json.dumps({"template": template, "variables": {"messages": MESSAGES}}) + "\n"
        status, out, mebibytes = answer_to(line)
        answer = json.loads(out) if out else {}
        text, error, steps = answer.get("text"), answer.get("error", ""), answer.get("steps", 0)
        fine = text == wanted[1:] if wanted.startswith("=") else wanted in error or (wanted == "" and (error or text is not None))
        if error and not re.match(r"\[(jinja|template)\] ", error) or len(error) > 1500:
            fine = False
        ends = steps <= STEPS or "the template does too much" in error
        most, largest = max(most, (min(steps, STEPS), name)), max(largest, (mebibytes, name))
        if status != 0 or not fine or not ends or mebibytes > MEBIBYTES * factor:
            wrong += 1
            print(f"{name}: status {status}, {steps} steps, {mebibytes:.0f} MiB, {(error or repr(text))[:200]}; expected {wanted!r}")
    print(f"{n} hostile templates, {wrong} wrong; most work {most[0]} steps ({most[1]}), largest {largest[0]:.0f} MiB ({largest[1]})")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
