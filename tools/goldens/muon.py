#!/usr/bin/env python3
"""Makes tests/goldens/train/muon.json: matrices before and after steps of Muon, by PyTorch.

Owns: a few small matrices (wide, tall, square, one row, and one that has no gradient at first, as an
expert that no token goes to), their gradients of some steps, and what torch.optim.Muon makes of them
with Moonlight's scale of updates (arXiv 2502.16982). PyTorch's code rounds a matrix to bfloat16 before
it is orthogonalised; that one call is made to do nothing here, so that all of it is in float64 and the
tests' tolerance can be small. The distance to what the untouched code gives is printed.

Not for: anything at run time.

    pip install --no-deps --require-hashes -r tools/goldens/model_requirements.txt
    python tools/goldens/muon.py
"""

import contextlib
import json
import pathlib

import numpy as np
import torch

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "train" / "muon.json"
SHAPES = [(5, 11), (12, 7), (8, 8), (1, 6), (6, 9)]
IDLE = 4                 # this one has no gradient in the first step
STEPS = 4
OPTIONS = {"lr": 0.02, "momentum": 0.95, "weight_decay": 0.1}


@contextlib.contextmanager
def without_rounding():
    rounded = torch.Tensor.bfloat16
    torch.Tensor.bfloat16 = lambda self: self.clone()
    try:
        yield
    finally:
        torch.Tensor.bfloat16 = rounded


def train(values, gradients):
    parameters = [torch.nn.Parameter(torch.tensor(v, dtype=torch.float64)) for v in values]
    optimiser = torch.optim.Muon(parameters, nesterov=True, ns_steps=5,
                                 adjust_lr_fn="match_rms_adamw", **OPTIONS)
    for step in range(STEPS):
        for parameter, gradient in zip(parameters, gradients):
            parameter.grad = torch.tensor(gradient[step], dtype=torch.float64)
        optimiser.step()
    return [p.detach().numpy() for p in parameters]


def main():
    rng = np.random.default_rng(16982)
    # Values that float32 holds exactly.
    draw = lambda shape, scale: (rng.standard_normal(shape) * scale).astype(np.float32).astype(float)
    values = [draw(shape, 0.05) for shape in SHAPES]
    gradients = [[draw(shape, 0.01 * (step + 1)) for step in range(STEPS)] for shape in SHAPES]
    gradients[IDLE][0][:] = 0
    with without_rounding():
        after = train(values, gradients)
    rounded = train(values, gradients)
    distance = max(np.abs(a - b).max() / np.abs(a - v).max()
                   for a, b, v in zip(after, rounded, values))
    document = {"versions": {"torch": torch.__version__}, "options": OPTIONS, "matrices": [
        {"rows": v.shape[0], "columns": v.shape[1], "values": v.ravel().tolist(),
         "gradients": [x.ravel().tolist() for x in g], "after": a.ravel().tolist()}
        for v, g, a in zip(values, gradients, after)]}
    OUT.write_text(json.dumps(document) + "\n")
    print(f"{len(values)} matrices; bfloat16 would move them by {distance:.1e} of their way")


if __name__ == "__main__":
    main()
