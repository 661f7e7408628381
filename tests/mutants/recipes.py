"""Mutants of recipes: their lines dropped, doubled, moved, renamed, their values of another type or size, other words."""

import re

from mutant import Change

NUMBERS = ["0", "-1", "1", "2", "3", "7", "0.5", "1.5", "-0.0", "1e300", "-1e300", "1e-300", "nan", "inf", "-inf", "1e10",
           "100000", "16777217", "2147483647", "2147483648", "4294967296", "4611686018427387904", "9223372036854775807",
           "-9223372036854775808", "9223372036854775808", "1e19", "0x10", "1_0", "00", "1."]
OTHERS = ["true", "false", "''", "'x'", "' '", "[]", "[1, 2]", "['a']", "['a', 'a']", "[1, 'a']", "[[]]", "{}",
          "{ kind = 'x' }", "{ kind = 1 }", "1979-05-27T07:32:00Z", "07:32:00", "'\\n'", '"\\n"', '"\\u0000"', '"\\u001b[31m"',
          '"\\ud800"', '"\u00e9\U0001F600"', "'''\na\n'''", "'" + "x" * 5000 + "'", "'/'", "'..'", "'/dev/null'", "'-'",
          "[" * 3000 + "]" * 3000, "[" + "0, " * 2000 + "]", "{ a = { a = { a = 1 } } }", "", "=", "nul"]
LINE = re.compile(r"^([\w.-]+)\s*=\s*(.*?)(?:\s+#\s(.*))?$")
HEADER = re.compile(r"^\[+([\w.]+)\]+")


def words_of(texts):
    """The words of the field: what stands in quotes or in a comment's list."""
    found = set()
    for text in texts:
        found.update(re.findall(r"'([a-z_0-9.]{2,20})'", text.replace('"', "'")))
        for inside in re.findall(r"\(([a-z_0-9, ]+)\)$", text, re.M):
            found.update(inside.split(", "))
    return sorted(found | {"linear", "rope(10000)", "alibi", "causal", "window(3)", "sparsemax", "learned(8)", "entmax(1.5)",
                           "random_blocks(2, 1)", "softcap(0)", "general", "additive(8)", "relative(4)", "adaptive_span(4)"})


class Recipes:
    """Changes of recipes, of which `texts` are the unchanged ones by name."""

    def __init__(self, texts):
        self.texts = texts
        self.words = words_of(texts.values())
        self.lines = sorted({line for text in texts.values() for line in text.splitlines() if LINE.match(line)})
        self.sections = {name: sections_of(text) for name, text in texts.items()}

    def change(self, draw, text):
        lines = text.splitlines()
        total = Change()
        for _ in range(draw.choices((1, 2, 3), (70, 20, 10))[0]):
            kind, weight = zip(*self.KINDS)
            lines, one = draw.choices(kind, weight)[0](self, draw, lines)
            total.add(one)
        return "\n".join(lines) + "\n", total

    def key(self, draw, lines):
        places = [i for i, line in enumerate(lines) if LINE.match(line)]
        if not places:
            return None
        place = draw.choice(places)
        key, value, comment = LINE.match(lines[place]).groups()
        return place, key, value, comment or ""

    def value(self, draw, lines):
        """Another value, of any type."""
        found = self.key(draw, lines)
        if not found:
            return lines, Change("nothing to change")
        place, key, old, comment = found
        if old.startswith("{") and draw.random() < 0.6:
            return self.inside(draw, lines, place, key, old)
        kind = draw.random()
        if kind < 0.45 and (new := alike(draw, old, comment)):
            pass
        elif kind < 0.6:
            new = draw.choice(NUMBERS)
        elif kind < 0.8:
            near = re.findall(r"\b[a-z_0-9]{2,16}\b", comment)
            new = "'" + draw.choice(near if near and draw.random() < 0.6 else self.words) + "'"
        elif kind < 0.88:
            new = LINE.match(draw.choice(self.lines)).group(2)
        else:
            new = draw.choice(OTHERS)
        return put(lines, place, f"{key} = {new}"), Change(f"{key} = {new[:60]}", [key, new.strip("'\"")[:20]])

    def inside(self, draw, lines, place, key, old):
        """A value within an inline table."""
        parts = list(re.finditer(r"(\w+) = ('[^']*'|[\d.e+-]+|\[\]|true|false)", old))
        if not parts:
            return lines, Change("nothing to change")
        part = draw.choice(parts)
        new = draw.choice(["'" + draw.choice(self.words) + "'", draw.choice(NUMBERS), draw.choice(OTHERS),
                           "['" + draw.choice(self.words) + "']"])
        changed = old[: part.start(2)] + new + old[part.end(2):]
        return (put(lines, place, f"{key} = {changed}"),
                Change(f"{key}.{part[1]} = {new[:60]}", [key, part[1], new.strip("'\"[]")[:20]]))

    def drop(self, draw, lines):
        found = self.key(draw, lines)
        if not found:
            return lines, Change("nothing to drop")
        return lines[: found[0]] + lines[found[0] + 1:], Change(f"without {found[1]}", [found[1]])

    def double(self, draw, lines):
        found = self.key(draw, lines)
        if not found:
            return lines, Change("nothing to double")
        return lines[: found[0]] + [lines[found[0]]] + lines[found[0]:], Change(f"{found[1]} twice", [found[1]], True)

    def rename(self, draw, lines):
        found = self.key(draw, lines)
        if not found:
            return lines, Change("nothing to rename")
        place, key, value, _ = found
        new = draw.choice([key + "s", key[:-1], key.upper(), key + "_", "x", '"' + key + ' "', key + ".x", '""'])
        return put(lines, place, f"{new} = {value}"), Change(f"{key} as {new}", [key, new], bool(new) and key[:-1] != new)

    def another(self, draw, lines):
        """A line of another recipe, anywhere."""
        line = draw.choice(self.lines)
        at = draw.randrange(len(lines) + 1)
        return lines[:at] + [line] + lines[at:], Change(f"line {at + 1}: {line[:40]}", [LINE.match(line).group(1)])

    def move(self, draw, lines):
        found = self.key(draw, lines)
        if not found:
            return lines, Change("nothing to move")
        rest = lines[: found[0]] + lines[found[0] + 1:]
        at = draw.randrange(len(rest) + 1)
        return rest[:at] + [lines[found[0]]] + rest[at:], Change(f"{found[1]} at line {at + 1}", [found[1]])

    def section(self, draw, lines):
        """A section dropped, doubled, renamed, or another recipe's."""
        heads = [i for i, line in enumerate(lines) if HEADER.match(line)]
        if not heads:
            return lines, Change("no section")
        begin = draw.choice(heads)
        end = next((i for i in heads if i > begin), len(lines))
        name = HEADER.match(lines[begin]).group(1)
        what = draw.randrange(6)
        if what == 0:
            return lines[:begin] + lines[end:], Change(f"without [{name}]", [name, name.split(".")[-1]])
        if what == 1:
            return (lines[:end] + lines[begin:end] + lines[end:],
                    Change(f"[{name}] twice", [name], lines[begin].startswith(f"[{name}")))
        if what == 2:
            new = draw.choice([name + "s", name.split(".")[0], "x", "input", "head", "encoder", "train", "data", name + ".x",
                               name.upper(), "encoder.pool", "train.optimizer", "head.generate"])
            return put(lines, begin, f"[{new}]"), Change(f"[{name}] as [{new}]", [name, new, new.split(".")[-1]])
        if what == 3:
            new = lines[begin].split("]")[0].strip("[")
            shown = f"[{new}]" if lines[begin].startswith("[[") else f"[[{new}]]"
            return put(lines, begin, shown), Change(f"{shown}", [name, name.split(".")[-1]])
        donor = self.sections[draw.choice(sorted(self.sections))]
        wanted = name if name in donor and what == 4 else draw.choice(sorted(donor))
        return (lines[:begin] + donor[wanted] + lines[end:], Change(f"another's [{wanted}] for [{name}]", [wanted, name]))

    def raw(self, draw, lines):
        """Bytes that no recipe has."""
        text = "\n".join(lines)
        at = draw.randrange(len(text) + 1)
        what, new, refuse = draw.choice([
            ("a NUL", text[:at] + "\0" + text[at:], True), ("no UTF-8", text[:at] + "\udcff" + text[at:], True),
            ("a byte order mark", "\ufeff" + text, False), ("CR LF", text.replace("\n", "\r\n"), False),
            ("cut", text[:at], False), ("empty", "", False), ("blanks", " \n\t\n", False), ("a bracket", text[:at] + "]" + text[at:], False),
            ("a quote", text[:at] + '"' + text[at:], False), ("an escape", text[:at] + "\x1b" + text[at:], True),
            ("a comment of a MiB", "# " + "x" * (1 << 20) + "\n" + text, False)])
        return new.split("\n"), Change(f"{what} at {at}", [], refuse)

    KINDS = [(value, 55), (drop, 6), (double, 4), (rename, 6), (another, 8), (move, 6), (section, 10), (raw, 5)]


def alike(draw, old, comment):
    """Another value of the same type, near the old one; empty where there is none."""
    if old in ("true", "false"):
        return "false" if old == "true" else "true"
    if re.fullmatch(r"-?\d+", old):
        return str(draw.choice([int(old) + 1, int(old) - 1, int(old) * 2, 3, 4, 5, 16]))
    if re.fullmatch(r"-?[\d.e+-]+", old):
        return str(draw.choice([float(old) / 2, float(old) + 0.1, float(old) * 10, 0.9, 0.999999]))
    near = re.findall(r"\b[a-z_0-9]{2,16}\b", comment)
    return "'" + draw.choice(near) + "'" if near and old[:1] in "'\"" else ""


def put(lines, place, line):
    return lines[:place] + [line] + lines[place + 1:]


def sections_of(text):
    """Name of a section -> its lines."""
    found, name = {}, None
    for line in text.splitlines():
        head = HEADER.match(line)
        if head:
            name = head.group(1)
            found.setdefault(name, [])
        if name:
            found[name].append(line)
    return found
