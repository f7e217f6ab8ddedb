#!/usr/bin/env python3
"""Makes tests/data/fuzz/gguf/*.gguf: small sound GGUF files, written by the PyPI package `gguf`.

Owns: the files that the reader's tests open to prove that it reads what another program writes, which
are the fuzzer's first inputs as well. Every tensor's bytes count up from the tensor's number.

Not for: models that compute anything (model_llama.py), broken files (the tests build those).

    pip install --no-deps --require-hashes -r tools/goldens/formats_requirements.txt
    python tools/goldens/formats_gguf.py
"""

import pathlib
import struct

import gguf
import numpy as np
from gguf import GGMLQuantizationType as T
from gguf import GGUFValueType as V

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "tests/data/fuzz/gguf"

SCALARS = [
    ("u8", V.UINT8, 200), ("i8", V.INT8, -100), ("u16", V.UINT16, 60000), ("i16", V.INT16, -30000),
    ("u32", V.UINT32, 4000000000), ("i32", V.INT32, -2000000000), ("f32", V.FLOAT32, 1.5),
    ("bool", V.BOOL, True), ("string", V.STRING, "a\u00e9\u65e5"), ("u64", V.UINT64, 2**64 - 1),
    ("i64", V.INT64, -(2**63)), ("f64", V.FLOAT64, -0.1),
]  # fmt: skip

ARRAYS = [
    ("u8s", V.UINT8, [0, 255]), ("i8s", V.INT8, [-128, 127]), ("u16s", V.UINT16, [65535]),
    ("i16s", V.INT16, [-32768]), ("u32s", V.UINT32, [4294967295]), ("i32s", V.INT32, [-5, 6]),
    ("f32s", V.FLOAT32, [0.5, -2.0]), ("bools", V.BOOL, [True, False, True]),
    ("strings", V.STRING, ["one", "", "three"]), ("u64s", V.UINT64, [2**62]),
    ("i64s", V.INT64, [-7]), ("f64s", V.FLOAT64, [1e300]),
]  # fmt: skip

# In the order of src/tensor/format.h.
FORMATS = [
    T.F32, T.F16, T.BF16, T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1, T.Q8_0, T.Q4_K, T.Q5_K, T.Q6_K, T.Q2_K,
    T.Q3_K, T.IQ1_S, T.IQ1_M, T.IQ2_XXS, T.IQ2_XS, T.IQ2_S, T.IQ3_XXS, T.IQ3_S, T.IQ4_NL, T.IQ4_XS,
    T.TQ1_0, T.TQ2_0, T.MXFP4,
]  # fmt: skip


def counting_bytes(kind, rows, blocks, first):
    """[rows, blocks * block bytes] of uint8 that count up from `first`."""
    size = gguf.GGML_QUANT_SIZES[kind][1]
    count = rows * blocks * size
    return (np.arange(count) + first).astype(np.uint8).reshape(rows, blocks * size)


def new_writer(name, **options):
    return gguf.GGUFWriter(FOLDER / name, "llama", **options)


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_metadata():
    writer = new_writer("metadata.gguf")
    for key, kind, value in SCALARS:
        writer.add_key_value("test." + key, value, kind)
    for key, kind, value in ARRAYS:
        writer.add_key_value("test." + key, value, V.ARRAY, kind)
    finish(writer)


def write_tensors():
    writer = new_writer("tensors.gguf")
    for i, kind in enumerate(FORMATS):
        writer.add_tensor(kind.name, counting_bytes(kind, 2, 1, i), raw_dtype=kind)
    finish(writer)


def write_alignment():
    writer = new_writer("alignment.gguf")
    writer.add_custom_alignment(64)
    writer.add_tensor("a", np.arange(3, dtype=np.float32))
    writer.add_tensor("b", np.arange(24, dtype=np.float16).reshape(2, 3, 4))
    finish(writer)


def write_split():
    writer = new_writer("split.gguf", split_max_tensors=2)
    for i in range(3):
        writer.add_tensor(f"blk.{i}.weight", np.full((2, 2), i, np.float32))
    finish(writer)


def write_version_2():
    # The package writes version 3 only; on little-endian machines version 2 has the same bytes.
    text = (FOLDER / "tensors.gguf").read_bytes()
    (FOLDER / "version2.gguf").write_bytes(text[:4] + struct.pack("<I", 2) + text[8:])


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    write_metadata()
    write_tensors()
    write_alignment()
    write_split()
    write_version_2()


if __name__ == "__main__":
    main()
