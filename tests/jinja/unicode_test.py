#!/usr/bin/env python3
"""What Python knows of characters, by ingot and by Python's jinja2: unicode_test.py PATH_OF_RENDER_LINES.

Every assigned character, alone and beside others, through what maps case, tests properties and reads numbers. Exit code 77 (skipped): jinja2
is missing.
"""

import sys
import unicodedata

EXPRESSIONS = ["c|upper", "c|lower", "c|title", "c|capitalize", "c.title()", "c.capitalize()", "c.swapcase()", "c is upper", "c is lower"]
EXPRESSIONS += ["c.isalpha()", "c.isalnum()", "c.isdecimal()", "c.isdigit()", "c.isnumeric()", "c.isupper()", "c.islower()", "c.isspace()"]
EXPRESSIONS += ["[c]", "c|length", "c|wordcount", "c|trim|length", "('a' ~ c ~ 'b').split()|length", "c|urlencode", "c|int", "('1' ~ c)|int", "('1_' ~ c ~ '2')|float"]
EXPRESSIONS += ["('a' ~ c ~ 'b')|title", "('a' ~ c ~ 'b').title()", "('A' ~ c ~ 'B')|capitalize"]
# The final sigma depends on what stands around it.
EXPRESSIONS += ["('aΣ' ~ c)|lower", "('aΣ' ~ c ~ 'a')|lower", "(c ~ 'Σ')|lower", "('a' ~ c ~ 'Σ').title()", "('AΣ' ~ c).swapcase()", "(c ~ 'aΣ')|title"]
TOGETHER = 2000  # characters per template, below its limits
OLDER = "14.0.0"  # what Debian 12's Python and PCRE2 know


def main():
    try:
        import reference
    except ImportError as e:
        print(f"skipped: {e}; ./test installs it into the private environment")
        sys.exit(77)
    env, ingot = reference.environment(), reference.Ingot(sys.argv[1])
    if unicodedata.unidata_version != OLDER:
        print(f"skipped: this Python knows Unicode {unicodedata.unidata_version}, not {OLDER}")
        sys.exit(77)
    characters = [chr(c) for c in range(1, 0x30000) if unicodedata.category(chr(c)) not in ("Cs", "Cn")]
    n = wrong = 0
    for expression in EXPRESSIONS:
        template = "{% for c in all %}{{ " + expression + " }}{{ mark }}{% endfor %}"
        for at in range(0, len(characters), TOGETHER):
            part = characters[at : at + TOGETHER]
            variables = {"all": part, "mark": "\U00100000"}
            expected, expected_error = reference.render(env, template, variables)
            got, error = ingot.render(template, variables)
            if expected_error or error:
                print(f"{expression}: jinja2: {expected_error}; ingot: {error}")
                wrong += 1
                continue
            n += len(part)
            for c, a, b in zip(part, expected.split(variables["mark"]), got.split(variables["mark"])):
                wrong += a != b
                if a != b and wrong <= 20:
                    print(f"{expression} of {c!a} ({unicodedata.name(c, '?')}): jinja2: {a!a}, ingot: {b!a}")
    print(f"{n} times a character: {wrong} wrong")
    sys.exit(1 if wrong or n < 4_000_000 else 0)


if __name__ == "__main__":
    main()
