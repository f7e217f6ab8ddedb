#!/usr/bin/env python3
"""Makes tests/goldens/model/deepseek_mtp.kv_b.gguf from the directory of the same name.

Owns: the weights of tests/goldens/model/deepseek_mtp, unchanged, under the names and keys of GGUF's
`deepseek2` with a multi-token-prediction layer (`nextn`), written with the PyPI package `gguf`: names
and keys are that package's. The layer is the last block, `block_count` counts it, and
`nextn_predict_layers` says that it is one, as the converters do that keep such layers. GGUF has no key
for an mscale of cosines and sines that differs from mscale_all_dim, so the file stands for the directory
with both at the latter.

Not for: computing anything.

    pip install --no-deps --require-hashes -r tools/goldens/model_requirements.txt
    python tools/goldens/model_mtp_gguf.py
"""

import json
import pathlib

import gguf
import numpy as np
import safetensors.numpy

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "model"
NAME = "deepseek_mtp"


def main() -> None:
    config = json.loads((FOLDER / NAME / "config.json").read_text())
    weights = safetensors.numpy.load_file(FOLDER / NAME / "model.safetensors")
    blocks = config["num_hidden_layers"] + config["num_nextn_predict_layers"]
    rope = config["rope_scaling"]

    writer = gguf.GGUFWriter(str(FOLDER / f"{NAME}.kv_b.gguf"), "deepseek2")
    writer.add_name("tiny random deepseek: mtp")
    writer.add_block_count(blocks)
    writer.add_nextn_predict_layers(config["num_nextn_predict_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_attention_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_rope_dimension_count(config["qk_rope_head_dim"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_q_lora_rank(config["q_lora_rank"])
    writer.add_kv_lora_rank(config["kv_lora_rank"])
    writer.add_key_length(config["qk_nope_head_dim"] + config["qk_rope_head_dim"])
    writer.add_value_length(config["v_head_dim"])
    writer.add_leading_dense_block_count(config["first_k_dense_replace"])
    writer.add_expert_count(config["n_routed_experts"])
    writer.add_expert_used_count(config["num_experts_per_tok"])
    writer.add_expert_shared_count(config["n_shared_experts"])
    writer.add_expert_feed_forward_length(config["moe_intermediate_size"])
    writer.add_expert_weights_scale(config["routed_scaling_factor"])
    writer.add_expert_weights_norm(config["norm_topk_prob"])
    writer.add_expert_gating_func(gguf.ExpertGatingFuncType.SIGMOID)
    writer.add_expert_group_count(config["n_group"])
    writer.add_expert_group_used_count(config["topk_group"])
    writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
    writer.add_rope_scaling_factor(rope["factor"])
    writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
    writer.add_rope_scaling_yarn_log_mul(0.1 * rope["mscale_all_dim"])

    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.DEEPSEEK2, blocks)
    nextn = {"eh_proj", "embed_tokens", "enorm", "hnorm", "shared_head.head", "shared_head.norm"}

    def gguf_name(name: str) -> str:
        stem, _, kind = name.rpartition(".")
        if kind == "e_score_correction_bias":
            stem, kind = name.removesuffix("_bias"), "bias"
        found = names.get_name(stem)
        if found is None:  # the package lists these for other architectures only
            _, _, layer, part = stem.split(".", 3)
            assert part in nextn, name
            found = f"blk.{layer}.nextn.{part.replace('.', '_')}"
        return f"{found}.{kind}"

    tensors = {}
    for name, array in weights.items():
        if ".experts." in name and ".shared_experts." not in name:
            head, tail = name.split(".experts.")
            expert, part = tail.split(".", 1)
            tensors.setdefault(f"{head}.experts.{part}", {})[int(expert)] = array
        else:
            tensors[name] = array
    for name, data in sorted(tensors.items()):
        if isinstance(data, dict):
            data = np.stack([data[e] for e in range(config["n_routed_experts"])])
        writer.add_tensor(gguf_name(name), data, raw_dtype=gguf.GGMLQuantizationType.F32)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
