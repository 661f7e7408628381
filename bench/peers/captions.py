#!/usr/bin/env python3
"""CIDEr and BLEU of several references beside pycocoevalcap, on words that are parted by blanks.

    python3 -m venv build/captions-env
    build/captions-env/bin/pip install pycocoevalcap
    build/captions-env/bin/python bench/peers/captions.py                         # the numbers of tests/metrics/cider_test.cc
    build/captions-env/bin/python bench/peers/captions.py build/release/heed [CAPTIONS.csv]
        # `heed score` on random lines and, with a table image,caption, the last caption of each image against its others

Its PTB tokenizer, which needs Java, is left out: both read the same words. Exit 1 where CIDEr differs by more than 1e-9, or
BLEU-4 by more than 1e-6: pycocoevalcap adds 1e-9 to what it divides by and, where nothing matches, 1e-15 to the matches.
"""

import collections
import csv
import json
import pathlib
import random
import subprocess
import sys
import tempfile

from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider

WRITTEN = ["a black dog runs through the water", "two children play in the snow", "a man", "", "a dog a dog a dog",
           "a man rides a bike down a hill"]
REFERENCES = [
    ["a black dog runs through the water", "the dog is running in shallow water", "a wet black dog"],
    ["children are playing in the snow", "two kids play in snow"],
    ["a man in a red shirt stands on a rock"],
    ["a girl on a swing", "a girl swings"],
    ["a brown dog", "a dog and a dog play in the grass", "", "two dogs"],
    ["a man rides a bike down a hill", "a man rides a bike down a hill"],
]


def peers(written, references):
    """CIDEr of each line, their mean and BLEU of 1 to 4 words."""
    expected = dict(enumerate(references))
    found = {i: [line] for i, line in enumerate(written)}
    mean, each = Cider().compute_score(expected, found)
    return each, mean, Bleu(4).compute_score(expected, found, verbose=0)[0]


def heed_scores(heed, written, references):
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for i, lines in enumerate([written, *zip(*references)]):
            files.append(pathlib.Path(folder) / str(i))
            files[-1].write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        command = [heed, "score", files[0], "--json", "--metric", "bleu,cider", "--tokenize", "none", "--smooth", "none"]
        for file in files[1:]:
            command += ["--reference", file]
        rows = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["scores"]
    return {row["name"]: row["score"] for row in rows}


def compare(heed, what, written, references):
    own = heed_scores(heed, written, references)
    _, mean, bleu = peers(written, references)
    in_cider, in_bleu = abs(own["CIDEr"] - mean), abs(own["BLEU"] - 100 * bleu[3])
    print(f"{in_cider:.1e} {in_bleu:.1e}  {what}: CIDEr {own['CIDEr']:.4f} {mean:.4f}, "
          f"BLEU-4 {own['BLEU']:.4f} {100 * bleu[3]:.4f}")
    return in_cider < 1e-9 and in_bleu < (1e-6 if own["BLEU"] > 0 else 0.1)


def random_lines(draw, count, references):
    words = [chr(97 + i) for i in range(12)]
    line = lambda: " ".join(draw.choice(words) for _ in range(draw.randrange(1, 15)))
    expected = [[line() for _ in range(references)] for _ in range(count)]
    written = []
    for lines in expected:
        parts = draw.choice(lines).split()
        for _ in range(draw.randrange(4)):
            parts.insert(draw.randrange(len(parts) + 1), draw.choice(words))
        written.append(" ".join(parts))
    return written, expected


def main():
    each, mean, bleu = peers(WRITTEN, REFERENCES)
    if len(sys.argv) == 1:
        print("CIDEr", ", ".join(repr(float(score)) for score in each))
        print("mean", repr(float(mean)), "BLEU", repr(bleu))
        return 0
    heed = sys.argv[1]
    draw = random.Random(1)
    same = all([compare(heed, f"{count} lines, {references} references", *random_lines(draw, count, references))
                for count in (1, 2, 50) for references in (1, 2, 5)])
    if len(sys.argv) > 2:
        captions = collections.defaultdict(list)
        with open(sys.argv[2], encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                captions[row["image"]].append(row["caption"])
        lines = list(captions.values())
        same = compare(heed, sys.argv[2], [own[-1] for own in lines], [own[:-1] for own in lines]) and same
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
