#!/usr/bin/env python3
"""`fathom tokenize` on the default model's file against ids of Hugging Face `tokenizers`.

The room's own tests compare small vocabularies; here the vocabulary comes out of a real GGUF. Skipped
where the model is not on this machine.
"""
import itertools
import json
import os
import pathlib
import subprocess
import sys

MODEL = os.environ["FATHOM_MODEL"]
ROOT = pathlib.Path(os.environ["FATHOM_ROOT"])


def ids_of(*arguments):
    result = subprocess.run([os.environ["FATHOM_PROGRAM"], "tokenize", MODEL, "--ids", *arguments],
                            check=True, capture_output=True, text=True, timeout=120)
    return [int(number) for number in result.stdout.split(",")]


def main():
    if not MODEL:
        print("the default model is not on this machine")
        return 77
    goldens = ROOT / "tests/goldens/text"
    expected = json.loads((goldens / "smollm2.ids.json").read_text())
    with open(goldens / "smollm.encode.txt") as lines:
        texts = [bytes.fromhex(line.split("|")[0]) for line in itertools.islice(lines, 300)]
    joined = pathlib.Path("joined.txt")
    joined.write_bytes(b"\n".join(texts))
    found = {"plain": ids_of("-f", str(joined)), "special": ids_of("--special", "-f", str(joined)),
             "loomings": ids_of("-f", str(ROOT / "tests/data/loomings.txt"))}
    for name, ids in expected.items():
        if found[name] != ids:
            at = next((i for i, (a, b) in enumerate(zip(found[name], ids)) if a != b), min(len(found[name]), len(ids)))
            print(f"{name}: differs from id {at} on: {found[name][at:at + 8]}, expected {ids[at:at + 8]}")
            return 1
        print(f"{name}: {len(ids)} ids equal")
    return 0


if __name__ == "__main__":
    sys.exit(main())
