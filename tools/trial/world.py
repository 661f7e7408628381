"""Small data of every kind, a recipe for each cell of the grid, and the models that they train."""

import json
import math
import struct
import subprocess
import zlib
from pathlib import Path

ENCODER = "encoder.width = 8\nencoder.layers = 1\nencoder.attention = { num_heads = 2 }\n"
PATCHES = "encoder.patch = 4\nencoder.stride = 4\n"
TEXT = "input = { kind = 'text', column = 'text', tokenizer = { kind = 'words' } }\n"
SEQUENCES = "width = 8\nhidden = 8\ndecoder_layers = 1\ndecoder_attention = { num_heads = 2 }\n"

TRANSLATORS = ("gru", "translation")

# Cell: the file of its data, and its recipe without data.train.
CELLS = {
    "asked": ("asked.csv", ENCODER +
              "[[input]]\nname = 'photo'\nkind = 'image'\nsize = [8, 8]\n"
              "[[input]]\nname = 'question'\nkind = 'text'\ncolumn = 'question'\ntokenizer = { kind = 'words' }\n"
              "[encoder.inputs.photo]\npatch = 4\nwidth = 8\nlayers = 1\nattention = { num_heads = 2 }\n"
              "[encoder.inputs.question]\nwidth = 8\nlayers = 0\n[head]\nkind = 'class'\ncolumn = 'answer'\n"),
    "anomaly": ("rows.csv", ENCODER + PATCHES +
                "input = { kind = 'series', time = 'date', look_back = 8, horizon = 1 }\n"
                "head = { kind = 'anomaly', window = 60, recent = 3 }\n"),
    "boxes": ("boxes.csv", "encoder = { patch = 4, width = 8, layers = 1, attention = { num_heads = 2 } }\n"
              "input = { kind = 'image', size = [8, 8] }\nhead = { kind = 'boxes', convolutions = 1 }\n"),
    "captions": ("captions.csv", "encoder = { patch = 4, width = 8, layers = 1, attention = { num_heads = 2 } }\n"
                 "input = { kind = 'image', size = [8, 8] }\n[head]\nkind = 'text'\ncolumn = 'caption'\nreferences = 'image'\n"
                 "from_encoder = true\nencoder_layers = 0\ncross_attention = { num_heads = 2 }\ntokenizer = { kind = 'words' }\n"
                 "generate = { max_length = 4 }\nmetric = { kind = 'cider' }\n" + SEQUENCES),
    "cepstra": ("cepstra.csv", ENCODER +
                "input = { kind = 'audio', features = 'file', file = { coefficients = 3 }, deltas = 1, standardize = true }\n"
                "encoder.subsampling = 1\nhead = { kind = 'transcript', tokenizer = { kind = 'characters' } }\n"),
    "class": ("records.csv", TEXT + ENCODER + "head = { kind = 'class', column = 'side' }\n"),
    "clips": ("clips.csv", "input = { kind = 'video', size = [8, 8], frames = 2, augment = { flip = true } }\n"
              "encoder = { kind = 'video', patch = 4, width = 8, layers = 1, attention = { num_heads = 2 }, "
              "time_attention = { num_heads = 2 } }\nhead = { kind = 'class', column = 'moves' }\n"),
    "corpus": ("corpus.txt", "[input]\nkind = 'corpus'\ncontext = 8\ntokenizer = { kind = 'characters' }\n"
               "[head]\nkind = 'text'\npreset = 'gpt'\ngenerate = { max_length = 12 }\n" + SEQUENCES),
    "document": ("records.csv", ENCODER +
                 "input = { kind = 'document', column = 'text', tokenizer = { kind = 'words' } }\n"
                 "encoder.pool = { num_heads = 2 }\nhead = { kind = 'class', column = 'side' }\n"),
    "drawn": ("set", "input = { kind = 'image' }\nencoder = { kind = 'none' }\n[head]\nkind = 'image'\nlevels = 2\npatch = [2, 2]\n"
              "quantize = 'stochastic'\nlookback = [1, 3]\n" + SEQUENCES),
    "embedding": ("records.csv", ENCODER +
                  "input = { kind = 'text', column = 'text', pair = 'pair', tokenizer = { kind = 'words' } }\n"
                  "head = { kind = 'embedding' }\n"),
    "forecast": ("rows.csv", ENCODER + PATCHES +
                 "input = { kind = 'series', time = 'date', look_back = 8, horizon = 2 }\n"
                 "head = { kind = 'forecast', period = 4 }\n"),
    "image": ("set", "encoder = { patch = 4, width = 8, layers = 1, attention = { num_heads = 2 } }\n"
              "input = { kind = 'image' }\nhead = { kind = 'class' }\n"),
    "gru": ("a", "[input]\nkind = 'parallel'\nshare_vocabulary = true\nsource = { kind = 'bpe', size = 13 }\n"
            "[head]\nkind = 'text'\nmodel = 'recurrent'\nattention_type = 'bahdanau'\nwidth = 8\nembedding = 8\n"
            "generate = { max_length = 12 }\n"),
    "items": ("events.csv",
              "input = { kind = 'items', user = 'user', item = 'item', time = 'time', max_length = 4 }\n"
              "encoder = { width = 8, layers = 1 }\nhead = { kind = 'ranking', k = 1 }\n"),
    "labels": ("records.csv", TEXT + ENCODER + "head = { kind = 'labels', column = 'labels' }\n"),
    "masked": ("records.csv", TEXT + ENCODER + "head = { kind = 'masked' }\n"),
    "number": ("records.csv", ENCODER +
               "input = { kind = 'table', numbers = ['weight'], categories = ['colour'] }\n"
               "head = { kind = 'number', column = 'height' }\n"),
    "pixels": ("masks.csv", "encoder = { kind = 'unet', width = 8, levels = 1, layers = 1, attention = { num_heads = 2 } }\n"
               "input = { kind = 'image', size = [8, 8] }\nhead = { kind = 'pixels', values = 'classes' }\n"),
    "several": ("records.csv", ENCODER +
                "[[input]]\nname = 'words'\nkind = 'text'\ncolumn = 'text'\ntokenizer = { kind = 'characters' }\n"
                "[[input]]\nname = 'row'\nkind = 'table'\nnumbers = ['weight']\n"
                "[encoder.inputs.words]\nwidth = 8\nlayers = 1\nattention = { num_heads = 2 }\n"
                "[encoder.inputs.row]\nwidth = 8\nlayers = 1\nattention = { num_heads = 2 }\n"
                "[[head]]\nname = 'side'\nkind = 'class'\ncolumn = 'side'\nweight = 2.0\n"
                "[[head]]\nname = 'height'\nkind = 'number'\ncolumn = 'height'\n"),
    "sound": ("sounds.csv", ENCODER +
              "encoder.stem = 'linear'\nencoder.class_token = true\n"
              "[input]\nkind = 'audio'\nfeatures = 'mfcc'\nseconds = 1.0\nnormalize_recording = 'mean'\n"
              "front_end = { preset = 'kaldi', sampling_rate = 1000, mels = 8, cepstra = 6 }\n"
              "augment = { speed = 0.1, noise = 0.5 }\nspec_augment = { time_masks = 1, time_mask = 4 }\n"
              "[head]\nkind = 'class'\ncolumn = 'pitch'\npool = { kind = 'first' }\n"),
    "spans": ("questions.json", "input = { kind = 'text', column = 'question', second = 'context', "
              "tokenizer = { kind = 'words' } }\n" + ENCODER + "head = { kind = 'spans' }\n"),
    "tags": ("words.conll", "data.columns = ['word', 'tag', 'name']\ninput = { kind = 'words', column = 'word' }\n"
             "encoder = { kind = 'recurrent', width = 8, layers = 1 }\n"
             "head = { kind = 'tags', column = 'name', scheme = 'iob2', decoder = 'crf' }\n"),
    "stories": ("stories.txt", "input = { kind = 'stories' }\nencoder = { width = 8, layers = 1 }\n"
                "head = { kind = 'class', column = 'answer' }\n"),
    "towers": ("asked.csv", "encoder.kind = 'joint'\nencoder.join = 'apart'\nencoder.width = 8\n"
               "[[input]]\nname = 'photo'\nkind = 'image'\nsize = [8, 8]\n"
               "[[input]]\nname = 'name'\nkind = 'text'\ncolumn = 'answer'\ntokenizer = { kind = 'words' }\n"
               "[encoder.inputs.photo]\npatch = 4\nwidth = 8\nlayers = 1\nattention = { num_heads = 2 }\n"
               "[encoder.inputs.name]\nwidth = 8\nlayers = 0\n[head]\nkind = 'embedding'\ninputs = ['photo', 'name']\nwidth = 4\n"),
    "transcript": ("heard.csv", ENCODER +
                   "input = { kind = 'text', column = 'heard', tokenizer = { kind = 'characters' } }\n"
                   "head = { kind = 'transcript', column = 'said' }\n"),
    "translation": ("a", "[input]\nkind = 'parallel'\nsource = { kind = 'words' }\ntarget = { kind = 'words' }\n"
                    "[head]\nkind = 'text'\nencoder_layers = 1\nencoder_attention = { num_heads = 2 }\n"
                    "cross_attention = { num_heads = 2 }\ngenerate = { max_length = 12 }\n" + SEQUENCES),
}


def records(count):
    rows = ["text,pair,height,weight,colour,side,labels"]
    for i in range(count):
        rows.append(f"the word{i % 5} is here.,b{i % 5} there,{i % 7}.5,{i % 4},{'red' if i % 3 else 'blue'},"
                    f"{'left' if i % 2 else 'right'},{'tall' if i % 2 else 'small'}")
    return "\n".join(rows) + "\n"


def rows(count):
    text = "date,a,b\n"
    for i in range(count):
        text += f"2020-01-{i // 24 + 1:02} {i % 24:02}:00:00,{i % 12},{i % 5}\n"
    return text


def events(users):
    return "user,item,time\n" + "".join(
        f"u{user},i{(user + i) % 6},{i}\n" for user in range(users) for i in range(5))


def idx(count):
    """IDX bytes of grey images of 8 x 8 of two classes: (images, labels)."""
    images = bytearray()
    for i in range(count):
        image = bytearray([200 if i % 2 else 20] * 64)
        image[63 - i] = 90
        images += image
    return (struct.pack(">IIII", 0x803, count, 8, 8) + bytes(images),
            struct.pack(">II", 0x801, count) + bytes(i % 2 for i in range(count)))


def wav(i):
    """Half a second at 1000 samples a second, of 16 bits: high or low."""
    samples = b"".join(struct.pack("<h", int(9000 * math.sin((0.9 if i % 2 else 0.2) * t + i))) for t in range(500 + 10 * i))
    head = b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 1000, 2000, 2, 16) + b"data" + struct.pack("<I", len(samples))
    return b"RIFF" + struct.pack("<I", len(head) + len(samples)) + head + samples


def mfc(i):
    """Sphinx's file of 12 frames of three numbers."""
    numbers = [math.sin(i + t * (c + 1)) for t in range(12) for c in range(3)]
    return struct.pack(">i36f", 36, *numbers)


def png(value, around=20):
    """A grey PNG of 8 x 8, dark but for a bright square at (2, 1) to (6, 5)."""
    rows = b"".join(b"\0" + bytes(value if 2 <= x < 6 and 1 <= y < 5 else around for x in range(8)) for y in range(8))
    parts = ((b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
                                             for name, data in parts)


def questions(count):
    """SQuAD's JSON: who of two stands where."""
    data = []
    for i in range(count):
        context = f"The cat{i % 4} is here and the dog{i % 3} is there."
        asked = f"dog{i % 3}"
        data.append({"title": f"T{i}", "paragraphs": [{"context": context, "qas": [
            {"id": str(i), "question": "who is there ?",
             "answers": [{"text": asked, "answer_start": context.index(asked)}]}]}]})
    return json.dumps({"version": "x", "data": data})


def write_data(folder):
    text = {
        "records.csv": records(24),
        "boxes.csv": "image,boxes\n" + "".join(f"box{i}.png,{'grey' if i % 2 else 'white'} 2 1 6 5\n" for i in range(8)),
        "masks.csv": "image,mask\n" + "".join(f"box{i}.png,mask{i}.png\n" for i in range(8)),
        "asked.csv": "image,question,answer\n" + "".join(
            f"box{i}.png,what is it {'now' if i % 3 else 'here'},{'grey' if i % 2 else 'white'}\n" for i in range(8)),
        "captions.csv": "image,caption\n" + "".join(
            f"box{i}.png,{'a' if text else 'one'} {'grey' if i % 2 else 'white'} box\n" for i in range(8) for text in range(2)),
        "clips.csv": "video,moves\n" + "".join(f"clip{i},{'flickers' if i % 2 else 'stays'}\n" for i in range(8)),
        "sounds.csv": "audio,pitch\n" + "".join(f"sound{i}.wav,{'high' if i % 2 else 'low'}\n" for i in range(8)),
        "cepstra.csv": "audio,text\n" + "".join(f"sound{i}.mfc,{'ab' if i % 2 else 'b a'}\n" for i in range(8)),
        "corpus.txt": "".join(f"w{i % 5} w\n" for i in range(60)),
        "rows.csv": rows(240),
        "events.csv": events(20),
        "words.conll": "".join(f"the DET O\nword{i % 5} NOUN B-place\nis VERB O\n\n" for i in range(12)),
        "stories.txt": "".join(f"1 Ada went to the {room}.\n2 Where is Ada?\t{room}\n"
                               for room in ["cellar", "attic"] * 6),
        "questions.json": questions(16),
        "heard.csv": "heard,said\n" + "".join(
            "aaa-bb-" + "-" * (i % 5) + ",ab\n" if i % 2 else "bb-_-aa-aa-" + "a" * (i % 3) + ",b aa\n" for i in range(24)),
        "words.arpa": "\\data\\\nngram 1=4\n\\1-grams:\n-99 <s>\n-0.5 </s>\n-0.4 ab\n-0.6 b\n\\end\\\n",
        "a": "".join(f"a{i % 5} a\n" for i in range(20)),
        "b": "".join(f"b{i % 5} b\n" for i in range(20)),
        "lists.toml": "[[swap]]\nname = 'words'\npairs = [['word0', 'word1'], ['a0', 'a1']]\n"
                      "[[mask]]\nname = 'here'\nwords = ['here']\n",
        "filter.toml": "[[pattern]]\nname = 'left'\nmatch = '^left'\n",
    }
    for name, content in text.items():
        (folder / name).write_text(content)
    for i in range(8):
        (folder / f"box{i}.png").write_bytes(png(120 if i % 2 else 250))
        (folder / f"mask{i}.png").write_bytes(png(1 + i % 2, 0))
        (folder / f"clip{i}").mkdir()
        for frame in range(3):
            (folder / f"clip{i}/{frame}.png").write_bytes(png(120 + 10 * i, 200 if i % 2 and frame % 2 else 20))
        (folder / f"sound{i}.wav").write_bytes(wav(i))
        (folder / f"sound{i}.mfc").write_bytes(mfc(i))
    images, labels = idx(12)
    (folder / "set-images-idx3-ubyte").write_bytes(images)
    (folder / "set-labels-idx1-ubyte").write_bytes(labels)


def recipe_of(cell, folder, data=None):
    file, parts = CELLS[cell]
    train = f"'{data or folder / file}'"
    if cell in TRANSLATORS:
        train = f"[{train}, '{folder / 'b'}']"
    return (f"seed = 1\ndata.train = {train}\n{parts}\n[train]\nepochs = 2\n"
            f"batch = {64 if cell in (*TRANSLATORS, 'corpus') else 8}\noptimizer = {{ kind = 'adamw' }}\n")


def make(folder, heed):
    """The world: FOLDER/DATA, FOLDER/CELL.toml, FOLDER/m/CELL."""
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    write_data(folder)
    (folder / "m").mkdir()
    for cell in CELLS:
        (folder / f"{cell}.toml").write_text(recipe_of(cell, folder))
        made = subprocess.run([heed, "train", folder / f"{cell}.toml", "--out", folder / "m" / cell],
                              capture_output=True, text=True, timeout=120)
        if made.returncode != 0:
            raise SystemExit(f"trial: the model {cell} cannot be trained: {made.stderr}")
    return folder


def data_of(cell, folder):
    """What `heed eval --data` takes."""
    file = str(Path(folder) / CELLS[cell][0])
    return [file, str(Path(folder) / "b")] if cell in TRANSLATORS else [file]
