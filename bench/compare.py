#!/usr/bin/env python3
"""Times Fathom beside other programs: their benchmarks run in turn, A B A B, and medians are compared.

Owns: the order of the runs, reading what each benchmark prints, medians and ratios. It times nothing
itself, and knows no program but `fathom bench --json`, `fathom plan --json` (what the planner
foretells), llama.cpp's `llama-bench -o json` and its `llama-batched-bench --output-format jsonl`.
Memory bandwidth on shared machines changes by half from minute to minute; alternating gives every
program the same share of good and bad minutes, and the bandwidth that each `fathom bench` measures
around itself is printed beside the figures.

    bench/compare.py --rounds 5 \\
      --run 'fathom=build/release/fathom bench MODEL --contexts 128,512 --json' \\
      --run 'llama.cpp=llama-bench -m MODEL -t 2 -p 512 -n 0 -r 1 -o json' \\
      --run 'llama.cpp=llama-bench -m MODEL -t 2 -p 0 -n 64 -d 128 -r 1 -o json'

Runs of the same name belong to one program; the first name is the one that ratios compare with the
others. Figures are tokens per second, of all users together where there are several. Needs Python's
standard library alone.
"""

import argparse
import json
import shlex
import statistics
import subprocess
import sys


def read_fathom(found):
    for m in found["measurements"]:
        users = m["users"]
        yield ("prefill", m["context"], users), m["prefill_tokens_per_second"]
        if m["decode_tokens_per_second"] > 0:
            yield ("decode", m["context"], users), m["decode_tokens_per_second"]


def read_plan(found):
    """What `fathom plan` foretells: its steps of one token."""
    for step in found["decode"]:
        if step["tokens"] == 1:
            yield ("decode", step["tokens_before"], 1), step["tokens_per_second"]


def read_llama_bench(found):
    for row in found:
        if row["n_prompt"] and row["n_gen"]:
            continue  # a mixture of both has no figure of Fathom's beside it
        if row["n_gen"]:
            yield ("decode", row.get("n_depth", 0), 1), row["avg_ts"]
        elif not row.get("n_depth", 0):
            yield ("prefill", row["n_prompt"], 1), row["avg_ts"]


def read_batched_bench(rows):
    for row in rows:
        if row["pp"]:
            yield ("prefill", row["pp"], row["pl"]), row["speed_pp"]
        if row["tg"]:
            yield ("decode", row["pp"], row["pl"]), row["speed_tg"]


def read(output):
    """{(what, context, users): tokens per second} and the bandwidths measured beside (bytes/s)."""
    try:
        found = json.loads(output)
    except json.JSONDecodeError:
        found = None
    if isinstance(found, dict) and "measurements" in found:
        return dict(read_fathom(found)), [found["read_bandwidth_before"],
                                          found["read_bandwidth_after"]]
    if isinstance(found, dict) and "decode" in found:
        return dict(read_plan(found)), []
    if isinstance(found, list):
        return dict(read_llama_bench(found)), []
    rows = []
    for line in output.splitlines():
        if line.startswith("{"):
            rows.append(json.loads(line))
    if rows and all("speed_tg" in row for row in rows):
        return dict(read_batched_bench(rows)), []
    raise ValueError("not the output of fathom bench --json, fathom plan --json, llama-bench -o json or "
                     "llama-batched-bench --output-format jsonl")


def run(command):
    done = subprocess.run(shlex.split(command), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True)
    if done.returncode != 0:
        raise SystemExit(f"compare.py: exit code {done.returncode} of {command}\n"
                         + done.stderr[-2000:])
    try:
        return read(done.stdout)
    except (ValueError, KeyError) as error:
        raise SystemExit(f"compare.py: cannot read what {command} printed: {error}")


def label(key):
    what, context, users = key
    return f"{what} {context}" + (f", {users} users" if users > 1 else "")


def table(names, figures, out):
    """Medians with their range, and the ratio of the first program's median to each other's."""
    keys = sorted({key for name in names for key in figures[name]},
                  key=lambda key: (key[2], key[0] != "prefill", key[1]))
    header = ["tokens/s"] + names + [f"{names[0]} / {other}" for other in names[1:]]
    lines = [header]
    for key in keys:
        line, medians = [label(key)], []
        for name in names:
            values = figures[name].get(key, [])
            medians.append(statistics.median(values) if values else None)
            line.append(f"{medians[-1]:.1f} ({min(values):.1f} to {max(values):.1f})" if values
                        else "-")
        for other in medians[1:]:
            line.append(f"{medians[0] / other:.2f}" if medians[0] and other else "-")
        lines.append(line)
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    for i, line in enumerate(lines):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |",
              file=out)
        if i == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|", file=out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", action="append", required=True, metavar="NAME=COMMAND",
                        help="a program's name and the command of its benchmark; repeat it")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--json", metavar="FILE", help="also write every figure of every round")
    options = parser.parse_args()
    commands = []
    for text in options.run:
        name, equals, command = text.partition("=")
        if not equals or not command:
            parser.error(f"--run takes NAME=COMMAND, not {text!r}")
        commands.append((name, command))
    names = list(dict.fromkeys(name for name, _ in commands))

    figures = {name: {} for name in names}
    bandwidths = []
    for round_number in range(options.rounds):
        for name, command in commands:
            found, measured = run(command)
            bandwidths += measured
            for key, value in found.items():
                figures[name].setdefault(key, []).append(value)
            print(f"round {round_number + 1} of {options.rounds}, {name}: "
                  + ", ".join(f"{label(key)}: {value:.1f}" for key, value in found.items()),
                  file=sys.stderr, flush=True)

    print(f"Median (range) of {options.rounds} rounds")
    table(names, figures, sys.stdout)
    if bandwidths:
        print(f"Memory reads meanwhile, GB/s: median {statistics.median(bandwidths) / 1e9:.1f}, "
              f"{min(bandwidths) / 1e9:.1f} to {max(bandwidths) / 1e9:.1f}")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"commands": commands, "bandwidths": bandwidths,
                       "figures": {name: {label(key): values for key, values in of_name.items()}
                                   for name, of_name in figures.items()}}, file, indent=1)


if __name__ == "__main__":
    main()
