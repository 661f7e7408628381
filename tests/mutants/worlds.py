"""The folders that mutants begin with: data, a recipe and a model of each cell, folders that others trained, a GGUF file."""

import shutil
import sys
from pathlib import Path

import gguf
from judge import files_of

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools/trial"))
import world  # noqa: E402

INT8_CELLS = ("class", "corpus")  # whose models are tried with weights of 8 bits, too
GENERATE = ["--set", "head.generate.max_length=6"]


def of_cell(cell, folder):
    """Writes data and a recipe; the words that train it."""
    folder.mkdir(parents=True)
    world.write_data(folder)
    (folder / "recipe.toml").write_text(world.recipe_of(cell, Path("")) + "max_steps = 2\nsave_every = 1\n")
    return ["train", "recipe.toml", "--out", "run"]


def finish(folder):
    """After training: the complete recipe to be mutated, and the best model apart from its run."""
    shutil.move(folder / "run/best", folder / "model")
    for path in folder.glob("run/events*"):
        path.unlink()
    (folder / "recipe.toml").write_text((folder / "model/recipe.toml").read_text())


def of_wide_cell(cell, folder):
    """The same with layers that are worth 8 bits."""
    words = of_cell(cell, folder)
    recipe = folder / "recipe.toml"
    recipe.write_text(recipe.read_text().replace("width = 8", "width = 64"))
    return words


def of_golden(source, folder):
    folder.mkdir(parents=True)
    (folder / "model").mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json", "generation_config.json", "tokenizer_config.json"):
        if (source / name).exists():
            (folder / "model" / name).write_bytes((source / name).read_bytes())
    write_lines(folder)


def of_gguf(folder):
    folder.mkdir(parents=True)
    (folder / "m.gguf").write_bytes(gguf.file_of(gguf.pairs(), gguf.tensors()))
    write_lines(folder)


def write_lines(folder):
    (folder / "lines.txt").write_text("ab ab\na man, ab\n")
    images, _ = world.idx(2)
    (folder / "set-images-idx3-ubyte").write_bytes(images)


def words_of_cell(cell):
    """Command lines for the model of a cell; those that fail on the model as it is are left out."""
    data = world.data_of(cell, "")
    first = f"{data[0]}:{0 if data[0] == 'set' else 2 if data[0].endswith('.csv') else 1}"
    flags = [word for path in data for word in ("--data", path)]
    return [["check", "model"], ["summary", "model", "--json"], ["eval", "model", *flags], ["predict", "model", data[0]],
            ["predict", "model", data[0], "--json"], ["map", "model", first, "--json"], ["map", "model", first, "--png", "out.png"],
            ["embed", "model", data[0]]]


def words_of_others(model):
    return [["check", model], ["summary", model], ["predict", model, "lines.txt"], ["predict", model, "lines.txt", *GENERATE],
            ["predict", model, "set:0"], ["map", model, "lines.txt:1", *GENERATE, "--json"], ["map", model, "lines.txt:1", "--json"],
            ["map", model, "set:0", "--json"], ["embed", model, "lines.txt"], ["eval", model, "--data", "lines.txt"]]


def files(folder):
    return {name: (folder / name).read_bytes() for name in files_of(folder)}
