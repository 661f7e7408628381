"""Decoding with the weights of one model folder: `heed_bench decode` beside PyTorch with its own caches and CTranslate2.

    bench/peers/run --decode [MODEL] [--input FILE] [--threads N] [--seconds S] [--rounds N] [--json] [--int8 FOLDER]

First all three translate lines of FILE greedily: the pieces must be the same and log-probabilities agree to 1e-4 a piece.
Then they decode its first lines, forced to as many steps, in turns: batches of 1 and 32 lines, beams of 1 and 5. Rates
are written tokens per second, the encoder's work included. Exit 1 where they do not agree.

--int8: MODEL in 8 bits by `heed quantize`; Heed reads that folder and CTranslate2 computes in int8, PyTorch in float32. Then
pieces need not be the same.
"""

import argparse
import gzip
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import ctranslate2
import sentencepiece
import torch

import transformer
from ctranslate2_model import convert

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LONGEST = 100


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", nargs="?", type=pathlib.Path, default=ROOT / "models/multi30k-de-en",
                        help="folder of a translator, or of its run")
    parser.add_argument("--heed", default=ROOT / "build/release/heed", help="the program")
    parser.add_argument("--heed-bench", default=ROOT / "build/release/heed_bench", help="the program that measures")
    parser.add_argument("--input", type=pathlib.Path, default=ROOT / "../shared/data/multi30k/test_2016_flickr.de.gz")
    parser.add_argument("--compare", type=int, default=200, help="lines that are compared first")
    parser.add_argument("--batch", default="1,32")
    parser.add_argument("--beam-size", default="1,5")
    parser.add_argument("--target", type=int, default=16, help="tokens that a line is answered by")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2.0, help="that each decodes in a round of a case")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--int8", type=pathlib.Path, help="what `heed quantize` made of the model")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def read(path):
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8", newline="\n") as file:
        return [line.rstrip("\n") for line in file]


def model_folder(path):
    folder = path / "best" if (path / "best").is_dir() else path
    if not (folder / "model.safetensors").exists():
        sys.exit(f"peers: {path} is no model; train one: heed train recipes/multi30k-de-en.toml --set train.max_steps=1000")
    return folder


class Lines:
    """Lines as numbers of pieces, the end with them, as the model reads them."""

    def __init__(self, folder, lowercase):
        self.pieces = sentencepiece.SentencePieceProcessor(model_proto=(folder / "shared.tokenizer").read_bytes())
        self.lowercase = lowercase
        self.names = [self.pieces.id_to_piece(i) for i in range(len(self.pieces))]

    def encode(self, line):
        return self.pieces.encode(line.lower() if self.lowercase else line) + [transformer.END]


class Torch:
    def __init__(self, folder, lines):
        self.model, self.lines = transformer.load(folder), lines

    def translate(self, sources):
        for first in range(0, len(sources), 32):
            some = sources[first:first + 32]
            for tokens, total in zip(*self.model.write(some, 1, LONGEST, transformer.END)):
                yield [self.lines.names[i] for i in tokens], total

    def write(self, sources, beams, steps):
        return self.model.write(sources, beams, steps)


class CTranslate2:
    def __init__(self, folder, lines, threads, compute):
        self.lines = lines
        with tempfile.TemporaryDirectory() as made:
            convert(folder, lines.names, made)
            self.model = ctranslate2.Translator(made, device="cpu", compute_type=compute, inter_threads=1,
                                                intra_threads=threads)

    def named(self, sources):
        return [[self.lines.names[i] for i in source] for source in sources]

    def translate(self, sources):
        for found in self.model.translate_batch(self.named(sources), beam_size=1, length_penalty=0, return_scores=True,
                                                max_decoding_length=LONGEST, max_batch_size=32):
            yield found.hypotheses[0], found.scores[0]

    def write(self, sources, beams, steps):
        found = self.model.translate_batch(self.named(sources), beam_size=beams, min_decoding_length=steps,
                                           max_decoding_length=steps)
        assert all(len(line.hypotheses[0]) == steps for line in found)


def heed_translates(options, lines):
    command = [options.heed, "predict", options.int8 or options.model, "-", "--json", "--set", "head.generate.beam_size=1", "--set",
               "head.generate.max_ratio=0", "--set", f"head.generate.max_length={LONGEST}"]
    done = subprocess.run([str(word) for word in command], input="".join(line + "\n" for line in lines), text=True,
                          stdout=subprocess.PIPE, check=True, env=os.environ | {"OMP_NUM_THREADS": str(options.threads)})
    for row in map(json.loads, done.stdout.splitlines()):
        pieces = [token["piece"] for token in row["tokens"]]
        yield pieces[:-1] if row["ended"] else pieces, row["log_probability"]


def compare(name, ours, theirs):
    """Log-probabilities of lines are compared a piece, the end with them."""
    same = [abs(a[1] - b[1]) / (len(a[0]) + 1) for a, b in zip(ours, theirs, strict=True) if a[0] == b[0]]
    return {"peer": name, "lines": len(ours), "same": len(same), "log_probability_apart": max(same, default=0.0)}


def heed_decodes(options, batch, beams):
    """Tokens a second."""
    command = [options.heed_bench, "decode", options.int8 or options.model, "--json", "--input", options.input, "--batch", batch,
               "--beam-size", beams, "--target", options.target, "--threads", options.threads, "--seconds", options.seconds]
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)["tokens_per_second"]


def peer_decodes(options, peer, sources, beams):
    """The median of as many calls as fit into the time; five in any case."""
    peer.write(sources, beams, options.target)
    times, begin = [], time.perf_counter()
    while len(times) < 5 or time.perf_counter() - begin < options.seconds:
        start = time.perf_counter()
        peer.write(sources, beams, options.target)
        times.append(time.perf_counter() - start)
    return len(sources) * options.target / statistics.median(times)


def agree(options, lines, peers):
    text = read(options.input)[:options.compare]
    sources = [lines.encode(line) for line in text]
    ours = list(heed_translates(options, text))
    good = True
    for name, peer in peers.items():
        row = compare(name, ours, list(peer.translate(sources)))
        good = good and row["same"] == row["lines"] and row["log_probability_apart"] < 1e-4
        print(json.dumps(row) if options.json else
              f"{name}: {row['same']} of {row['lines']} lines are the same, log-probabilities at most "
              f"{row['log_probability_apart']:.1e} a piece apart", flush=True)
    return good


def main():
    options = parse()
    torch.set_num_threads(options.threads)
    options.model = model_folder(options.model)
    recipe = transformer.recipe_of(options.model)
    lines = Lines(options.model, recipe["input"]["source"]["lowercase"])
    peers = {"PyTorch": Torch(options.model, lines), "CTranslate2": CTranslate2(options.model, lines, options.threads, "int8" if options.int8 else "float32")}
    good = agree(options, lines, peers)
    text = read(options.input)
    for batch in map(int, options.batch.split(",")):
        for beams in map(int, options.beam_size.split(",")):
            sources = [lines.encode(line) for line in text[:batch]]
            rates = {name: [] for name in ("heed", *peers)}
            for _ in range(options.rounds):
                rates["heed"].append(heed_decodes(options, batch, beams))
                for name, peer in peers.items():
                    rates[name].append(peer_decodes(options, peer, sources, beams))
            row = {"batch": batch, "beam_size": beams, "threads": options.threads, "steps": options.target,
                   "tokens_per_second": {name: statistics.median(found) for name, found in rates.items()},
                   "times_as_fast": {name: statistics.median(a / b for a, b in zip(rates["heed"], rates[name]))
                                     for name in peers}}
            print(json.dumps(row) if options.json else
                  f"batch {batch:2}, beams {beams}, {options.threads} threads:  "
                  + ",  ".join(f"{name} {rate:.0f}" for name, rate in row["tokens_per_second"].items())
                  + " tokens per second;  Heed is "
                  + ", ".join(f"{times:.2f} times as fast as {name}" for name, times in row["times_as_fast"].items()), flush=True)
    return 0 if good or options.int8 else 1


if __name__ == "__main__":
    sys.exit(main())
