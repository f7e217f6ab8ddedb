#!/usr/bin/env python3
"""Adds llama.cpp's own deviation to tests/goldens/model/smollm2_score.json.

Owns: the yardstick for the fast kernels. llama.cpp computes the log-probabilities of the same ids from
the same GGUF with its fast CPU kernels; their mean absolute difference from the float32 reference is
what Fathom's fast kernels are measured against. Needs a llama.cpp build and the Python bindings that
belong to it (PyPI: llama-cpp-python; LLAMA_CPP_LIB_PATH names the folder of another build's libraries).

    python tools/goldens/model_llama_cpp.py SmolLM2-135M-Instruct.Q4_1.gguf --commit HASH --build FLAGS
"""

import argparse
import ctypes
import hashlib
import json
import pathlib

import llama_cpp
import numpy as np

from model_llama import next_logprobs
from model_smollm2 import OUT, TEXT, dump


def tokenize(model, text: str) -> list:
    data = text.encode("utf-8")
    room = len(data) + 16
    ids = (ctypes.c_int32 * room)()
    count = llama_cpp.llama_tokenize(llama_cpp.llama_model_get_vocab(model), data, len(data), ids,
                                     room, False, False)
    assert count >= 0
    return list(ids[:count])


def logits(model, ids, flash_attention: int, step: int, threads: int) -> np.ndarray:
    """All logits, `step` tokens at a time: 512 as a prompt is read, 1 as a reply is written."""
    params = llama_cpp.llama_context_default_params()
    params.n_ctx, params.n_batch, params.n_ubatch = len(ids), 512, 512
    params.n_threads = params.n_threads_batch = threads
    params.flash_attn_type = flash_attention
    context = llama_cpp.llama_init_from_model(model, params)
    vocabulary = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))
    rows = []
    batch = llama_cpp.llama_batch_init(512, 0, 1)
    for start in range(0, len(ids), step):
        part = ids[start:start + step]
        batch.n_tokens = len(part)
        for i, token in enumerate(part):
            batch.token[i], batch.pos[i] = token, start + i
            batch.n_seq_id[i], batch.seq_id[i][0], batch.logits[i] = 1, 0, 1
        assert llama_cpp.llama_decode(context, batch) == 0
        found = llama_cpp.llama_get_logits(context)
        shape = (len(part), vocabulary)
        rows.append(np.ctypeslib.as_array(found, shape=shape).astype(np.float64))
    llama_cpp.llama_batch_free(batch)
    llama_cpp.llama_free(context)
    return np.concatenate(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gguf", type=pathlib.Path)
    parser.add_argument("--commit", required=True, help="of llama.cpp")
    parser.add_argument("--build", required=True, help="how it was built")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    golden = json.loads(OUT.read_text())
    assert hashlib.sha256(options.gguf.read_bytes()).hexdigest() == golden["sha256"]
    reference = np.array(golden["logprobs"])

    llama_cpp.llama_backend_init()
    quiet = llama_cpp.llama_log_callback(lambda *_: None)
    llama_cpp.llama_log_set(quiet, None)
    model = llama_cpp.llama_model_load_from_file(
        str(options.gguf).encode(), llama_cpp.llama_model_default_params())
    assert tokenize(model, golden["text"]) == golden["ids"], "llama.cpp reads the text differently"
    results = {}
    for name, flash_attention, step in (("default", -1, 512), ("flash_attention_off", 0, 512),
                                        ("flash_attention_on", 1, 512), ("one_by_one", -1, 1)):
        rows = logits(model, golden["ids"], flash_attention, step, options.threads)
        difference = np.abs(next_logprobs(rows, golden["ids"]) - reference)
        results[name] = {"mean_abs_difference": round(float(difference.mean()), 6),
                         "max_abs_difference": round(float(difference.max()), 5)}
        print(name, results[name], flush=True)
    golden["llama_cpp"] = {
        "mean_abs_difference": results["default"]["mean_abs_difference"],
        "made_by": f"tools/goldens/model_llama_cpp.py; llama.cpp {options.commit}; {options.build}; "
                   f"ids read 512 at a time unless one_by_one; float16 cache",
        "settings": results,
    }
    dump(golden)


if __name__ == "__main__":
    main()
