#!/usr/bin/env python3
"""Writes src/text/jinja/case_tables.cc: how Python's str changes case and classifies numbers.

    python3.11 tools/goldens/templates_case.py           # writes the file
    python3.11 tools/goldens/templates_case.py --check   # says whether it is what this Python does

The tables are those of CPython 3.11, Unicode 14.0.0, read from what str.upper() and its kin answer.
"""

import pathlib
import sys
import unicodedata

OUT = pathlib.Path(__file__).resolve().parents[2] / "src" / "text" / "jinja" / "case_tables.cc"
VERSION = "14.0.0"
CODES = [code for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF]


def mappings(change, plain):
    """Codes whose character does not become what `plain` makes of it."""
    rows = []
    for code in CODES:
        to = change(chr(code))
        if to != plain(chr(code)):
            assert len(to) <= 3
            rows.append((code, [ord(c) for c in to] + [0] * (3 - len(to))))
    return rows


def ranges(test):
    out = []
    for code in CODES:
        if test(chr(code)):
            if out and out[-1][1] == code - 1:
                out[-1][1] = code
            else:
                out.append([code, code])
    return out


def cased(c):
    return (c + "a").title()[-1] == "a"


def case_ignorable(c):
    # Greek's capital sigma ends a word where only ignorable characters part it from a letter before.
    return (c + "\u03a3").lower()[-1] == "\u03c3" if cased(c) else ("A" + c + "\u03a3").lower()[-1] == "\u03c2"


def table(lines, kind, name, rows, show):
    lines += [f"const {kind} {name}[] = {{"]
    line = "   "
    for row in rows:
        text = " " + show(row) + ","
        if len(line) + len(text) > 100:
            lines.append(line)
            line = "   "
        line += text
    lines += [line, "};", f"const int {name}Count = {len(rows)};", ""]


def build():
    lines = ["// Made by tools/goldens/templates_case.py from CPython 3.11 (Unicode 14.0.0); see case_tables.h.",
             '#include "text/jinja/case_tables.h"', "", "namespace fathom::jinja::unicode {", "", "// clang-format off"]
    same = lambda c: c
    show = lambda row: f"{{{row[0]:#x}, {{{', '.join(f'{c:#x}' if c else '0' for c in row[1])}}}}}"
    table(lines, "CaseMapping", "kUpper", mappings(str.upper, same), show)
    table(lines, "CaseMapping", "kLower", mappings(str.lower, same), show)
    table(lines, "CaseMapping", "kTitle", mappings(str.title, str.upper), show)
    pair = lambda row: f"{{{row[0]:#x}, {row[1]:#x}}}"
    for name, test in (("kCased", cased), ("kCaseIgnorable", case_ignorable), ("kUppercase", str.isupper),
                       ("kLowercase", str.islower), ("kDecimal", str.isdecimal), ("kDigit", str.isdigit),
                       ("kNumeric", str.isnumeric)):
        table(lines, "CodePoints", name, ranges(test), pair)
    return "\n".join(lines + ["// clang-format on", "", "}  // namespace fathom::jinja::unicode", ""])


def main():
    assert unicodedata.unidata_version == VERSION, unicodedata.unidata_version
    text = build()
    if "--check" in sys.argv[1:]:
        same = OUT.read_text() == text
        print("equal" if same else "different")
        return 0 if same else 1
    OUT.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
