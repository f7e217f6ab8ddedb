#!/usr/bin/env python3
"""Makes tests/goldens/model/smollm2_score.json: what transformers computes with the default model.

Owns: the reference of SmolLM2-135M-Instruct (the Q4_1 GGUF of models/catalog.json) dequantised to
float32, on the CPU: log-probabilities over a real text and greedy replies to two chat prompts. The
weights are read from the GGUF with PyPI's `gguf`, and must equal what transformers' own GGUF loader
makes of the same file. The tokenizer is put together with PyPI's `tokenizers` from the file's
vocabulary and merges and SmolLM2's published pre-tokenizer (single digits, then GPT-2's split).

llama.cpp's figures in the JSON come from model_llama_cpp.py and are kept when this script runs again
on the same ids.

    pip install --no-deps --require-hashes -r tools/goldens/model_requirements.txt
    python tools/goldens/model_smollm2.py SmolLM2-135M-Instruct.Q4_1.gguf
"""

import argparse
import hashlib
import json
import math
import pathlib

import gguf
import jinja2
import numpy as np
import tokenizers
import torch
import transformers

from model_llama import log_softmax, logits_of, next_logprobs, unpermute

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "tests" / "goldens" / "model" / "smollm2_score.json"
TEXT = ROOT / "tests" / "data" / "loomings.txt"
SCORED = 1024
TOP_EVERY = 32
CONTINUATION = 64
SMALLEST_GAP = 5e-3
PROMPTS = ["What is the capital of France?", "Write a Python function that adds two numbers.",
           "Write a short poem about the sea."]


class File:
    """The metadata and the float32 weights of the GGUF, by Hugging Face's names."""

    def __init__(self, path: pathlib.Path):
        self.sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        self.reader = gguf.GGUFReader(str(path))
        assert self.get("general.architecture") == "llama"
        heads, kv = self.get("llama.attention.head_count"), self.get("llama.attention.head_count_kv")
        names = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head",
                 "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
                 "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
                 "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
                 "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}
        self.state = {}
        for tensor in self.reader.tensors:
            stem = tensor.name.removesuffix(".weight")
            prefix = ""
            if stem.startswith("blk."):
                _, layer, stem = stem.split(".")
                prefix = f"model.layers.{layer}."
            values = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
            if stem in ("attn_q", "attn_k"):
                values = unpermute(values, heads if stem == "attn_q" else kv)
            self.state[prefix + names[stem] + ".weight"] = torch.from_numpy(values)
        self.tied = "lm_head.weight" not in self.state
        if self.tied:
            self.state["lm_head.weight"] = self.state["model.embed_tokens.weight"]

    def get(self, key: str):
        return self.reader.fields[key].contents()

    def model(self):
        config = transformers.LlamaConfig(
            vocab_size=self.get("llama.vocab_size"),
            hidden_size=self.get("llama.embedding_length"),
            intermediate_size=self.get("llama.feed_forward_length"),
            num_hidden_layers=self.get("llama.block_count"),
            num_attention_heads=self.get("llama.attention.head_count"),
            num_key_value_heads=self.get("llama.attention.head_count_kv"),
            max_position_embeddings=self.get("llama.context_length"),
            rms_norm_eps=self.get("llama.attention.layer_norm_rms_epsilon"),
            tie_word_embeddings=self.tied,
            rope_parameters={"rope_type": "default", "rope_theta": self.get("llama.rope.freq_base")},
            attn_implementation="eager")
        model = transformers.LlamaForCausalLM(config)
        model.load_state_dict(self.state)
        return model.float().eval()

    def tokenizer(self) -> tokenizers.Tokenizer:
        tokens = self.get("tokenizer.ggml.tokens")
        merges = [tuple(m.split(" ")) for m in self.get("tokenizer.ggml.merges")]
        result = tokenizers.Tokenizer(tokenizers.models.BPE(
            {token: i for i, token in enumerate(tokens)}, merges))
        result.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([
            tokenizers.pre_tokenizers.Digits(individual_digits=True),
            tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
        result.decoder = tokenizers.decoders.ByteLevel()
        control = [t for t, kind in zip(tokens, self.get("tokenizer.ggml.token_type")) if kind == 3]
        result.add_special_tokens(control)
        return result


def check_against_transformers_loader(path: pathlib.Path, state: dict):
    other = transformers.AutoModelForCausalLM.from_pretrained(
        str(path.parent.resolve()), gguf_file=path.name, dtype=torch.float32).state_dict()
    assert set(other) == set(state), set(other) ^ set(state)
    for name, values in state.items():
        assert torch.equal(values, other[name]), name


@torch.no_grad()
def greedy(model, prompt, stop: int):
    """Ids, the stop id included, and the smallest distance between the two best logits of a step."""
    ids, gap, new, cache = [], math.inf, list(prompt), None
    while len(ids) < CONTINUATION and stop not in ids:
        output = model(torch.tensor([new]), past_key_values=cache, use_cache=True)
        cache, best = output.past_key_values, output.logits[0, -1].topk(2)
        gap = min(gap, float(best.values[0] - best.values[1]))
        new = [int(best.indices[0])]
        ids += new
    return ids, gap


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gguf", type=pathlib.Path)
    path = parser.parse_args().gguf
    torch.set_num_threads(1)
    file = File(path)
    check_against_transformers_loader(path, file.state)
    tokenizer, model = file.tokenizer(), file.model()

    ids = tokenizer.encode(TEXT.read_text(encoding="utf-8")).ids[:SCORED]
    text = tokenizer.decode(ids)
    assert TEXT.read_text(encoding="utf-8").startswith(text) and tokenizer.encode(text).ids == ids
    logits = logits_of(model, ids)
    logprobs = next_logprobs(logits, ids)
    noise = float(np.abs(next_logprobs(logits_of(model.double(), ids), ids) - logprobs).max())
    model.float()

    replies = []
    stop = file.get("tokenizer.ggml.eos_token_id")
    template = jinja2.Environment(trim_blocks=True, lstrip_blocks=True).from_string(
        file.get("tokenizer.chat_template"))
    for content in PROMPTS:
        rendered = template.render(messages=[{"role": "user", "content": content}],
                                   add_generation_prompt=True)
        prompt = tokenizer.encode(rendered).ids
        reply, gap = greedy(model, prompt, stop)
        print(f"{content!r}: {tokenizer.decode(reply)!r}, gap {gap:.1e}")
        assert gap >= SMALLEST_GAP
        replies.append({"user": content, "rendered": rendered, "prompt": prompt, "ids": reply,
                        "text": tokenizer.decode(reply), "smallest_gap": float(f"{gap:.3g}")})

    top = {}
    for i in range(TOP_EVERY - 1, len(ids), TOP_EVERY):
        row = log_softmax(logits[i])
        top[str(i)] = [[int(j), round(float(row[j]), 7)] for j in np.argsort(row)[::-1][:5]]
    golden = {
        "model": path.name, "sha256": file.sha256,
        "made_by": f"tools/goldens/model_smollm2.py; transformers {transformers.__version__}, torch "
                   f"{torch.__version__.split('+')[0]}, CPU, float32",
        "text_from": "tests/data/" + TEXT.name, "text": text, "ids": ids,
        "logprobs": [round(float(x), 7) for x in logprobs],
        "mean_logprob": round(float(logprobs.mean()), 7),
        "float64_max_difference": float(f"{noise:.2e}"),
        "top5_after_position": top, "chat": replies,
    }
    if OUT.exists():
        before = json.loads(OUT.read_text())
        if before["ids"] == ids and before["sha256"] == file.sha256 and "llama_cpp" in before:
            golden["llama_cpp"] = before["llama_cpp"]
    dump(golden)


def dump(golden: dict):
    lines = (f"{json.dumps(k)}:{json.dumps(v, ensure_ascii=False, separators=(',', ':'))}"
             for k, v in golden.items())
    OUT.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"{OUT.name}: {OUT.stat().st_size} bytes, {len(golden['ids'])} ids, mean log-probability "
          f"{golden['mean_logprob']:.4f}, float64 within {golden['float64_max_difference']}")


if __name__ == "__main__":
    main()
