"""`heed score` of texts beside sacrebleu, rouge-score and jiwer, on damaged copies of texts: metrics.py runs it.

Of files of lines, plain or .gz; lines written here (punctuation of Unicode, numbers, nothing) come to them. With two
files of as many lines, the second is a second reference of the first.
"""

import gzip
import json
import pathlib
import random
import subprocess
import sys
import tempfile

import jiwer
import sacrebleu
from rouge_score import rouge_scorer

SENTENCES = [
    "“Das kostet 1.234,56 €”, sagte sie – und ging.",
    "The U.S. economy grew 3.5% in Q1-2020, didn't it?",
    "« Où est-ce ? » demanda-t-il… «\u00a0Là\u00a0!\u00a0»",
    "他说：“你好，世界！”（2023年）",
    "Rock'n'roll & R&B &amp; &quot;quotes&quot; &lt;tag&gt;",
    "e-mail: a.b@c.d, http://x.y/z?q=1&r=2#f",
    "1,000,000 people; 2:30 p.m.; -5°C; x²+y²=z²; ½ ¾ ⅓",
    "a",
    "...",
    "word",
    "¿Qué? ¡No! ñandú_camaleón [sic] {braces} |pipe| ~tilde~ ^hat^ `tick`",
    "emoji 😀👍🏽 symbols ™®© ∑∞≠ arrows →⇒ currency ₹₿",
    "ΌΔΟΣ ΟΔΟΣ İstanbul STRASSE ẞ",
    "Tabs\tand\u2028separators\u0085here\u3000too",
    "end of sentence 2019.",
    "nested ((brackets)), quotes \"'mixed'\" and dashes -- --- —",
    "<skipped> text 10-20 3-D U-boat",
]
TOKENIZERS = ["13a", "intl", "char", "none"]


def read(path):
    opened = gzip.open if path.endswith(".gz") else open
    with opened(path, "rt", encoding="utf-8", newline="\n") as file:
        return [line.rstrip("\n") for line in file]


def damaged(lines, draw):
    """Words left out, doubled, exchanged, in another case; some lines empty or another's."""
    out = []
    for line in lines:
        words = line.split(" ")
        for i in range(len(words)):
            kind = draw.random()
            if kind < 0.08:
                words[i] = ""
            elif kind < 0.12:
                words[i] = words[i] + " " + words[i]
            elif kind < 0.16:
                words[i] = words[i].upper()
            elif kind < 0.2 and i:
                words[i], words[i - 1] = words[i - 1], words[i]
        line = " ".join(words)
        out.append("" if draw.random() < 0.01 else draw.choice(lines) if draw.random() < 0.02 else line)
    return out


def score(heed, hypotheses, references, *flags):
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for i, lines in enumerate([hypotheses, *references]):
            files.append(pathlib.Path(folder) / str(i))
            files[-1].write_bytes("".join(line + "\n" for line in lines).encode())
        command = [heed, "score", files[0], "--json", *flags]
        for file in files[1:]:
            command += ["--reference", file]
        answer = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return {row["name"]: row for row in answer["scores"]}


def same_signature(ours, metric):
    theirs = str(metric.get_signature())
    cut = lambda text: text[: text.index("|version:")]
    if cut(ours) != cut(theirs):
        sys.exit(f"signatures differ: {ours} and {theirs}")


def differences(heed, hypotheses, references):
    """(what, difference) of every figure."""
    for lower in (False, True):
        flags = ["--lowercase"] if lower else []
        for tokenize in TOKENIZERS:
            for smooth in ("exp", "floor", "none"):
                bleu = sacrebleu.BLEU(tokenize=tokenize, lowercase=lower, smooth_method=smooth, force=True)
                theirs = bleu.corpus_score(hypotheses, references)
                own = score(heed, hypotheses, references, "--metric", "bleu", "--tokenize", tokenize,
                            "--smooth", smooth, *flags)["BLEU"]
                same_signature(own["signature"], bleu)
                pairs = [(own["score"], theirs.score), (own["brevity_penalty"], theirs.bp),
                         *zip(own["precisions"], theirs.precisions)]
                yield bleu.get_signature(), max(abs(a - b) for a, b in pairs)
        both = score(heed, hypotheses, references, "--metric", "chrf,chrf++", *flags)
        for words, name in ((0, "chrF2"), (2, "chrF2++")):
            chrf = sacrebleu.CHRF(word_order=words, lowercase=lower)
            theirs = chrf.corpus_score(hypotheses, references)
            same_signature(both[name]["signature"], chrf)
            yield f"{name} {chrf.get_signature()}", abs(both[name]["score"] - theirs.score)
    for stem in (False, True):
        scorer = rouge_scorer.RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=stem)
        own = score(heed, hypotheses, references, "--metric", "rouge", *(["--stem"] if stem else []))["ROUGE"]
        rows = [scorer.score_multi(list(targets), line) for line, targets in zip(hypotheses, zip(*references))]
        for name, key in (("1", "rouge1"), ("2", "rouge2"), ("L", "rougeL")):
            mean = sum(row[key].fmeasure for row in rows) / len(rows)
            yield f"ROUGE-{name}{' stemmed' if stem else ''}", abs(own[name]["f1"] - mean)


def error_differences(heed, hypotheses, reference):
    """The same of WER and CER, and of the counts that they are made of."""
    own = score(heed, hypotheses, [reference], "--metric", "wer,cer")
    for name, theirs in (("wer", jiwer.process_words(reference, hypotheses)),
                         ("cer", jiwer.process_characters(reference, hypotheses))):
        counts = [abs(own[name][key] - getattr(theirs, key))
                  for key in ("hits", "substitutions", "deletions", "insertions")]
        yield name.upper(), max(*counts, abs(own[name]["score"] - getattr(theirs, name)))


def text_differences(heed, files):
    """(what, difference) of every figure."""
    draw = random.Random(1)
    texts = [read(file) for file in files]
    first = SENTENCES + (texts[0] if texts else [])
    references = [first]
    if len(texts) > 1 and len(texts[1]) == len(texts[0]):
        references.append(damaged(SENTENCES, draw) + texts[1])
    for count in range(1, len(references) + 1):
        for lines in (first, SENTENCES):
            hypotheses = damaged(lines, draw)
            if count == 1:
                for what, difference in error_differences(heed, hypotheses, references[0][: len(lines)]):
                    yield f"{what}, {len(lines)} lines", difference
            for what, difference in differences(heed, hypotheses, [r[: len(lines)] for r in references[:count]]):
                yield f"{what}, {len(lines)} lines", difference
