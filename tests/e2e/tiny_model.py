"""Writes tiny random llama GGUF files for the end-to-end tests: an independent writer, standard
library only. The vocabulary is the 256 bytes, one merge and ChatML's three control tokens, so any
text can be tokenized; the rows of the control tokens in the output head are zero, so greedy decoding
never ends a reply by itself."""
import random
import struct

STRING, ARRAY, U32, F32, BOOL, I32 = 8, 9, 4, 6, 7, 5

HIDDEN, HEADS, KV_HEADS, HEAD_DIM, LAYERS, FEED_FORWARD = 32, 4, 2, 8, 2, 64
CHATML = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + "
    "'<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}"
    "{% endif %}"
)


def byte_alphabet():
    """GPT-2's printable stand-ins for the 256 bytes."""
    plain = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    table, extra = {}, 256
    for byte in range(256):
        if byte in plain:
            table[byte] = chr(byte)
        else:
            table[byte] = chr(extra)
            extra += 1
    return table


def text(value):
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def entry(key, kind, value):
    if kind == STRING:
        body = text(value)
    elif kind == U32:
        body = struct.pack("<I", value)
    elif kind == F32:
        body = struct.pack("<f", value)
    elif kind == BOOL:
        body = struct.pack("<?", value)
    else:
        element, values = kind
        packed = b"".join(
            text(v) if element == STRING else struct.pack("<i", v) for v in values
        )
        body = struct.pack("<IQ", element, len(values)) + packed
        kind = ARRAY
    return text(key) + struct.pack("<I", kind) + body


def write(path, context=4096, tokenizer=True, chat=True, seed=1):
    rng = random.Random(seed)
    alphabet = byte_alphabet()
    marks = ["<|im_start|>", "<|im_end|>"] if chat else ["<|begin|>", "<|end|>"]
    tokens = [alphabet[b] for b in range(256)] + ["ab", "<|endoftext|>"] + marks
    vocabulary = len(tokens)
    kinds = [1] * 257 + [3] * 3
    metadata = [
        ("general.architecture", STRING, "llama"),
        ("general.name", STRING, "tiny random llama"),
        ("llama.context_length", U32, context),
        ("llama.embedding_length", U32, HIDDEN),
        ("llama.block_count", U32, LAYERS),
        ("llama.feed_forward_length", U32, FEED_FORWARD),
        ("llama.attention.head_count", U32, HEADS),
        ("llama.attention.head_count_kv", U32, KV_HEADS),
        ("llama.attention.layer_norm_rms_epsilon", F32, 1e-5),
        ("llama.rope.freq_base", F32, 10000.0),
        ("llama.rope.dimension_count", U32, HEAD_DIM),
        ("llama.vocab_size", U32, vocabulary),
    ]
    if tokenizer:
        metadata += [
            ("tokenizer.ggml.model", STRING, "gpt2"),
            ("tokenizer.ggml.pre", STRING, "smollm"),
            ("tokenizer.ggml.tokens", (STRING, tokens), None),
            ("tokenizer.ggml.token_type", (I32, kinds), None),
            ("tokenizer.ggml.merges", (STRING, ["a b"]), None),
            ("tokenizer.ggml.bos_token_id", U32, 258),
            ("tokenizer.ggml.eos_token_id", U32, 259),
            ("tokenizer.ggml.add_bos_token", BOOL, False),
        ]
        if chat:
            metadata.append(("tokenizer.chat_template", STRING, CHATML))

    def noise(count, scale):
        return struct.pack(f"<{count}f", *(rng.gauss(0, scale) for _ in range(count)))

    def ones(count):
        return struct.pack(f"<{count}f", *([1.0] * count))

    head = noise((vocabulary - 3) * HIDDEN, 0.3) + bytes(3 * HIDDEN * 4)
    tensors = [("token_embd.weight", (HIDDEN, vocabulary), noise(HIDDEN * vocabulary, 1.0))]
    for layer in range(LAYERS):
        b = f"blk.{layer}."
        kv = KV_HEADS * HEAD_DIM
        q = HEADS * HEAD_DIM
        tensors += [
            (b + "attn_norm.weight", (HIDDEN,), ones(HIDDEN)),
            (b + "attn_q.weight", (HIDDEN, q), noise(HIDDEN * q, 0.2)),
            (b + "attn_k.weight", (HIDDEN, kv), noise(HIDDEN * kv, 0.2)),
            (b + "attn_v.weight", (HIDDEN, kv), noise(HIDDEN * kv, 0.2)),
            (b + "attn_output.weight", (q, HIDDEN), noise(HIDDEN * q, 0.2)),
            (b + "ffn_norm.weight", (HIDDEN,), ones(HIDDEN)),
            (b + "ffn_gate.weight", (HIDDEN, FEED_FORWARD), noise(HIDDEN * FEED_FORWARD, 0.2)),
            (b + "ffn_up.weight", (HIDDEN, FEED_FORWARD), noise(HIDDEN * FEED_FORWARD, 0.2)),
            (b + "ffn_down.weight", (FEED_FORWARD, HIDDEN), noise(HIDDEN * FEED_FORWARD, 0.2)),
        ]
    tensors += [
        ("output_norm.weight", (HIDDEN,), ones(HIDDEN)),
        ("output.weight", (HIDDEN, vocabulary), head),
    ]

    return write_gguf(path, metadata, tensors)


def write_gguf(path, metadata, tensors):
    """Metadata as (key, kind, value) for entry(); tensors as (name, shape, F32 bytes)."""
    out = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(metadata))
    for key, kind, value in metadata:
        out += entry(key, kind, value)
    offset, data = 0, b""
    for name, shape, raw in tensors:
        out += text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape)
        out += struct.pack("<IQ", 0, offset)
        padding = -len(raw) % 32
        data += raw + bytes(padding)
        offset += len(raw) + padding
    out += bytes(-len(out) % 32)
    with open(path, "wb") as file:
        file.write(out + data)
    return path
