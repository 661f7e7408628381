#!/usr/bin/env python3
"""AUC on German credit: Heed's recipe and scikit-learn's models on the same five folds.

    pip install scikit-learn
    bench/peers/german_credit.py --heed build/release/heed --data german.data

Fold k holds the records k, k + 5, k + 10, ...: data.folds and data.fold of the recipe say the same.
"""
import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

FOLDS = 5
RECIPE = Path(__file__).resolve().parents[2] / "recipes" / "german-credit.toml"


def peers(numbers, categories):
    """Models with scikit-learn's defaults; categories as one-hot columns, or as trees take them."""
    one_hot = make_column_transformer(
        (StandardScaler(), numbers), (OneHotEncoder(handle_unknown="ignore"), categories))
    codes = make_column_transformer(
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), categories),
        remainder="passthrough")
    trees = HistGradientBoostingClassifier(
        categorical_features=list(range(len(categories))), random_state=1)
    return {
        "logistic regression": make_pipeline(one_hot, LogisticRegression(max_iter=1000)),
        "gradient boosting": make_pipeline(codes, trees),
    }


def heed_auc(heed, data, fold, folder, settings):
    out = folder / f"fold{fold}"
    sets = [f"data.train={data}", f"data.fold={fold}", f"out={out}", *settings]
    command = [heed, "train", str(RECIPE), "--threads", "1"]
    for setting in sets:
        command += ["--set", setting]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    found = subprocess.run([heed, "eval", str(out), "--json"], check=True, capture_output=True)
    return json.loads(found.stdout)["auc"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--heed", required=True)
    parser.add_argument("--data", required=True, type=Path, help="german.data")
    parser.add_argument("--set", action="append", default=[], help="a key of the recipe")
    args = parser.parse_args()
    rows = [line.split() for line in args.data.read_text().splitlines() if line.strip()]
    table = np.array(rows, dtype=object)
    numbers = [i for i in range(20) if all(row[i].isdigit() for row in rows)]
    categories = [i for i in range(20) if i not in numbers]
    x, bad = table[:, :20].copy(), (table[:, 20] == "2").astype(int)
    x[:, numbers] = x[:, numbers].astype(float)

    scores, seconds = {}, {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "german.data"
        data.write_text("".join("\t".join(row) + "\n" for row in rows))
        for fold in range(FOLDS):
            test = np.arange(len(rows)) % FOLDS == fold
            for model_name, model in peers(numbers, categories).items():
                start = time.time()
                model.fit(x[~test], bad[~test])
                auc = roc_auc_score(bad[test], model.predict_proba(x[test])[:, 1])
                scores.setdefault(model_name, []).append(auc)
                seconds[model_name] = seconds.get(model_name, 0) + time.time() - start
            start = time.time()
            scores.setdefault("heed", []).append(heed_auc(args.heed, data, fold, folder, args.set))
            seconds["heed"] = seconds.get("heed", 0) + time.time() - start

    print("AUC                  " + "".join(f"  fold {k}" for k in range(FOLDS)) + "    mean     std  seconds")
    for model_name, found in scores.items():
        print(f"{model_name:21}" + "".join(f"{auc:8.4f}" for auc in found)
              + f"{np.mean(found):8.4f}{np.std(found):8.4f}{seconds[model_name]:9.1f}")


if __name__ == "__main__":
    main()
