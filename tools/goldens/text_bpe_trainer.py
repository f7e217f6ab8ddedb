#!/usr/bin/env python3
"""The BPE trainer against that of Hugging Face `tokenizers`.

    python3 -m venv venv
    venv/bin/pip install --no-deps --require-hashes -r tools/goldens/text_requirements.txt

    # The committed sample, tests/goldens/text/bpe_trainer.*:
    venv/bin/python tools/goldens/text_bpe_trainer.py make

    # Many small corpora full of ties, and the time for a large one (needs the text_bpe_train_tool target):
    venv/bin/python tools/goldens/text_bpe_trainer.py compare --tool build/release/src/text/text_bpe_train_tool

`compare` ends with status 1 on any difference in the bytes of the tokenizer.json.
"""

import argparse
import json
import pathlib
import random
import re
import resource
import subprocess
import sys
import time

import tokenizers
from tokenizers import Tokenizer, decoders, pre_tokenizers, processors, trainers

from text import OUT, PRE_TOKENIZERS, REFERENCE_VERSION, ROOT, Reference, file_of
from text_strings import BROKEN, CODE, EMOJI, ENGLISH, KANA, WORDS, DeepSeekStrings

BOS, EOS = "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"
# name: pre-tokenizer, vocabulary size, minimum frequency, special tokens (+: user-defined), single digits, whether
# the first special token goes before every text. bpe_trainer_test.cc has the same table.
SETTINGS = {
    "plain": ("deepseek-v3", 560, 1, [], False, False),
    "special": ("deepseek-v3", 420, 2, [BOS, EOS, "<｜User｜>", "+<think>", "+</think>"], False, True),
    "digits": ("deepseek-v3", 600, 2, [BOS, "+<think>"], True, False),
    "frequent": ("llama-bpe", 5000, 20, [], False, False),  # ends before the vocabulary is full
    "composed": ("qwen2", 400, 0, ["<|endoftext|>"], False, False),  # normalized to NFC
    "taken": ("gpt2", 400, 2, ["e", "the", "Ġa", "<s>"], False, False),  # bytes and merges that are special tokens
}
# Of these, text with such special tokens in it has other ids here by intent: it never becomes control tokens.
WITHOUT_IDS = ("taken",)


def steps_of(kind):
    part = PRE_TOKENIZERS[kind]
    return part["pretokenizers"] if part["type"] == "Sequence" else [part]


def train(texts, kind, size, min_frequency, special, single_digits, bos):
    """What the reference learns, as its tokenizer.json; with single_digits the extra step is only in training."""
    start = file_of(kind, {}, [], [])
    if single_digits:
        *before, last = steps_of(kind)
        start["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [
            *before, {"type": "Digits", "individual_digits": True}, last]}
    tokenizer = Tokenizer.from_str(json.dumps(start))
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=size, min_frequency=min_frequency, special_tokens=[text.removeprefix("+") for text in special],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    digits = tokenizer.to_str()
    file = json.loads(digits)
    file["pre_tokenizer"] = PRE_TOKENIZERS[kind]
    for token in file["added_tokens"]:
        token["special"] = "+" + token["content"] not in special
    tokenizer = Tokenizer.from_str(json.dumps(file))
    tokenizer.decoder = decoders.ByteLevel()
    if bos:
        first = special[0]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{first} $A", pair=f"{first} $A $B:1", special_tokens=[(first, tokenizer.token_to_id(first))])
    return tokenizer.to_str(pretty=True), digits


# ---- The committed sample -----------------------------------------------------------------------


def corpus_bytes():
    """Made-up lines: languages, code, emoji, digits, runs that overlap with themselves, and broken UTF-8."""
    rng = random.Random("bpe trainer")
    some = lambda source, low, high, join: join.join(rng.choice(source) for _ in range(rng.randint(low, high)))
    lines = []
    for words in WORDS.values():
        lines += [some(words, 3, 9, " ").encode() for _ in range(2)]
    for _ in range(40):
        lines.append(some(ENGLISH, 4, 12, " ").encode())
        a, b = rng.randrange(10000), rng.randrange(1000)
        lines.append(f"{a} + {b} = {a + b}; {a}.{b} * 10 = {a * 10}, {b}%".encode())
    for _ in range(20):
        lines.append(some(WORDS["chinese"] + WORDS["japanese"] + list(KANA), 4, 16, "").encode())
        lines.append(some(EMOJI, 2, 6, rng.choice(["", " "])).encode())
        lines.append(some(["a", "aa", "ab", "ba", "bab", "c", "abc", "ha", "=", "--"], 3, 30, "").encode())
    for code in CODE:
        lines += code.encode().split(b"\n")
    lines += [b"x" + rng.choice(BROKEN) + b"y " + rng.choice(ENGLISH).encode() for _ in range(12)]
    rng.shuffle(lines)
    return b"\n".join(line.replace(b"\n", b"") for line in lines) + b"\n"


def read_corpus():
    """The texts of the sample: a chapter as one, then each line with its line feed."""
    texts = [(ROOT / "tests" / "data" / "loomings.txt").read_bytes()]
    texts += re.findall(rb"[^\n]*\n", (OUT / "bpe_trainer.corpus.txt").read_bytes())
    return [text.decode("utf-8", "replace") for text in texts]


def make():
    (OUT / "bpe_trainer.corpus.txt").write_bytes(corpus_bytes())
    texts = read_corpus()
    show = lambda ids: " ".join(map(str, ids))
    for name, setting in SETTINGS.items():
        saved, digits = train(texts, *setting)
        (OUT / f"bpe_trainer.{name}.json").write_text(saved)
        file = json.loads(saved)
        model = file["model"]
        print(f"{name:9} {len(model['vocab'])} tokens, {len(model['merges'])} merges")
        if name in WITHOUT_IDS:
            continue
        reference, with_digits = Reference(file), Reference(json.loads(digits))
        strings = DeepSeekStrings(f"bpe trainer {name}")
        rows, same = [], 0
        while len(rows) < 150:
            data = next(strings)
            if len(data) > 120:
                continue
            plain, trusted = (reference.encode(t, data) for t in (reference.plain, reference.trusted))
            rows.append(f"{data.hex()}|{show(plain)}|{'=' if plain == trusted else show(trusted)}\n")
            same += plain == with_digits.encode(with_digits.plain, data)
        (OUT / f"bpe_trainer.{name}.encode.txt").write_text("".join(rows))
        if name == "digits":
            print(f"{'':9} with the step Digits {same} of {len(rows)} strings have the same ids")


# ---- The comparison -----------------------------------------------------------------------------


def run_tool(tool, texts, kind, size, min_frequency, special, single_digits, bos=False):
    result = subprocess.run(
        [tool, kind, str(size), str(min_frequency), "single" if single_digits else "whole", *special],
        input="".join(data.hex() + "\n" for data in texts), capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"{tool}: {result.stderr}")
    return result.stdout


def random_case(rng):
    """A small corpus whose pairs tie often, or awkward strings, and settings for it."""
    special = rng.choice([[], ["<s>"], [BOS, EOS, "+<think>"], ["a", "ab", "ba", "+b"]])
    least = 256 + len(special)
    kind = rng.choice(list(PRE_TOKENIZERS))
    # After ByteLevel's own expression nothing can be cut: there the extra step has no place.
    single = kind in ("deepseek-v3", "llama-bpe", "qwen2") and rng.random() < 0.5
    if rng.random() < 0.7:
        letters = rng.choice(["ab", "abc", "abcdefgh", "aあ", "ab ", "01 a"])
        texts = ["".join(rng.choice(letters) for _ in range(rng.randint(0, rng.choice([6, 30, 300])))).encode()
                 for _ in range(rng.randint(1, 60))]
        if rng.random() < 0.3:
            texts *= rng.randint(2, 5)
    else:
        strings = DeepSeekStrings(rng.random())
        texts = [next(strings) for _ in range(rng.randint(1, 150))]
    if not any(texts):
        texts = [b"a"]
    return texts, (kind, least + rng.choice([0, 1, 5, 40, 200, 3000]), rng.randint(0, 4), special, single, False)


def big_corpus(megabytes):
    """English-like text with a long tail of rare words, sums and code."""
    rng = random.Random("big")
    words = ENGLISH + ["".join(rng.choice("etaoinshrdlucmfwypvbgkqjxz") for _ in range(rng.randint(2, 11)))
                       for _ in range(200000)]
    weights = [1 / (i + 2) for i in range(len(words))]
    texts, size = [], 0
    while size < megabytes * 1_000_000:
        text = " ".join(rng.choices(words, weights, k=400)) + ".\n" + rng.choice(CODE)
        text += f" {rng.randrange(10**6)} + {rng.randrange(10**6)}\n"
        texts.append(text.encode())
        size += len(texts[-1])
    return texts


def compare(tool, count, seed, megabytes):
    rng = random.Random(seed)
    wrong = 0
    for _ in range(count):
        texts, setting = random_case(rng)
        want, _ = train([data.decode("utf-8", "replace") for data in texts], *setting)
        if run_tool(tool, texts, *setting) != want:
            wrong += 1
            print(f"differs: {setting}, {len(texts)} texts, the first {texts[0]!r}")
    print(f"tokenizers {tokenizers.__version__}: {count} corpora, {wrong} differences")
    if megabytes:
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        texts, setting = big_corpus(megabytes), ("deepseek-v3", 2000, 2, [BOS, "+<think>"], True, False)
        begin = time.process_time()
        want, _ = train([data.decode() for data in texts], *setting)
        reference = time.process_time() - begin
        got = run_tool(tool, texts, *setting)
        here = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
        print(f"{megabytes} MB to 2,000 tokens: reference {reference:.1f} s of CPU time, here {here:.1f} s with reading, "
              f"{'equal' if got == want else 'DIFFERENT'}")
        wrong += got != want
    return 1 if wrong else 0


def main():
    assert tokenizers.__version__ == REFERENCE_VERSION, tokenizers.__version__
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("make")
    two = commands.add_parser("compare")
    two.add_argument("--tool", required=True)
    two.add_argument("--count", type=int, default=1000)
    two.add_argument("--seed", default="compare")
    two.add_argument("--megabytes", type=int, default=50)
    options = parser.parse_args()
    if options.command == "make":
        return make()
    return compare(options.tool, options.count, options.seed, options.megabytes)


if __name__ == "__main__":
    sys.exit(main())
