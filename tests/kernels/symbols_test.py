#!/usr/bin/env python3
"""No machine runs what was compiled for another one:   symbols_test.py NM READELF OBJECT…

A function that two units define with weak linkage (an inline function, an instance of a template) is kept once, and the linker does not
know that one of the copies needs an instruction set. So a unit compiled for an instruction set (generated/cpu/SET/NAME.cpp) may define
its table and no other symbol that a linker sees, whoever wrote the header that it came from; nothing of it may run before main; and it
may call nothing of ingot outside itself, so that every program that links it, the tests among them, runs the same bodies.
"""

import re
import subprocess
import sys
import unittest

NM, READELF, *OBJECTS = sys.argv[1:]
UNIT = re.compile(r"/generated/cpu/(\w+)/(\.?\w+)\.cpp\.o$")
INITIALIZERS = re.compile(r"\.(?:preinit_array|init_array|ctors)\b")


class Units(unittest.TestCase):
    def setUp(self):
        self.units = {path: UNIT.search(path).groups() for path in OBJECTS if UNIT.search(path)}
        self.assertGreater(len(self.units), 1)

    def asked(self, *command):
        return subprocess.run([*command, *self.units], capture_output=True, text=True, check=True).stdout

    def symbols(self, which):
        """What a linker sees: for each unit the names."""
        names = {path: [] for path in self.units}
        for line in self.asked(NM, "--demangle", "--extern-only", "--print-file-name", which).splitlines():
            path, name = re.fullmatch(r"(.+?\.o):[0-9a-f ]*[A-Za-z] (.+)", line).groups()
            if not name.startswith("DW.ref."):  # where exceptions are described: a pointer, alike in all units
                names[path].append(name)
        return names

    def test_defines_its_table_and_nothing_else(self):
        for path, names in self.symbols("--defined-only").items():
            isa, name = self.units[path]
            with self.subTest(isa=isa, name=name):
                self.assertEqual(names, [f"ingot::cpu::{isa}::" + ("op_kernels" if name == ".ops" else f"kernels_{name}")])

    def test_calls_nothing_of_ingot(self):
        for path, names in self.symbols("--undefined-only").items():
            with self.subTest(unit=self.units[path]):
                self.assertEqual([name for name in names if "ingot::" in name], [])

    def test_runs_nothing_before_main(self):
        for sections in self.asked(READELF, "--section-headers", "--wide").split("\nFile: ")[1:]:
            with self.subTest(unit=sections.splitlines()[0]):
                self.assertEqual(INITIALIZERS.findall(sections), [])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
