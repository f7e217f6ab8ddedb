#!/usr/bin/env python3
"""Makes tests/goldens/train/grpo_*: the objective of GRPO and its gradients, as PyTorch computes them.

Owns: for a tiny model that is there already (tests/goldens/model), replies of random tokens with
advantages, log-probabilities of an older policy and of a reference policy, and the gradient of

    -mean(min(r A, clip(r, 1 - low, 1 + high) A) - beta (exp(q - p) - (q - p) - 1)),  r = exp(p - o)

(p, o and q are the log-probabilities of policy, older policy and reference; DeepSeekMath, arXiv
2402.03300, eq. 3 and 4) with respect to every parameter, by torch.min, torch.clamp and autograd on the
CPU. The mean is over all tokens alike, or over each reply's tokens and then over replies.

NAME.bin holds the gradients as little-endian float32, one tensor behind the other; NAME.json says
which, and what went in. Each case is computed in float64 too, and refused when float32 is not far
inside the tests' tolerance, or a ratio near a bound, where there is no derivative.

Not for: anything at run time.

    pip install --no-deps --require-hashes -r tools/goldens/model_requirements.txt
    python tools/goldens/grpo_gradients.py
"""

import json

import numpy as np
import torch
import transformers
from train_gradients import LARGEST_NOISE, TESTS, load, official_gradients

MODEL = "deepseek_nogroups"
SIZES = ((9, 14), (9, 5), (4, 21), (1, 8))  # of prompts and replies
CASES = {
    "grpo_tokens": {"clip_low": 0.2, "clip_high": 0.28, "kl_coefficient": 0.0, "mean": "tokens"},
    "grpo_replies": {"clip_low": 0.3, "clip_high": 0.3, "kl_coefficient": 0.05, "mean": "replies"},
}
NEAREST_BOUND = 2e-4


def log_probabilities(model, prompt, reply):
    ids = torch.tensor(prompt + reply)
    logits = model(ids[None, :-1], use_cache=False).logits[0, len(prompt) - 1:]
    return torch.log_softmax(logits, dim=-1).gather(1, torch.tensor(reply)[:, None])[:, 0]


def objective(model, replies, case):
    """The loss; how many tokens took the bound; and how near the nearest ratio was to one."""
    parts, clipped, nearest = [], 0, float("inf")
    for reply in replies:
        p = log_probabilities(model, reply["prompt"], reply["tokens"])
        o, q = (torch.tensor(reply[key], dtype=p.dtype) for key in ("old", "reference"))
        ratio, a = torch.exp(p - o), reply["advantage"]
        low, high = 1 - case["clip_low"], 1 + case["clip_high"]
        bounded = torch.clamp(ratio, low, high)
        kl = torch.exp(q - p) - (q - p) - 1
        parts.append(-torch.min(ratio * a, bounded * a) + case["kl_coefficient"] * kl)
        clipped += int((bounded * a < ratio * a).sum())
        nearest = min([nearest] + [(ratio - bound).abs().min().item() for bound in (low, high)])
    if case["mean"] == "tokens":
        return torch.cat(parts).mean(), clipped, nearest
    return torch.stack([part.mean() for part in parts]).mean(), clipped, nearest


def make(name, case):
    config = json.loads((TESTS / "model" / MODEL / "config.json").read_text())
    rng = np.random.default_rng(len(name))
    replies = []
    for (prompt, tokens), advantage in zip(SIZES, (0.75, -0.25, -1.25, 0.5)):
        replies.append({"prompt": rng.integers(0, config["vocab_size"], prompt).tolist(),
                        "tokens": rng.integers(0, config["vocab_size"], tokens).tolist(),
                        "advantage": advantage})
    found = {}
    for dtype in (torch.float64, torch.float32):
        model = load(MODEL, dtype)
        if dtype == torch.float64:
            for reply in replies:
                with torch.no_grad():
                    p = log_probabilities(model, reply["prompt"], reply["tokens"]).numpy()
                for key, width in (("old", 0.3), ("reference", 0.5)):
                    reply[key] = (p + rng.normal(0, width, len(p))).astype(np.float32).tolist()
        loss, clipped, nearest = objective(model, replies, case)
        loss.backward()
        found[dtype] = loss.item(), official_gradients(model)
    tokens = sum(size for _, size in SIZES)
    assert 3 < clipped < tokens - 3 and nearest > NEAREST_BOUND, (clipped, tokens, nearest)
    loss, gradients = found[torch.float32]
    exact = found[torch.float64][1]
    idle = [k for k, g in gradients.items() if not g.norm().item() > 1e-7]
    noise = max(((gradients[k].double() - exact[k]).norm() / exact[k].norm()).item()
                for k in gradients if k not in idle)
    assert noise < LARGEST_NOISE and abs(loss - found[torch.float64][0]) < 1e-5, (name, noise)
    assert all(".experts." in k and not gradients[k].any() for k in idle), (name, idle)
    names = sorted(gradients)
    out = TESTS / "train"
    np.concatenate([gradients[k].numpy().ravel() for k in names]).astype("<f4").tofile(
        out / f"{name}.bin")
    document = {
        "model": MODEL, **case, "replies": replies, "loss": loss, "clipped": clipped,
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
        "float64_max_relative_difference": noise,
        "tensors": [{"name": k, "elements": gradients[k].numel()} for k in names],
    }
    (out / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")
    print(f"{name}: loss {loss:.6f}, {clipped} of {tokens} tokens clipped, noise {noise:.1e}")


def main():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    for name, case in CASES.items():
        make(name, case)


if __name__ == "__main__":
    main()
