#!/usr/bin/env python3
"""fathom synth and fathom quantize from outside: files that run, a conversion that is killed and goes
on, and bad input. Runs the program in FATHOM_PROGRAM (run_isolated.sh sets it) in an empty folder of its
own. Python's standard library only.
"""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import unittest

PROGRAM = os.environ["FATHOM_PROGRAM"]
MODEL = os.environ.get("FATHOM_MODEL")
ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDENS = ROOT / "tests/goldens/model"
SECONDS = 240  # for anything, on a machine that is busy

SHAPE = {
    "model_type": "llama", "hidden_size": 1024, "intermediate_size": 2816, "num_attention_heads": 16,
    "num_hidden_layers": 12, "num_key_value_heads": 4, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
    "vocab_size": 4096, "max_position_embeddings": 2048, "tie_word_embeddings": False,
}


def run(*arguments):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True,
                          timeout=SECONDS)


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class QuantizeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="fathom-quantize-")
        cls.folder = pathlib.Path(cls.scratch.name)
        (cls.folder / "shape.json").write_text(json.dumps(SHAPE))

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def good(self, *arguments):
        done = run(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def bad(self, code, pattern, *arguments):
        done = run(*arguments)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertRegex(done.stderr, "^fathom: .*" + pattern)

    def source(self):
        path = self.folder / "source.gguf"
        if not path.exists():
            self.good("synth", "--shape", self.folder / "shape.json", "--type", "f16", path)
        return path

    def test_killed_and_resumed_gives_the_same_file(self):
        whole, out = self.folder / "whole.gguf", self.folder / "out.gguf"
        self.good("quantize", self.source(), whole, "--type", "q8_0")
        part, journal = (out.with_name(out.name + end) for end in (".part", ".part.journal"))
        for threads in (1, 2):
            process = subprocess.Popen([PROGRAM, "quantize", self.source(), out, "--type", "q8_0",
                                        "--threads", str(threads)], stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
            deadline = time.monotonic() + SECONDS
            while time.monotonic() < deadline and process.poll() is None:
                if journal.exists() and journal.read_text().count(".\n") >= 1:
                    break
                time.sleep(0.002)
            process.kill()
            process.wait()
            self.assertTrue(part.exists(), "it was faster than the test")
            self.assertFalse(out.exists())
            done = self.good("quantize", self.source(), out, "--type", "q8_0")
            self.assertIn("were there already", done.stdout)
            self.assertEqual(digest(out), digest(whole))
            self.assertFalse(part.exists() or journal.exists())
            out.unlink()

    def test_directory_with_a_tokenizer(self):
        folder, out = self.folder / "directory", self.folder / "directory.gguf"
        shape = dict(SHAPE, hidden_size=256, intermediate_size=512, num_attention_heads=4,
                     num_hidden_layers=2)
        (self.folder / "small.json").write_text(json.dumps(shape))
        self.good("synth", "--shape", self.folder / "small.json", "--type", "bf16", folder)
        done = self.good("quantize", folder, out, "--type", "q4_k")
        self.assertEqual(done.stderr, "")
        for model in (folder, out):
            found = json.loads(self.good("tokenize", model, "-p", "the rain", "--json").stdout)
            self.assertEqual(found["ids"], json.loads(
                self.good("tokenize", folder, "-p", "the rain", "--json").stdout)["ids"])
        self.good("run", out, "--raw", "-p", "the", "-n", 4, "--temp", 0)

    def test_tokenizer_of_another_model(self):
        for tokens in (500, 750, 760):
            shape = self.folder / f"{tokens}.json"
            shape.write_text(json.dumps(dict(SHAPE, vocab_size=tokens, num_hidden_layers=1)))
            self.good("synth", "--shape", shape, "--type", "bf16", self.folder / str(tokens))
        for tokens in (750, 760):
            shutil.copy(self.folder / "500/tokenizer.json", self.folder / str(tokens))
        self.good("score", self.folder / "750", "-p", "the rain")
        self.bad(2, "the tokenizer has 500 tokens, but the embedding has 760 rows", "score",
                 self.folder / "760", "-p", "the rain")

    def test_fallbacks_are_named(self):
        done = self.good("quantize", GOLDENS / "deepseek_v3", self.folder / "v3.gguf", "--type", "q4_k")
        self.assertRegex(done.stderr, r"Note: F16 instead of Q4_K for rows .*blk\.\*\.ffn_down_exps")

    def test_default_model_as_q8_0_keeps_its_perplexity(self):
        if not MODEL:
            self.skipTest("the default model is not on this machine")
        out = self.folder / "default.gguf"
        self.good("quantize", MODEL, out, "--type", "q8_0")
        text = ROOT / "tests/data/loomings.txt"
        found = [json.loads(self.good("score", model, "-f", text, "--json").stdout)["perplexity"]
                 for model in (MODEL, out)]
        self.assertLess(abs(found[1] / found[0] - 1), 0.005, found)

    def measured(self, *arguments):
        """Runs the program: what it printed, its seconds of the processor, its peak memory in bytes."""
        with tempfile.TemporaryFile() as out:
            program = subprocess.Popen([PROGRAM, *map(str, arguments)], stdout=out)
            _, status, used = os.wait4(program.pid, 0)
            program.returncode = os.waitstatus_to_exitcode(status)
            self.assertEqual(program.returncode, 0)
            out.seek(0)
            return out.read(), used.ru_utime + used.ru_stime, used.ru_maxrss * 1024

    def test_whole_ghost(self):
        ghost = self.folder / "ghost"
        self.good("synth", "--shape", "r1", "--type", "fp8", "--ghost", ghost)
        on_disk = sum(file.stat().st_blocks * 512 for file in ghost.iterdir())
        self.assertLess(on_disk, 40 << 20)
        for command in (["inspect", ghost, "--json"], ["plan", ghost, "--no-measure", "--json"]):
            out, seconds, peak = self.measured(*command)
            self.assertGreater(json.loads(out)["parameters"], 671e9)
            self.assertLess(seconds, 5, command)
            self.assertLess(peak, 300 << 20, command)
        shutil.rmtree(ghost)

    def test_memory_does_not_grow_with_the_model(self):
        peaks, sizes = [], []
        for layers in (12, 36):
            shape, ghost, out = (self.folder / f"grown{end}" for end in (".json", "", ".gguf"))
            shape.write_text(json.dumps(dict(SHAPE, num_hidden_layers=layers)))
            self.good("synth", "--shape", shape, "--type", "bf16", "--ghost", ghost)
            peaks.append(self.measured("quantize", ghost, out, "--type", "q4_0", "--threads", 2)[2])
            sizes.append(sum(file.stat().st_size for file in ghost.iterdir()))
            shutil.rmtree(ghost)
            out.unlink()
        self.assertGreater(sizes[1] - sizes[0], 500 << 20)
        self.assertLess(peaks[1] - peaks[0], 64 << 20)
        self.assertLess(peaks[1], 4 << 30)

    def test_types_that_cannot_run_together_are_refused_at_once(self):
        self.bad(2, r"in layer 1 the experts' gate matrices are stored as Q4_0 and their up matrices as F16",
                 "quantize", GOLDENS / "deepseek_v3", self.folder / "mix.gguf", "--type", "q4_0",
                 "--tensor-type", "ffn_up_exps=f16")
        self.assertEqual(list(self.folder.glob("mix*")), [])

    def test_what_ends_replies_and_how_to_sample_is_kept(self):
        folder, out = self.folder / "advised", self.folder / "advised.gguf"
        shape = self.folder / "advised.json"
        shape.write_text(json.dumps(dict(SHAPE, hidden_size=256, intermediate_size=512,
                                         num_attention_heads=4, num_hidden_layers=1)))
        self.good("synth", "--shape", shape, "--type", "bf16", folder)
        (folder / "generation_config.json").write_text(json.dumps(
            {"temperature": 0.3, "top_p": 0.7, "eos_token_id": [40, 41, 42, 43]}))
        done = self.good("quantize", folder, out, "--type", "q8_0")
        self.assertRegex(done.stderr, "Note: .*not for 4[0-9]")
        keys = out.read_bytes()
        for key in ("general.sampling.temp", "general.sampling.top_p", "tokenizer.ggml.eot_token_id",
                    "tokenizer.ggml.eom_token_id"):
            self.assertIn(key.encode(), keys)
        self.good("run", out, "--raw", "-p", "the", "-n", 2)

    def test_layer_that_predicts(self):
        folder = self.folder / "predicts"
        shutil.copytree(GOLDENS / "deepseek_mtp", folder)
        config = (folder / "config.json").read_text()
        (folder / "config.json").write_text(config.replace('"mscale": 1.0', '"mscale": 0.707'))
        out = self.folder / "predicts.gguf"
        done = self.good("quantize", folder, out, "--type", "f16")
        self.assertRegex(done.stderr, "tensors of the layer that predicts .* are left out; --mtp writes")
        done = self.good("quantize", folder, out, "--type", "f16", "--mtp", "--force")
        self.assertNotIn("left out", done.stderr)
        self.bad(2, "has no layer that predicts", "quantize", GOLDENS / "deepseek_v3", out, "--type",
                 "f16", "--mtp", "--force")

    def test_bad_input(self):
        out = self.folder / "bad.gguf"
        golden = GOLDENS / "qwen2_tied.gguf"
        self.bad(2, "there is no type 'q9'", "quantize", golden, out, "--type", "q9")
        self.bad(2, "writing IQ1_S is not supported", "quantize", golden, out, "--type", "iq1_s")
        self.bad(2, "there is no file", "quantize", self.folder / "none.gguf", out, "--type", "q8_0")
        self.bad(2, "looks like 'ffn_down=q6_k'", "quantize", golden, out, "--type", "q8_0",
                 "--tensor-type", "ffn_down")
        self.bad(2, "is the model itself", "quantize", self.source(), self.source(), "--type", "q8_0",
                 "--force")
        self.bad(2, "there is no folder", "quantize", golden, self.folder / "no/out.gguf", "--type",
                 "q8_0")
        self.bad(2, "no shape or file 'r9'", "synth", "--shape", "r9", "--type", "q8_0", out)
        shape = self.folder / "odd.json"
        shape.write_text(json.dumps(dict(SHAPE, rope_scaling={"type": "odd", "factor": 2.0})))
        self.bad(2, rf"{shape}: key 'rope_scaling.type' is 'odd'", "synth", "--shape", shape, "--type", "q8_0", out)
        self.bad(2, "not Q8_0", "synth", "--shape", "v2-lite", "--type", "q8_0", self.folder / "dir")
        self.bad(2, "a ghost is a directory", "synth", "--shape", "r1", "--type", "fp8", "--ghost", out)
        self.assertFalse(out.exists())


if __name__ == "__main__":
    unittest.main(verbosity=2)
