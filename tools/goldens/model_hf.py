#!/usr/bin/env python3
"""Makes tests/goldens/model/qwen2_* and hf_*: model directories, the same as GGUF, and their references.

Owns: tiny random models of the `qwen2` architecture and of `llama` as Hugging Face directories. Each
directory is written by transformers' own save_pretrained, read back by its from_pretrained and computed
on the CPU in float32, so the reference reads the very files that are committed. Of a qwen2 model in F32
there is a GGUF beside the directory, with the same weights, written with the PyPI package `gguf` after
the conventions of the published converters. As in model_llama.py, the branch a case exists for must
change the log-probabilities, every greedy step must win by a clear margin, and float64 must agree with
float32 far inside the tests' tolerance.

Not for: llama in GGUF (model_llama.py), tokenizers, anything at run time.

    pip install --no-deps --require-hashes -r tools/goldens/model_requirements.txt
    python tools/goldens/model_hf.py [CASE ...]
"""

import argparse
import copy
import dataclasses
import hashlib
import json
import pathlib
import shutil
import tempfile

import gguf
import numpy as np
import torch
import transformers
from gguf import GGMLQuantizationType as T

import model_llama as llama

OUT = llama.OUT
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}
YARN_ALL = {"rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": 32,
            "beta_fast": 8.0, "beta_slow": 0.5, "mscale": 1.5, "mscale_all_dim": 0.5,
            "truncate": False}


@dataclasses.dataclass
class Case(llama.Case):
    """A llama.Case of another `architecture`, in `dtype`, in shards of at most `shard` bytes."""
    architecture: str = "qwen2"
    dtype: torch.dtype = torch.float32
    shard: str = "1GB"
    gguf: bool = False
    old_rope: bool = False   # rope_theta and rope_scaling, as transformers 4 wrote them
    layers: int = 2
    ffn: int = 64
    vocabulary: int = 131
    context: int = 256


CASES = {
    "qwen2_untied": Case("biases on q, k and v; untied head; F32, directory and GGUF", gguf=True,
                         theta=1000000.0, eps=1e-6, without={"theta": 10000.0}),
    "qwen2_tied": Case("tied head; F32, directory and GGUF", gguf=True, tied=True, vocabulary=151),
    "qwen2_yarn": Case("YaRN by 4 from 64 positions; F32, directory and GGUF", gguf=True, rope=YARN,
                       heads=4, hidden=64, kv_heads=2, vocabulary=97,
                       metadata={"rope.scaling.type": "yarn", "rope.scaling.factor": 4.0,
                                 "rope.scaling.original_context_length": 64},
                       without={"rope": None}),
    "qwen2_bf16": Case("BF16 in several shards", dtype=torch.bfloat16, shard="40KB", layers=3),
    "hf_llama_llama3": Case("llama as a directory, with Llama 3.1's rope scaling in the older "
                            "spelling; F16", architecture="llama", rope=llama.LLAMA3,
                            dtype=torch.float16, head_dim=16, old_rope=True, layers=2,
                            without={"rope": None}),
    "hf_llama_yarn": Case("llama as a directory: YaRN with every parameter, biases everywhere, heads "
                          "wider than hidden / heads; two shards", architecture="llama",
                          rope=YARN_ALL, head_dim=16, bias=True, heads=4, kv_heads=4, hidden=48,
                          shard="150KB", vocabulary=89,
                          without={"rope": {k: v for k, v in YARN_ALL.items() if k != "truncate"}}),
    "hf_llama_dynamic": Case("llama as a directory: dynamic scaling, which does nothing before its "
                             "context ends; tied", architecture="llama", tied=True, layers=1,
                             rope={"rope_type": "dynamic", "factor": 4.0}),
}


def config_of(case: Case):
    arguments = dict(
        vocab_size=case.vocabulary, hidden_size=case.hidden, intermediate_size=case.ffn,
        num_hidden_layers=case.layers, num_attention_heads=case.heads,
        num_key_value_heads=case.kv_heads, max_position_embeddings=case.context,
        rms_norm_eps=case.eps, tie_word_embeddings=case.tied, bos_token_id=None, eos_token_id=None,
        rope_parameters=(copy.deepcopy(case.rope) or {"rope_type": "default"})
        | {"rope_theta": case.theta},
        attn_implementation="eager")
    if case.architecture == "qwen2":
        return transformers.Qwen2Config(**arguments)
    return transformers.LlamaConfig(head_dim=llama.head_dim(case), attention_bias=case.bias,
                                    mlp_bias=case.bias, **arguments)


def make_state(case: Case, seed: int) -> dict:
    """Hugging Face name -> random values, as llama.make_weights spreads them."""
    rng = np.random.default_rng(seed)
    state = {}
    with_bias = dataclasses.replace(case, bias=case.bias or case.architecture == "qwen2")
    for hf, shape, deviation in llama.names_and_shapes(with_bias).values():
        if hf.endswith(".bias") and case.architecture == "qwen2" and \
                not any(f".{p}_proj." in hf for p in "qkv"):
            continue
        array = rng.normal(0.0, deviation, shape).astype(np.float32)
        state[hf] = torch.from_numpy(array + 1.0 if hf.endswith("norm.weight") else array)
    if case.tied:
        state["lm_head.weight"] = state["model.embed_tokens.weight"]
    return state


def build(case: Case, state: dict):
    classes = {"qwen2": transformers.Qwen2ForCausalLM, "llama": transformers.LlamaForCausalLM}
    model = classes[case.architecture](config_of(case))
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not missing and not unexpected, (missing, unexpected)
    return model.eval()


def use_old_spelling(folder: pathlib.Path):
    """rope_parameters of a config.json -> rope_theta and rope_scaling."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    rope = config.pop("rope_parameters")
    config["rope_theta"] = rope.pop("rope_theta")
    config["rope_scaling"] = rope
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def write_directory(folder: pathlib.Path, case: Case, state: dict):
    build(case, state).to(case.dtype).save_pretrained(folder, max_shard_size=case.shard)
    if case.old_rope:
        use_old_spelling(folder)


def read_directory(folder: pathlib.Path, dtype=torch.float32):
    model, report = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype, attn_implementation="eager", output_loading_info=True)
    assert not any(report[k] for k in ("missing_keys", "unexpected_keys", "mismatched_keys")), report
    return model.eval()


def write_gguf(path: pathlib.Path, name: str, case: Case, state: dict):
    assert case.architecture == "qwen2"
    writer = gguf.GGUFWriter(str(path), "qwen2")
    writer.add_name(f"tiny random qwen2: {name}")
    keys = {
        "context_length": case.context, "embedding_length": case.hidden,
        "block_count": case.layers, "feed_forward_length": case.ffn,
        "attention.head_count": case.heads, "attention.head_count_kv": case.kv_heads,
        "attention.layer_norm_rms_epsilon": case.eps, "rope.freq_base": case.theta,
    } | case.metadata
    for key, value in keys.items():
        put = {int: writer.add_uint32, float: writer.add_float32, str: writer.add_string}
        put[type(value)]("qwen2." + key, value)
    for tensor, (hf, _, _) in llama.names_and_shapes(dataclasses.replace(case, bias=True)).items():
        if hf in state:
            writer.add_tensor(tensor, state[hf].numpy(), raw_dtype=T.F32)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def attempt(case: Case, folder: pathlib.Path, seed: int):
    """The reference of one seed, with its directory in `folder`; or why this seed will not do."""
    state = make_state(case, seed)
    write_directory(folder, case, state)
    model = read_directory(folder)
    rng = np.random.default_rng(seed + 1000)
    ids = [int(x) for x in rng.integers(0, case.vocabulary, llama.SCORED)]
    continuation, gap = llama.greedy(model, ids[:llama.PROMPT])
    if gap < llama.SMALLEST_GAP:
        return f"smallest gap {gap:.1e}"
    if len(set(continuation)) < 12:
        return f"only {len(set(continuation))} distinct ids in the continuation"
    logits = llama.logits_of(model, ids)
    logprobs = llama.next_logprobs(logits, ids)
    exact = llama.next_logprobs(llama.logits_of(read_directory(folder, torch.float64), ids), ids)
    noise = float(np.abs(exact - logprobs).max())
    if noise > 2e-5:
        return f"float32 and float64 differ by {noise:.1e}"
    branch = None
    if case.without:
        other = build(dataclasses.replace(case, **case.without), state)
        branch = float(np.abs(llama.next_logprobs(llama.logits_of(other, ids), ids)
                              - logprobs).mean())
        if branch < 0.002:
            return f"the branch changes log-probabilities by {branch:.1e} only"
    return state, {
        "about": case.about,
        "made_by": f"tools/goldens/model_hf.py, seed {seed}; transformers "
                   f"{transformers.__version__}, torch {torch.__version__.split('+')[0]}, CPU, float32",
        "ids": ids,
        "logprobs": [round(float(x), 8) for x in logprobs],
        "float64_max_difference": float(f"{noise:.2e}"),
        "branch_mean_difference": branch and float(f"{branch:.3g}"),
        "hidden_positions": llama.HIDDEN_POSITIONS,
        "hidden": {name: [llama.rounded(row) for row in rows]
                   for name, rows in llama.hidden_states(model, ids).items()},
        "last_logits": llama.rounded(logits[-1]),
        "greedy": {"prompt": ids[:llama.PROMPT], "ids": continuation,
                   "smallest_gap": float(f"{gap:.3g}")},
    }


def make(name: str, case: Case):
    folder = OUT / name
    with tempfile.TemporaryDirectory() as temporary:
        for seed in range(1, 400):
            trial = pathlib.Path(temporary) / str(seed)
            result = attempt(case, trial, seed)
            if not isinstance(result, str):
                break
            shutil.rmtree(trial)
            print(f"{name}: seed {seed}: {result}", flush=True)
        else:
            raise SystemExit(f"{name}: no seed will do")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(trial, folder)
    state, golden = result
    files = sorted(folder.iterdir())
    if case.gguf:
        files.append(OUT / f"{name}.gguf")
        write_gguf(files[-1], name, case, state)
    golden = {"models": [name] + [f"{name}.gguf"] * case.gguf,
              "sha256": {str(file.relative_to(OUT)): hashlib.sha256(file.read_bytes()).hexdigest()
                         for file in files}} | golden
    text = json.dumps(golden, separators=(",", ":")).replace(',"', ',\n"')
    (OUT / f"{name}.json").write_text(text + "\n")
    print(f"{name}: {[(f.name, f.stat().st_size) for f in files]}, json {len(text)}, gap "
          f"{golden['greedy']['smallest_gap']}, float64 {golden['float64_max_difference']}, branch "
          f"{golden['branch_mean_difference']}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES))
    torch.set_num_threads(1)  # one order of summation, wherever this runs
    OUT.mkdir(parents=True, exist_ok=True)
    for name in parser.parse_args().cases or list(CASES):
        make(name, CASES[name])


if __name__ == "__main__":
    main()
