#!/usr/bin/env python3
"""Makes tests/goldens/model/deepseek_mtp/ and .json: DeepSeek-V3's multi-token prediction.

Owns: a tiny random model of the DeepSeek-V3 architecture with one multi-token-prediction (MTP)
layer, written as a Hugging Face directory under the official tensor names, and the MTP layer's
logits. They are computed twice, by two codes that share nothing but the weights:

- in float32: main model and decoder layer are transformers' DeepseekV3 classes, the main model read
  from the written directory; what the MTP module adds around its layer is written here (`Float32`);
- in float64: everything, main model included, from the equations of the report (`Equations`).

The second also leaves out or changes one ingredient after the other, to show that each of them
moves the logits. transformers' own MTP module, run on the same files, is the third witness. Written
after the DeepSeek-V3 technical report (arXiv 2412.19437, sections 2.1 and 2.2) and the published
modules named in PUBLISHED, by an author who had not read the code under test.

Not for: drafting more than one token, quantised files, GGUF, anything at run time.

    pip install --no-deps --require-hashes -r tools/goldens/model_requirements.txt
    python tools/goldens/model_mtp.py [--out FOLDER]
"""

import argparse
import dataclasses
import hashlib
import json
import math
import pathlib

import numpy as np
import safetensors.numpy
import torch
import transformers
from transformers import modeling_layers
from transformers.models.deepseek_v3 import modeling_deepseek_v3 as v3

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "model"
NAME = "deepseek_mtp"
IDS = 64
PROMPT = 24             # rows of the MTP layer run at once before the others one by one
TOLERANCE = 1e-3        # of the tests on logits: every ingredient must move them by ten times that
SMALLEST_MARGIN = 2e-4  # of every router decision: no arithmetic in float32 turns one over
LARGEST_NOISE = 5e-5    # between float32 and float64, in logits
LOGITS_POSITIONS = [0, 1, 2, 15, 31, 32, 47, 61, 62]
HIDDEN_POSITIONS = [0, 1, 32, 62]

# The keys of DeepSeek-V3's config.json, in its order. 64 positions are twice the original context;
# the two mscale differ, so that both of their uses count; keys and values have different widths.
CONFIG = {
    "architectures": ["DeepseekV3ForCausalLM"], "attention_bias": False, "attention_dropout": 0.0,
    "aux_loss_alpha": 0.001, "bos_token_id": 0, "eos_token_id": 1, "ep_size": 1,
    "first_k_dense_replace": 1, "hidden_act": "silu", "hidden_size": 32, "initializer_range": 0.02,
    "intermediate_size": 48, "kv_lora_rank": 16, "max_position_embeddings": 256,
    "model_type": "deepseek_v3", "moe_intermediate_size": 10, "moe_layer_freq": 1, "n_group": 3,
    "n_routed_experts": 12, "n_shared_experts": 1, "norm_topk_prob": True, "num_attention_heads": 4,
    "num_experts_per_tok": 3, "num_hidden_layers": 2, "num_key_value_heads": 4,
    "num_nextn_predict_layers": 1, "pretraining_tp": 1, "q_lora_rank": 24, "qk_nope_head_dim": 8,
    "qk_rope_head_dim": 16, "rms_norm_eps": 1e-6,
    "rope_scaling": {"beta_fast": 32, "beta_slow": 1, "factor": 8, "mscale": 1.0,
                     "mscale_all_dim": 0.707, "original_max_position_embeddings": 32,
                     "type": "yarn"},
    "rope_theta": 500, "routed_scaling_factor": 2.5, "scoring_func": "sigmoid", "seq_aux": True,
    "tie_word_embeddings": False, "topk_group": 2, "topk_method": "noaux_tc",
    "torch_dtype": "float32", "use_cache": True, "v_head_dim": 12, "vocab_size": 96,
}
MTP = CONFIG["num_hidden_layers"]  # the MTP layer follows the main ones

# What was read, and what it says. Implementations differ in two points, so both readings of each
# are in the golden: h_i before or behind the main model's last norm, and the embedding of row 0.
PUBLISHED = [
    "report, eq. 21: h'_i = M [RMSNorm(h_i); RMSNorm(Emb(t_(i+1)))], i from 1 to T - 1; eq. 22 one "
    "transformer block; eq. 23 the main model's output head; it predicts t_(i+2). No embedding is "
    "masked; neither the positions nor the side of the last norm on which h_i is taken are given",
    "order of the two halves: embedding first, against the report's formula, in all three modules; "
    "the published eh_proj is stored for that order",
    "embedding and head: the layer's copies equal the main model's (DeepSeek-V3 README_WEIGHTS); "
    "vLLM reads the layer's, SGLang and transformers use the main model's",
    "vLLM deepseek_mtp.py @03356f8 and @4f7c144: enorm, hnorm, concat, eh_proj, decoder layer, "
    "residual added, shared_head.norm and shared_head.head; the embedding at position 0 is set to "
    "zero before enorm (variants *_masked). v1/spec_decode/eagle.py @008603a hands it ids moved "
    "left by one with unmoved positions, so that this zero falls on t_1; vLLM issue 33299 calls it "
    "a fault",
    "SGLang deepseek_nextn.py @c28bdc9 and @0114f9c: the same without a mask; the ids are moved "
    "left by one, the positions are the main model's",
    "transformers 5.23.0 MtpLayer: the same without a mask; positions i + 1. Rotary attention sees "
    "differences only, so this changes nothing (invariant_max_difference.positions_plus_one)",
    "hidden state: vLLM deepseek_v2.py @002d607, SGLang deepseek_v2.py @00114ae and transformers "
    "5.23.0 (hidden_states[-1]) hand over h_i behind the main model's last norm (variants "
    "after_norm*); llama.cpp's pull request 24025 names the state before it for DeepSeek (variants "
    "before_norm*)",
    "own cache: the layer attends to its own earlier rows only, by the same causal rule as any "
    "layer",
]


@dataclasses.dataclass(frozen=True)
class Variant:
    """One reading of the module. The defaults are the report's, with the embedding first."""
    after_norm: bool = False    # h_i behind the main model's last norm
    masked: bool = False        # the embedding of row 0 is zero
    # What follows is wrong, and there to show that it matters.
    hidden_first: bool = False
    enorm: bool = True
    hnorm: bool = True
    shared_norm: str | None = f"model.layers.{MTP}.shared_head.norm"
    embedding_shift: int = 1    # row i takes the embedding of t_(i + shift)
    hidden_shift: int = 0       # ... and h_(i + shift)
    position_step: int = 1      # row i is at position step * i + offset
    position_offset: int = 0
    past: bool = True           # rows attend to the rows before them
    bias: bool = True           # the MTP layer's router uses its correction bias
    groups: bool = True         # ... and its groups
    shared_expert: bool = True
    softmax_mscale: bool = True
    rope_mscale: bool = True
    ramp: bool = True           # YaRN; else plain rotary frequencies


VARIANTS = {
    "before_norm": Variant(),
    "after_norm": Variant(after_norm=True),
    "before_norm_masked": Variant(masked=True),
    "after_norm_masked": Variant(after_norm=True, masked=True),
}
BRANCHES = {  # against before_norm
    "hidden_first": Variant(hidden_first=True),
    "no_enorm": Variant(enorm=False),
    "no_hnorm": Variant(hnorm=False),
    "no_shared_head_norm": Variant(shared_norm=None),
    "main_norm_for_shared_head_norm": Variant(shared_norm="model.norm"),
    "embedding_of_t_i": Variant(embedding_shift=0),
    "hidden_of_next_position": Variant(hidden_shift=1),
    "positions_all_zero": Variant(position_step=0),
    "positions_doubled": Variant(position_step=2),
    "no_past": Variant(past=False),
    "no_correction_bias": Variant(bias=False),
    "no_groups": Variant(groups=False),
    "no_shared_expert": Variant(shared_expert=False),
    "no_softmax_mscale": Variant(softmax_mscale=False),
    "no_rope_mscale": Variant(rope_mscale=False),
    "no_yarn_ramp": Variant(ramp=False),
    "after_norm": VARIANTS["after_norm"],
    "masked": VARIANTS["before_norm_masked"],
}


# ---- Weights -------------------------------------------------------------------------------------

def names_and_shapes() -> dict:
    """Official tensor name -> (shape, standard deviation)."""
    c = CONFIG
    h, heads, rope = c["hidden_size"], c["num_attention_heads"], c["qk_rope_head_dim"]
    result = {}

    def norm(name, size):
        result[name + ".weight"] = ((size,), 0.2)

    def matrix(name, rows, columns, gain):
        result[name + ".weight"] = ((rows, columns), gain / math.sqrt(columns))

    def mlp(name, width):
        matrix(name + ".gate_proj", width, h, 1.5)
        matrix(name + ".up_proj", width, h, 1.5)
        matrix(name + ".down_proj", h, width, 1.5)

    result["model.embed_tokens.weight"] = ((c["vocab_size"], h), 1.0)
    for i in range(c["num_hidden_layers"] + c["num_nextn_predict_layers"]):
        layer = f"model.layers.{i}."
        if i == MTP:
            norm(layer + "enorm", h)
            norm(layer + "hnorm", h)
            matrix(layer + "eh_proj", h, 2 * h, 1.5)
            norm(layer + "shared_head.norm", h)
        norm(layer + "input_layernorm", h)
        norm(layer + "post_attention_layernorm", h)
        # Gains on queries and keys give attention that is neither uniform nor on one position.
        attention = layer + "self_attn."
        matrix(attention + "q_a_proj", c["q_lora_rank"], h, 1.0)
        norm(attention + "q_a_layernorm", c["q_lora_rank"])
        matrix(attention + "q_b_proj", heads * (c["qk_nope_head_dim"] + rope), c["q_lora_rank"],
               1.3)
        matrix(attention + "kv_a_proj_with_mqa", c["kv_lora_rank"] + rope, h, 1.3)
        norm(attention + "kv_a_layernorm", c["kv_lora_rank"])
        matrix(attention + "kv_b_proj", heads * (c["qk_nope_head_dim"] + c["v_head_dim"]),
               c["kv_lora_rank"], 1.5)
        matrix(attention + "o_proj", h, heads * c["v_head_dim"], 1.5)
        if i < c["first_k_dense_replace"]:
            mlp(layer + "mlp", c["intermediate_size"])
            continue
        matrix(layer + "mlp.gate", c["n_routed_experts"], h, 1.5)
        result[layer + "mlp.gate.e_score_correction_bias"] = ((c["n_routed_experts"],), 0.15)
        for expert in range(c["n_routed_experts"]):
            mlp(f"{layer}mlp.experts.{expert}", c["moe_intermediate_size"])
        mlp(layer + "mlp.shared_experts", c["n_shared_experts"] * c["moe_intermediate_size"])
    norm("model.norm", h)
    matrix("lm_head", c["vocab_size"], h, 3.0)
    return result


def make_weights(seed: int) -> dict:
    rng = np.random.default_rng(seed)
    weights = {}
    for name, (shape, deviation) in names_and_shapes().items():
        weights[name] = rng.normal(0.0, deviation, shape).astype(np.float32)
        if "norm.weight" in name:
            weights[name] += 1.0
    # Copies, as in the published weights.
    weights[f"model.layers.{MTP}.embed_tokens.weight"] = weights["model.embed_tokens.weight"].copy()
    weights[f"model.layers.{MTP}.shared_head.head.weight"] = weights["lm_head.weight"].copy()
    return weights


# ---- Everything from the equations, in float64 ---------------------------------------------------

class Equations:
    """The main model and the MTP module, one formula after the other, on `weights` in float64.
    Notes the choices of every router and by how much the closest of them was decided."""

    def __init__(self, weights: dict):
        self.w = {name: torch.from_numpy(array).double() for name, array in weights.items()}
        self.margin = math.inf
        self.experts = {}

    def linear(self, name, x):
        return x @ self.w[name + ".weight"].T

    def rms_norm(self, name, x):
        mean = (x * x).mean(-1, keepdim=True)
        return x / torch.sqrt(mean + CONFIG["rms_norm_eps"]) * self.w[name + ".weight"]

    def mlp(self, name, x):
        gate = self.linear(name + ".gate_proj", x)
        up = self.linear(name + ".up_proj", x)
        return self.linear(name + ".down_proj", gate * torch.sigmoid(gate) * up)

    @staticmethod
    def mscale(weight):
        return 0.1 * weight * math.log(CONFIG["rope_scaling"]["factor"]) + 1.0

    def frequencies(self, v: Variant) -> list:
        """YaRN: pairs that turn more than beta_fast times within the original context keep their
        frequency, those below beta_slow are slowed down by the factor, and a ramp lies between."""
        yarn, theta, d = CONFIG["rope_scaling"], CONFIG["rope_theta"], CONFIG["qk_rope_head_dim"]

        def pair_that_turns(times):
            turns = yarn["original_max_position_embeddings"] / (2 * math.pi * times)
            return d * math.log(turns) / (2 * math.log(theta))

        low = max(math.floor(pair_that_turns(yarn["beta_fast"])), 0)
        high = min(math.ceil(pair_that_turns(yarn["beta_slow"])), d - 1)
        result = []
        for i in range(d // 2):
            ramp = min(max((i - low) / (high - low), 0.0), 1.0) if v.ramp else 0.0
            result.append(theta ** (-2 * i / d) * (1 - ramp + ramp / yarn["factor"]))
        return result

    def rotate(self, x, positions, v: Variant):
        """x: [rows, heads, rope]. Turns each pair (2i, 2i + 1), the report's layout."""
        angle = positions[:, None].double() * torch.tensor(self.frequencies(v), dtype=torch.float64)
        yarn = CONFIG["rope_scaling"]
        scale = self.mscale(yarn["mscale"]) / self.mscale(yarn["mscale_all_dim"])
        turn = torch.polar(torch.full_like(angle, scale if v.rope_mscale else 1.0), angle)
        pairs = torch.view_as_complex(x.reshape(*x.shape[:-1], -1, 2).contiguous())
        return torch.view_as_real(pairs * turn[:, None, :]).flatten(-2)

    def attention(self, name, x, positions, v: Variant):
        c, rows = CONFIG, x.shape[0]
        heads, nope, rope = c["num_attention_heads"], c["qk_nope_head_dim"], c["qk_rope_head_dim"]
        q = self.linear(name + ".q_b_proj",
                        self.rms_norm(name + ".q_a_layernorm", self.linear(name + ".q_a_proj", x)))
        q = q.reshape(rows, heads, nope + rope)
        q_nope, q_rope = q[..., :nope], self.rotate(q[..., nope:], positions, v)
        compressed = self.linear(name + ".kv_a_proj_with_mqa", x)
        k_rope = self.rotate(compressed[:, None, c["kv_lora_rank"]:], positions, v)[:, 0]
        latent = self.rms_norm(name + ".kv_a_layernorm", compressed[:, :c["kv_lora_rank"]])
        kv = self.linear(name + ".kv_b_proj", latent).reshape(rows, heads, nope + c["v_head_dim"])
        scores = torch.einsum("qhd,khd->hqk", q_nope, kv[..., :nope])
        scores = scores + torch.einsum("qhd,kd->hqk", q_rope, k_rope)
        m = self.mscale(c["rope_scaling"]["mscale_all_dim"]) if v.softmax_mscale else 1.0
        scores = scores * (m * m / math.sqrt(nope + rope))
        seen = torch.ones(rows, rows, dtype=torch.bool).tril() if v.past else torch.eye(rows) > 0
        p = torch.softmax(scores.masked_fill(~seen, -math.inf), dim=-1)
        out = torch.einsum("hqk,khd->qhd", p, kv[..., nope:])
        return self.linear(name + ".o_proj", out.reshape(rows, -1))

    def route(self, name, x, v: Variant):
        """The chosen experts of one row and their weights (`noaux_tc` with sigmoid)."""
        c = CONFIG
        scores = torch.sigmoid(self.linear(name, x))
        for_choice = scores + (self.w[name + ".e_score_correction_bias"] if v.bias else 0.0)
        per_group = c["n_routed_experts"] // c["n_group"]
        kept = list(range(c["n_routed_experts"]))
        if v.groups:
            grouped = for_choice.reshape(c["n_group"], per_group)
            group_scores = grouped.sort(descending=True).values[:, :2].sum(-1)
            values, order = group_scores.sort(descending=True)
            best = c["topk_group"]
            self.margin = min(self.margin, float(values[best - 1] - values[best]))
            groups = order[:best].tolist()
            kept = [e for e in kept if e // per_group in groups]
        kept.sort(key=lambda e: -float(for_choice[e]))
        k = c["num_experts_per_tok"]
        self.margin = min(self.margin, float(for_choice[kept[k - 1]] - for_choice[kept[k]]))
        chosen = sorted(kept[:k])
        weights = scores[chosen]
        return chosen, weights / weights.sum() * c["routed_scaling_factor"]

    def experts_of(self, name, x, v: Variant):
        rows, choices = [], []
        for row in x:
            chosen, weights = self.route(name + ".gate", row, v)
            choices.append(chosen)
            total = self.mlp(name + ".shared_experts", row) if v.shared_expert else 0.0
            for expert, weight in zip(chosen, weights):
                total = total + weight * self.mlp(f"{name}.experts.{expert}", row)
            rows.append(total)
        self.experts[name] = choices
        return torch.stack(rows)

    def block(self, layer, x, positions, v: Variant):
        name = f"model.layers.{layer}"
        x = x + self.attention(name + ".self_attn", self.rms_norm(name + ".input_layernorm", x),
                               positions, v)
        y = self.rms_norm(name + ".post_attention_layernorm", x)
        if layer < CONFIG["first_k_dense_replace"]:
            return x + self.mlp(name + ".mlp", y)
        return x + self.experts_of(name + ".mlp", y, v)

    def main(self, ids):
        """[ids, hidden]: the residual stream behind the last main layer, before the last norm."""
        x = self.w["model.embed_tokens.weight"][ids]
        for layer in range(CONFIG["num_hidden_layers"]):
            x = self.block(layer, x, torch.arange(len(ids)), Variant())
        return x

    def mtp(self, h, ids, v: Variant):
        """[ids - 1, vocabulary]: row i looks at h_0..h_i and t_1..t_(i+1), and predicts t_(i+2)."""
        name, rows = f"model.layers.{MTP}", len(ids) - 1
        if v.after_norm:
            h = self.rms_norm("model.norm", h)
        h = h[v.hidden_shift:v.hidden_shift + rows]
        e = self.w[name + ".embed_tokens.weight"][ids[v.embedding_shift:v.embedding_shift + rows]]
        if v.masked:
            e = torch.cat([torch.zeros_like(e[:1]), e[1:]])
        e = self.rms_norm(name + ".enorm", e) if v.enorm else e
        h = self.rms_norm(name + ".hnorm", h) if v.hnorm else h
        x = self.linear(name + ".eh_proj", torch.cat([h, e] if v.hidden_first else [e, h], dim=-1))
        positions = torch.arange(rows) * v.position_step + v.position_offset
        x = self.block(MTP, x, positions, v)
        x = self.rms_norm(v.shared_norm, x) if v.shared_norm else x
        return self.linear(name + ".shared_head.head", x).numpy()


# ---- transformers, in float32 --------------------------------------------------------------------

class Float32:
    """transformers' main model and decoder layer on the files of `folder`."""

    def __init__(self, folder: pathlib.Path, weights: dict):
        # The MTP layer's tensors are nothing the main model should ask for or complain about.
        v3.DeepseekV3ForCausalLM._keys_to_ignore_on_load_unexpected = [rf"model\.layers\.{MTP}\..*"]
        self.model, info = v3.DeepseekV3ForCausalLM.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="eager",
            experts_implementation="eager", output_loading_info=True)
        wrong = [info[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys")]
        assert not any(wrong), wrong
        self.model.eval()
        self.experts = {}
        for i, layer in enumerate(self.model.model.layers):
            self.watch(f"model.layers.{i}.mlp", layer)
        self.module = modeling_layers.MtpModel.from_pretrained(self.model).eval()
        self.w = {name: torch.from_numpy(array) for name, array in weights.items()}
        self.layer = self.make_layer(weights)
        self.watch(f"model.layers.{MTP}.mlp", self.layer)

    def watch(self, name, layer):
        """Notes the router's choices."""
        def keep(_module, _inputs, output):
            self.experts[name] = [sorted(row) for row in output[2].tolist()]
        if isinstance(layer.mlp, v3.DeepseekV3MoE):
            layer.mlp.gate.register_forward_hook(keep)

    def make_layer(self, weights: dict):
        """The MTP layer's decoder layer, alone: layer 0 of its own cache, with experts."""
        self.config = self.model.config.get_mtp_config()
        layer = v3.DeepseekV3DecoderLayer(self.config, 0).eval()
        prefix = f"model.layers.{MTP}."
        state = {name[len(prefix):]: torch.from_numpy(array.copy())
                 for name, array in weights.items() if name.startswith(prefix)}
        # This version of transformers holds all experts of a layer in two tensors.
        experts = [f"mlp.experts.{e}." for e in range(CONFIG["n_routed_experts"])]
        state["mlp.experts.gate_up_proj"] = torch.stack([torch.cat(
            [state[e + "gate_proj.weight"], state[e + "up_proj.weight"]]) for e in experts])
        state["mlp.experts.down_proj"] = torch.stack(
            [state[e + "down_proj.weight"] for e in experts])
        own = layer.state_dict()
        layer.load_state_dict({name: state[name] for name in own})
        return layer

    @torch.no_grad()
    def main(self, ids):
        """Hidden states before and after the last norm, and logits."""
        before = []
        hook = self.model.model.norm.register_forward_pre_hook(
            lambda _, inputs: before.append(inputs[0]))
        output = self.model(torch.tensor([ids]), use_cache=False, output_hidden_states=True)
        hook.remove()
        return before[0][0], output.hidden_states[-1][0], output.logits[0]

    def rms_norm(self, name, x):
        scale = torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + CONFIG["rms_norm_eps"])
        return x * scale * self.w[name + ".weight"]

    @torch.no_grad()
    def mtp(self, h, ids, masked: bool, pieces=None):
        """The MTP module on [ids, hidden]; `pieces`: rows per pass, with the layer's own cache
        between them. Returns logits, and the states on the way to them."""
        name, rows = f"model.layers.{MTP}", len(ids) - 1
        e = self.w[name + ".embed_tokens.weight"][ids[1:]].clone()
        if masked:
            e[0] = 0
        joined = torch.cat([self.rms_norm(name + ".enorm", e),
                            self.rms_norm(name + ".hnorm", h[:rows])], dim=-1)
        x = joined @ self.w[name + ".eh_proj.weight"].T
        cache, outputs, begin = transformers.DynamicCache(config=self.config), [], 0
        for size in pieces or [rows]:
            end = begin + size
            positions = torch.arange(begin, end)[None]
            later = torch.arange(end)[None] > positions[0][:, None]
            outputs.append(self.layer(
                x[None, begin:end],
                attention_mask=torch.zeros(size, end).masked_fill(later, -math.inf)[None, None],
                position_ids=positions, past_key_values=cache,
                position_embeddings=self.model.model.rotary_emb(x, positions))[0])
            begin = end
        y = torch.cat(outputs)
        final = self.rms_norm(name + ".shared_head.norm", y)
        logits = final @ self.w[name + ".shared_head.head.weight"].T
        return logits.numpy(), {"eh_proj": x, "hidden": y, "final": final}

    @torch.no_grad()
    def published(self, h, ids):
        """The same by transformers' own MTP module, at its positions i + 1."""
        cache = transformers.cache_utils.MtpCache(config=self.config)
        positions = torch.arange(1, len(ids))[None]
        final = self.module.forward_layer(0, h[None, :-1], positions, cache,
                                          input_ids=torch.tensor([ids[1:]]))
        return self.module.shared_head(final)[0].numpy()


# ---- Files ---------------------------------------------------------------------------------------

def write_model(folder: pathlib.Path, weights: dict):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(CONFIG, indent=2) + "\n")
    safetensors.numpy.save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def rounded(array) -> list:
    """float32 values in their shortest exact decimal form."""
    return [float(str(np.float32(x))) for x in np.asarray(array).ravel()]


def rows_of(array, positions) -> list:
    return [rounded(array[i]) for i in positions]


def short(x) -> float:
    return float(f"{x:.3g}")


def difference(a, b) -> float:
    return float(np.abs(np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)).max())


def branches(exact: Equations, h, ids):
    """How far each wrong ingredient moves the logits of before_norm, and what must move nothing."""
    right = exact.mtp(h, ids, VARIANTS["before_norm"])
    moved = {name: np.abs(exact.mtp(h, ids, v) - right) for name, v in BRANCHES.items()}
    shifted = exact.mtp(h, ids, Variant(position_offset=1))
    return ({name: float(x.max()) for name, x in moved.items()},
            {name: float(x.mean()) for name, x in moved.items()}, difference(shifted, right))


def attempt(seed: int, folder: pathlib.Path):
    """Everything of one seed, or the reason why this seed will not do."""
    weights = make_weights(seed)
    rng = np.random.default_rng(seed + 1000)
    ids = [int(x) for x in rng.integers(0, CONFIG["vocab_size"], IDS)]
    exact = Equations(weights)
    h64 = exact.main(ids)
    exact_logits, exact_experts = {}, {}
    for name, v in VARIANTS.items():
        exact_logits[name] = exact.mtp(h64, ids, v)
        exact_experts[name] = dict(exact.experts)
    if exact.margin < SMALLEST_MARGIN:
        return f"a router decides by {exact.margin:.1e}"
    margin = exact.margin
    most, mean, unmoved = branches(exact, h64, ids)
    weakest = min(most, key=most.get)
    if most[weakest] < 10 * TOLERANCE:
        return f"{weakest} changes logits by {most[weakest]:.1e} only"
    assert unmoved < 1e-9, unmoved

    write_model(folder, weights)
    float32 = Float32(folder, weights)
    before, after, main_logits = float32.main(ids)
    variants, noise = {}, 0.0
    for name, v in VARIANTS.items():
        h = after if v.after_norm else before
        logits, states = float32.mtp(h, ids, v.masked)
        assert float32.experts == exact_experts[name], name
        if name == "before_norm":
            hidden, experts = states, dict(float32.experts)
        own = difference(logits, exact_logits[name])
        noise = max(noise, own)
        logprobs = log_softmax(logits)[np.arange(IDS - 2), ids[2:]]
        variants[name] = {
            "logprobs": [round(float(x), 8) for x in logprobs],
            "best": [int(x) for x in logits.argmax(axis=-1)],
            "logits": rows_of(logits, LOGITS_POSITIONS),
            "float64_max_difference": short(own),
        }
        if not v.masked:
            published = difference(float32.published(h, ids), logits)
            assert published < LARGEST_NOISE, published
            variants[name]["transformers_max_difference"] = short(published)
    if noise > LARGEST_NOISE:
        return f"float32 and float64 differ by {noise:.1e}"
    whole = float32.mtp(before, ids, False)[0]
    cached = float32.mtp(before, ids, False, [PROMPT] + [1] * (IDS - 1 - PROMPT))[0]
    assert difference(cached, whole) < LARGEST_NOISE, difference(cached, whole)
    main_noise = difference(before, h64)
    main_logprobs = log_softmax(main_logits.numpy())[np.arange(IDS - 1), ids[1:]]
    return {
        "about": "one multi-token-prediction layer behind a dense and an expert layer; row i "
                 "predicts ids[i + 2]",
        "made_by": f"tools/goldens/model_mtp.py, seed {seed}; transformers "
                   f"{transformers.__version__}, torch {torch.__version__.split('+')[0]}, CPU, "
                   "float32",
        "published": PUBLISHED,
        "ids": ids,
        "main_logprobs": [round(float(x), 8) for x in main_logprobs],
        "main_float64_max_difference": short(main_noise),
        "hidden_positions": HIDDEN_POSITIONS,
        "hidden": {"main.before_norm": rows_of(before, HIDDEN_POSITIONS),
                   "main.after_norm": rows_of(after, HIDDEN_POSITIONS),
                   **{f"mtp.{name}": rows_of(x, HIDDEN_POSITIONS) for name, x in hidden.items()}},
        "experts": {name.removeprefix("model.").removesuffix(".mlp"): rows
                    for name, rows in experts.items()},
        "smallest_router_margin": short(margin),
        "logits_positions": LOGITS_POSITIONS,
        "variants": variants,
        "cache_max_difference": short(difference(cached, whole)),
        "branch_max_difference": {name: short(x) for name, x in most.items()},
        "branch_mean_difference": {name: short(x) for name, x in mean.items()},
        "invariant_max_difference": {"positions_plus_one": short(unmoved)},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=OUT, metavar="FOLDER")
    out = parser.parse_args().out
    torch.set_num_threads(1)  # one order of summation, wherever this runs
    transformers.utils.logging.disable_progress_bar()
    folder = out / NAME
    for seed in range(1, 400):
        result = attempt(seed, folder)
        if not isinstance(result, str):
            break
        print(f"seed {seed}: {result}", flush=True)
    else:
        raise SystemExit("no seed will do")
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest()
             for path in sorted(folder.iterdir())}
    text = json.dumps({"model": NAME, "sha256": files} | result, separators=(",", ":"))
    text = text.replace(',"', ',\n"') + "\n"
    (out / f"{NAME}.json").write_text(text)
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(f"{size} bytes, json {len(text)}, margin {result['smallest_router_margin']}")
    for name, values in (result["variants"] | {"all": result}).items():
        print(name, {key: x for key, x in values.items() if key.endswith("difference")})


if __name__ == "__main__":
    main()
