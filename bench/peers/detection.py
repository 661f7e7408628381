#!/usr/bin/env python3
"""Average precision beside pycocotools, and VOC's by its development kit's rule.

    python3 -m venv build/detection-env
    build/detection-env/bin/pip install pycocotools
    build/detection-env/bin/python bench/peers/detection.py            # the numbers of tests/metrics/detection_test.cc
    build/detection-env/bin/python bench/peers/detection.py build/release/heed MODEL LIST IMAGES
        # `heed eval` beside pycocotools on what `heed predict` answers; LIST: an image set of VOC, IMAGES: its JPEGs

Exit 1 where a difference is above 1e-9.
"""

import contextlib
import io
import json
import math
import os
import subprocess
import sys
import xml.etree.ElementTree as xml

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

NAMES = ["ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "ar1", "ar10", "ar100"]


class Stream:
    """The same numbers as tests/metrics/detection_test.cc draws."""

    def __init__(self, seed):
        self.state = seed

    def uniform(self):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) / 2**31


def random_case(seed):
    """Images with expected (kind, box, crowd) and found (kind, score, box) ones; a box is x0 y0 x1 y1."""
    draw = Stream(seed).uniform

    def box():
        x, y = draw() * 400, draw() * 400
        w, h = draw(), draw()
        return [x, y, x + 4 + w * w * 200, y + 4 + h * h * 200]

    images = []
    for _ in range(12):
        expected, found = [], []
        for _ in range(int(draw() * 8)):
            kind, where, crowd = int(draw() * 3), box(), draw() < 0.1
            expected.append((kind, where, crowd))
            if draw() < 0.8:
                kind = kind if draw() < 0.9 else int(draw() * 3)
                score = math.floor(draw() * 100) / 100
                found.append((kind, score, [side + (draw() - 0.5) * 3 for side in where]))
        for _ in range(int(draw() * 6)):
            kind = int(draw() * 3)
            score = math.floor(draw() * 60) / 100
            found.append((kind, score, box()))
        images.append((expected, found))
    return images


def coco_numbers(images, kinds):
    annotations, results = [], []
    for number, (expected, found) in enumerate(images, 1):
        for kind, (x0, y0, x1, y1), crowd in expected:
            annotations.append({"id": len(annotations) + 1, "image_id": number, "category_id": kind + 1, "iscrowd": int(crowd),
                                "bbox": [x0, y0, x1 - x0, y1 - y0], "area": (x1 - x0) * (y1 - y0)})
        for kind, score, (x0, y0, x1, y1) in found:
            results.append({"image_id": number, "category_id": kind + 1, "score": score, "bbox": [x0, y0, x1 - x0, y1 - y0]})
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {"info": {}, "images": [{"id": i + 1} for i in range(len(images))], "annotations": annotations,
                         "categories": [{"id": k + 1} for k in range(kinds)]}
        truth.createIndex()
        scored = COCOeval(truth, truth.loadRes(results), "bbox")
        scored.evaluate(), scored.accumulate(), scored.summarize()
    return [float(x) for x in scored.stats]


def iou(a, b):
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0:
        return 0.0
    return w * h / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - w * h)


def voc_numbers(images, kinds, eleven):
    """VOCevaldet.m's rule, class by class."""
    all_ap = []
    for kind in range(kinds):
        found = [(score, number, box) for number, (_, boxes) in enumerate(images) for k, score, box in boxes if k == kind]
        found.sort(key=lambda f: -f[0])
        expected = sum(k == kind and not crowd for boxes, _ in images for k, _, crowd in boxes)
        taken, right, wrong = set(), [], []
        for _, number, box in found:
            best, match = -1, None
            for i, (k, where, crowd) in enumerate(images[number][0]):
                if k == kind and iou(box, where) > best:
                    best, match = iou(box, where), (number, i, crowd)
            if best >= 0.5 and match[2]:
                continue
            hit = best >= 0.5 and match not in taken
            if hit:
                taken.add(match)
            right.append(hit), wrong.append(not hit)
        tp, fp = np.cumsum(right), np.cumsum(wrong)
        recall, precision = tp / expected, tp / (tp + fp)
        if eleven:
            all_ap.append(sum(max(precision[recall >= r / 10.0], default=0) / 11 for r in range(11)))
        else:
            r, p = np.concatenate([[0], recall, [1]]), np.concatenate([[0], precision, [0]])
            p = np.maximum.accumulate(p[::-1])[::-1]
            all_ap.append(float(np.sum((r[1:] - r[:-1]) * p[1:])))
    return float(np.mean(all_ap))


def real_case(heed, model, names, folder):
    """What a model finds in the images of a VOC set."""
    classes, images = {}, []
    annotations = os.path.join(os.path.dirname(names), "..", "..", "Annotations")
    ids = open(names).read().split()
    files = [os.path.join(folder, each + ".jpg") for each in ids]
    lines = subprocess.run([heed, "predict", model, *files, "--json", "--set", "head.threshold=0.01"], check=True,
                           capture_output=True, text=True).stdout.splitlines()
    for each, line in zip(ids, lines):
        expected = []
        for thing in xml.parse(os.path.join(annotations, each + ".xml")).getroot().findall("object"):
            sides = [float(thing.find("bndbox/" + side).text) for side in ("xmin", "ymin", "xmax", "ymax")]
            kind = classes.setdefault(thing.find("name").text, len(classes))
            expected.append((kind, [sides[0] - 1, sides[1] - 1, sides[2], sides[3]], False))
        found = [(classes.setdefault(b["class"], len(classes)), b["score"], b["box"]) for b in json.loads(line)["boxes"]]
        images.append((expected, found))
    return images, len(classes)


def main():
    if len(sys.argv) == 1:
        for seed in (1, 2, 3):
            case = random_case(seed)
            print(seed, *(f"{x:.12f}" for x in coco_numbers(case, 3)), f"{voc_numbers(case, 3, True):.12f}",
                  f"{voc_numbers(case, 3, False):.12f}")
        return 0
    heed, model, names, folder = sys.argv[1:]
    images, kinds = real_case(heed, model, names, folder)
    mine = json.loads(subprocess.run([heed, "eval", model, "--data", names, "--json"], check=True, capture_output=True,
                                     text=True).stdout)
    mine = mine.get("metrics", mine)
    theirs = dict(zip(NAMES, coco_numbers(images, kinds)))
    theirs["voc_ap"], theirs["voc07_ap"] = voc_numbers(images, kinds, False), voc_numbers(images, kinds, True)
    worst = 0
    for name, number in theirs.items():
        if number == -1 and name not in mine:
            continue
        print(f"{name:10} heed {mine[name]:.9f}  peer {number:.9f}")
        worst = max(worst, abs(mine[name] - number))
    print(f"largest difference {worst:.1e}")
    return 1 if not worst < 1e-9 else 0


if __name__ == "__main__":
    sys.exit(main())
