#!/usr/bin/env python3
"""Makes tests/goldens/model/nano.json: what transformers computes with the model of this repository.

Owns: the reference of nano (models/nano, a Q8_0 GGUF) dequantised to float32, in transformers'
DeepseekV3ForCausalLM on the CPU: log-probabilities of its own sampled replies to questions of its
domain, and the experts that each token is sent to. The weights are read with PyPI's `gguf`;
questions are encoded with PyPI's `tokenizers` from the exported directory's tokenizer.json. Sequences
in which an expert is chosen by less than SMALLEST_CHOICE are left out: there float32's noise decides.

    pip install --no-deps --require-hashes -r tools/goldens/model_requirements.txt
    python tools/goldens/nano.py models/nano/nano-q8_0.gguf recipes/nano/out/grpo/model
"""

import argparse
import hashlib
import json
import math
import pathlib

import gguf
import numpy as np
import tokenizers
import torch
import transformers

from model_deepseek import log_softmax

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "tests" / "goldens" / "model" / "nano.json"
TOKENS = 2000
LONGEST = 512
SMALLEST_CHOICE = 1e-5
QUESTIONS = [
    "Which is larger, 9.11 or 9.9?", "What is 48 + 375?", "Compute 912 - 348.", "What is 37 times 24?",
    "Solve for x: 3x + 7 = 25.", "How many times does the letter r occur in the word strawberry?",
    "Sort these numbers from smallest to largest: 41, 7, 19, 88, 23.", "What is 15% of 240?",
    "Using the numbers 3, 5 and 8, make 16.", "What day is three days after Friday?",
    "Hello! Who are you?", "Reverse the word lantern.", "What comes next: 2, 4, 8, 16?",
    "Divide 156 by 12.", "How many minutes are 3 hours?", "What is 7 + 8?",
]


class File:
    """The float32 weights of the GGUF, by the names of Hugging Face's class."""

    LAYER = {"attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
             "attn_q_a": "self_attn.q_a_proj", "attn_q_a_norm": "self_attn.q_a_layernorm",
             "attn_q_b": "self_attn.q_b_proj", "attn_kv_a_mqa": "self_attn.kv_a_proj_with_mqa",
             "attn_kv_a_norm": "self_attn.kv_a_layernorm", "attn_output": "self_attn.o_proj",
             "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
             "ffn_gate_inp": "mlp.gate", "ffn_gate_shexp": "mlp.shared_experts.gate_proj",
             "ffn_up_shexp": "mlp.shared_experts.up_proj",
             "ffn_down_shexp": "mlp.shared_experts.down_proj"}

    def __init__(self, path: pathlib.Path, config):
        self.sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        tensors = {tensor.name: gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
                   for tensor in gguf.GGUFReader(str(path)).tensors}
        take = tensors.pop
        self.state = {"model.embed_tokens.weight": take("token_embd.weight"),
                      "model.norm.weight": take("output_norm.weight"),
                      "lm_head.weight": take("output.weight")}
        for i in range(config.num_hidden_layers):
            blk, layer = f"blk.{i}.", f"model.layers.{i}."
            keys = take(blk + "attn_k_b.weight")      # {heads, latent, nope}
            values = take(blk + "attn_v_b.weight")    # {heads, value, latent}
            joint = np.concatenate([keys.transpose(0, 2, 1), values], axis=1)
            self.state[layer + "self_attn.kv_b_proj.weight"] = joint.reshape(-1, joint.shape[-1])
            for name, hf in self.LAYER.items():
                if blk + name + ".weight" in tensors:
                    self.state[f"{layer}{hf}.weight"] = take(blk + name + ".weight")
            if blk + "exp_probs_b.bias" not in tensors:
                continue
            self.state[layer + "mlp.gate.e_score_correction_bias"] = take(blk + "exp_probs_b.bias")
            gate, up = take(blk + "ffn_gate_exps.weight"), take(blk + "ffn_up_exps.weight")
            self.state[layer + "mlp.experts.gate_up_proj"] = np.concatenate([gate, up], axis=1)
            self.state[layer + "mlp.experts.down_proj"] = take(blk + "ffn_down_exps.weight")
        left = [name for name in tensors if not name.startswith(f"blk.{config.num_hidden_layers}.")]
        assert not left, left  # but for the layer that predicts further


def reference(path: pathlib.Path):
    config = transformers.DeepseekV3Config(
        **{key: value for key, value in json.loads(
            (ROOT / "recipes/nano/config.json").read_text()).items()
           if key not in ("architectures", "model_type", "torch_dtype")})
    config._attn_implementation = "eager"
    config._experts_implementation = "eager"
    file = File(path, config)
    model = transformers.DeepseekV3ForCausalLM(config).float().eval()
    state = {name: torch.from_numpy(np.ascontiguousarray(value))
             for name, value in file.state.items()}
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected and not missing, (missing, unexpected)
    return model, file


def run(model, ids):
    """Logits of every token, and per layer the router's logits and chosen experts."""
    routers, hooks = {}, []
    for i, layer in enumerate(model.model.layers):
        if hasattr(layer.mlp, "gate"):
            hooks.append(layer.mlp.gate.register_forward_hook(
                lambda _m, _i, out, name=f"layer.{i}.router":
                    routers.__setitem__(name, [x.detach().numpy().copy() for x in out])))
    with torch.no_grad():
        logits = model(torch.tensor([ids]), use_cache=False).logits[0].numpy()
    for hook in hooks:
        hook.remove()
    return logits, routers


def clearest(model, routers) -> float:
    """The smallest distance that decided which groups and experts a token gets."""
    config, smallest = model.config, math.inf
    for name, (logits, *_) in routers.items():
        bias = model.model.layers[int(name.split(".")[1])].mlp.gate.e_score_correction_bias.numpy()
        for row in 1 / (1 + np.exp(-logits.astype(np.float64))) + bias:
            groups = row.reshape(config.n_group, -1)
            value = np.sort(groups, axis=1)[:, -2:].sum(axis=1)
            order = np.argsort(-value)
            kept = order[:config.topk_group]
            ranked = -np.sort(-groups[kept].ravel())
            smallest = min(smallest,
                           value[order[config.topk_group - 1]] - value[order[config.topk_group]],
                           ranked[config.num_experts_per_tok - 1] - ranked[config.num_experts_per_tok])
    return float(smallest)


def sample(model, prompt, rng, end):
    ids, cache, fresh = list(prompt), None, list(prompt)
    while len(ids) < LONGEST:
        with torch.no_grad():
            out = model(torch.tensor([fresh]), past_key_values=cache, use_cache=True)
        logits, cache = out.logits[0, -1].numpy(), out.past_key_values
        ids.append(int(rng.choice(len(logits), p=np.exp(log_softmax(logits[None].astype(np.float64))[0]))))
        fresh = ids[-1:]
        if ids[-1] == end:
            break
    return ids


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("gguf", type=pathlib.Path)
    parser.add_argument("directory", type=pathlib.Path, help="what it was made of: for its tokenizer")
    parser.add_argument("--out", type=pathlib.Path, default=OUT)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    model, file = reference(arguments.gguf)
    tokenizer = tokenizers.Tokenizer.from_file(str(arguments.directory / "tokenizer.json"))
    sequences, total, least = [], 0, math.inf
    attempts = 0
    while total < TOKENS:
        assert attempts < 8 * len(QUESTIONS), "too many sequences are decided by noise"
        question = QUESTIONS[attempts % len(QUESTIONS)]
        attempts += 1
        prompt = tokenizer.encode(
            f"<｜begin▁of▁sentence｜><｜User｜>{question}<｜Assistant｜><think>\n",
            add_special_tokens=False).ids
        ids = sample(model, prompt, rng, model.config.eos_token_id)
        logits, routers = run(model, ids)
        margin = clearest(model, routers)
        if margin < SMALLEST_CHOICE:
            continue
        least = min(least, margin)
        logprobs = log_softmax(logits.astype(np.float64))[np.arange(len(ids) - 1), ids[1:]]
        sequences.append({
            "ids": ids, "logprobs": [round(float(x), 6) for x in logprobs],
            "experts": {name: np.sort(chosen, axis=1).tolist()
                        for name, (_, _, chosen) in routers.items()}})
        total += len(ids)
    arguments.out.write_text(json.dumps({
        "about": "nano's own sampled replies: log-probabilities of the next token, experts of each",
        "made_by": f"tools/goldens/nano.py; transformers {transformers.__version__}, torch "
                   f"{torch.__version__.split('+')[0]}, CPU, float32",
        "sha256": file.sha256, "tokens": total, "smallest_choice": float(f"{least:.2e}"),
        "sequences": sequences}, separators=(",", ":")) + "\n")
    print(f"{len(sequences)} sequences of {attempts}, {total} tokens, smallest choice {least:.1e}, "
          f"{arguments.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
