#!/usr/bin/env python3
"""Makes tests/goldens/train/*: gradients and losses of training, as PyTorch computes them.

Owns: for tiny models that are there already (tests/goldens/model), the gradient of the mean
cross-entropy of two sequences with respect to every parameter, by transformers' classes and PyTorch's
autograd in float32 on the CPU, and the losses of twenty steps of AdamW with gradient clipping from
there. The model with a layer that predicts one token further (MTP) has the loss of both, the module
around its layer written here from the report (arXiv 2412.19437, eq. 21 to 25) over transformers' layer.

NAME.bin holds the gradients as little-endian float32, one tensor behind the other; NAME.json says
which. Each case is computed in float64 too, and refused when float32 is not far inside the tests'
tolerance.

Not for: anything at run time.

    pip install --no-deps --require-hashes -r tools/goldens/model_requirements.txt
    python tools/goldens/train_gradients.py
"""

import json
import pathlib
import re

import numpy as np
import safetensors.torch
import torch
import transformers
from transformers.models.deepseek_v3 import modeling_deepseek_v3 as v3

TESTS = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens"
CASES = ["deepseek_v3", "deepseek_nogroups", "deepseek_noqlora", "deepseek_yarn", "deepseek_heads",
         "deepseek_v2lite", "deepseek_mtp", "hf_llama_llama3", "qwen2_bf16", "qwen2_tied"]
LENGTHS = (75, 41)      # of the two sequences: past the original context of the extended models
STEPS = 20
OPTIMISER = {"lr": 1e-3, "betas": (0.9, 0.95), "eps": 1e-8, "weight_decay": 0.1}
CLIP = 1.0              # norm of all gradients together
MTP_FACTOR = 0.3        # lambda of eq. 25
LARGEST_NOISE = 2e-5    # relative distance between float32 and float64, per tensor


class WithMtp(torch.nn.Module):
    """A DeepSeek-V3 model and the layer behind its last one, sharing embedding and head."""

    def __init__(self, main, config, tensors):
        super().__init__()
        self.main = main
        at = f"model.layers.{config.num_hidden_layers}."
        size, eps = config.hidden_size, config.rms_norm_eps
        self.enorm, self.hnorm, self.norm = (v3.DeepseekV3RMSNorm(size, eps) for _ in range(3))
        self.eh_proj = torch.nn.Linear(2 * size, size, bias=False)
        self.layer = v3.DeepseekV3DecoderLayer(config, config.num_hidden_layers)
        own = {"enorm": self.enorm, "hnorm": self.hnorm, "shared_head.norm": self.norm,
               "eh_proj": self.eh_proj}
        with torch.no_grad():
            for name, module in own.items():
                module.weight.copy_(tensors[f"{at}{name}.weight"].float())
            state = {name: tensors[at + name].float() for name in plain_names(self.layer)
                     if "experts." not in name or "shared" in name}
            experts = self.layer.mlp.experts
            halves = [[tensors[f"{at}mlp.experts.{e}.{part}_proj.weight"].float()
                       for e in range(config.n_routed_experts)] for part in ("gate", "up", "down")]
            experts.gate_up_proj.copy_(torch.cat([torch.stack(halves[0]),
                                                  torch.stack(halves[1])], dim=1))
            experts.down_proj.copy_(torch.stack(halves[2]))
            missing = self.layer.load_state_dict(state, strict=False).missing_keys
        assert all("experts." in name for name in missing), missing

    def forward(self, ids):
        out = self.main.model(ids[None], use_cache=False, output_hidden_states=True)
        return self.main.lm_head(out.last_hidden_state)[0], out

    def predict(self, ids, hidden):
        """Logits of the token behind the next one, of all rows but the last."""
        embedded = self.main.model.embed_tokens(ids[1:])[None]
        joined = torch.cat([self.enorm(embedded), self.hnorm(hidden[:, :-1])], dim=-1)
        state = self.eh_proj(joined)
        rows = state.shape[1]
        positions = torch.arange(rows)[None]
        mask = torch.full((rows, rows), float("-inf"), dtype=state.dtype).triu(1)[None, None]
        angles = self.main.model.rotary_emb(state, positions)
        state = self.layer(state, attention_mask=mask, position_ids=positions,
                           position_embeddings=angles)
        state = state[0] if isinstance(state, tuple) else state
        return self.main.lm_head(self.norm(state))[0]


def plain_names(layer):
    return [name for name, _ in layer.named_parameters()] + \
           [name for name, _ in layer.named_buffers() if "bias" in name]


def load(name, dtype):
    folder = TESTS / "model" / name
    model, info = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", experts_implementation="eager",
        output_loading_info=True)
    unexpected = [key for key in info["unexpected_keys"] if name != "deepseek_mtp"]
    assert not info["missing_keys"] and not unexpected, info
    if name == "deepseek_mtp":
        tensors = safetensors.torch.load_file(folder / "model.safetensors")
        model = WithMtp(model, model.config, tensors)
    return model.to(dtype).train()


def loss_of(model, sequences):
    """Mean cross-entropy over all tokens that follow another; with a further layer, MTP_FACTOR times
    the mean over all tokens that are two behind another besides."""
    total, count, further, further_count = 0.0, 0, 0.0, 0
    for ids in sequences:
        if isinstance(model, WithMtp):
            # The state before the last norm: what the norm is given.
            kept = []
            hook = model.main.model.norm.register_forward_pre_hook(
                lambda _module, inputs: kept.append(inputs[0]))
            logits, _ = model(ids)
            hook.remove()
            predicted = model.predict(ids, kept[0])
            further = further + torch.nn.functional.cross_entropy(predicted[:-1], ids[2:],
                                                                  reduction="sum")
            further_count += len(ids) - 2
        else:
            logits = model(ids[None], use_cache=False).logits[0]
        total = total + torch.nn.functional.cross_entropy(logits[:-1], ids[1:], reduction="sum")
        count += len(ids) - 1
    loss = total / count
    return loss + MTP_FACTOR * further / further_count if further_count else loss


def official_gradients(model):
    """Name in the files -> gradient, experts one by one."""
    result = {}
    for name, parameter in model.named_parameters():
        name = re.sub(r"^main\.", "", name)
        if isinstance(model, WithMtp) and not name.startswith(("model.", "lm_head")):
            name = re.sub(r"^layer\.", "", re.sub(r"^norm\.", "shared_head.norm.", name))
            name = f"model.layers.{model.main.config.num_hidden_layers}.{name}"
        gradient = parameter.grad.detach()
        if name.endswith("experts.gate_up_proj"):
            for e, both in enumerate(gradient):
                gate, up = both.chunk(2)
                stem = name.removesuffix("gate_up_proj")
                result[f"{stem}{e}.gate_proj.weight"] = gate
                result[f"{stem}{e}.up_proj.weight"] = up
        elif name.endswith("experts.down_proj"):
            for e, down in enumerate(gradient):
                result[f"{name.removesuffix('down_proj')}{e}.down_proj.weight"] = down
        else:
            result[name] = gradient
    return result


def gradients_of(name, sequences, dtype):
    model = load(name, dtype)
    loss = loss_of(model, sequences)
    loss.backward()
    return model, loss.item(), official_gradients(model)


def train(model, sequences):
    """Losses before each of STEPS steps and behind the last. Matrices decay; embedding, head, norms
    and biases do not."""
    decayed, others = [], []
    for name, parameter in model.named_parameters():
        plain = parameter.ndim < 2 or "embed_tokens" in name or "lm_head" in name
        (others if plain else decayed).append(parameter)
    optimiser = torch.optim.AdamW([{"params": decayed}, {"params": others, "weight_decay": 0.0}],
                                  **OPTIMISER)
    losses = []
    for _ in range(STEPS):
        optimiser.zero_grad()
        loss = loss_of(model, sequences)
        losses.append(loss.item())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimiser.step()
    losses.append(loss_of(model, sequences).item())
    return losses


def make(name):
    config = json.loads((TESTS / "model" / name / "config.json").read_text())
    rng = np.random.default_rng(len(name))
    ids = [rng.integers(0, config["vocab_size"], n).tolist() for n in LENGTHS]
    sequences = [torch.tensor(x) for x in ids]
    _, loss64, gradients64 = gradients_of(name, sequences, torch.float64)
    model, loss, gradients = gradients_of(name, sequences, torch.float32)
    # An expert that no token goes to has none; nothing else is idle.
    idle = [k for k, g in gradients.items() if not g.norm().item() > 1e-6]
    noise = max(((gradients[k].double() - gradients64[k]).norm() / gradients64[k].norm()).item()
                for k in gradients if k not in idle)
    assert noise < LARGEST_NOISE and abs(loss - loss64) < 1e-5, (name, noise, loss, loss64)
    assert all(".experts." in k and not gradients[k].any() for k in idle), (name, idle)
    losses = train(model, sequences)
    out = TESTS / "train"
    out.mkdir(parents=True, exist_ok=True)
    names = sorted(gradients)
    np.concatenate([gradients[k].numpy().ravel() for k in names]).astype("<f4").tofile(
        out / f"{name}.bin")
    document = {
        "model": f"tests/goldens/model/{name}", "sequences": ids, "loss": loss,
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
        "float64_max_relative_difference": noise, "mtp_factor": MTP_FACTOR,
        "optimiser": {**OPTIMISER, "betas": list(OPTIMISER["betas"]), "clip": CLIP},
        "losses": losses,
        "tensors": [{"name": k, "elements": gradients[k].numel()} for k in names],
    }
    (out / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")
    print(f"{name}: loss {loss:.6f} -> {losses[-1]:.6f}, {len(names)} tensors, noise {noise:.1e}")


def main():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    for name in CASES:
        make(name)


if __name__ == "__main__":
    main()
