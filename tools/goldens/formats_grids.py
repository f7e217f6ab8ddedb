#!/usr/bin/env python3
"""Writes src/tensor/grid_codes.h: the codebooks of the IQ storage formats.

Owns: the numbers that the file formats are defined by, as the PyPI package `gguf` carries them
(`gguf.quants.IQ2_XXS.grid_hex` and its like), a 16-bit code per entry. What each code's fields stand
for is in src/tensor/grids.cc; the decoders built on both are compared with the package's by
formats.py's goldens.

    pip install --no-deps --require-hashes -r tools/goldens/formats_requirements.txt
    python tools/goldens/formats_grids.py
"""

import pathlib

import numpy as np
from gguf import quants

TARGET = pathlib.Path(__file__).resolve().parents[2] / "src/tensor/grid_codes.h"
PER_LINE = 12

# name, class, what an entry is
GRIDS = [
    ("IQ2_XXS", quants.IQ2_XXS, "eight fields of two bits"),
    ("IQ2_XS", quants.IQ2_XS, "eight fields of two bits"),
    ("IQ2_S", quants.IQ2_S, "eight fields of two bits"),
    ("IQ3_XXS", quants.IQ3_XXS, "four fields of four bits"),
    ("IQ3_S", quants.IQ3_S, "four fields of four bits"),
    ("IQ1", quants.IQ1_S, "eight fields of two bits"),
]

HEAD = """// Made by tools/goldens/formats_grids.py from the PyPI package gguf 0.19.0; do not edit. The codebooks
// of the IQ formats, which define them: a code per entry, the field of its first value lowest.
#pragma once

#include <cstdint>

namespace fathom {

// clang-format off
"""


def main():
    text = HEAD
    for name, kind, fields in GRIDS:
        codes = np.frombuffer(bytes.fromhex(kind.grid_hex.decode()), "<u2")
        assert len(codes) == kind.grid_shape[0]
        text += f"// {fields}\ninline constexpr uint16_t kCodes{name}[{len(codes)}] = {{\n"
        for i in range(0, len(codes), PER_LINE):
            text += "    " + ", ".join(f"0x{c:04x}" for c in codes[i : i + PER_LINE]) + ",\n"
        text += "};\n\n"
    TARGET.write_text(text + "// clang-format on\n\n}  // namespace fathom\n")


if __name__ == "__main__":
    main()
