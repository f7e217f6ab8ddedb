#!/usr/bin/env python3
"""fathom train from outside: a recipe from the tokenizer to a model that runs, a training that is killed
again and again and ends as if it had not been, and bad input. Runs the program in FATHOM_PROGRAM
(run_isolated.sh sets it) in an empty folder of its own. Python's standard library only.
"""
import hashlib
import json
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from command_line import PROGRAM, Terminal

SECONDS = 240  # for anything, on a machine that is busy
STEPS = 30

CONFIG = {
    "architectures": ["DeepseekV3ForCausalLM"], "model_type": "deepseek_v3", "vocab_size": 400,
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 4,
    "q_lora_rank": 16, "kv_lora_rank": 16, "qk_nope_head_dim": 8, "qk_rope_head_dim": 8,
    "v_head_dim": 8, "max_position_embeddings": 1024, "rope_theta": 10000.0,
    "first_k_dense_replace": 1, "intermediate_size": 64, "moe_intermediate_size": 32,
    "n_routed_experts": 4, "n_shared_experts": 1, "num_experts_per_tok": 2, "n_group": 2,
    "topk_group": 1, "topk_method": "noaux_tc", "scoring_func": "sigmoid", "norm_topk_prob": True,
    "routed_scaling_factor": 1.0, "num_nextn_predict_layers": 1, "hidden_act": "silu",
    "rms_norm_eps": 1e-6, "initializer_range": 0.05, "tie_word_embeddings": False,
}
DATA = """
[data]
seed = 5
other_families = 0
[data.families]
addition = { levels = [1] }
compare_decimals = { levels = [1] }
"""
TOKENIZER = """[tokenizer]
vocabulary = 400
problems = 400
""" + DATA + """
[output]
folder = "tokenizer"
"""
TRAIN = """
[train]
steps = %d
step_tokens = 500
batch_tokens = 300
learning_rate = 1e-2
warmup_steps = 3
[evaluate]
every = 10
problems = 4
replies = 1
max_tokens = 12
[output]
folder = "%s"
checkpoint_every = 3
"""
PRETRAIN = '[model]\nconfig = "config.json"\ntokenizer = "tokenizer"\n' + DATA + \
    TRAIN % (STEPS, "pretrain")
GRPO = '[model]\nstart = "pretrain/model"\n' + DATA + """
[grpo]
problems = 2
group = 4
max_tokens = 10
[train]
steps = 4
learning_rate = 1e-3
batch_tokens = 300
[evaluate]
problems = 2
replies = 1
max_tokens = 8
[output]
folder = "grpo"
checkpoint_every = 1
"""
SFT = '[model]\nstart = "pretrain/model"\n' + DATA + TRAIN % (6, "sft")


def command(*arguments):
    return [PROGRAM, *map(str, arguments)]


def run(*arguments, **options):
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=SECONDS,
                          **options)


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def log_of(folder):
    """The lines of a log without what depends on the clock."""
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if "second" not in key} for line in lines]


class TrainTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="fathom-train-")
        cls.folder = pathlib.Path(cls.scratch.name)
        cls.write("config.json", json.dumps(CONFIG))
        cls.write("tokenizer.toml", TOKENIZER)
        cls.write("pretrain.toml", PRETRAIN)
        cls.write("sft.toml", SFT)
        cls.write("grpo.toml", GRPO)
        for part in ("tokenizer", "pretrain"):
            done = run("train", part, cls.folder / f"{part}.toml")
            assert done.returncode == 0, done.stderr
        cls.said = done.stdout

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    @classmethod
    def write(cls, name, text):
        path = cls.folder / name
        path.write_text(text)
        return path

    def good(self, *arguments, **options):
        done = run(*arguments, **options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def bad(self, code, pattern, *arguments, **options):
        done = run(*arguments, **options)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertRegex(done.stderr, "^fathom: .*" + pattern)

    def changed(self, name, text, old, new):
        self.assertIn(old, text)
        return self.write(name, text.replace(old, new))

    def same_as_whole(self, out):
        whole = self.folder / "pretrain"
        self.assertEqual(log_of(out), log_of(whole))
        for name in ("checkpoint.bin", "model/model.safetensors"):
            self.assertEqual(digest(out / name), digest(whole / name), name)

    def test_a_recipe_from_end_to_end(self):
        self.assertRegex(self.said, r"parameters, 30 steps of at least 500 tokens \(15000 together\)")
        self.assertIn("held-out loss", self.said)
        log = log_of(self.folder / "pretrain")
        steps = [line for line in log if "loss" in line]
        self.assertEqual([line["step"] for line in steps], list(range(1, STEPS + 1)))
        self.assertLess(steps[-1]["loss"], steps[0]["loss"] - 1)
        self.assertLess(steps[-1]["mtp_loss"], steps[0]["mtp_loss"] - 0.5)
        held_out = [line["held_out_loss"] for line in log if "held_out_loss" in line]
        self.assertEqual(len(held_out), 3)
        self.assertLess(held_out[-1], held_out[0])
        self.assertIn("<svg", (self.folder / "pretrain/curves.svg").read_text())

        done = self.good("train", "sft", self.folder / "sft.toml", "--watts", 1000000)
        self.assertRegex(done.stdout, r"sft/model: the trained model, after 6 steps in [\w ]+, "
                                      r"[0-9.]+ kWh at 1000000 watts")
        lines = (self.folder / "sft/log.jsonl").read_text().splitlines()
        seconds = sum(json.loads(line)["seconds"] for line in lines)
        told = float(re.search(r"([0-9.]+) kWh", done.stdout)[1])
        self.assertAlmostEqual(told, seconds / 3.6, delta=0.00051 if told < 1 else 0.0051 * told)
        self.assertLess(log_of(self.folder / "sft")[0]["loss"], steps[0]["loss"] - 1)
        model = self.folder / "sft/model"
        for name in ("config.json", "generation_config.json", "tokenizer.json",
                     "tokenizer_config.json", "model.safetensors"):
            self.assertTrue((model / name).exists(), name)
        reply = self.good("run", model, "-p", "What is 3 + 4?", "-n", 12, "--json")
        self.assertGreater(json.loads(reply.stdout)["usage"]["completion_tokens"], 0)

        # What is done already is left alone.
        before = digest(self.folder / "sft/checkpoint.bin")
        done = self.good("train", "sft", self.folder / "sft.toml")
        self.assertIn("finished already, 6 steps in ", done.stdout)
        self.assertEqual(digest(self.folder / "sft/checkpoint.bin"), before)
        done = self.good("train", "tokenizer", self.folder / "tokenizer.toml")
        self.assertIn("is there already", done.stdout)
        other = self.changed("other_tokenizer.toml", TOKENIZER, "seed = 5", "seed = 6")
        self.bad(1, "already", "train", "tokenizer", other)

    def test_a_trained_model_thinks_apart_from_its_answer_and_within_its_budget(self):
        model = self.folder / "pretrain/model"
        flags = ("-n", 12, "--temp", 0, "--think-budget", 4)
        reply = json.loads(self.good("run", model, "-p", "What is 3 + 4?", *flags, "--json").stdout)
        # Beyond the budget only what closes the tag for the model.
        self.assertIn(reply["usage"]["reasoning_tokens"], range(5, 8))
        self.assertNotIn("</think>", reply["reasoning"] + reply["text"])
        thought, answer = reply["reasoning"].strip(), reply["text"].strip()
        self.assertTrue(thought and answer, reply)
        # A person who reads sees it, dim; a pipe does not, unless it is asked for.
        for shown, more in ((True, ()), (False, ("--hide-thinking",)), (True, ("--show-thinking",))):
            run = Terminal("run", model, "-p", "What is 3 + 4?", *flags, *more)
            screen = run.wait_for(answer).decode().replace("\r\n", "\n")
            self.assertEqual(run.exit_code(), 0)
            dimmed = "".join(re.findall(r"\x1b\[2m(.*?)\x1b\[0m", screen, re.DOTALL))
            self.assertEqual(dimmed.strip(), thought if shown else "", more)
            self.assertTrue(shown or thought not in screen, more)
        piped = ("run", model, "-p", "What is 3 + 4?", *flags)
        self.assertEqual(self.good(*piped).stderr, "")
        self.assertEqual(self.good(*piped, "--show-thinking").stderr.strip(), thought)
        self.assertEqual(self.good(*piped, "--show-thinking").stdout.strip(), answer)
        for raw in (("--raw", "-p", "x"), ("--tokens", "5")):
            for think in (("--think", "on"), ("--think", "off"), ("--think-budget", 4)):
                self.bad(2, "are for conversations", "run", model, *raw, *think)

        off = self.good("run", model, "-p", "What is 3 + 4?", *flags, "--think", "off", "--json")
        self.assertEqual(json.loads(off.stdout).get("reasoning", ""), "")

        chat = Terminal("chat", model, *flags)
        chat.wait_for("> ")
        chat.type("What is 3 + 4?\r")
        shown = chat.wait_for("no more tokens are allowed").decode().replace("\r\n", "\n")
        dimmed = "".join(re.findall(r"\x1b\[2m(.*?)\x1b\[0m", shown, re.DOTALL))
        self.assertIn(thought, dimmed)
        self.assertIn("\x1b[0m\n\n" + answer, shown)
        chat.type("/think off\r")
        chat.wait_for("> ")
        chat.type("/quit\r")
        self.assertEqual(chat.exit_code(), 0)

    def test_a_message_that_was_only_thought_about_is_not_kept(self):
        chat = Terminal("chat", self.folder / "pretrain/model", "-n", 3, "--temp", 0)
        chat.wait_for("> ")
        chat.type("What is 3 + 4?\r")
        chat.wait_for("without an answer the message is not kept")
        chat.wait_for("> ")
        chat.type(f"/save {self.folder / 'kept.json'}\r")
        chat.wait_for("kept.json")
        chat.wait_for("> ")
        chat.type("/quit\r")
        self.assertEqual(chat.exit_code(), 0)
        kept = json.loads((self.folder / "kept.json").read_text())
        self.assertNotIn("What is 3", json.dumps(kept))
        self.assertNotIn("assistant", json.dumps(kept))

    def kill_at_some_moment(self, out, rng, *arguments):
        """Starts a training and kills it some time after the first line that it writes."""
        process = subprocess.Popen(command(*arguments), stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        log = out / "log.jsonl"
        deadline = time.monotonic() + SECONDS
        had = log.stat().st_mtime_ns if log.exists() else 0
        while process.poll() is None and time.monotonic() < deadline:
            if log.exists() and log.stat().st_mtime_ns != had and log.stat().st_size > 0:
                break
            time.sleep(0.001)
        time.sleep(rng.random() * 0.2)
        process.kill()
        process.wait()

    def test_killed_again_and_again_it_ends_as_if_it_had_not_been(self):
        rng = random.Random(7)
        kills = trainings = 0
        while kills < 20:
            out = self.folder / f"killed_{trainings}"
            arguments = ("train", "pretrain", self.folder / "pretrain.toml", "--out", out)
            while kills < 20 and not (out / "model").exists():
                self.kill_at_some_moment(out, rng, *arguments)
                kills += 1
            self.good(*arguments)
            self.same_as_whole(out)
            trainings += 1
        self.assertLessEqual(trainings, 7)  # they were killed in the middle

    def test_reinforcement_goes_on_where_it_was_killed(self):
        recipe = self.folder / "grpo.toml"
        done = self.good("train", "grpo", recipe)
        self.assertIn("grpo/model: the trained model, after 4 steps", done.stdout)
        self.assertRegex(done.stdout, r"solves \d+% of 2 problems")
        whole = self.folder / "grpo"
        steps = [line for line in log_of(whole) if "reward" in line]
        self.assertEqual([line["step"] for line in steps], [1, 2, 3, 4])
        for name in ("pass_at_1", "pass_at_g", "length", "entropy", "mismatch", "truncated"):
            self.assertIn(name, steps[0])
        self.assertLess(steps[0]["largest_mismatch"], 0.01)
        out = self.folder / "grpo_killed"
        process = subprocess.Popen(command("train", "grpo", recipe, "--out", out),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + SECONDS
        while not (out / "checkpoint.bin").exists() and time.monotonic() < deadline:
            time.sleep(0.002)
        process.kill()
        process.wait()
        self.good("train", "grpo", recipe, "--out", out)
        self.assertEqual(log_of(out), log_of(whole))
        self.assertEqual(digest(out / "model/model.safetensors"),
                         digest(whole / "model/model.safetensors"))
        self.bad(2, "'grpo.kl' is 0, the checkpoint's is 0.001|'grpo.* is .*, the checkpoint's is",
                 "train", "grpo", recipe, "--mode", "r1", "--out", whole)

    def test_signals_end_it_in_order(self):
        out = self.folder / "signals"
        arguments = ("train", "pretrain", self.folder / "pretrain.toml", "--out", out)
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            process = subprocess.Popen(command(*arguments), stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True)
            process.stdout.readline()  # what will be trained
            process.send_signal(number)
            error = process.communicate(timeout=SECONDS)[1]
            self.assertEqual(process.returncode, code, error)
            self.assertIn("the same command goes on from there", error)
        done = self.good(*arguments)
        self.assertIn("30 steps", done.stdout)
        self.same_as_whole(out)

    def test_one_at_a_time(self):
        out = self.folder / "alone"
        arguments = ("train", "pretrain", self.folder / "pretrain.toml", "--out", out)
        process = subprocess.Popen(command(*arguments), stdout=subprocess.PIPE, text=True)
        process.stdout.readline()
        process.send_signal(signal.SIGSTOP)
        try:
            self.bad(1, "another process is training in", *arguments)
        finally:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.communicate()

    def test_full_disk_keeps_the_last_checkpoint(self):
        out = self.folder / "full"
        arguments = ("train", "pretrain", self.folder / "pretrain.toml", "--out", out)
        process = subprocess.Popen(command(*arguments), stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        process.stdout.readline()
        deadline = time.monotonic() + SECONDS
        while not (out / "checkpoint.bin").exists() and time.monotonic() < deadline:
            time.sleep(0.002)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=SECONDS)
        before = digest(out / "checkpoint.bin")
        if (out / "model").exists():
            self.skipTest("the machine was too fast")
        size = (out / "checkpoint.bin").stat().st_size

        def limit():  # files may not grow to a checkpoint's size
            resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, size // 2))

        self.bad(1, r"the checkpoint of step \d+ cannot be written \(the one of step \d+ is kept\)",
                 *arguments, preexec_fn=limit)
        self.assertEqual(digest(out / "checkpoint.bin"), before)
        self.good(*arguments)
        self.same_as_whole(out)

    def test_a_loss_that_is_no_number_stops_it(self):
        model = self.folder / "wild"
        shutil.copytree(self.folder / "pretrain/model", model)
        path = model / "model.safetensors"
        data = bytearray(path.read_bytes())
        size = struct.unpack("<Q", data[:8])[0]
        begin, end = json.loads(data[8:8 + size])["lm_head.weight"]["data_offsets"]
        count = (end - begin) // 4
        data[8 + size + begin:8 + size + end] = struct.pack("<f", 3e38) * count
        path.write_bytes(data)
        recipe = self.changed("wild.toml", SFT.replace('"sft"', '"wild_out"'), "pretrain/model",
                              "wild")
        self.bad(1, "step 0 has a value that is no number", "train", "sft", recipe)
        self.assertFalse((self.folder / "wild_out/model").exists())

    def test_recipes_that_are_wrong_are_refused_by_name(self):
        def refused(pattern, old, new, text=PRETRAIN, part="pretrain"):
            recipe = self.changed("wrong.toml", text, old, new)
            self.bad(2, pattern, "train", part, recipe, "--out", self.folder / "wrong")

        refused(r"wrong.toml:13: 'train.step' is a key that is not known \(the nearest that is: "
                r"train.steps\)", "steps = 30", "step = 30")
        refused("'train.steps' is -1, expected 1 to", "steps = 30", "steps = -1")
        refused("'train.batch_tokens' is 0", "batch_tokens = 300", "batch_tokens = 0")
        refused("'data.families.addition.levels' has 9 in it, expected 1 to 4", "levels = [1] }\ncomp",
                "levels = [9] }\ncomp")
        refused("is no TOML", "[data]", "[data")
        refused("there is no tokenizer.json", '"tokenizer"', '"nowhere"')
        refused("no_config.json", '"config.json"', '"no_config.json"')
        refused("'tokenizer' is missing", "[tokenizer]\n", "[data]\n", '[data]\nseed = 1\n'
                '[output]\nfolder = "t"\n# [tokenizer]\n', "tokenizer")
        self.bad(2, "No such file", "train", "pretrain", self.folder / "none.toml")
        self.assertFalse((self.folder / "wrong/model").exists())

    def test_shapes_that_are_impossible_are_refused_by_name(self):
        recipe = self.changed("shape.toml", PRETRAIN, '"config.json"', '"shape.json"')
        out = self.folder / "shape"
        for change, pattern in (
                ({"hiden_size": 3}, "hiden_size"),
                ({"num_experts_per_tok": 9}, "key 'num_experts_per_tok' makes no sense"),
                ({"n_group": 3}, "key 'n_group' makes no sense"),
                ({"qk_rope_head_dim": 7}, "key 'qk_rope_head_dim' is 7, expected an even number"),
                ({"vocab_size": 300}, "the tokenizer has 400 tokens"),
                ({"model_type": "gpt2"}, "'model_type' is 'gpt2'"),
                ({"hidden_size": 500000}, "million parameters take")):
            self.write("shape.json", json.dumps(dict(CONFIG, **change)))
            code = 1 if "parameters" in pattern else 2
            self.bad(code, pattern, "train", "pretrain", recipe, "--out", out)

    def test_other_checkpoints_and_models_are_refused(self):
        out = self.folder / "foreign"
        shutil.copytree(self.folder / "pretrain", out)
        recipe = self.changed("foreign.toml", PRETRAIN, "learning_rate = 1e-2", "learning_rate = 2e-2")
        self.bad(2, "belongs to another training: 'train.learning_rate' is 0.02, the checkpoint's is "
                 "0.01", "train", "pretrain", recipe, "--out", out)
        self.bad(2, "belongs to another training: 'kind' is \"sft\"", "train", "sft",
                 self.folder / "sft.toml", "--out", out)
        data = bytearray((out / "checkpoint.bin").read_bytes())
        data[len(data) // 2] ^= 1
        (out / "checkpoint.bin").write_bytes(data)
        self.bad(2, "is damaged", "train", "pretrain", self.folder / "pretrain.toml", "--out", out)
        (out / "checkpoint.bin").write_bytes(b"not at all")
        self.bad(2, "is not a checkpoint", "train", "pretrain", self.folder / "pretrain.toml", "--out",
                 out)
        (out / "checkpoint.bin").unlink()
        self.bad(1, "model is there, without a checkpoint", "train", "pretrain",
                 self.folder / "pretrain.toml", "--out", out)

    def test_help_has_examples(self):
        for arguments in ((), ("tokenizer",), ("pretrain",), ("sft",), ("grpo",)):
            self.assertIn("fathom train", self.good("train", *arguments, "--help").stdout)
        self.bad(2, "config", "train", "pretrain")


if __name__ == "__main__":
    unittest.main(verbosity=2)
