#!/usr/bin/env python3
"""fathom plan from outside: the published DeepSeek-R1 as a ghost (true names, shapes and headers of its
163 shards, no data), small models, bad input, and time and memory.

Runs the program in FATHOM_PROGRAM (run_isolated.sh sets it). Python's standard library only; nothing is
left behind.
"""
import json
import os
import pathlib
import struct
import subprocess
import tempfile
import unittest

PROGRAM = os.environ["FATHOM_PROGRAM"]
GOLDENS = pathlib.Path(__file__).resolve().parents[2] / "tests/goldens/model"
SHARDS = 163
CONFIG = {
    "architectures": ["DeepseekV3ForCausalLM"], "model_type": "deepseek_v3", "hidden_size": 7168,
    "intermediate_size": 18432, "moe_intermediate_size": 2048, "num_hidden_layers": 61,
    "num_attention_heads": 128, "num_key_value_heads": 128, "q_lora_rank": 1536, "kv_lora_rank": 512,
    "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128, "n_routed_experts": 256,
    "n_shared_experts": 1, "num_experts_per_tok": 8, "n_group": 8, "topk_group": 4,
    "first_k_dense_replace": 3, "moe_layer_freq": 1, "routed_scaling_factor": 2.5,
    "scoring_func": "sigmoid", "topk_method": "noaux_tc", "norm_topk_prob": True, "rms_norm_eps": 1e-6,
    "rope_theta": 10000, "max_position_embeddings": 163840,
    "rope_scaling": {"type": "yarn", "factor": 40, "original_max_position_embeddings": 4096,
                     "beta_fast": 32, "beta_slow": 1, "mscale": 1.0, "mscale_all_dim": 1.0},
    "vocab_size": 129280, "hidden_act": "silu", "tie_word_embeddings": False,
    "num_nextn_predict_layers": 1, "torch_dtype": "bfloat16",
    "quantization_config": {"quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic",
                            "weight_block_size": [128, 128]},
}


def r1_tensors():
    """(name, type, shape) of every tensor of the published checkpoint."""
    def scaled(name, out, columns):
        yield f"{name}.weight", "F8_E4M3", [out, columns]
        yield f"{name}.weight_scale_inv", "F32", [-(-out // 128), -(-columns // 128)]

    def gated(name, width):
        yield from scaled(f"{name}.gate_proj", width, 7168)
        yield from scaled(f"{name}.up_proj", width, 7168)
        yield from scaled(f"{name}.down_proj", 7168, width)

    table = [129280, 7168]
    yield "model.embed_tokens.weight", "BF16", table
    for layer in range(62):
        prefix = f"model.layers.{layer}."
        attention = prefix + "self_attn."
        yield prefix + "input_layernorm.weight", "BF16", [7168]
        yield prefix + "post_attention_layernorm.weight", "BF16", [7168]
        yield from scaled(attention + "q_a_proj", 1536, 7168)
        yield attention + "q_a_layernorm.weight", "BF16", [1536]
        yield from scaled(attention + "q_b_proj", 24576, 1536)
        yield from scaled(attention + "kv_a_proj_with_mqa", 576, 7168)
        yield attention + "kv_a_layernorm.weight", "BF16", [512]
        yield from scaled(attention + "kv_b_proj", 32768, 512)
        yield from scaled(attention + "o_proj", 7168, 16384)
        if layer < 3:
            yield from gated(prefix + "mlp", 18432)
        else:
            yield prefix + "mlp.gate.weight", "BF16", [256, 7168]
            yield prefix + "mlp.gate.e_score_correction_bias", "F32", [256]
            for expert in range(256):
                yield from gated(f"{prefix}mlp.experts.{expert}", 2048)
            yield from gated(prefix + "mlp.shared_experts", 2048)
    for name in ("enorm", "hnorm", "shared_head.norm"):
        yield f"model.layers.61.{name}.weight", "BF16", [7168]
    yield "model.layers.61.eh_proj.weight", "BF16", [7168, 14336]
    yield "model.layers.61.embed_tokens.weight", "BF16", table
    yield "model.layers.61.shared_head.head.weight", "BF16", table
    yield "model.norm.weight", "BF16", [7168]
    yield "lm_head.weight", "BF16", table


def write_ghost(folder):
    folder.mkdir()
    tensors = list(r1_tensors())
    each = -(-len(tensors) // SHARDS)
    places = {}
    for shard in range(SHARDS):
        name = f"model-{shard + 1:05d}-of-{SHARDS:06d}.safetensors"
        header, offset = {}, 0
        for tensor, kind, shape in tensors[shard * each:(shard + 1) * each]:
            size = {"F8_E4M3": 1, "BF16": 2, "F32": 4}[kind]
            for n in shape:
                size *= n
            header[tensor] = {"dtype": kind, "shape": shape, "data_offsets": [offset, offset + size]}
            offset += size
            places[tensor] = name
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        with open(folder / name, "wb") as file:
            file.write(struct.pack("<Q", len(text)) + text)
            file.truncate(8 + len(text) + offset)
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {}, "weight_map": places}))
    (folder / "config.json").write_text(json.dumps(CONFIG))
    return folder


class PlanTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="fathom-plan-")
        cls.folder = pathlib.Path(cls.scratch.name)
        cls.ghost = write_ghost(cls.folder / "DeepSeek-R1")

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def run_program(self, *arguments):
        return subprocess.run([PROGRAM, "--data", str(self.folder), "plan", *map(str, arguments)],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=250)

    def good(self, *arguments):
        done = self.run_program(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.decode()

    def bad(self, pattern, *arguments):
        done = self.run_program(*arguments)
        self.assertEqual(done.returncode, 2, done.stderr)
        error = done.stderr.decode()
        self.assertEqual(error.count("\n"), 1, error)
        self.assertRegex(error, pattern)

    def test_ghost_is_small(self):
        blocks = sum(path.stat().st_blocks for path in self.ghost.iterdir())
        self.assertLess(blocks * 512, 40_000_000)

    def test_sizes_of_r1(self):
        # Reading headers only: 5 seconds and 300 MB are the most it may take.
        arguments = [PROGRAM, "--data", str(self.folder), "plan", str(self.ghost), "--no-measure",
                     "--ctx", "4096", "--json"]
        with tempfile.TemporaryFile() as out:
            program = subprocess.Popen(arguments, stdout=out)
            _, status, used = os.wait4(program.pid, 0)
            program.returncode = os.waitstatus_to_exitcode(status)
            self.assertEqual(program.returncode, 0)
            out.seek(0)
            plan = json.loads(out.read())
        self.assertLess(used.ru_utime + used.ru_stime, 5)  # of the processor: others may use it too
        self.assertLess(used.ru_maxrss, 300 * 1024)
        self.assertEqual(plan["parameters"], 671_026_419_200)
        self.assertEqual(plan["active_parameters"], 36_625_618_432)
        self.assertEqual(plan["cache_values_per_token_and_layer"], 576)
        self.assertEqual(plan["cache_bytes_per_token"], 70_272)
        self.assertEqual(plan["cache_bytes"], 4096 * 70_272)
        parts = {part["part"]: part for part in plan["parts"]}
        self.assertEqual(parts["attention"]["parameters"], 61 * 187_105_280)
        self.assertEqual(parts["routed_experts"]["parameters"], 58 * 256 * 44_040_192)
        self.assertEqual(parts["prediction_layer"]["parameters"], 13_463_426_304)
        self.assertEqual(parts["prediction_layer"]["home"], "nowhere")
        self.assertNotIn("decode", plan)
        text = self.good(self.ghost, "--no-measure", "--ctx", 4096)
        self.assertRegex(text, r"total +671\.0 B +without the prediction layer")
        self.assertRegex(text, r"active per token +36\.6 B")

    def test_tiny_models_with_speeds(self):
        for model in ("qwen2_bf16", "deepseek_v3.kv_b.gguf"):
            plan = json.loads(self.good(GOLDENS / model, "--users", 2, "--threads", 1, "--json"))
            self.assertEqual(plan["verdict"], "fits")
            self.assertGreater(plan["machine"]["read_bandwidth"], 1e8)
            self.assertGreater(plan["decode"][0]["tokens_per_second"], 0)
        text = self.good(GOLDENS / "llama_gqa.gguf", "--threads", 1)
        self.assertIn("Fits in memory", text)
        self.assertLessEqual(max(map(len, text.splitlines())), 80)

    def test_missing_shard(self):
        shard = self.ghost / f"model-00007-of-{SHARDS:06d}.safetensors"
        aside = self.ghost / "aside"
        shard.rename(aside)
        try:
            self.bad(r"model-00007-of-000163\.safetensors", self.ghost, "--no-measure")
        finally:
            aside.rename(shard)

    def test_bad_requests(self):
        tiny = GOLDENS / "llama_gqa.gguf"
        context = json.loads(self.good(tiny, "--no-measure", "--json"))["context_length"]
        self.bad(rf"a context of {context + 1} tokens was asked for, but the model is made for {context} "
                 r"\(lower --ctx\)", tiny, "--ctx", context + 1)
        self.bad("--users", tiny, "--users", 0)
        self.bad("--ctx", tiny, "--ctx", 0)
        self.bad("f8 not in", tiny, "--cache", "f8")
        self.bad("there are no kernels called 'fast'", tiny, "--kernels", "fast")
        self.bad("there is no file", self.folder / "none.gguf")


if __name__ == "__main__":
    unittest.main()
