#!/usr/bin/env python3
"""Writes src/text/jinja/case_tables.cc: how Python's str changes case and classifies numbers.

    python3.11 tools/goldens/templates_case.py           # writes the files
    python3.11 tools/goldens/templates_case.py --check   # says whether they are what this Python does

The tables are those of CPython 3.11, Unicode 14.0.0, read from what str.upper() and its kin answer.
Beside them comes tests/goldens/templates/case.json: SHA-256 of what each of these makes of every
character, for the test that the compact tables say the same.
"""

import hashlib
import json
import pathlib
import sys
import unicodedata

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "src" / "text" / "jinja" / "case_tables.cc"
GOLDEN = ROOT / "tests" / "goldens" / "templates" / "case.json"
VERSION = "14.0.0"
CODES = [code for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF]


def changed(change, plain):
    """Codes whose character does not become what `plain` makes of it: (those that become one
    character, those that become more), each with what they become."""
    one, more = [], []
    for code in CODES:
        to = change(chr(code))
        if to == plain(chr(code)):
            continue
        assert len(to) <= 3
        (one if len(to) == 1 else more).append((code, [ord(c) for c in to]))
    return one, more


def runs(rows):
    """[first, last, stride, distance] of (code, distance), in order."""
    out = []
    for code, distance in rows:
        if out and out[-1][3] == distance:
            run = out[-1]
            if run[0] == run[1] and code - run[1] <= 2:
                run[2] = code - run[1]
            if code - run[1] == run[2]:
                run[1] = code
                continue
        out.append([code, code, 1, distance])
    return out


def ranges(test):
    return runs([(code, 0) for code in CODES if test(chr(code))])


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
    codes = lambda run: f"{{{run[0]:#x}, {run[1]:#x}, {run[2]}}}"
    case_run = lambda run: f"{{{codes(run)}, {run[3]}}}"
    mapping = lambda row: f"{{{row[0]:#x}, {{{', '.join(f'{c:#x}' for c in row[1] + [0] * (3 - len(row[1])))}}}}}"
    for name, change, plain in (("kUpper", str.upper, same), ("kLower", str.lower, same),
                                ("kTitle", str.title, str.upper)):
        one, more = changed(change, plain)
        table(lines, "CaseRun", name + "Runs", runs([(code, to[0] - code) for code, to in one]), case_run)
        table(lines, "CaseMapping", name, more, mapping)
    for name, test in (("kCased", cased), ("kCaseIgnorable", case_ignorable), ("kUppercase", str.isupper),
                       ("kLowercase", str.islower), ("kDecimal", str.isdecimal), ("kDigit", str.isdigit),
                       ("kNumeric", str.isnumeric)):
        table(lines, "CodePoints", name, ranges(test), codes)
    return "\n".join(lines + ["// clang-format on", "", "}  // namespace fathom::jinja::unicode", ""])


def golden():
    """SHA-256 of what becomes of every character, one line each."""
    tests = ("isdecimal", "isdigit", "isnumeric", "isspace", "isupper", "islower")
    out = {"made_by": f"{pathlib.Path(__file__).name}, CPython 3.11, Unicode {VERSION}"}
    for name in ("upper", "lower", "title", "capitalize"):
        text = "".join(getattr(str, name)(chr(code)) + "\n" for code in CODES)
        out[name] = hashlib.sha256(text.encode()).hexdigest()
    for name in tests:
        text = "".join("01"[getattr(str, name)(chr(code))] for code in CODES)
        out[name] = hashlib.sha256(text.encode()).hexdigest()
    return json.dumps(out, indent=1) + "\n"


def main():
    assert unicodedata.unidata_version == VERSION, unicodedata.unidata_version
    texts = {OUT: build(), GOLDEN: golden()}
    if "--check" in sys.argv[1:]:
        same = all(path.read_text(encoding="utf-8") == text for path, text in texts.items())
        print("equal" if same else "different")
        return 0 if same else 1
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
