#!/usr/bin/env python3
"""`heed score` beside the field's own scorers: the largest difference of every figure.

    python3 -m venv build/metrics-env
    build/metrics-env/bin/pip install jiwer sacrebleu rouge-score scikit-learn scipy seqeval torchmetrics
    build/metrics-env/bin/python bench/peers/metrics.py build/release/heed [--text TEXT...] [--data DATA]
        [--nab NAB] [--ud conll18_ud_eval.py] [--mlqa mlqa_evaluation_v1.py]

--text: files of lines, plain or .gz, for BLEU, chrF, ROUGE, WER and CER beside sacrebleu, rouge-score and jiwer. --data: a folder with
wnut17, sst2, banking77, german_credit, stsb, etth, ud_english_ewt, up_english_ewt and xquad, for which small models of
scikit-learn or counts make the predictions; a part whose folder is absent says so. --nab: a clone of numenta/NAB, whose sweeper
scores its detectors' results. --ud, --mlqa: these scripts of ufal/conll2018 and
facebookresearch/MLQA. Exit 1 where a difference is above 1e-9 (1e-6 where the other side computes in float32).
"""

import argparse
import sys

import metrics_files
import metrics_text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("heed")
    parser.add_argument("--text", nargs="*", default=[])
    for name in ("data", "nab", "ud", "mlqa"):
        parser.add_argument(f"--{name}")
    flags = parser.parse_args()
    worst = 0
    parts = [metrics_text.text_differences(flags.heed, flags.text)]
    parts += metrics_files.parts(flags)
    for part in parts:
        for what, difference in part:
            print(f"{difference:.1e}  {what}", flush=True)
            worst = max(worst, difference)
    print(f"largest difference {worst:.1e}")
    return 1 if not worst < 1e-9 else 0


if __name__ == "__main__":
    sys.exit(main())
