#!/usr/bin/env python3
"""Makes tests/goldens/imatrix/*.json: importance matrices of the tiny models in tests/goldens/model.

Owns: per weight matrix the sum of squares of each input channel and the number of inputs, as transformers
feeds its modules: caught by hooks, evaluated and added up in float64. Routed experts are counted one by
one. The matrices per head of latent attention, which transformers applies to keys and values instead, get
what the absorbed form multiplies them with: the part of a query without position, and the mean of the
latents under the head's attention weights. Entries have the names that the tensors have in GGUF.

The same is done in float32; the golden says how far that is away, which is what a test may not ask more
than.

Not for: the files' formats, anything at run time.

    pip install --no-deps --require-hashes -r tools/goldens/model_requirements.txt
    python tools/goldens/imatrix.py
"""

import json
import pathlib
import re

import numpy as np
import torch
import transformers

import model_llama

ROOT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens"
CHUNK, CHUNKS, FIRST = 48, 2, 7  # 128 ids make two chunks; 7 stands in place of their first ids

GLOBALS = {"lm_head": "output"}
LAYER = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
         "self_attn.o_proj": "attn_output", "self_attn.q_a_proj": "attn_q_a",
         "self_attn.q_b_proj": "attn_q_b", "self_attn.kv_a_proj_with_mqa": "attn_kv_a_mqa",
         "self_attn.kv_b_proj": "attn_kv_b", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
         "mlp.down_proj": "ffn_down", "mlp.gate": "ffn_gate_inp",
         "mlp.shared_experts.gate_proj": "ffn_gate_shexp",
         "mlp.shared_experts.up_proj": "ffn_up_shexp",
         "mlp.shared_experts.down_proj": "ffn_down_shexp"}


def gguf_name(module: str) -> str:
    """The tensor of a module of one weight."""
    found = re.fullmatch(r"model\.layers\.(\d+)\.(.*)", module)
    return (f"blk.{found[1]}.{LAYER[found[2]]}" if found else GLOBALS[module]) + ".weight"


class Sums:
    """Entries under construction: name -> ([matrices, columns], [matrices])."""

    def __init__(self):
        self.entries = {}

    def add(self, name, matrix, matrices, inputs):
        rows = inputs.detach().reshape(-1, inputs.shape[-1]).double().numpy()
        squares, counts = self.entries.setdefault(
            name, (np.zeros((matrices, rows.shape[1])), np.zeros(matrices, dtype=np.int64)))
        squares[matrix] += (rows * rows).sum(axis=0)
        counts[matrix] += len(rows)


def watch_experts(module, prefix, sums, hooks):
    """Experts are slices of two parameters, multiplied through functional.linear."""
    linear = torch.nn.functional.linear

    def watching(inputs, weight, *rest):
        for parameter, names in ((module.gate_up_proj, ("gate", "up")), (module.down_proj, ("down",))):
            step = parameter.stride(0) * parameter.element_size()
            expert, rest_bytes = divmod(weight.data_ptr() - parameter.data_ptr(), step)
            if 0 <= expert < module.num_experts and weight.shape == parameter.shape[1:]:
                assert rest_bytes == 0
                for name in names:
                    sums.add(f"{prefix}ffn_{name}_exps.weight", expert, module.num_experts, inputs)
                break
        else:
            raise AssertionError("a product that is none of the experts'")
        return linear(inputs, weight, *rest)

    def begin(_module, _inputs):
        torch.nn.functional.linear = watching

    def end(_module, _inputs, _output):
        torch.nn.functional.linear = linear

    hooks += [module.register_forward_pre_hook(begin), module.register_forward_hook(end)]


def watch_heads(module, prefix, sums, hooks):
    """attn_k_b and attn_v_b of one layer of latent attention."""
    seen = {}
    heads, nope = module.num_heads, module.qk_nope_head_dim

    def queries(_module, _inputs, output):
        seen["queries"] = output[0].view(-1, heads, nope + module.qk_rope_head_dim)[..., :nope]

    def latents(_module, _inputs, output):
        seen["latents"] = output.reshape(-1, module.kv_lora_rank)

    def attention(_module, _inputs, output):
        means = output[1][0] @ seen["latents"]  # [heads, tokens, latent]
        for head in range(heads):
            sums.add(prefix + "attn_k_b.weight", head, heads, seen["queries"][:, head])
            sums.add(prefix + "attn_v_b.weight", head, heads, means[head])

    hooks += [(module.q_b_proj or module.q_proj).register_forward_hook(queries),
              module.kv_a_layernorm.register_forward_hook(latents),
              module.register_forward_hook(attention)]


@torch.no_grad()
def importance(model, ids) -> dict:
    sums, hooks = Sums(), []
    tied = model.config.tie_word_embeddings

    def watch_linear(name):
        def hook(_module, inputs):
            sums.add("token_embd.weight" if tied and name == "lm_head" else gguf_name(name), 0, 1,
                     inputs[0])
        return hook

    for name, module in model.named_modules():
        kind = type(module).__name__
        prefix = "blk." + name.split(".")[2] + "." if name.startswith("model.layers.") else ""
        if isinstance(module, torch.nn.Linear) or kind.endswith("Router"):
            hooks.append(module.register_forward_pre_hook(watch_linear(name)))
        elif kind.endswith("Experts"):
            watch_experts(module, prefix, sums, hooks)
        elif kind.endswith("Attention") and hasattr(module, "kv_b_proj"):
            watch_heads(module, prefix, sums, hooks)
    for chunk in range(CHUNKS):
        tokens = [FIRST] + ids[chunk * CHUNK + 1:(chunk + 1) * CHUNK]
        model(torch.tensor([tokens]), use_cache=False)
    for hook in hooks:
        hook.remove()
    return sums.entries


def directory_model(name):
    return transformers.AutoModelForCausalLM.from_pretrained(
        ROOT / "model" / name, dtype=torch.float32, attn_implementation="eager",
        experts_implementation="eager")


def llama_model(name):
    """As model_llama.py made it; transformers has no such file."""
    case = model_llama.CASES[name.removeprefix("llama_")]
    made_by = json.loads((ROOT / "model" / f"{name}.json").read_text())["made_by"]
    _, state = model_llama.make_weights(case, int(re.search(r"seed (\d+)", made_by)[1]))
    return model_llama.reference_model(case, state)


CASES = {"llama_bias": llama_model, "qwen2_tied": directory_model, "deepseek_v3": directory_model,
         "deepseek_v2lite": directory_model}


def main():
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    (ROOT / "imatrix").mkdir(exist_ok=True)
    for name, make in CASES.items():
        ids = json.loads((ROOT / "model" / f"{name}.json").read_text())["ids"]
        narrow = importance(make(name).eval(), ids)
        exact = importance(make(name).double().eval(), ids)
        worst = 0.0
        for entry, (squares, counts) in exact.items():
            assert (counts == narrow[entry][1]).all(), entry
            for i in np.flatnonzero(counts):
                distance = np.linalg.norm(narrow[entry][0][i] - squares[i])
                worst = max(worst, distance / np.linalg.norm(squares[i]))
        golden = {
            "made_by": f"tools/goldens/imatrix.py; transformers {transformers.__version__}, torch "
                       f"{torch.__version__.split('+')[0]}, CPU, float64",
            "model": name, "chunk": CHUNK, "chunks": CHUNKS, "first_id": FIRST,
            "float32_max_difference": float(f"{worst:.2e}"),
            "entries": {entry: {"counts": counts.tolist(),
                                "in_sum2": [float(f"{x:.9g}") for x in squares.ravel()]}
                        for entry, (squares, counts) in sorted(exact.items())},
        }
        text = json.dumps(golden, separators=(",", ":")).replace(',"', ',\n"')
        (ROOT / "imatrix" / f"{name}.json").write_text(text + "\n")
        unseen = sum(int((counts == 0).sum()) for _, counts in exact.values())
        print(f"{name}: {len(exact)} entries, {unseen} matrices without inputs, json {len(text)}, "
              f"float32 {worst:.1e}", flush=True)


if __name__ == "__main__":
    main()
