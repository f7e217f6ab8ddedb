#!/usr/bin/env python3
"""Makes tests/goldens/formats_encode.json: values, and what others encode them to.

Owns: the reference for the encoders of src/convert. For the formats whose rounding the PyPI package
`gguf` defines (gguf.quants.quantize, numpy in float32) the blocks themselves. For the formats that are
searched for, the root mean square error that llama.cpp's own encoders (ggml_quantize_chunk, without an
importance matrix) leave on the same values, decoded by gguf: the bound that the encoders are held to.

The values are normal ones, heavy-tailed ones (Student's t with 4 degrees of freedom), and for the
first kind of formats also edges: zeros, one outlier, constants, all positive, very small and large.

    pip install --no-deps --require-hashes -r tools/goldens/formats_requirements.txt
    python tools/goldens/formats_encode.py path/to/libggml-base.so VERSION
"""

import ctypes
import json
import pathlib
import sys

import gguf
import numpy as np
from gguf import GGMLQuantizationType as T

ROUNDED = [T.F16, T.BF16, T.Q8_0, T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1]
SEARCHED = [T.Q2_K, T.Q3_K, T.Q4_K, T.Q5_K, T.Q6_K, T.IQ4_NL, T.IQ4_XS]
SEED = 20260


def edges():
    rows = np.zeros((12, 32), np.float32)
    rng = np.random.default_rng(SEED + 1)
    rows[1, 7] = 3.0
    rows[2, 7] = -3.0
    rows[3] = 0.25
    rows[4] = -0.25
    rows[5] = rng.random(32) + 0.5
    rows[6] = -rng.random(32) - 0.5
    rows[7] = rng.standard_normal(32) * 1e-6
    rows[8] = rng.standard_normal(32) * 1e4
    rows[9] = np.arange(32) / 31
    rows[10] = np.arange(-16, 16) / 16
    rows[11, ::2] = 1.0
    return rows.reshape(-1)


def llama_cpp_encode(library, kind, values):
    block, size = gguf.GGML_QUANT_SIZES[kind]
    out = np.zeros(values.size // block * size, np.uint8)
    library.ggml_quantize_chunk.restype = ctypes.c_size_t
    library.ggml_quantize_chunk.argtypes = [
        ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64,
        ctypes.c_int64, ctypes.c_void_p]
    library.ggml_quantize_chunk(int(kind), values.ctypes.data, out.ctypes.data, 0, 1, values.size,
                                None)
    return out


def main():
    library = ctypes.CDLL(sys.argv[1])
    rng = np.random.default_rng(SEED)
    normal = (rng.standard_normal(4096) * 0.02).astype(np.float32)
    heavy = (rng.standard_t(4, 4096) * 0.02).astype(np.float32)
    edge = edges()
    golden = {
        "made_by": f"tools/goldens/formats_encode.py, gguf 0.19.0, llama.cpp {sys.argv[2]}",
        "normal": normal.tobytes().hex(), "heavy": heavy.tobytes().hex(),
        "edges": edge.tobytes().hex(), "blocks": {}, "llama_cpp_rmse": {},
    }
    for kind in ROUNDED:
        row = {}
        for name, values in (("normal", normal), ("heavy", heavy), ("edges", edge)):
            row[name] = gguf.quants.quantize(values, kind).tobytes().hex()
        golden["blocks"][kind.name] = row
    for kind in SEARCHED:
        row = {}
        for name, values in (("normal", normal), ("heavy", heavy)):
            decoded = gguf.quants.dequantize(llama_cpp_encode(library, kind, values), kind)
            row[name] = float(np.sqrt(np.mean((decoded.astype(np.float64) - values) ** 2)))
        golden["llama_cpp_rmse"][kind.name] = row
    path = pathlib.Path(__file__).resolve().parents[2] / "tests/goldens/formats_encode.json"
    path.write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
