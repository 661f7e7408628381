"""Mutants of safetensors files: shapes, dtypes, offsets, names, metadata, bytes."""

import json
import struct

from mutant import Change, checksum

SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
SHAPES = [0, -1, 1, 2, 1 << 31, 1 << 32, 1 << 62, (1 << 63) - 1, 1 << 63, 1 << 64, 1.5, "8", None, [1], True]


class File:
    """A file taken apart; names may stand twice."""

    def __init__(self, data):
        size = struct.unpack("<Q", data[:8])[0]
        header = json.loads(data[8: 8 + size])
        self.metadata = header.pop("__metadata__", {})
        self.entries = [[name, value] for name, value in header.items()]
        self.body = data[8 + size:]

    def part(self, entry):
        begin, end = entry[1]["data_offsets"]
        return self.body[begin:end]

    def lay(self, parts):
        """The bytes of each entry anew, one behind the other."""
        self.body = b"".join(parts)
        end = 0
        for entry, part in zip(self.entries, parts):
            entry[1]["data_offsets"] = [end, end + len(part)]
            end += len(part)

    def drop_checksums(self):
        self.metadata = {key: value for key, value in self.metadata.items() if not key.startswith("xxh3_128")}

    def bytes(self, size=None):
        parts = ['"__metadata__":' + json.dumps(self.metadata)] if self.metadata else []
        parts += [json.dumps(name) + ":" + json.dumps(value) for name, value in self.entries]
        header = ("{" + ",".join(parts) + "}").encode()
        return struct.pack("<Q", len(header) if size is None else size) + header + self.body


def with_checksums(data, files):
    """The tensor file with the checksums of what stands beside it; changed itself it has none of its own."""
    file = File(data)
    for name, value in files.items():
        if "file/" + name in file.metadata:
            file.metadata["file/" + name] = checksum(value)
    file.drop_checksums()
    return file.bytes()


def change_tensors(draw, data):
    file = File(data)
    if draw.random() < 0.85:
        file.drop_checksums()
    kinds = [shape, dtype, offsets, name, drop, more, metadata, numbers, raw, consistent_shape, consistent_dtype, swap]
    found = draw.choice(kinds)(draw, file)
    if len(found) == 2:
        return found
    return file.bytes(), found[0]


def _entry(draw, file):
    entry = draw.choice(file.entries)
    return entry, entry[1]


def shape(draw, file):
    entry, value = _entry(draw, file)
    new = list(value["shape"])
    what = draw.randrange(5)
    if what == 0 and new:
        new[draw.randrange(len(new))] = draw.choice(SHAPES)
    elif what == 1:
        new.append(draw.choice(SHAPES))
    elif what == 2:
        new = new[:-1]
    elif what == 3:
        new = draw.choice([None, 3, "x", {}, [[]], [1 << 62, 4, 0], [1] * 100, [1 << 32, 1 << 32]])
    else:
        new = new[::-1]
    value["shape"] = new
    return [Change(f"{entry[0]}: shape {str(new)[:60]}", [entry[0]])]


def dtype(draw, file):
    entry, value = _entry(draw, file)
    value["dtype"] = draw.choice([*SIZES, "F8_E4M3", "f32", "", None, 3, "C64", "F32\0", ["F32"]])
    return [Change(f"{entry[0]}: dtype {value['dtype']!r}", [entry[0]])]


def offsets(draw, file):
    entry, value = _entry(draw, file)
    begin, end = value["data_offsets"]
    new = draw.choice([[end, begin], [begin, begin], [begin + 1, end + 1], [begin - 4, end], [begin, end + 4], [-1, end],
                       [begin, 1 << 63], [begin, (1 << 64) - 1], [(1 << 64) - 4, end], [begin], [begin, end, end], [], None,
                       "0", [0.5, end], [str(begin), end], {"begin": begin}, [0, len(file.body)], [len(file.body)] * 2])
    changed = new != value["data_offsets"]
    value["data_offsets"] = new
    return [Change(f"{entry[0]}: offsets {new}", [entry[0]], changed)]


def name(draw, file):
    entry, _ = _entry(draw, file)
    old = entry[0]
    entry[0] = draw.choice([old + "s", "", "x" * 3000, old + "\0", "\x1b[31m" + old, draw.choice(file.entries)[0], "../" + old,
                            "__metadata__", "\ud800", old.upper(), old + "\n"])
    return [Change(f"{old} as {entry[0][:40]!r}", [old, entry[0][:40]], entry[0] != old)]


def drop(draw, file):
    count = draw.choice([1, 1, 2, len(file.entries)])
    gone = draw.sample(file.entries, min(count, len(file.entries)))
    kept = [entry for entry in file.entries if entry not in gone]
    parts = [file.part(entry) for entry in kept]
    file.entries = kept
    if draw.random() < 0.8:
        file.lay(parts)
    return [Change("without " + ", ".join(entry[0] for entry in gone[:3]), [entry[0] for entry in gone], True)]


def more(draw, file):
    parts = [file.part(entry) for entry in file.entries]
    fresh = draw.choice(["more", file.entries[0][0] + ".x", "encoder.blocks.99.norm.weight", ""])
    file.entries.append([fresh, {"dtype": "F32", "shape": [2], "data_offsets": [0, 0]}])
    file.lay([*parts, b"\0" * 8])
    return [Change(f"also {fresh!r}", [fresh] if fresh else ['""'], True)]


def metadata(draw, file):
    what = draw.randrange(6)
    keys = sorted(file.metadata)
    own = any(key.startswith("file/") for key in keys)
    if what == 0 and keys:
        key = draw.choice(keys)
        file.metadata.pop(key)
        return [Change(f"metadata without {key}", [key, key.split("/")[-1]])]
    if what == 1 and keys:
        key = draw.choice(keys)
        file.metadata[key] = draw.choice(["", "0" * 32, 3, None, {}, "x" * 100000])
        return [Change(f"metadata {key}: {str(file.metadata[key])[:20]}", [key, key.split("/")[-1]], own)]
    key = draw.choice(["file/../../etc/passwd", "file/", "file/.", "file//", "file/gone", "xxh3_128", "xxh3_128/gone", "format",
                       "file/\0", "file/a\nb"])
    file.metadata[key] = "pt"
    return [Change(f"metadata also {key!r}", [key, key.split("/")[-1]], own and key != "format")]


def numbers(draw, file):
    entry, value = _entry(draw, file)
    begin, end = value["data_offsets"]
    if value["dtype"] != "F32" or end <= begin:
        return raw(draw, file)
    new = draw.choice([float("nan"), float("inf"), -float("inf"), 3e38, -3e38, 1e-40, 0.0])
    everywhere = draw.random() < 0.5
    packed = struct.pack("<f", new)
    at = begin + 4 * draw.randrange((end - begin) // 4)
    file.body = (file.body[:begin] + packed * ((end - begin) // 4) + file.body[end:] if everywhere
                 else file.body[:at] + packed + file.body[at + 4:])
    return [Change(f"{entry[0]}: {'all' if everywhere else 'one'} {new}", [entry[0]])]


def raw(draw, file):
    whole = file.bytes()
    size = struct.unpack("<Q", whole[:8])[0]
    at = draw.randrange(8 + size)
    new = draw.choice([whole[: draw.randrange(len(whole))], whole + b"\0" * 4, b"", whole[:8], b"\0" * 8,
                       whole[:at] + bytes([draw.randrange(256)]) + whole[at + 1:], whole[:at] + whole[at + 1:],
                       file.bytes(size=draw.choice([0, 1, 2, size - 1, size + 1, 1 << 32, (1 << 64) - 1, 100_000_000])),
                       struct.pack("<Q", 200_000) + b"{" + b'"a":{' * 30_000 + b" " * 100_000, b"PK\3\4" + whole, b"GGUF" + whole])
    return new, Change(f"bytes of {len(new)}, at {at}", [])


def consistent_shape(draw, file):
    """A whole tensor of another shape, its bytes with it."""
    entry, value = _entry(draw, file)
    new = [draw.choice([0, 1, 2, 3, size, size + 1, 2 * size, 100]) for size in value["shape"]] + draw.choice([[], [], [1]])
    count = SIZES[value["dtype"]]
    for size in new:
        count *= size
    parts = [file.part(one) for one in file.entries]
    changed = new != value["shape"]
    value["shape"] = new
    parts[file.entries.index(entry)] = b"\0" * count
    file.lay(parts)
    return [Change(f"{entry[0]} of shape {new}", [entry[0]], changed)]


def consistent_dtype(draw, file):
    entry, value = _entry(draw, file)
    parts = [file.part(one) for one in file.entries]
    count = len(parts[file.entries.index(entry)]) // SIZES[value["dtype"]]
    value["dtype"] = draw.choice(sorted(SIZES))
    parts[file.entries.index(entry)] = b"\1" * (count * SIZES[value["dtype"]])
    file.lay(parts)
    return [Change(f"{entry[0]} of dtype {value['dtype']}", [entry[0]])]


def swap(draw, file):
    one, other = draw.choice(file.entries), draw.choice(file.entries)
    one[0], other[0] = other[0], one[0]
    same = one[1]["shape"] == other[1]["shape"] and one[1]["dtype"] == other[1]["dtype"]
    return [Change(f"{one[0]} and {other[0]} swapped", [one[0], other[0]], not same)]
