"""Sentences about images: captions that cannot be right, before training, and metrics of several references."""

from case import Case

RECIPE = """
input = { kind = "image", size = [8, 8] }
encoder = { patch = 4, width = 8, layers = 1, attention = { num_heads = 2 } }
train = { epochs = 1, batch = 4 }

[data]
train = "FOLDER/captions.END"
format = "FORM"
folds = 2
group = "image"

[head]
kind = "text"
column = "caption"
references = "image"
from_encoder = true
encoder_layers = 0
decoder_layers = 1
width = 8
hidden = 8
decoder_attention = { num_heads = 2 }
cross_attention = { num_heads = 2 }
tokenizer = { kind = "words" }
generate = { max_length = 4 }
metric = { kind = "cider" }
"""
ROWS = "".join(f"box{i}.png,{text} {i}\n" for i in range(4) for text in ("a box", "one box"))
TABLE = "image,caption\n" + ROWS
TOKENS = "".join(f"box{i}.png#{c}\tbox {c}\n" for i in range(4) for c in range(2))


def put(text, form="csv"):
    def prepare(world, scratch):
        end = "csv" if form == "csv" else "txt"
        (scratch / f"captions.{end}").write_text(text)
        (scratch / "captions.toml").write_text(
            RECIPE.replace("FOLDER", str(scratch)).replace("END", end).replace("FORM", form))
        for i in range(4):
            (scratch / f"box{i}.png").write_bytes((world / f"box{i}.png").read_bytes())

    return prepare


# What is wrong: (the captions, their format, the exit code, what is said).
WRONG = {
    "a caption without an image": (TABLE + ",a box\n", "csv", 3, r"captions\.csv:10.*'image' is empty"),
    "an image that is not there": (TABLE + "gone.png,a box\n", "csv", 3, r"captions\.csv:10.*gone\.png"),
    "an empty caption": (TABLE + "box1.png,\n", "csv", 3, r"captions\.csv:10.*'caption'.*is empty"),
    "a caption of blanks": (TABLE + 'box1.png,"  "\n', "csv", 3, r"captions\.csv:10.*'caption'.*is empty"),
    "no column of captions": (TABLE.replace("caption", "text"), "csv", 3, "'caption'.*text"),
    "a caption before no tab": (TOKENS + "box1.png#2 a box\n", "flickr", 3, r"captions\.txt:9.*expected the name"),
    "a caption of no name": (TOKENS + "#2\ta box\n", "flickr", 3, r"captions\.txt:9.*without the name of an image"),
}


def cases():
    train = "train {s}/captions.toml --out {s}/run "
    for form, text in (("csv", TABLE), ("flickr", TOKENS)):
        yield Case(f"train of captions as {form}", train, 0, "test_baseline_nearest_cider", prepare=put(text, form), leaves=("run",))
    for name, (text, form, code, says) in WRONG.items():
        yield Case(f"train with {name}", train, code, says, prepare=put(text, form))
    for name, keys in (("folds", ""), ("holdout", " --set data.folds=0 --set data.holdout=0.4")):
        yield Case(f"train with an image on both sides of {name}", train + f"--set 'data.group=\"\"'{keys}", 3,
                   r"captions\.csv:\d+: 'box\d\.png'.*training data, too.*data\.group", prepare=put(TABLE))
    yield Case("train with an image in test, too", train + "--set data.folds=0 --set 'data.group=\"\"' --set data.test={s}/captions.csv", 3,
               r"captions\.csv:2: 'box0\.png'.*training data, too", prepare=put(TABLE))
    yield Case("head.references of no column", train + "--set 'head.references=\"img\"'", 3, "'img'.*image", prepare=put(TABLE))
    yield Case("head.references of a head with its own encoder", train + "--set head.from_encoder=false", 4, "references",
               prepare=put(TABLE))
    yield Case("score cider of one line", "score {w}/a --reference {w}/a --metric cider,bleu", 0, "CIDEr.nrefs:1")
