#!/usr/bin/env python3
"""Numbers of every size, rendered by ingot and by Python's jinja2: numbers_test.py PATH_OF_RENDER_LINES [-v].

Arithmetic of each pair, comparisons, what is written and what tojson makes of numbers that arrive as JSON. Exit code 77 (skipped): jinja2
is missing.
"""

import json
import sys

WHOLE = [0, 1, -1, 2, 7, -10, 2**31, 2**53 + 1, -(2**53) - 1, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64 - 1, 12345678901234567890]
WHOLE += [-(10**30), 10**100 + 1, 3**200, -(7**300)]
REAL = ["0.0", "-0.0", "0.5", "-2.75", "1e16", "9007199254740993.0", "1e22", "1.5e300", "5e-324", "123456789012345.6", "9.3e18", "-1e19"]
OPERATORS = ["+", "-", "*", "/", "//", "%", "**", "<", "<=", "==", "!=", ">", ">="]
JSON = ["18446744073709551615", "12345678901234567890", "-9223372036854775809", "-0", "-0.0", "0.1", "1E5", "1e22", "1e-7", "100000000000000000000.0", "3" * 300]
JSON += ["[1, 9223372036854775808, {\"a\": -99999999999999999999, \"b\": 2.50}]"]
ALONE = ["{{ x }}", "{{ x|tojson }}", "{{ [x] }}", "{{ -x }}", "{{ +x }}", "{{ x|abs }}", "{{ x|int }}", "{{ x|float }}", "{{ x|string|int }}", "{{ x|round }}"]
ALONE += ["{{ x is integer }}{{ x is number }}{{ x is float }}{{ x is odd }}", "{{ '%d' % x }}", "{{ '%x %o %X' % (x, x, x) }}", "{{ '%.3f' % x }}", "{{ '%5s|%e' % (x, x) }}"]
ALONE += ["{{ '{:,} {:d} {:x} {:b} {:>40}'.format(x, x, x, x, x) }}", "{{ {x: 1}[x] }}", "{{ {x: 1, x + 0: 2}|length }}", "{{ [x, 5, -x]|sort }}", "{{ [x, 1]|max }}"]
ALONE += ["{{ [x, x]|sum }}", "{{ x in [x] }}", "{{ x == x|float }}", "{{ true + x }}", "{{ 'a' * 2 if x else 'none' }}"]


def cases():
    """(template, its x as JSON)"""
    numbers = [str(n) for n in WHOLE] + REAL
    for a in numbers:
        for template in ALONE:
            yield template, a
        for b in numbers:
            for op in OPERATORS:
                # Python's ** of large exponents ends in its own way, or not at all.
                if op == "**" and (abs(float(b)) > 200 or "." in a + b or "e" in a + b):
                    continue
                yield "{{ x " + op + " " + (f"({b})" if b.startswith("-") else b) + " }}", a
    for text in JSON:
        yield "{{ x|tojson }}", text
        yield "{{ x }}", text
        yield "{{ x|tojson|from_json }}", text
    for literal in ["18446744073709551616", "0xffffffffffffffffffff", "1_000_000_000_000_000_000_000", "0b1" + "0" * 70, "0o7777777777777777777777777"]:
        yield "{{ " + literal + " }}{{ " + literal + " // 7 }}", "0"
    for text in ["99999999999999999999", "-99999999999999999999 ", "+1", "ffffffffffffffffffff", "1e30", "x"]:
        yield "{{ " + repr(text) + "|int }}{{ " + repr(text) + "|int(0, 16) }}", "0"


def main():
    try:
        import reference
    except ImportError as e:
        print(f"skipped: {e}; ./test installs it into the private environment")
        sys.exit(77)
    env, ingot = reference.environment(), reference.Ingot(sys.argv[1])
    n = rendered = wrong = 0
    for template, x in cases():
        n += 1
        expected, expected_error = reference.render(env, template, {"x": json.loads(x)})
        answer = ingot.ask(template, {}, {"x": x})
        got, error = answer.get("text"), answer.get("error")
        rendered += expected is not None
        if got == expected:
            continue
        # A float that is too large is infinite here, where Python raises an error.
        if expected is None and "OverflowError" in expected_error:
            continue
        wrong += 1
        if wrong <= 20 or "-v" in sys.argv:
            print(f"{template!r}, x = {x}\n    jinja2: {expected_error or repr(expected)}\n    ingot:  {error or repr(got)}")
    print(f"{n} templates with numbers: {rendered} rendered, {wrong} wrong")
    sys.exit(1 if wrong or rendered < 3000 else 0)


if __name__ == "__main__":
    main()
