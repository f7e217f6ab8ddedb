#!/usr/bin/env python3
"""Makes tests/goldens/formats/F8_E4M3.json: all 256 codes and what PyTorch's float8_e4m3fn makes of
them.

Owns: the reference for the one storage format that the package of formats.py does not have. NaN is
written as the one pattern 7fc00000, as there.

    pip install --no-deps --require-hashes -r tools/goldens/model_requirements.txt
    python tools/goldens/formats_float8.py
"""

import json
import pathlib

import torch


def main():
    codes = torch.arange(256, dtype=torch.uint8)
    values = codes.view(torch.float8_e4m3fn).to(torch.float32)
    bits = torch.where(values.isnan(), 0x7FC00000, values.view(torch.int32)).to(torch.int32)
    block = {
        "bytes": bytes(codes.tolist()).hex(),
        "values": b"".join(b.to_bytes(4, "little", signed=True) for b in bits.tolist()).hex(),
    }
    target = pathlib.Path(__file__).resolve().parents[2] / "tests/goldens/formats/F8_E4M3.json"
    target.write_text(f'{{"format": "F8_E4M3", "blocks": [\n{json.dumps(block)}\n]}}\n')


if __name__ == "__main__":
    main()
