#!/usr/bin/env python3
"""Compares what llama.cpp and Fathom compute with files that `fathom quantize` wrote.

All read the same random tokens, and what counts is the mean absolute difference of log-probabilities
from Fathom's reference kernels, whose activations are float32. llama.cpp rounds activations to 8 bits,
except where weights are float32: so it reads each file twice, as it is and with the same values stored
as float32. The second must agree (--exact), and the first may be no further away than llama.cpp is from
itself between the two, which is what its rounding does. Needs a llama.cpp build and its Python
bindings, as model_llama_cpp.py does.

    python tools/goldens/quantized_llama_cpp.py build/release/fathom FILE.gguf [FILE.gguf ...]
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import llama_cpp
import numpy as np

from model_llama import next_logprobs
from model_llama_cpp import logits


def fathom_logprobs(program: str, file: str, ids, *flags) -> np.ndarray:
    command = [program, "score", file, "--tokens", ",".join(map(str, ids)), "--json", *flags]
    found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return np.array([token["logprob"] for token in found["tokens"][1:]])


class Peer:
    def __init__(self, file: str, threads: int):
        self.threads = threads
        self.model = llama_cpp.llama_model_load_from_file(
            file.encode(), llama_cpp.llama_model_default_params())
        if not self.model:
            sys.exit(f"{file}: llama.cpp does not load it")

    def vocabulary(self) -> int:
        return llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(self.model))

    def logprobs(self, ids) -> np.ndarray:
        return next_logprobs(logits(self.model, ids, 0, 512, self.threads), ids)

    def close(self):
        llama_cpp.llama_model_free(self.model)


def compare(options, file: str) -> bool:
    peer = Peer(file, options.threads)
    ids = np.random.default_rng(1).integers(0, peer.vocabulary(), options.tokens).tolist()
    rounded = peer.logprobs(ids)
    peer.close()
    with tempfile.TemporaryDirectory() as folder:
        plain = str(pathlib.Path(folder) / "plain.gguf")
        subprocess.run([options.program, "quantize", file, plain, "--type", "f32"], check=True,
                       capture_output=True)
        peer = Peer(plain, options.threads)
        exact = peer.logprobs(ids)
        peer.close()
    reference = fathom_logprobs(options.program, file, ids, "--kernels", "ref")
    fast = fathom_logprobs(options.program, file, ids)

    def distance(a, b):
        return float(np.abs(a - b).mean())

    rounding = distance(rounded, exact)
    good = distance(exact, reference) <= options.exact and \
        distance(rounded, reference) <= rounding + options.exact
    print(f"{file}: mean log-probability {reference.mean():.3f}; from the reference kernels: "
          f"Fathom {distance(fast, reference):.1e}, llama.cpp {distance(rounded, reference):.1e}, "
          f"llama.cpp with the same values as float32 {distance(exact, reference):.1e}; "
          f"llama.cpp from itself {rounding:.1e}{'' if good else '  TOO FAR'}", flush=True)
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="Fathom")
    parser.add_argument("files", nargs="+", help="GGUF")
    parser.add_argument("--tokens", type=int, default=256)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--exact", type=float, default=2e-4, help="llama.cpp's cache is float16")
    options = parser.parse_args()
    llama_cpp.llama_backend_init()
    quiet = llama_cpp.llama_log_callback(lambda *_: None)
    llama_cpp.llama_log_set(quiet, None)
    results = [compare(options, file) for file in options.files]
    sys.exit(not all(results))


if __name__ == "__main__":
    main()
