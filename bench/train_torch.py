#!/usr/bin/env python3
"""Speed of training with PyTorch and transformers: what bench/train_bench.cc measures, on the same
directory, with the same number of random tokens a step, the same optimiser and clipping.

    python bench/train_torch.py DIRECTORY [--tokens N] [--length N] [--steps N] [--threads N] [--compile]
"""

import argparse
import statistics
import time

import torch
import transformers


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("directory")
    parser.add_argument("--tokens", type=int, default=4096)
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--compile", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    model = transformers.AutoModelForCausalLM.from_pretrained(options.directory,
                                                              dtype=torch.float32).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1)
    run = torch.compile(model) if options.compile else model
    speeds = []
    for step in range(options.steps + 1):
        ids = torch.randint(model.config.vocab_size,
                            (options.tokens // options.length, options.length))
        start = time.perf_counter()
        optimiser.zero_grad()
        run(ids, labels=ids, use_cache=False).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        if step > 0:  # the first one warms up
            speeds.append(ids.numel() / (time.perf_counter() - start))
    print(f"{sum(p.numel() for p in model.parameters())} parameters, {options.tokens} tokens a step of "
          f"sequences of {options.length}, {options.threads} threads: "
          f"{statistics.median(speeds):.0f} tokens/s ({min(speeds):.0f} to {max(speeds):.0f})")


if __name__ == "__main__":
    main()
