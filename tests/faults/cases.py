"""What tools/faults runs: verbs of heed over tiny data, each in a folder of its own."""

import json
import struct
from dataclasses import dataclass, field


@dataclass
class Case:
    name: str
    words: list                                  # of the command line, paths from the folder
    template: str = ""                           # a folder made by `made`, which the case begins with; empty: data alone
    stdin: str = ""
    threads: int = 1
    run: str = ""                                # the folder of a run that the verb trains
    recipe: str = ""                             # which trains it
    outputs: list = field(default_factory=list)  # files that it writes
    more: dict = field(default_factory=dict)     # files beside the data


def number(n):
    return struct.pack(">I", n)


def images(count):
    values = bytearray()
    for i in range(count):
        pixels = bytearray([200 if i % 2 else 20] * 64)
        pixels[63 - i % 64] = 90
        values += pixels
    labels = bytes(i % 2 for i in range(count))
    return {
        "set-images-idx3-ubyte": number(0x803) + number(count) + number(8) + number(8) + bytes(values),
        "set-labels-idx1-ubyte": number(0x801) + number(count) + labels,
    }


def records(count):
    lines = ["text,height,weight,colour,side"]
    for i in range(count):
        lines.append(f"the word{i % 5} is here.,{i % 7}.5,{i % 4},{'red' if i % 3 else 'blue'},{'left' if i % 2 else 'right'}")
    return "\n".join(lines) + "\n"


def words(count, word):
    return "".join(f"{word}{i % 5} {word} and{i % 3}\n" for i in range(count))


LOOP = """
[train]
epochs = 2
batch = 8
log_every = 1
save_every = 2
keep_checkpoints = 2
ema = 0.8
optimizer = { kind = 'adamw' }
"""

RECIPES = {
    "image.toml": "data = { train = 'set', test = 'set', holdout = 0.2 }\n"
    "encoder = { patch = 4, width = 8, layers = 1, attention = { num_heads = 2 } }\n"
    "input = { kind = 'image' }\nhead = { kind = 'class' }\n" + LOOP,
    "table.toml": "data = { train = ['records.csv'], test = ['records.csv'], holdout = 0.2 }\n"
    "encoder = { width = 8, layers = 1, attention = { num_heads = 2 } }\n"
    "input = { kind = 'table', numbers = ['weight'], categories = ['colour'] }\n"
    "head = { kind = 'number', column = 'height' }\n" + LOOP,
    "text.toml": "data = { train = ['a.txt', 'b.txt'], valid = ['a.txt', 'b.txt'], test = ['a.txt', 'b.txt'] }\n"
    "[input]\nkind = 'parallel'\nsource = { kind = 'bpe', size = 18 }\ntarget = { kind = 'words' }\n"
    "[head]\nkind = 'text'\nencoder_layers = 1\nencoder_attention = { num_heads = 2 }\n"
    "cross_attention = { num_heads = 2 }\nwidth = 8\nhidden = 8\ndecoder_layers = 1\n"
    "decoder_attention = { num_heads = 2 }\n" + LOOP.replace("batch = 8", "batch = 64"),
}

DATA = {
    **RECIPES,
    **images(24),
    "records.csv": records(24),
    "a.txt": words(20, "a"),
    "b.txt": words(20, "b"),
    "p.tsv": "the DET O\nword NOUN B-place\n\nis VERB O\n\n",
    "q.tsv": "the DET O\nword NOUN B-name\n\nis VERB O\n\n",
}


def trained(kind, *more):
    return ["train", f"{kind}.toml", "--out", "model", *more]


# Folders with a model that cases begin with: name -> commands that make it.
TEMPLATES = {
    "image": [trained("image")],
    "table": [trained("table")],
    "text": [trained("text")],
    "stopped": [["train", "image.toml", "--out", "run", "--set", "train.epochs=1"]],
}


def import_files(folder):
    """Another's tensors, and the map to a model of ours, made of the model that stands in the folder."""
    data = (folder / "model/best/model.safetensors").read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + size])
    header.pop("__metadata__")
    theirs = json.dumps({"x/" + name: value for name, value in header.items()}).encode()
    rules = "".join(f'[[tensor]]\nto = "{name}"\nfrom = "x/{name}"\n' for name in header)
    return {
        "theirs.safetensors": struct.pack("<Q", len(theirs)) + theirs + data[8 + size :],
        "map.toml": 'recipe = "theirs.toml"\n' + rules,
        "theirs.toml": (folder / "model/best/recipe.toml").read_text(),
    }


CASES = [
    Case("train image", ["train", "image.toml", "--out", "run", "--json"], run="run", recipe="image.toml"),
    Case("train table", ["train", "table.toml", "--out", "run"], run="run", recipe="table.toml"),
    Case("train text", ["train", "text.toml", "--out", "run"], run="run", recipe="text.toml"),
    Case("train, 2 threads", ["train", "image.toml", "--out", "run"], run="run", recipe="image.toml", threads=2),
    Case("train --resume", ["train", "image.toml", "--out", "run", "--resume"], "stopped", run="run",
         recipe="image.toml"),
    Case("eval image", ["eval", "model", "--output", "out.txt", "--png", "out.png", "--json"], "image",
         outputs=["out.txt", "out.png"]),
    Case("eval text", ["eval", "model", "--output", "out.txt"], "text", outputs=["out.txt"],
         more={"out.txt": "what stood there\n"}),
    Case("predict image", ["predict", "model", "set", "--json"], "image"),
    Case("predict text", ["predict", "model"], "text", stdin="a1 a and1\na2 a and2\n"),
    Case("predict table", ["predict", "model", "records.csv"], "table"),
    Case("map image", ["map", "model", "set:0", "--png", "out.png", "--svg", "out.svg", "--json"], "image",
         outputs=["out.png", "out.svg"]),
    Case("map text", ["map", "model", "a.txt:1", "--png", "out.png"], "text", outputs=["out.png"]),
    Case("explain text", ["explain", "model", "a.txt:1", "--method", "relevance", "--orders", "19", "--png", "out.png"], "text",
         outputs=["out.png"]),
    Case("import", ["import", "map.toml", "theirs.safetensors", "--out", "made"], "table", outputs=["made"]),
    Case("import --force", ["import", "map.toml", "theirs.safetensors", "--out", "made", "--force"], "table",
         outputs=["made"]),
    Case("summary model", ["summary", "model", "--json"], "text"),
    Case("summary recipe", ["summary", "image.toml"]),
    Case("check recipe", ["check", "text.toml"]),
    Case("check model", ["check", "model", "--json"], "image"),
    Case("score texts", ["score", "a.txt", "--reference", "b.txt", "--metric", "bleu,chrf,rouge,exact"]),
    Case("score spans", ["score", "p.tsv", "--reference", "q.tsv", "--metric", "spans"]),
    Case("recipe", ["recipe", "image", "class"]),
    Case("env", ["env", "--json"]),
]

# Without LibTorch: what the small program itself does. The code that each ends with.
STARTS = [(["--version"], 0), (["--help"], 0), (["train", "--help"], 0), (["tain"], 2), (["train"], 2),
          (["eval", "m", "--threads", "x"], 2)]
