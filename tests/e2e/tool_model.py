"""Writes a GGUF model that calls a tool, for the end-to-end tests: standard library only. Its layers add
nothing, so that each token leads to the one that NEXT names. It has the tags and the chat template of
DeepSeek-V3: asked something it writes a word and calls get_weather, and after the results it answers."""
import pathlib
import struct
import sys

from tiny_model import BOOL, F32, I32, STRING, U32, byte_alphabet, write_gguf

TEMPLATE = pathlib.Path(__file__).resolve().parents[1] / "goldens/templates/lenml-deepseek_v3.jinja"
HIDDEN, HEADS, FEED_FORWARD = 288, 4, 8  # hidden: more than there are tokens, one direction for each

BOS, EOS = "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"
TAGS = ["<｜User｜>", "<｜Assistant｜>", "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>", "<｜tool▁call▁begin｜>",
        "<｜tool▁call▁end｜>", "<｜tool▁outputs▁begin｜>", "<｜tool▁outputs▁end｜>", "<｜tool▁output▁begin｜>",
        "<｜tool▁output▁end｜>", "<｜tool▁sep｜>"]
SAYS, ARGUMENTS, ANSWER = "Let me look.", '{"place": "Köln", "days": 2}', "It is sunny."
CALL = [SAYS, "<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>", "function", "<｜tool▁sep｜>",
        "get_weather\n```json\n", ARGUMENTS, "\n```", "<｜tool▁call▁end｜>", "<｜tool▁calls▁end｜>", EOS]
CHAINS = [["<｜Assistant｜>", *CALL], ["<｜tool▁outputs▁end｜>", ANSWER, EOS]]


def write(path):
    alphabet = byte_alphabet()
    words = sorted({word for chain in CHAINS for word in chain} - {BOS, EOS, *TAGS})
    tokens = [alphabet[b] for b in range(256)]
    tokens += ["".join(alphabet[b] for b in word.encode()) for word in words]
    texts = [None] * 256 + words + [BOS, EOS] + TAGS
    tokens += [BOS, EOS] + TAGS
    kinds = [1] * (256 + len(words)) + [3, 3] + [4] * len(TAGS)
    ids = {text: i for i, text in enumerate(texts) if text is not None}
    follows = [ids[EOS]] * len(tokens)
    for chain in CHAINS:
        for before, after in zip(chain, chain[1:]):
            follows[ids[before]] = ids[after]
    metadata = [
        ("general.architecture", STRING, "llama"),
        ("general.name", STRING, "tool caller"),
        ("llama.context_length", U32, 4096),
        ("llama.embedding_length", U32, HIDDEN),
        ("llama.block_count", U32, 1),
        ("llama.feed_forward_length", U32, FEED_FORWARD),
        ("llama.attention.head_count", U32, HEADS),
        ("llama.attention.head_count_kv", U32, HEADS),
        ("llama.attention.layer_norm_rms_epsilon", F32, 1e-5),
        ("llama.rope.freq_base", F32, 10000.0),
        ("llama.rope.dimension_count", U32, HIDDEN // HEADS),
        ("llama.vocab_size", U32, len(tokens)),
        ("tokenizer.ggml.model", STRING, "gpt2"),
        ("tokenizer.ggml.pre", STRING, "deepseek-v3"),
        ("tokenizer.ggml.tokens", (STRING, tokens), None),
        ("tokenizer.ggml.token_type", (I32, kinds), None),
        ("tokenizer.ggml.merges", (STRING, []), None),
        ("tokenizer.ggml.bos_token_id", U32, ids[BOS]),
        ("tokenizer.ggml.eos_token_id", U32, ids[EOS]),
        ("tokenizer.ggml.add_bos_token", BOOL, True),
        ("tokenizer.chat_template", STRING, TEMPLATE.read_text(encoding="utf-8")),
    ]

    def rows(columns):
        """One row of HIDDEN floats a token, zero but for a one in the columns that are given."""
        out = bytearray(4 * HIDDEN * len(columns))
        for row, ones in enumerate(columns):
            for column in ones:
                struct.pack_into("<f", out, 4 * (row * HIDDEN + column), 1.0)
        return bytes(out)

    leads = [[t for t, after in enumerate(follows) if after == row] for row in range(len(tokens))]
    one, square = struct.pack(f"<{HIDDEN}f", *([1.0] * HIDDEN)), bytes(4 * HIDDEN * HIDDEN)
    wide = bytes(4 * HIDDEN * FEED_FORWARD)
    tensors = [("token_embd.weight", (HIDDEN, len(tokens)), rows([[t] for t in range(len(tokens))]))]
    tensors += [(f"blk.0.{name}.weight", (HIDDEN,), one) for name in ("attn_norm", "ffn_norm")]
    tensors += [(f"blk.0.attn_{name}.weight", (HIDDEN, HIDDEN), square) for name in ("q", "k", "v", "output")]
    tensors += [(f"blk.0.ffn_{name}.weight", (HIDDEN, FEED_FORWARD), wide) for name in ("gate", "up")]
    tensors += [("blk.0.ffn_down.weight", (FEED_FORWARD, HIDDEN), wide), ("output_norm.weight", (HIDDEN,), one),
                ("output.weight", (HIDDEN, len(tokens)), rows(leads))]
    return write_gguf(path, metadata, tensors)


if __name__ == "__main__":
    write(sys.argv[1])
