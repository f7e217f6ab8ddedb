#!/usr/bin/env python3
"""The second turn of a long chat evaluates only what is new: a conversation of some 2,000 tokens, its
reply, and one more question. Prints the usage and timings of both turns.

Usage: turns_test.py [--program FATHOM --model FILE]
Without them, FATHOM_PROGRAM and FATHOM_MODEL are used, and without a model a tiny random one. Needs
Python's standard library alone.
"""

import argparse
import http.client
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from server_program import Program, model_file  # noqa: E402

REPLY_TOKENS = 48


def ask(server, messages):
    connection = http.client.HTTPConnection(server.host, server.port, timeout=300)
    body = {"messages": messages, "temperature": 0, "max_tokens": REPLY_TOKENS, "ignore_eos": True}
    connection.request("POST", "/v1/chat/completions", json.dumps(body),
                       {"Content-Type": "application/json"})
    response = connection.getresponse()
    reply = json.loads(response.read())
    connection.close()
    if response.status != 200:
        raise SystemExit(f"status {response.status}: {reply}")
    return reply


def show(name, reply):
    usage, timings = reply["usage"], reply["timings"]
    print(f"{name}: {usage['prompt_tokens']} prompt tokens, {usage['prompt_cache_hit_tokens']} from the "
          f"cache, {usage['prompt_cache_miss_tokens']} evaluated in "
          f"{timings['prefill_seconds']:.3f} s")


def converse(program, model, days):
    """Replies to the first turn, the second, and the second again; how the server ended."""
    story = " ".join(f"On day {day} the ship sailed {day * 7 % 31} miles and the sea was calm."
                     for day in range(1, days + 1))
    server = Program(program, model, ["--ctx", "4096"])
    try:
        messages = [{"role": "user", "content": story + " Tell me about the first day."}]
        first = ask(server, messages)
        messages += [{"role": "assistant", "content": first["choices"][0]["message"]["content"]},
                     {"role": "user", "content": "And what happened on the day after that?"}]
        second = ask(server, messages)
        again = ask(server, messages)
    finally:
        status = server.stop()
    return first, second, again, status


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--program", default=os.environ.get("FATHOM_PROGRAM"))
    parser.add_argument("--model")
    arguments = parser.parse_args()
    if not arguments.program:
        parser.error("which program? give --program")
    with model_file(arguments.model) as (model, is_real):
        # The tiny model's tokens are bytes.
        first, second, again, status = converse(arguments.program, model, 112 if is_real else 35)

    show("first turn ", first)
    show("second turn", second)
    show("once more  ", again)
    failures = []
    prompt = first["usage"]["prompt_tokens"]
    if not 1900 <= prompt <= 2500:
        failures.append(f"the first turn has {prompt} tokens, expected about 2,000")
    # New are the reply, which is encoded from its text, and the question; what is cached ends before
    # the last token at the latest.
    new = second["usage"]["prompt_tokens"] - prompt
    if second["usage"]["prompt_cache_hit_tokens"] < prompt - 1:
        failures.append(f"only {second['usage']['prompt_cache_hit_tokens']} tokens came from the cache")
    if second["usage"]["prompt_cache_miss_tokens"] > new + 1:
        failures.append(f"more than the {new} new tokens were evaluated")
    if is_real and second["timings"]["prefill_seconds"] * 5 > first["timings"]["prefill_seconds"]:
        failures.append("the second turn was not much faster to begin")
    if again["usage"]["prompt_cache_miss_tokens"] > 2:
        failures.append("the same prompt was evaluated again")
    if again["choices"] != second["choices"]:
        failures.append("the cache changed the reply")
    if status != 0:
        failures.append(f"the server ended with {status}")
    for failure in failures:
        print("FAILED:", failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
