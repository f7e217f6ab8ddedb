#!/usr/bin/env python3
"""fathom imatrix from outside: matrices of synthetic models in both formats, what quantize makes of them,
interruption, a disk that is full, and bad input. Runs the program in FATHOM_PROGRAM (run_isolated.sh sets
it) in an empty folder of its own. Python's standard library only.
"""
import hashlib
import json
import os
import pathlib
import pty
import resource
import signal
import subprocess
import tempfile
import unittest

PROGRAM = os.environ["FATHOM_PROGRAM"]
ROOT = pathlib.Path(__file__).resolve().parents[2]
TEXT = ROOT / "tests/data/loomings.txt"
SECONDS = 240  # for anything, on a machine that is busy

LLAMA = {
    "model_type": "llama", "hidden_size": 256, "intermediate_size": 512, "num_attention_heads": 4,
    "num_hidden_layers": 2, "num_key_value_heads": 2, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
    "vocab_size": 1024, "max_position_embeddings": 1024, "tie_word_embeddings": False,
}
DEEPSEEK = json.loads((ROOT / "tests/goldens/model/deepseek_v3/config.json").read_text()) | {
    "hidden_size": 128, "intermediate_size": 256, "moe_intermediate_size": 64, "kv_lora_rank": 64,
    "q_lora_rank": 64, "qk_nope_head_dim": 32, "v_head_dim": 32, "vocab_size": 1024,
    "bos_token_id": 1000, "eos_token_id": 1001,
}


def run(*arguments, **options):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True,
                          timeout=SECONDS, **options)


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class ImatrixTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="fathom-imatrix-")
        cls.folder = pathlib.Path(cls.scratch.name)
        cls.llama, cls.deepseek = cls.folder / "llama.gguf", cls.folder / "deepseek"
        for shape, model, kind in ((LLAMA, cls.llama, "f16"), (DEEPSEEK, cls.deepseek, "bf16")):
            (cls.folder / "shape.json").write_text(json.dumps(shape))
            done = run("synth", "--shape", cls.folder / "shape.json", "--type", kind, model)
            assert done.returncode == 0, done.stderr

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def good(self, *arguments, **options):
        done = run(*arguments, **options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def bad(self, code, pattern, *arguments, **options):
        before = sorted(self.folder.iterdir())
        done = run(*arguments, **options)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertRegex(done.stderr.splitlines()[-1], "^fathom: .*" + pattern)
        self.assertEqual(sorted(self.folder.iterdir()), before)

    def test_both_formats_are_used_by_quantize(self):
        for model in (self.llama, self.deepseek):
            plain, out = self.folder / "plain.gguf", self.folder / "out.gguf"
            self.good("quantize", model, plain, "--type", "q4_0", "--force")
            for name in ("i.gguf", "i.dat"):
                matrix = self.folder / name
                done = self.good("imatrix", model, "--text", TEXT, "-o", matrix, "--ctx", 256,
                                 "--chunks", 4, "--head", "--force", "--format",
                                 "gguf" if name == "i.gguf" else "legacy")
                self.assertRegex(done.stdout, r"i\.(gguf|dat): .* tensors, from 1024 of \d+ tokens "
                                              r"in 4 chunks")
                self.assertEqual(matrix.read_bytes()[:4] == b"GGUF", name == "i.gguf")
                done = self.good("quantize", model, out, "--type", "q4_0", "--imatrix", matrix,
                                 "--force")
                # The embedding is looked up, not multiplied.
                self.assertEqual([line for line in done.stderr.splitlines() if "importance" in line],
                                 ["Note: the importance matrix does not have token_embd.weight"])
                self.assertNotEqual(digest(out), digest(plain))
                self.good("run", out, "--raw", "-p", "the", "-n", 2, "--temp", 0)
            plain.unlink()
            out.unlink()

    def test_threads_do_not_matter(self):
        for model in (self.llama, self.deepseek):
            found = set()
            for threads in (1, 3):
                matrix = self.folder / f"{threads}.gguf"
                self.good("imatrix", model, "--text", TEXT, "-o", matrix, "--ctx", 100, "--chunks", 2,
                          "--threads", threads)
                found.add(digest(matrix))
                matrix.unlink()
            self.assertEqual(len(found), 1)

    def test_text_from_standard_input_and_default_name(self):
        self.good("imatrix", self.llama, "--text", "-", "--ctx", 16, cwd=self.folder,
                  input="the rain in spain stays mainly in the plain and nowhere else at all")
        self.assertTrue((self.folder / "imatrix.gguf").exists())
        (self.folder / "imatrix.gguf").unlink()

    def test_interrupt_leaves_nothing(self):
        matrix = self.folder / "interrupted.gguf"
        text = self.folder / "long.txt"
        text.write_text(TEXT.read_text() * 20)
        terminal, other_end = pty.openpty()  # where progress is shown at once
        process = subprocess.Popen([PROGRAM, "imatrix", str(self.llama), "--text", str(text), "-o",
                                    str(matrix), "--threads", "1"],
                                   stdout=subprocess.DEVNULL, stderr=other_end)
        os.close(other_end)
        seen = b""
        while b" left" not in seen:  # it is evaluating, and has told how long it will take
            seen += os.read(terminal, 1000)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=SECONDS), 130)
        while b"\n" not in seen:
            seen += os.read(terminal, 1000)
        os.close(terminal)
        self.assertRegex(seen, rb"chunk \d+ of \d+ \(\d+%\), [\d.]+ tokens/s, [\dhms ]+ left")
        self.assertIn(b"fathom: interrupted (nothing was written)", seen)
        self.assertEqual(list(self.folder.glob("interrupted*")), [])
        text.unlink()

    def test_failed_write_leaves_nothing(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
        matrix = self.folder / "cut.gguf"
        self.bad(1, r"cannot write .*cut\.gguf", "imatrix", self.llama, "--text", TEXT, "-o", matrix,
                 "--ctx", 64, "--chunks", 1, preexec_fn=limit)

    def test_bad_input(self):
        out = self.folder / "bad.gguf"
        self.bad(2, r"the text has \d tokens, expected at least the 512 of one chunk .*smaller --ctx",
                 "imatrix", self.llama, "--text", "-", "-o", out, input="abc")
        self.bad(2, "has no tokenizer", "imatrix", ROOT / "tests/goldens/model/llama_gqa.gguf", "--text",
                 TEXT, "-o", out)
        self.bad(2, "cannot open .*none.txt", "imatrix", self.llama, "--text",
                 self.folder / "none.txt", "-o", out)
        self.bad(2, "the model is made for 1024", "imatrix", self.llama, "--text", TEXT, "-o", out,
                 "--ctx", 2048)
        self.bad(2, "there is no folder", "imatrix", self.llama, "--text", TEXT, "-o",
                 self.folder / "no/i.gguf")
        there = self.folder / "there.gguf"
        there.write_text("precious")
        self.bad(1, "is there already .*--force", "imatrix", self.llama, "--text", TEXT, "-o", there)
        self.bad(2, "is the model itself", "imatrix", self.llama, "--text", TEXT, "-o", self.llama,
                 "--force")
        self.bad(2, "is the text: it would be lost", "imatrix", self.llama, "--text", there, "-o",
                 there, "--force")
        for kind in ("gguf", "legacy"):
            self.bad(1, "there.gguf is no importance matrix, and nothing else is replaced", "imatrix",
                     self.llama, "--text", TEXT, "-o", there, "--format", kind, "--force")
        self.assertEqual(there.read_text(), "precious")
        self.bad(2, "--format", "imatrix", self.llama, "--text", TEXT, "-o", out, "--format", "json")
        self.bad(2, "--text is required", "imatrix", self.llama, "-o", out)


if __name__ == "__main__":
    unittest.main(verbosity=2)
