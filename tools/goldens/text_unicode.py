#!/usr/bin/env python3
"""Writes src/text/unicode_tables.cc and src/text/nfc_tables.cc.

The tokenizers follow Hugging Face `tokenizers`, whose parts carry different Unicode versions:

  regular expressions (\\p{L}, \\p{N}, \\s, ...; Oniguruma)    Unicode 16.0.0
  the Digits pre-tokenizer (Rust's char::is_numeric)         Unicode 17.0.0
  the NFC normalizer                                         Unicode 9.0.0

The tables are made from the Unicode Character Database as PyPI packages carry it, and `--check`
compares every code point with what the installed `tokenizers` does.

    python3 -m venv venv
    venv/bin/pip install --no-deps --require-hashes -r tools/goldens/text_requirements.txt
    venv/bin/python tools/goldens/text_unicode.py [--check]
"""

import pathlib
import sys

import unicodedata2 as unicode17
import unicodedataplus as unicode16

ROOT = pathlib.Path(__file__).resolve().parents[2] / "src" / "text"
LIMIT = 0x110000
SURROGATES = range(0xD800, 0xE000)
BLOCK = 256
NFC_VERSION = 9.0

assert unicode16.unidata_version == "16.0.0"
assert unicode17.unidata_version == "17.0.0"

# \s of Oniguruma and char::is_whitespace of Rust agree on the property White_Space.
WHITE_SPACE = set(
    list(range(0x09, 0x0E))
    + [0x20, 0x85, 0xA0, 0x1680]
    + list(range(0x2000, 0x200B))
    + [0x2028, 0x2029, 0x202F, 0x205F, 0x3000]
)


def char_class(code):
    if code in SURROGATES:
        return "."
    if code in WHITE_SPACE:
        return "_"
    major = unicode16.category(chr(code))[0]
    if major in "LMNPS":
        return major
    return "n" if unicode17.category(chr(code))[0] == "N" else "."


def assigned_for_nfc(code):
    age = unicode16.age(chr(code))
    return age not in ("NA", "Unassigned", "") and float(age) <= NFC_VERSION


def canonical_pair(code):
    """The canonical decomposition of one step: one or two code points, or none."""
    text = unicode16.decomposition(chr(code))
    if not text or text.startswith("<") or not assigned_for_nfc(code):
        return ()
    return tuple(int(part, 16) for part in text.split())


def combining_class(code):
    return unicode16.combining(chr(code)) if assigned_for_nfc(code) else 0


def wrap(parts, width=98, indent="    "):
    lines, line = [], indent
    for part in parts:
        if len(line) + len(part) > width:
            lines.append(line.rstrip())
            line = indent
        line += part + " "
    lines.append(line.rstrip())
    return "\n".join(lines)


def write_classes():
    classes = "".join(char_class(code) for code in range(LIMIT))
    blocks, index = {}, []
    for start in range(0, LIMIT, BLOCK):
        index.append(blocks.setdefault(classes[start : start + BLOCK], len(blocks)))
    assert len(blocks) <= 256
    rows = "\n".join(
        f'    "{block[i:i + 86]}"' for block in blocks for i in range(0, BLOCK, 86)
    )
    (ROOT / "unicode_tables.cc").write_text(
        "// Made by tools/goldens/text_unicode.py; do not edit. The class of every code point: general\n"
        "// categories of Unicode 16.0.0, and Unicode 17.0.0 for what is a number there only (class 'n').\n"
        "// Two stages: a block number per 256 code points, then one class letter per code point.\n"
        '#include "text/unicode_tables.h"\n\n'
        "namespace fathom::unicode {\n\n"
        "// clang-format off\n"
        f"const uint8_t kClassBlocks[{len(index)}] = {{\n{wrap([f'{i},' for i in index])}\n}};\n\n"
        f"const char kClasses[] =\n{rows};\n"
        "// clang-format on\n\n"
        "}  // namespace fathom::unicode\n"
    )
    print(f"classes: {len(blocks)} blocks")


def write_nfc():
    codes = [c for c in range(LIMIT) if c not in SURROGATES]
    pairs = {c: canonical_pair(c) for c in codes}
    pairs = {c: p for c, p in pairs.items() if p}
    ccc = {c: combining_class(c) for c in codes}
    ccc = {c: k for c, k in ccc.items() if k}
    # A pair composes when NFC keeps the composed character (exclusions, singletons and
    # non-starter decompositions do not).
    composed = [
        c for c, p in pairs.items() if len(p) == 2 and unicode16.normalize("NFC", chr(c)) == chr(c)
    ]
    composed.sort(key=lambda c: pairs[c])
    order = {c: i for i, c in enumerate(sorted(pairs))}

    seconds = {pairs[c][1] for c in composed} | set(range(0x1161, 0x1176)) | set(range(0x11A8, 0x11C3))
    unsafe = sorted(set(ccc) | seconds | (set(pairs) - set(composed)))
    ranges = []
    for c in unsafe:
        if ranges and ranges[-1][1] == c - 1:
            ranges[-1][1] = c
        else:
            ranges.append([c, c])
    class_ranges = []
    for c in sorted(ccc):
        if class_ranges and class_ranges[-1][1] == c - 1 and class_ranges[-1][2] == ccc[c]:
            class_ranges[-1][1] = c
        else:
            class_ranges.append([c, c, ccc[c]])
    text = (
        "// Made by tools/goldens/text_unicode.py; do not edit. Canonical decompositions, compositions and\n"
        "// combining classes of Unicode 9.0.0, the version the reference normalizes with. Hangul syllables\n"
        "// are computed and not listed.\n"
        '#include "text/unicode_tables.h"\n\n'
        "namespace fathom::unicode {\n\n"
        "// clang-format off\n"
    )

    def table(kind, name, parts):
        return f"const {kind} {name}[] = {{\n{wrap(parts)}\n}};\nconst int {name}Count = {len(parts)};\n\n"

    decompositions = [
        "{" + ",".join(f"{v:#x}" for v in (c, *(pairs[c] + (0,))[:2])) + "}," for c in sorted(pairs)
    ]
    text += table("Decomposition", "kDecompositions", decompositions)
    text += table("uint16_t", "kCompositions", [f"{order[c]}," for c in composed])
    text += table(
        "CombiningClass", "kCombiningClasses",
        ["{" + f"{a:#x},{b:#x},{k}" + "}," for a, b, k in class_ranges],
    )
    text += table("CodeRange", "kNfcUnsafe", ["{" + f"{a:#x},{b:#x}" + "}," for a, b in ranges])
    text += "// clang-format on\n\n}  // namespace fathom::unicode\n"
    (ROOT / "nfc_tables.cc").write_text(text)
    print(f"nfc: {len(pairs)} decompositions, {len(composed)} compositions, {len(ccc)} marks")


def check():
    """Compares the data, not our code, with the reference over all code points."""
    import tokenizers
    from tokenizers import Regex, normalizers, pre_tokenizers

    codes = [c for c in range(LIMIT) if c not in SURROGATES]
    wrong = 0
    for letter, pattern in [("L", r"\p{L}"), ("M", r"\p{M}"), ("N", r"\p{N}"), ("P", r"\p{P}"),
                            ("S", r"\p{S}"), ("_", r"\s"), ("d", None), ("w", None)]:
        if letter == "d":
            cut = pre_tokenizers.Digits(individual_digits=True)
        elif letter == "w":
            cut = pre_tokenizers.WhitespaceSplit()
        else:
            cut = pre_tokenizers.Split(Regex(pattern), "removed")
        bad = 0
        for at in range(0, len(codes), 4096):
            part = codes[at : at + 4096]
            if letter == "d":
                starts = {a for _, (a, _) in cut.pre_tokenize_str("".join("aa" + chr(c) for c in part))}
                got = [3 * i + 2 in starts for i in range(len(part))]
                want = [char_class(c) in "Nn" for c in part]
            else:
                kept = set()
                for _, (a, b) in cut.pre_tokenize_str("".join(map(chr, part))):
                    kept.update(range(a, b))
                got = [i not in kept for i in range(len(part))]
                want = [char_class(c) == ("_" if letter == "w" else letter) for c in part]
            bad += sum(g != w for g, w in zip(got, want))
        print(f"tokenizers {tokenizers.__version__}: {letter}: {bad} code points differ")
        wrong += bad

    nfc, nfd = normalizers.NFC().normalize_str, normalizers.NFD().normalize_str
    fixed = lambda form, c: unicode16.normalize(form, chr(c)) if assigned_for_nfc(c) else chr(c)
    bad = sum(nfd(chr(c)) != fixed("NFD", c) or nfc(chr(c)) != fixed("NFC", c) for c in codes)
    print(f"canonical forms: {bad} code points differ")
    wrong += bad
    # A mark moves before one of a higher class and stays behind one of its own.
    marks = {}
    for c in codes:
        if combining_class(c) and not canonical_pair(c):
            marks.setdefault(combining_class(c), chr(c))
    steps = sorted(marks)
    bad = 0
    for c in codes:
        if canonical_pair(c) or 0xAC00 <= c <= 0xD7A3:
            continue
        k = combining_class(c)
        for other in (steps if k else (230,)):
            pair = "a" + marks[other] + chr(c)
            moved = nfd(pair) != pair
            bad += moved != (0 < k < other)
    print(f"combining classes: {bad} code points differ")
    return wrong + bad


if __name__ == "__main__":
    if "--check" in sys.argv[1:]:
        sys.exit(1 if check() else 0)
    write_classes()
    write_nfc()
