"""Mutants of the files beside a model's tensors: JSON, lists of pieces, bytes."""

import json

from mutant import Change

VALUES = [None, True, False, 0, 1, -1, 2, 3, 0.5, -0.5, 1e300, -1e300, 1e-300, 1 << 31, 1 << 32, (1 << 62), (1 << 63) - 1, -(1 << 63),
          1 << 64, "", "x", " ", "\0", "\x1b[31m", "\u00e9\U0001F600", "x" * 5000, [], [1], ["a"], ["a", "a"], [[]], {}, {"a": 1},
          [None], float("nan"), float("inf"), 100000, 16777217, "gelu", "absolute", "BPE", "WordPiece"]


def places(value, path=()):
    """The path of everything within a document; of long lists and tables a few."""
    yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    inside = list(inside)
    for key, more in inside if len(inside) <= 60 else [*inside[:20], *inside[-5:], inside[len(inside) // 2]]:
        yield from places(more, (*path, key))


def shown(path):
    return ".".join(map(str, path)) or "the whole"


def change_json(draw, data):
    """(bytes, Change)"""
    if draw.random() < 0.12:
        return change_bytes(draw, data)
    document = json.loads(data)
    total = Change()
    for _ in range(draw.choices((1, 2), (85, 15))[0]):
        document, one = change_place(draw, document)
        total.add(one)
    text = json.dumps(document, ensure_ascii=draw.random() < 0.5)
    if draw.random() < 0.04:
        text = "\ufeff" + text
    return text.encode("utf-8", "surrogateescape"), total


def change_place(draw, document):
    path = draw.choice(list(places(document)))
    if not path:
        new = draw.choice(VALUES)
        return new, Change(f"the whole is {str(new)[:30]!r}", [])
    parent = document
    for key in path[:-1]:
        parent = parent[key]
    last, names = path[-1], [str(key) for key in path if isinstance(key, str) and key]
    kind = draw.random()
    if kind < 0.5:
        parent[last] = draw.choice(VALUES)
        return document, Change(f"{shown(path)} is {str(parent[last])[:30]!r}", names)
    if kind < 0.65:
        parent.pop(last)
        return document, Change(f"without {shown(path)}", names)
    if kind < 0.75:
        other = draw.choice(list(places(document)))
        value = document
        for key in other:
            value = value[key]
        parent[last] = json.loads(json.dumps(value))
        return document, Change(f"{shown(path)} is {shown(other)}", names)
    if isinstance(parent, dict):
        new = draw.choice([str(last) + "s", str(last).upper(), "", "x", str(last) + "\0"])
        value = parent.pop(last)
        parent[new] = value
        return document, Change(f"{shown(path)} as {new!r}", [*names, new or '""'])
    what = draw.randrange(4)
    if what == 0:
        parent.insert(last, parent[last])
    elif what == 1:
        parent.reverse()
    elif what == 2:
        parent.extend([parent[last]] * draw.choice([1, 5, 1000]))
    else:
        del parent[last:]
    return document, Change(f"the list of {shown(path)} {('doubles', 'turns', 'grows', 'is cut')[what]}", names)


def change_bytes(draw, data):
    at = draw.randrange(len(data) + 1)
    what, new = draw.choice([
        ("cut", data[:at]), ("empty", b""), ("a byte else", data[:at] + bytes([draw.randrange(256)]) + data[at + 1:]),
        ("a byte gone", data[:at] + data[at + 1:]), ("a NUL", data[:at] + b"\0" + data[at:]),
        ("no UTF-8", data[:at] + b"\xff" + data[at:]), ("bytes behind", data + b"\n{}"), ("doubled", data + data),
        ("depth", b"[" * 200_000), ("depth of tables", b'{"a":' * 100_000), ("a piece twice", data[:at] + data[max(0, at - 30):]),
        ("zeros", b"\0" * len(data)), ("a cyclic pattern", bytes(i * 7 % 256 for i in range(len(data))))])
    return new, Change(f"{what}, {at}", [])


def change_lines(draw, data):
    """A file of lines: pieces of a vocabulary."""
    if draw.random() < 0.3:
        return change_bytes(draw, data)
    lines = data.split(b"\n")
    at = draw.randrange(len(lines))
    line = lines[at]
    what, new = draw.choice([
        ("gone", []), ("twice", [line, line]), ("empty", [b""]), ("blank", [b" "]), ("longer", [line + b"x"]),
        ("tabs", [b"\t".join([line, b"1", b"2"])]), ("a NUL", [line + b"\0"]), ("no UTF-8", [b"\xff"]), ("huge", [b"x" * 100_000]),
        ("another", [draw.choice(lines)]), ("a number", [b"99999999999999999999"]), ("CR", [line + b"\r"]), ("many", [b"p%d" % i for i in range(5000)])])
    return b"\n".join(lines[:at] + new + lines[at + 1:]), Change(f"line {at + 1} {what}", [])


def change_file(draw, name, data):
    if name.endswith(".json"):
        return change_json(draw, data)
    try:
        data.decode()
    except UnicodeDecodeError:
        return change_bytes(draw, data)
    return change_lines(draw, data)
