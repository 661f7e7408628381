#!/usr/bin/env python3
"""Heed's tokenizers beside those of the library tokenizers on the same tokenizer.json: every number of every token.

    python3 -m venv build/embed-env && build/embed-env/bin/pip install tokenizers==0.23.3
    ./dev build heed_bench
    build/embed-env/bin/python bench/peers/tokenizer_texts.py --data DATA TOKENIZER_JSON...

Compared are ids, tokens, type ids, offsets, words, special tokens, sequences and both ways of decoding, of single texts and of
pairs: the paragraphs and questions of XQuAD (en, de, zh), the speeches of tinyshakespeare, the messages of banking77, the
sentences of Weibo NER, 10,000 strings of random code points, and 1,500 of special tokens among words. Where tokenizers
raises, Heed must throw. Ends with exit code 1 where anything differs, after showing the first of each kind.
"""

import argparse
import collections
import csv
import glob
import gzip
import json
import random
import subprocess
import sys

from tokenizers import Tokenizer


def opened(path):
    return gzip.open(path, "rt", encoding="utf-8") if path.endswith(".gz") else open(path, encoding="utf-8")


def real_texts(data):
    texts = collections.defaultdict(list)
    for language in ("en", "de", "zh"):
        (file,) = [path for path in glob.glob(f"{data}/xquad/*") if f".{language}." in path]
        with opened(file) as stream:
            for article in json.load(stream)["data"]:
                for paragraph in article["paragraphs"]:
                    texts[f"xquad {language}"].append(paragraph["context"])
                    texts[f"xquad {language}"] += [one["question"] for one in paragraph["qas"]]
    for file in glob.glob(f"{data}/tinyshakespeare/*.txt"):
        with opened(file) as stream:
            texts["tinyshakespeare"] += stream.read().split("\n\n")
    for file in glob.glob(f"{data}/banking77/*.csv"):
        with opened(file) as stream:
            texts["banking77"] += [row[0] for row in csv.reader(stream)]
    for file in glob.glob(f"{data}/weibo_ner/*.gz"):
        with opened(file) as stream:
            for sentence in stream.read().split("\n\n"):
                texts["weibo"].append("".join(line[:1] for line in sentence.split("\n") if line))
    return texts


def random_character(draw):
    kind = draw.random()
    ranges = ((0.25, 32, 127), (0.35, 0x80, 0x250), (0.45, 0x300, 0x370), (0.6, 0x250, 0x3000), (0.68, 0x3000, 0xD800),
              (0.72, 0xE000, 0x10000), (0.76, 0x1F000, 0x1FB00))
    for below, first, end in ranges:
        if kind < below:
            return chr(draw.randrange(first, end))
    if kind < 0.86:
        return draw.choice(" \t\n\r\u00a0\u2003\u3000\u200b\u2581\u0085\x0b\x1c")
    if kind < 0.9:
        return draw.choice("'sStTdDmM\u2019\u017f\u212ak've'll're")
    if kind < 0.93:
        return draw.choice("\u200d\ufe0f\u0e33\u1100\u1161\u11a8\uac00")
    while True:
        code = draw.randrange(0x110000)
        if not 0xD800 <= code < 0xE000:
            return chr(code)


def random_texts(count):
    draw = random.Random(1)
    return ["".join(random_character(draw) for _ in range(draw.randrange(1, 40))) for _ in range(count)]


def texts_of(special, count):
    draw = random.Random(3)
    words = [" ", "  ", "a", "word", "don't", "\u00e9", "\n", ".", "\u4e2d"]
    pick = lambda: draw.choice([draw.choice(special), *words])  # noqa: E731
    return ["".join(pick() for _ in range(draw.randrange(1, 12))) for _ in range(count)]


def expected(tokenizer, text):
    try:
        found = tokenizer.encode(*text) if isinstance(text, list) else tokenizer.encode(text)
    except Exception as error:  # whatever Rust says
        return {"error": str(error)}
    return {
        "ids": found.ids, "tokens": found.tokens, "type_ids": found.type_ids, "offsets": [list(one) for one in found.offsets],
        "words": found.word_ids, "special": found.special_tokens_mask, "sequences": found.sequence_ids,
        "decoded": tokenizer.decode(found.ids), "decoded_all": tokenizer.decode(found.ids, skip_special_tokens=False),
    }


def compare(bench, file, texts, show):
    tokenizer = Tokenizer.from_file(file)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    lines = "".join(json.dumps(text) + "\n" for text in texts)
    given = subprocess.run([bench, "tokens", file], input=lines, capture_output=True, text=True, check=True).stdout.split("\n")[:-1]
    assert len(given) == len(texts), (len(given), len(texts))
    differing = collections.defaultdict(list)
    for text, line in zip(texts, given):
        ours, theirs = json.loads(line), expected(tokenizer, text)
        if "error" in ours or "error" in theirs:
            if ("error" in ours) != ("error" in theirs):
                differing["error"].append((text, theirs.get("error"), ours.get("error")))
            continue
        for key, value in theirs.items():
            if value != ours[key]:
                differing[key].append((text, value, ours[key]))
    for key, cases in differing.items():
        for text, want, got in cases[:show]:
            print(f"    {key}: {ascii(text)[:160]}\n        tokenizers {ascii(want)[:240]}\n        Heed       {ascii(got)[:240]}")
    return sum(len(cases) for cases in differing.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tokenizers", nargs="+", metavar="TOKENIZER_JSON")
    parser.add_argument("--data", required=True)
    parser.add_argument("--bench", default="build/release/heed_bench")
    parser.add_argument("--show", type=int, default=2)
    given = parser.parse_args()
    real = real_texts(given.data)
    print("texts: " + ", ".join(f"{name} {len(texts)}" for name, texts in real.items()))
    plain = [text for texts in real.values() for text in texts]
    noise = random_texts(10000)
    wrong = 0
    for file in given.tokenizers:
        with open(file, encoding="utf-8") as stream:
            special = [one["content"] for one in json.load(stream)["added_tokens"]] or ["x"]
        pairs = [[first, second] for first, second in zip(plain[:300], noise)]
        texts = plain + noise + texts_of(special, 1500) + pairs
        found = compare(given.bench, file, texts, given.show)
        wrong += found
        print(f"{file}: {len(texts)} inputs, {found} differences", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
