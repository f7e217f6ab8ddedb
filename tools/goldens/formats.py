#!/usr/bin/env python3
"""Makes tests/goldens/formats/NAME.json: blocks of each storage format and what they decode to.

Owns: the reference for the decoders of src/tensor. The values come from the PyPI package `gguf`
(`gguf.quants.dequantize`, numpy in float32), which shares no code with the decoders under test.
Each file holds random blocks with scales of ordinary size, and blocks at the edges: zeros, subnormal,
largest, infinite and NaN scales, all bits set. NaN is written as the one pattern 7fc00000, because
which NaN an operation gives is the processor's choice. F8_E4M3, which the package lacks, is made by
formats_float8.py.

Not for: quantising, kernels, anything at run time.

    pip install --no-deps --require-hashes -r tools/goldens/formats_requirements.txt
    python tools/goldens/formats.py
"""

import json
import pathlib
import warnings

import gguf
import numpy as np
from gguf import GGMLQuantizationType as T

FORMATS = [
    T.F32, T.F16, T.BF16, T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1, T.Q8_0, T.Q4_K, T.Q5_K, T.Q6_K, T.Q2_K,
    T.Q3_K, T.IQ1_S, T.IQ1_M, T.IQ2_XXS, T.IQ2_XS, T.IQ2_S, T.IQ3_XXS, T.IQ3_S, T.IQ4_NL, T.IQ4_XS,
    T.TQ1_0, T.TQ2_0, T.MXFP4,
]  # fmt: skip

# Byte offsets of the half-precision fields in a block. IQ1_M has its one in four pieces, MXFP4 an
# exponent instead.
HALF_FIELDS = {
    T.Q4_0: [0], T.Q4_1: [0, 2], T.Q5_0: [0], T.Q5_1: [0, 2], T.Q8_0: [0],
    T.Q4_K: [0, 2], T.Q5_K: [0, 2], T.Q6_K: [208], T.Q2_K: [80, 82], T.Q3_K: [108],
    T.IQ1_S: [0], T.IQ1_M: [None], T.IQ2_XXS: [0], T.IQ2_XS: [0], T.IQ2_S: [0], T.IQ3_XXS: [0],
    T.IQ3_S: [0], T.IQ4_NL: [0], T.IQ4_XS: [0], T.TQ1_0: [52], T.TQ2_0: [64], T.MXFP4: [],
}  # fmt: skip

# 0, smallest and largest subnormal, smallest normal, largest and its negative, infinities, NaN
EDGE_HALVES = [0x0000, 0x0001, 0x83FF, 0x0400, 0x7BFF, 0xFBFF, 0x7C00, 0xFC00, 0x7E01]

# E8M0: subnormal scales, the smallest normal one, 1, and those whose products overflow
EDGE_EXPONENTS = [0, 1, 2, 3, 127, 128, 253, 254, 255]

PLAIN_EDGES = {
    T.F32: np.array([0, 0x80000000, 1, 0x807FFFFF, 0x00800000, 0x7F7FFFFF, 0xFF800000, 0x7FC00000],
                    "<u4"),
    T.F16: np.array([0, 0x8000, 1, 0x83FF, 0x0400, 0x7BFF, 0xFC00, 0x7E00], "<u2"),
    T.BF16: np.array([0, 0x8000, 1, 0x807F, 0x0080, 0x7F7F, 0xFF80, 0x7FC0], "<u2"),
}  # fmt: skip


def set_halves(blocks, offset, halves):
    """Stores one half (uint16) per block at `offset`, or where IQ1_M has it."""
    if offset is None:
        for i in range(4):
            nibbles = (halves >> (4 * i)).astype(np.uint8) & 15
            high = blocks[:, 49 + 2 * i]
            blocks[:, 49 + 2 * i] = (high & 15) | (nibbles << 4)
    else:
        blocks[:, offset : offset + 2] = halves.astype("<u2").view(np.uint8).reshape(-1, 2)


def random_blocks(kind, count, rng):
    """`count` blocks, [count, block bytes]; scales are between 2^-12 and 1, of either sign."""
    size = gguf.GGML_QUANT_SIZES[kind][1]
    blocks = rng.integers(0, 256, (count, size), dtype=np.uint8)
    for offset in HALF_FIELDS[kind]:
        scale = np.exp2(rng.uniform(-12, 0, count)) * rng.choice([-1, 1], count)
        set_halves(blocks, offset, scale.astype("<f2").view("<u2"))
    return blocks


def edge_blocks(kind, rng):
    """One random block for every edge of the scales, then all bits clear and all bits set."""
    size = gguf.GGML_QUANT_SIZES[kind][1]
    blocks = random_blocks(kind, len(EDGE_HALVES), rng)
    for j, offset in enumerate(HALF_FIELDS[kind]):
        set_halves(blocks, offset, np.roll(np.array(EDGE_HALVES, "<u2"), -3 * j))
    if kind == T.MXFP4:
        blocks[:, 0] = EDGE_EXPONENTS
    return np.concatenate([blocks, np.zeros((1, size), np.uint8), np.full((1, size), 255, np.uint8)])


def decode(kind, raw):
    """float32 values of `raw` (uint8), NaNs made one pattern."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if kind == T.F32:
            values = raw.view("<f4").copy()
        elif kind == T.F16:
            values = raw.view("<f2").astype("<f4")
        else:
            values = gguf.quants.dequantize(raw, kind).astype("<f4")
    values = values.reshape(-1)
    values.view("<u4")[np.isnan(values)] = 0x7FC00000
    return values


def main():
    folder = pathlib.Path(__file__).resolve().parents[2] / "tests/goldens/formats"
    folder.mkdir(parents=True, exist_ok=True)
    for kind in FORMATS:
        rng = np.random.default_rng([7, int(kind)])
        if kind in PLAIN_EDGES:
            edges = PLAIN_EDGES[kind]
            plain = rng.standard_normal(24).astype("<f4")
            if kind == T.F16:
                plain = plain.astype("<f2")
            elif kind == T.BF16:
                plain = (plain.view("<u4") >> 16).astype("<u2")
            chunks = [np.concatenate([edges.view(np.uint8), plain.view(np.uint8)])]
        else:
            chunks = np.concatenate([random_blocks(kind, 4, rng), edge_blocks(kind, rng)])
        blocks = [
            {"bytes": c.tobytes().hex(), "values": decode(kind, c).tobytes().hex()} for c in chunks
        ]
        lines = ",\n".join(json.dumps(b) for b in blocks)
        text = f'{{"format": "{kind.name}", "blocks": [\n{lines}\n]}}\n'
        (folder / f"{kind.name}.json").write_text(text)


if __name__ == "__main__":
    main()
