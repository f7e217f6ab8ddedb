#!/usr/bin/env python3
"""The program's log-probabilities and greedy replies against transformers' (tests/goldens/model).

Owns: what a user sees of the numbers, through `fathom score` and `fathom run`: the tiny models within
1e-4 and the default model within 1e-3 of each log-probability on the reference kernels; on the fast
ones a mean difference of at most 0.05, and at most 1.1 times llama.cpp's own; greedy replies equal.

Usage: score_test.py [--program FATHOM] [--model FILE] [--reference-tokens N] [--kernels NAME ...]
Without --program and --model, FATHOM_PROGRAM and FATHOM_MODEL are used; without a model the default
model's tests are skipped. --reference-tokens 1024 scores the whole text on the (slow) reference
kernels. Needs Python's standard library alone.
"""

import argparse
import hashlib
import json
import os
import pathlib
import subprocess
import unittest

GOLDENS = pathlib.Path(__file__).resolve().parents[1] / "goldens" / "model"
CLEAR_GAP = 0.02  # two logits further apart than this do not swap on the fast kernels

options = None


def fathom(*arguments, stdin=""):
    done = subprocess.run([options.program, *map(str, arguments)], input=stdin, text=True,
                          capture_output=True, timeout=1200)
    if done.returncode != 0:
        raise AssertionError(f"{arguments[:3]}: exit code {done.returncode}: {done.stderr}")
    return done.stdout


def joined(ids):
    return ",".join(map(str, ids))


def score(model, ids, kernels):
    """Log-probabilities of ids[1:]."""
    found = json.loads(fathom("score", model, "--tokens", "-", "--kernels", kernels, "--json",
                              stdin=joined(ids)))
    assert [token["id"] for token in found["tokens"]] == ids
    assert found["tokens"][0]["logprob"] is None
    return found["kernels"], [token["logprob"] for token in found["tokens"][1:]]


def differences(found, golden):
    """Absolute differences; the golden may go on longer."""
    return [abs(a - b) for a, b in zip(found, golden["logprobs"][:len(found)], strict=True)]


def greedy(model, prompt, kernels, count):
    out = fathom("run", model, "--tokens", "-", "--temp", 0, "-n", count, "--print-tokens",
                 "--kernels", kernels, stdin=joined(prompt))
    return [int(x) for x in out.strip().split(",")]


class TinyModels(unittest.TestCase):
    def test_reference_kernels(self):
        goldens = sorted(GOLDENS.glob("llama_*.json"))
        self.assertGreaterEqual(len(goldens), 12)
        for path in goldens:
            with self.subTest(path.stem):
                golden = json.loads(path.read_text())
                model = path.with_suffix(".gguf")
                self.assertEqual(hashlib.sha256(model.read_bytes()).hexdigest(), golden["sha256"])
                _, found = score(model, golden["ids"], "ref")
                self.assertLess(max(differences(found, golden)), 1e-4)
                reply = greedy(model, golden["greedy"]["prompt"], "ref", 64)
                self.assertEqual(reply, golden["greedy"]["ids"])


class DefaultModel(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not options.model:
            raise unittest.SkipTest("the default model is not on this machine")
        cls.golden = json.loads((GOLDENS / "smollm2_score.json").read_text())
        digest = hashlib.sha256(pathlib.Path(options.model).read_bytes()).hexdigest()
        assert digest == cls.golden["sha256"], "not the file the reference was made from"

    def test_text_gives_the_ids(self):
        found = json.loads(fathom("tokenize", options.model, "--json", stdin=self.golden["text"]))
        self.assertEqual(found["ids"], self.golden["ids"])

    def test_reference_kernels(self):
        _, found = score(options.model, self.golden["ids"][:options.reference_tokens], "ref")
        worst = max(differences(found, self.golden))
        print(f"ref: {len(found)} log-probabilities, largest difference {worst:.2e}")
        self.assertLess(worst, 1e-3)

    def test_fast_kernels(self):
        bound = min(0.05, 1.1 * self.golden["llama_cpp"]["mean_abs_difference"])
        for kernels in options.kernels:
            with self.subTest(kernels):
                name, found = score(options.model, self.golden["ids"], kernels)
                self.assertNotEqual(name, "ref")
                found = differences(found, self.golden)
                mean = sum(found) / len(found)
                print(f"{name}: {len(found)} log-probabilities, mean difference {mean:.5f} (bound "
                      f"{bound:.4f}), largest {max(found):.4f}")
                self.assertLessEqual(mean, bound)

    def test_replies(self):
        for chat in self.golden["chat"]:
            for kernels in ["ref"] + options.kernels:
                if kernels != "ref" and chat["smallest_gap"] < CLEAR_GAP:
                    continue
                with self.subTest(user=chat["user"], kernels=kernels):
                    # Count of ids, not 64: the stop id is the last of a reply that ended by itself.
                    reply = greedy(options.model, chat["prompt"], kernels, len(chat["ids"]))
                    self.assertEqual(reply, chat["ids"][:len(reply)])
                    self.assertGreaterEqual(len(reply), len(chat["ids"]) - 1)

    def test_chat_answers_paris(self):
        reply = fathom("run", options.model, "-p", self.golden["chat"][0]["user"], "--temp", 0)
        self.assertIn("Paris", reply)


def main():
    global options
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default=os.environ.get("FATHOM_PROGRAM"))
    parser.add_argument("--model", default=os.environ.get("FATHOM_MODEL"))
    parser.add_argument("--reference-tokens", type=int, default=160)
    parser.add_argument("--kernels", nargs="+", default=["auto"])
    options, rest = parser.parse_known_args()
    if not options.program:
        parser.error("which program? --program build/release/fathom")
    unittest.main(argv=[__file__, *rest], verbosity=2)


if __name__ == "__main__":
    main()
