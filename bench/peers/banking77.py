#!/usr/bin/env python3
"""What counting words reaches on BANKING77: TF-IDF and logistic regression of scikit-learn.

    pip install scikit-learn
    bench/peers/banking77.py banking77/train.csv banking77/test.csv

Its strength is chosen by five-fold cross-validation on the training messages, of words alone and of words with pairs
of words; the accuracy printed is the test messages'.
"""

import argparse
import csv
import time

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row["text"] for row in rows], [row["category"] for row in rows]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("train")
    parser.add_argument("test")
    parser.add_argument("--folds", type=int, default=5)
    given = parser.parse_args()
    train, test = read(given.train), read(given.test)
    pipeline = Pipeline(
        [("tfidf", TfidfVectorizer(sublinear_tf=True)), ("regression", LogisticRegression(max_iter=1000))]
    )
    choices = {"tfidf__ngram_range": [(1, 1), (1, 2)], "regression__C": [1, 10, 100]}
    start = time.time()
    search = GridSearchCV(pipeline, choices, cv=given.folds, n_jobs=1).fit(*train)
    print(f"chosen      {search.best_params_}, {search.best_score_:.4f} in cross-validation")
    plain = Pipeline([("tfidf", TfidfVectorizer()), ("regression", LogisticRegression(max_iter=1000))]).fit(*train)
    print(f"by default  {plain.score(*test):.4f} test accuracy")
    print(f"best        {search.score(*test):.4f} test accuracy, {time.time() - start:.0f} seconds")


if __name__ == "__main__":
    main()
