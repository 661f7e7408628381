#!/usr/bin/env python3
"""Images decoded and resized by `heed_bench images` beside Pillow: bytes that differ, of random sizes and boxes.

    python3 -m venv /tmp/pillow && /tmp/pillow/bin/pip install 'pillow<13' numpy
    ./dev build heed_bench && /tmp/pillow/bin/python bench/peers/pillow.py [--count 2000] [--images FOLDER]

From 13.0 on Pillow resizes down before across where a height shrinks by more than twice as many pixels as the width, which
moves values by up to some twenty; Heed goes across first always, as Pillow up to 12.3.

--images: JPEG and PNG files of a folder are decoded by both, too. Exit 1 where a byte differs.
"""

import argparse
import json
import pathlib
import random
import subprocess
import tempfile

import numpy as np
from PIL import Image, ImageOps

RESAMPLE = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}


class Heed:
    def __init__(self, program):
        self.process = subprocess.Popen([program, "images"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def image(self, **asked):
        self.process.stdin.write((json.dumps(asked) + "\n").encode())
        self.process.stdin.flush()
        c, h, w = (int(x) for x in self.process.stdout.readline().split())
        return np.frombuffer(self.process.stdout.read(c * h * w), np.uint8).reshape(c, h, w)


def planes(image):
    array = np.asarray(image)
    return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)


class Tally:
    def __init__(self):
        self.rows = {}

    def add(self, what, ours, theirs, case):
        images, values, differ, largest = self.rows.get(what, (0, 0, 0, 0))
        if ours.shape != theirs.shape:
            raise SystemExit(f"{what}: shapes {ours.shape} and {theirs.shape} of {case}")
        off = np.abs(ours.astype(int) - theirs.astype(int))
        self.rows[what] = (images + 1, values + off.size, differ + int((off > 0).sum()), max(largest, int(off.max())))


def resizing(heed, tally, folder, count, rng):
    for i in range(count):
        h, w = rng.randint(1, 300), rng.randint(1, 300)
        channels = rng.choice([1, 3])
        noise = np.random.default_rng(i).integers(0, 256, (h, w, channels), np.uint8)
        source = Image.fromarray(noise[:, :, 0] if channels == 1 else noise)
        file = str(pathlib.Path(folder) / "x.png")
        source.save(file, compress_level=1)
        size = [rng.randint(1, 400), rng.randint(1, 400)]
        if rng.random() < 0.15:
            size[rng.randint(0, 1)] = (h, w)[rng.randint(0, 1)]
        word = rng.choice(list(RESAMPLE))
        case = dict(file=file, size=size, resample=word)
        how = rng.random()
        if how < 0.5:
            tally.add("resize " + word, heed.image(**case), planes(source.resize(size[::-1], RESAMPLE[word])), case)
        elif how < 0.7:
            x0, x1 = sorted(rng.uniform(0, w) for _ in range(2))
            y0, y1 = sorted(rng.uniform(0, h) for _ in range(2))
            if x1 - x0 < 1e-3 or y1 - y0 < 1e-3:
                continue
            box = [x0, y0, x1, y1]
            theirs = source.resize(size[::-1], RESAMPLE[word], box=box)
            tally.add("box " + word, heed.image(**case, box=box), planes(theirs), case)
        elif how < 0.85:
            if round(min(h / w * size[1], w / h * size[0])) < 1:
                continue  # Pillow rounds a side to 0 and fails; Heed's is 1
            theirs = ImageOps.pad(source, size[::-1], RESAMPLE[word], color=0)
            tally.add("pad (ImageOps.pad) " + word, heed.image(**case, fit="pad"), planes(theirs), case)
        else:
            theirs = ImageOps.fit(source, size[::-1], RESAMPLE[word])
            tally.add("crop (ImageOps.fit) " + word, heed.image(**case, fit="crop"), planes(theirs), case)


def decoding(heed, tally, folder):
    for file in sorted(pathlib.Path(folder).rglob("*")):
        if file.suffix.lower() not in (".jpg", ".jpeg", ".png"):
            continue
        theirs = ImageOps.exif_transpose(Image.open(file))
        if theirs.mode not in ("L", "RGB"):
            continue  # alpha and more bits are made 8-bit colour otherwise: docs/images.md
        tally.add("decoded " + file.suffix, heed.image(file=str(file)), planes(theirs), file)
        grey = theirs.convert("L")
        tally.add("grey", heed.image(file=str(file), channels=1), planes(grey), file)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--images")
    parser.add_argument("--program", default="build/release/heed_bench")
    given = parser.parse_args()
    heed, tally = Heed(given.program), Tally()
    with tempfile.TemporaryDirectory() as folder:
        resizing(heed, tally, folder, given.count, random.Random(1))
    if given.images:
        decoding(heed, tally, given.images)
    print(f"{'':32} {'images':>7} {'bytes':>12} {'differ':>8} {'by at most':>10}")
    for what, (images, values, differ, largest) in sorted(tally.rows.items()):
        print(f"{what:32} {images:7} {values:12} {differ:8} {largest:10}")
    raise SystemExit(any(row[2] for row in tally.rows.values()))


if __name__ == "__main__":
    main()
