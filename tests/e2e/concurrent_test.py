#!/usr/bin/env python3
"""Sixteen streaming chats at once, each byte-equal to what it gives alone; half of them greedy, half
sampled with a seed. Prints the tokens/s of one chat and of all together.

Usage: concurrent_test.py [--program FATHOM --model FILE] [--chats 16] [--tokens 96]
                          [--rounds 1]     measure so often, one and all by turns; medians count
                          [--min-ratio R]  fail unless together >= R times the tokens/s of one
Without --program and --model, FATHOM_PROGRAM and FATHOM_MODEL are used, and without a model a tiny
random one. Needs Python's standard library alone.
"""

import argparse
import collections
import http.client
import json
import os
import statistics
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from server_program import Program, model_file  # noqa: E402

TOPICS = ["the sea", "a lost key", "winter", "the number seven", "bread", "an old bridge", "the moon",
          "a quiet street", "rain", "a clock", "mountains", "the colour green", "a letter", "music",
          "a garden", "the road home"]


class Chat:
    """One request and what came of it."""

    def __init__(self, index, tokens):
        self.body = {
            "messages": [{"role": "user", "content":
                          f"Write a story about {TOPICS[index % len(TOPICS)]}. " + "Please. " * index}],
            "max_tokens": tokens, "ignore_eos": True, "stream": True,
            "stream_options": {"include_usage": True},
        }
        if index % 2 == 0:
            self.body["temperature"] = 0
        else:
            self.body.update(temperature=0.9, top_p=0.95, seed=1000 + index)

    def run(self, server, start=None):
        """Returns the text, and the usage with its timings."""
        connection = http.client.HTTPConnection(server.host, server.port, timeout=300)
        if start is not None:
            start.wait()
        connection.request("POST", "/v1/chat/completions", json.dumps(self.body),
                           {"Content-Type": "application/json"})
        response = connection.getresponse()
        if response.status != 200:
            raise SystemExit(f"status {response.status}: {response.read().decode()}")
        text, usage, done = "", None, False
        for line in response:
            if not line.startswith(b"data: "):
                continue
            data = line[6:].strip()
            if data == b"[DONE]":
                done = True
                continue
            event = json.loads(data)
            if "error" in event:
                raise SystemExit(f"error in the stream: {event}")
            for choice in event["choices"]:
                text += choice["delta"].get("content") or ""
            if event.get("usage"):
                usage = {**event["usage"], **event["timings"]}
        connection.close()
        if not done or usage is None:
            raise SystemExit("the stream ended early")
        return text, usage


def together(chats, server):
    """All at once: the results in order, and the seconds it took."""
    results = [None] * len(chats)
    barrier = threading.Barrier(len(chats) + 1)

    def work(index):
        try:
            results[index] = chats[index].run(server, barrier)
        except BaseException as error:  # told by the caller, with the result that is missing
            results[index] = error

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(chats))]
    for thread in threads:
        thread.start()
    barrier.wait()
    begin = time.monotonic()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - begin
    for index, result in enumerate(results):
        if isinstance(result, BaseException):
            raise SystemExit(f"chat {index}: {result}")
    return results, seconds


Round = collections.namedtuple("Round", "alone together one_rate all_rate")


def rate(results, seconds):
    return sum(usage["completion_tokens"] for _, usage in results) / seconds


def measure(chats, server):
    """One round: every chat alone, one after the other, then all at once."""
    begin = time.monotonic()
    alone = [chat.run(server) for chat in chats]
    alone_seconds = time.monotonic() - begin
    at_once, seconds = together(chats, server)
    return Round([text for text, _ in alone], [text for text, _ in at_once],
                 rate(alone, alone_seconds), rate(at_once, seconds))


def check(name, expected, texts):
    """False, with what differs printed, when a chat's text is not the one it gives alone."""
    wrong = [i for i, text in enumerate(texts) if text != expected[i]]
    for i in wrong:
        print(f"{name}, chat {i}:\n  alone    {expected[i]!r}\n  here     {texts[i]!r}")
    return not wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--program", default=os.environ.get("FATHOM_PROGRAM"))
    parser.add_argument("--model")
    parser.add_argument("--chats", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--min-ratio", type=float, default=0)
    parser.add_argument("flags", nargs="*", help="further flags of `fathom serve`, after --")
    arguments = parser.parse_args()
    if not arguments.program:
        parser.error("which program? give --program")

    chats = [Chat(i, arguments.tokens) for i in range(arguments.chats)]
    with model_file(arguments.model) as (model, _):
        server = Program(arguments.program, model, arguments.flags)
        try:
            # The first time nothing is cached; alone and again together, prompts come from the cache.
            fresh, _ = together(chats, server)
            rounds = [measure(chats, server) for _ in range(max(arguments.rounds, 1))]
        finally:
            status = server.stop()

    expected = rounds[0].alone
    equal = check("first", expected, [text for text, _ in fresh])
    for number, measured in enumerate(rounds, 1):
        equal = check(f"alone, round {number}", expected, measured.alone) and equal
        equal = check(f"together, round {number}", expected, measured.together) and equal
    one = statistics.median(measured.one_rate for measured in rounds)
    all_of_them = statistics.median(measured.all_rate for measured in rounds)
    ratio = statistics.median(measured.all_rate / measured.one_rate for measured in rounds)
    if len(rounds) > 1:
        each = ", ".join(f"{measured.all_rate / measured.one_rate:.2f}" for measured in rounds)
        print(f"medians of {len(rounds)} rounds; times as many in each: {each}")
    print(f"one chat:  {one:8.1f} tokens/s")
    print(f"{len(chats)} chats: {all_of_them:8.1f} tokens/s, {ratio:.2f} times as many")
    print("every chat is byte-equal to itself alone" if equal else "FAILED: chats differ")
    if status != 0:
        print(f"FAILED: the server ended with {status}")
    if ratio < arguments.min_ratio:
        print(f"FAILED: less than {arguments.min_ratio} times the tokens/s of one")
        return 1
    return 0 if equal and status == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
