"""A tiny GGUF file, a llama, and mutants of it."""

import random
import struct

from mutant import Change

U8, I8, U16, I16, U32, I32, F32, BOOL, TEXT, ARRAY, U64, I64, F64 = range(13)
PACKED = {U8: "B", I8: "b", U16: "H", I16: "h", U32: "I", I32: "i", F32: "f", BOOL: "B", U64: "Q", I64: "q", F64: "d"}
TOKENS = ["<s>", "</s>", "a", "b", "ab", "\u0120a", "\u0120"]
WIDTH, HEADS, KEY_HEADS, HEAD_WIDTH, HIDDEN = 8, 2, 1, 4, 12


def pairs():
    return [
        ("general.architecture", TEXT, "llama"), ("llama.block_count", U32, 1), ("llama.context_length", U32, 64),
        ("llama.embedding_length", U32, WIDTH), ("llama.feed_forward_length", U32, HIDDEN),
        ("llama.attention.head_count", U32, HEADS), ("llama.attention.head_count_kv", U32, KEY_HEADS),
        ("llama.rope.dimension_count", U32, HEAD_WIDTH), ("llama.rope.freq_base", F32, 50000.0),
        ("llama.attention.layer_norm_rms_epsilon", F32, 0.001), ("tokenizer.ggml.model", TEXT, "gpt2"),
        ("tokenizer.ggml.pre", TEXT, "gpt-2"), ("tokenizer.ggml.tokens", ARRAY, (TEXT, TOKENS)),
        ("tokenizer.ggml.merges", ARRAY, (TEXT, ["a b", "\u0120 a"])),
        ("tokenizer.ggml.token_type", ARRAY, (I32, [3, 3, 1, 1, 1, 1, 1])), ("tokenizer.ggml.bos_token_id", U32, 0),
        ("tokenizer.ggml.eos_token_id", U32, 1)]


def tensors():
    """(name, sizes with the innermost first, kind, bytes)"""
    sizes = {"token_embd.weight": [WIDTH, len(TOKENS)], "output_norm.weight": [WIDTH], "output.weight": [WIDTH, len(TOKENS)],
             "blk.0.attn_norm.weight": [WIDTH], "blk.0.ffn_norm.weight": [WIDTH],
             "blk.0.attn_q.weight": [WIDTH, HEADS * HEAD_WIDTH], "blk.0.attn_k.weight": [WIDTH, KEY_HEADS * HEAD_WIDTH],
             "blk.0.attn_v.weight": [WIDTH, KEY_HEADS * HEAD_WIDTH], "blk.0.attn_output.weight": [HEADS * HEAD_WIDTH, WIDTH],
             "blk.0.ffn_gate.weight": [WIDTH, HIDDEN], "blk.0.ffn_up.weight": [WIDTH, HIDDEN],
             "blk.0.ffn_down.weight": [HIDDEN, WIDTH]}
    draw = random.Random(3)
    found = []
    for name, size in sizes.items():
        count = size[0] * (size[1] if len(size) > 1 else 1)
        found.append([name, size, 0, struct.pack(f"<{count}f", *(draw.gauss(0, 1) for _ in range(count)))])
    return found


def text(value):
    data = value.encode("utf-8", "surrogateescape")
    return struct.pack("<Q", len(data)) + data


def packed(kind, value):
    if kind == TEXT:
        return text(value)
    if kind == ARRAY:
        inner, values = value
        return struct.pack("<IQ", inner, len(values)) + b"".join(packed(inner, one) for one in values)
    return struct.pack("<" + PACKED[kind], value)


def file_of(keys, parts, tensor_count=None, pair_count=None, version=3, offsets=None):
    data = b"GGUF" + struct.pack("<IQQ", version, len(parts) if tensor_count is None else tensor_count,
                                 len(keys) if pair_count is None else pair_count)
    for name, kind, value in keys:
        data += text(name) + struct.pack("<I", kind) + (value if isinstance(value, bytes) else packed(kind, value))
    offset = 0
    for i, (name, sizes, kind, body) in enumerate(parts):
        data += text(name) + struct.pack("<I", len(sizes)) + b"".join(struct.pack("<Q", size) for size in sizes)
        data += struct.pack("<IQ", kind, offset if not offsets or i not in offsets else offsets[i])
        offset += -(-len(body) // 32) * 32
    for _, _, _, body in parts:
        data += b"\0" * (-len(data) % 32) + body
    return data


def change_gguf(draw, data):
    keys, parts = pairs(), tensors()
    more = {}
    change = draw.choice([change_value, change_value, change_kind, change_key, change_counts, change_tensor, change_tensor, change_raw])
    found = change(draw, keys, parts, more, data)
    if isinstance(found, tuple):
        return found
    return file_of(keys, parts, **more), found


def change_value(draw, keys, parts, more, data):
    i = draw.randrange(len(keys))
    name, kind, value = keys[i]
    if kind == ARRAY:
        inner, values = value[0], list(value[1])
        at = draw.randrange(len(values))
        what = draw.randrange(4)
        if what == 0:
            values.pop(at)
        elif what == 1:
            values += values[at:at + 1] * draw.choice([1, 3, 5000])
        elif what == 2:
            values = []
        else:
            values[at] = draw.choice(["", "a", "a b c", "\0", "x" * 3000, "\udcff"]) if inner == TEXT else draw.choice([0, -1, 7, 1 << 30])
        new = (inner, values)
    elif kind == TEXT:
        new = draw.choice(["", "x", "gemma3", "qwen2", "bert", "\0", "\udcff", "spm", "llama", "x" * 3000])
    elif kind == F32:
        new = draw.choice([0.0, -1.0, float("nan"), float("inf"), 1e-45, 3e38])
    else:
        new = draw.choice([0, 1, 2, 3, 5, 64, 1 << 16, (1 << 31) - 1, 1 << 31, (1 << 32) - 1])
    keys[i] = (name, kind, new)
    return Change(f"{name} = {str(new)[:40]!r}", [name])


def change_kind(draw, keys, parts, more, data):
    i = draw.randrange(len(keys))
    name = keys[i][0]
    kind = draw.choice([*range(14), 255, 1 << 31])
    value = draw.choice([b"", b"\0" * 8, b"\xff" * 8, struct.pack("<IQ", U32, 1 << 40), struct.pack("<IQ", ARRAY, 1) * 2000, text("x"),
                         struct.pack("<IQ", TEXT, (1 << 64) - 1), struct.pack("<Q", 1 << 63)])
    keys[i] = (name, kind, value)
    return Change(f"{name} of type {kind}", [name])


def change_key(draw, keys, parts, more, data):
    i = draw.randrange(len(keys))
    name = keys[i][0]
    what = draw.randrange(4)
    if what == 0:
        keys.pop(i)
        return Change(f"without {name}", [name])
    if what == 1:
        keys.insert(i, keys[draw.randrange(len(keys))])
        return Change(f"{keys[i][0]} twice", [keys[i][0]], True)
    new = draw.choice([name + "s", "", "\0", "llama.expert_count", "general.alignment", "x" * 70000, "split.count",
                       "llama.rope.scaling.type", "tokenizer.ggml.add_bos_token"])
    if what == 2:
        keys[i] = (new, keys[i][1], keys[i][2])
        return Change(f"{name} as {new[:30]!r}", [name, new[:30]])
    keys.append((new, U32, draw.choice([0, 1, 3, 32, 1 << 31])))
    return Change(f"also {new[:30]!r}", [new[:30]])


def change_counts(draw, keys, parts, more, data):
    which = draw.choice(["tensor_count", "pair_count", "version"])
    more[which] = draw.choice([0, 1, 2, 4, 1000, (1 << 32) - 1] + ([1 << 40, (1 << 64) - 1] if which != "version" else []))
    return Change(f"{which} {more[which]}", [])


def change_tensor(draw, keys, parts, more, data):
    i = draw.randrange(len(parts))
    name, sizes, kind, body = parts[i]
    what = draw.randrange(7)
    if what == 0:
        parts.pop(i)
        return Change(f"without {name}", [name])
    if what == 1:
        parts.insert(i, parts[draw.randrange(len(parts))])
        return Change(f"{parts[i][0]} twice", [parts[i][0]], True)
    if what == 2:
        sizes = list(sizes)
        sizes[draw.randrange(len(sizes))] = draw.choice([0, 1, 3, 31, 33, 1 << 31, 1 << 62, (1 << 64) - 1])
    elif what == 3:
        sizes = draw.choice([[], [1] * 5, sizes[::-1], [*sizes, 1], [1 << 32, 1 << 32]])
    elif what == 4:
        kind = draw.choice([*range(40), 1 << 31])
    elif what == 5:
        more["offsets"] = {i: draw.choice([1, 32, 1 << 31, (1 << 64) - 32, 1 << 63])}
    else:
        parts[i] = [draw.choice(["", "x", name + "s", "\udcff", "x" * 3000, "blk.1.attn_q.weight"]), sizes, kind, body]
        return Change(f"{name} as {parts[i][0][:30]!r}", [name, parts[i][0][:30]], True)
    parts[i] = [name, sizes, kind, body]
    return Change(f"{name}: sizes {sizes}, kind {kind}, offsets {more}", [name])


def change_raw(draw, keys, parts, more, data):
    at = draw.randrange(len(data))
    what, new = draw.choice([("cut", data[:at]), ("a byte else", data[:at] + bytes([draw.randrange(256)]) + data[at + 1:]),
                             ("a byte gone", data[:at] + data[at + 1:]), ("behind", data + b"x" * 40), ("empty", b""), ("magic", b"FUGG" + data[4:])])
    return new, Change(f"{what}, {at}", [])
