#!/usr/bin/env python3
"""A machine is asked for all that a kernel unit may use:   flags_test.py EXTENSIONS COMPILER [FLAG…]

EXTENSIONS: what is asked for, separated by commas (cmake/generate.cmake). The compiler says by its macros what the flags let it use
beyond its default, the floor of the build; flags that imply more than was asked for would let it use what a machine lacks.
"""

import re
import subprocess
import sys

# Macros of the extensions of x86, spelt as the options are. Others that the flags bring are no instructions, or come with one of them.
NAMES = r"__((?:AVX|SSE|SSSE|FMA|F16C|POPCNT|XSAVE|BMI|LZCNT|MOVBE|AES|PCLMUL|SHA|GFNI|VAES|VPCLMUL|ADX|RDRND|FSGSBASE|PKU|AMX|CLFLUSH)\w*?)__"


def usable(command):
    macros = subprocess.run([*command, "-dM", "-E", "-x", "c++", "/dev/null"], capture_output=True, text=True, check=True).stdout
    names = re.findall(rf"#define {NAMES} ", macros)
    return {re.sub(r"^(sse4)_", r"\1.", name.lower()) for name in names if not name.endswith("_MATH")}


asked, compiler, *flags = sys.argv[1:]
unasked = usable([compiler, *flags]) - usable([compiler]) - set(asked.split(","))
if unasked:
    sys.exit(f"{' '.join(flags)} let the compiler use what no machine is asked for: {', '.join(sorted(unasked))}; add it to isa_implied (cmake/generate.cmake)")
