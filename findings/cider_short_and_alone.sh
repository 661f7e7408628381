#!/usr/bin/env bash
# Guess: an answer that is an exact copy of its image's only reference has CIDEr 10 in pycocoevalcap.
# What happens: an exact copy of three words has 7.5, as it has no four words in a row and that length counts as 0; and where the file has
# one image, every answer has 0, the right one too: words that all images' references have weigh log(1) = 0. Figures of few images,
# or of short labels instead of sentences, are no CIDEr that compares with published ones.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
timeout 900 "$folder/venv/bin/pip" install --quiet --no-cache-dir pycocoevalcap==1.2 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

from pycocoevalcap.cider.cider import Cider

print("pycocoevalcap", version("pycocoevalcap"))


def scores(references):
    own = {i: [text] for i, text in enumerate(references)}
    return Cider().compute_score(own, own)[1]  # each answer is its only reference


four, three = "a dog runs home", "two cats sleep"
together = scores([four, three, "the old man reads a book"])
print("exact copies of 4, 3 and 6 words among three images:", [round(float(s), 6) for s in together])
alone = scores([four])
print("an exact copy where the file has one image:", [float(s) for s in alone])
assert abs(together[0] - 10) < 1e-9 and abs(together[2] - 10) < 1e-9
assert abs(together[1] - 7.5) < 1e-9
assert alone[0] == 0
print("as found: three words have 7.5, one image has 0")
PYTHON
