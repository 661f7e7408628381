"""`heed score` of values, sentences and series beside scikit-learn, scipy, seqeval, torchmetrics, the CoNLL 2018 and MLQA
scripts and NAB, on predictions of small models for real data: metrics.py runs it.
"""

import collections
import csv
import gzip
import importlib.util
import json
import pathlib
import subprocess
import tempfile

import numpy as np
import scipy.stats
import sklearn.metrics as sk
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge

NONE = ("_", "")  # cells without a predicate or role
FLOAT32 = 1e-3  # a difference of 1e-6 counts as 1e-9


def lines_of(path):
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8", newline="\n") as file:
        return file.read().split("\n")[:-1]


def score(heed, metric, predicted, expected, *flags):
    """The row of a metric; both sides are lists of lines, or paths."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name, side in (("predicted", predicted), ("expected", expected)):
            path = side
            if isinstance(side, list):
                path = pathlib.Path(folder) / name
                path.write_text("".join(line + "\n" for line in side), encoding="utf-8")
            paths.append(path)
        command = [heed, "score", paths[0], "--reference", paths[1], "--metric", metric, "--json", *flags]
        answer = subprocess.run(command, check=True, capture_output=True)
    return json.loads(answer.stdout)["scores"][0]


def compare(what, own, theirs):
    """(what, difference) of each of their figures."""
    for name, value in theirs.items():
        yield f"{what}: {name} {own[name]:.4f}", abs(own[name] - value)


def table(values):
    return [" ".join(repr(float(x)) for x in row) for row in np.atleast_2d(values)]


def column(values):
    return [repr(float(x)) for x in values]


def split_pairs(path, separator, text, label, header):
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter=separator, quoting=csv.QUOTE_NONE if separator == "\t" else 0))
    rows = rows[1 if header else 0 :]
    return [row[text] for row in rows], [row[label] for row in rows]


def of_classes(heed, data):
    """Questions of 77 intents by logistic regression over TF-IDF."""
    texts, labels = split_pairs(data / "banking77/train.csv", ",", 0, 1, True)
    test, expected = split_pairs(data / "banking77/test.csv", ",", 0, 1, True)
    vectors = TfidfVectorizer(ngram_range=(1, 2), min_df=2)
    model = LogisticRegression(max_iter=200).fit(vectors.fit_transform(texts), labels)
    probabilities = model.predict_proba(vectors.transform(test))
    predicted = model.classes_[probabilities.argmax(1)].tolist()
    own = score(heed, "classes", predicted, expected)
    f1 = {f"{kind}_f1": sk.f1_score(expected, predicted, average=kind) for kind in ("macro", "micro")}
    yield from compare("banking77 classes", own, {"accuracy": sk.accuracy_score(expected, predicted), **f1,
                                                  "mcc": sk.matthews_corrcoef(expected, predicted)})
    each = dict(zip(sorted(set(expected) | set(predicted)), sk.f1_score(expected, predicted, average=None)))
    yield "banking77 classes: F1 of each", max(abs(own["classes"][name]["f1"] - f) for name, f in each.items())
    numbers = [int(np.searchsorted(model.classes_, name)) for name in expected]
    own = score(heed, "auc", table(probabilities), column(numbers))
    yield from compare("banking77 auc", own, {
        "roc_auc": sk.roc_auc_score(numbers, probabilities, multi_class="ovr", average="macro"),
        "average_precision": sk.average_precision_score(numbers, probabilities, average="macro")})
    own = score(heed, "probabilities", table(probabilities), column(numbers))
    yield from compare("banking77 probabilities", own, {"log_loss": sk.log_loss(numbers, probabilities)})
    import torch
    from torchmetrics.functional.classification import multiclass_calibration_error
    theirs = multiclass_calibration_error(torch.tensor(probabilities), torch.tensor(numbers), probabilities.shape[1])
    yield ("banking77 probabilities: calibration error (float32)",
           FLOAT32 * abs(own["expected_calibration_error"] - float(theirs)))
    several = [np.flatnonzero(row > 0.2).tolist() for row in probabilities]
    names = lambda sets: [",".join(model.classes_[i] for i in chosen) for chosen in sets]
    truth = [[n] for n in numbers]
    used = sorted({i for chosen in several + truth for i in chosen})
    binary = lambda sets: np.array([[int(i in chosen) for i in used] for chosen in sets])
    own = score(heed, "labels", names(several), names(truth))
    yield from compare("banking77 labels", own, {
        **{f"{kind}_f1": sk.f1_score(binary(truth), binary(several), average=kind, zero_division=0)
           for kind in ("micro", "macro")},
        "subset_accuracy": sk.accuracy_score(binary(truth), binary(several))})


def of_scores(heed, data):
    """Good and bad credits by logistic regression, scores rounded so that many are equal."""
    lines = lines_of(data / "german_credit/german.data")
    rows = [line.split() for line in lines if line]
    numbers = np.array([[float(x) for x in row if x.isdigit()] for row in rows])
    x, y = numbers[:, :-1], (numbers[:, -1] == 2).astype(int)
    model = LogisticRegression(max_iter=2000).fit(x[:800], y[:800])
    scores = np.round(model.predict_proba(x[800:])[:, 1], 2)
    own = score(heed, "auc", column(scores), column(y[800:]))
    yield from compare("german_credit auc", own, {"roc_auc": sk.roc_auc_score(y[800:], scores),
                                                  "average_precision": sk.average_precision_score(y[800:], scores)})


def of_pairs(heed, data):
    """Similarity of sentences by their common words."""
    with gzip.open(next((data / "stsb").glob("*test*")), "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    similar = []
    for first, second, _ in rows:
        a, b = set(first.lower().split()), set(second.lower().split())
        similar.append(5 * len(a & b) / len(a | b))
    expected = [float(row[2]) for row in rows]
    own = score(heed, "correlation", column(similar), column(expected))
    yield from compare("stsb correlation", own, {"pearson": scipy.stats.pearsonr(similar, expected)[0],
                                                 "spearman": scipy.stats.spearmanr(similar, expected)[0]})


def of_forecasts(heed, data):
    """The oil temperature by ridge regression over the day before, and its quantiles by past errors."""
    with open(next((data / "etth").glob("ETTh1*")), encoding="utf-8") as file:
        series = np.array([float(row["OT"]) for row in csv.DictReader(file)])
    windows = np.lib.stride_tricks.sliding_window_view(series, 25)
    train, test = windows[:8000], windows[8024:9024]
    model = Ridge().fit(train[:, :-1], train[:, -1])
    predicted, expected = model.predict(test[:, :-1]), test[:, -1]
    history = pathlib.Path(tempfile.mkdtemp()) / "history"
    history.write_text("".join(line + "\n" for line in column(series[:8024])))
    own = score(heed, "regression", column(predicted), column(expected), "--history", history, "--season", "24")
    naive = np.abs(series[24:8024] - series[:8000]).mean()
    yield from compare("etth regression", own, {
        "mse": sk.mean_squared_error(expected, predicted), "mae": sk.mean_absolute_error(expected, predicted),
        "rmse": sk.root_mean_squared_error(expected, predicted), "r2": sk.r2_score(expected, predicted),
        "smape": np.mean(200 * np.abs(expected - predicted) / (np.abs(expected) + np.abs(predicted))),
        "mase": np.abs(expected - predicted).mean() / naive})
    errors = train[:, -1] - model.predict(train[:, :-1])
    levels = (0.1, 0.5, 0.9)
    quantiles = predicted[:, None] + np.quantile(errors, levels)
    own = score(heed, "quantiles", table(quantiles), column(expected), "--quantiles", "0.1,0.5,0.9")
    yield from compare("etth quantiles", own, {
        **{f"pinball_{q}": sk.mean_pinball_loss(expected, quantiles[:, i], alpha=q) for i, q in enumerate(levels)},
        "coverage": np.mean((quantiles[:, 0] <= expected) & (expected <= quantiles[:, 2]))})
    # Which of the last 24 hours is nearest to the next one? The ranks come from scipy.
    items = -np.abs(test[:, :-1] - predicted[:, None])
    targets = np.abs(test[:, :-1] - expected[:, None]).argmin(1)
    items = items.astype(np.float32)
    ranks = scipy.stats.rankdata(-items, method="max", axis=1)[np.arange(len(targets)), targets]
    own = score(heed, "ranking", table(items), column(targets))
    yield from compare("etth ranking", own, {"hr@10": np.mean(ranks <= 10), "mrr": np.mean(1 / ranks),
                                             "ndcg@10": np.mean(np.where(ranks <= 10, 1 / np.log2(1 + ranks), 0))})


def sentences_of(lines, separator=None):
    sentences = [[]]
    for line in lines:
        if line.strip():
            sentences[-1].append(line.split(separator))
        elif sentences[-1]:
            sentences.append([])
    return [sentence for sentence in sentences if sentence]


def of_spans(heed, data):
    """Names in noisy text: each word has the tag that it has most often."""
    from seqeval.metrics import f1_score, precision_score, recall_score
    from seqeval.scheme import IOB1, IOB2
    counts = collections.defaultdict(collections.Counter)
    for sentence in sentences_of(lines_of(data / "wnut17/train.conll.gz")):
        for word, tag in sentence:
            counts[word.lower()][tag] += 1
    lines = sentences_of(lines_of(data / "wnut17/test.conll.gz"))
    expected = [[tag for _, tag in sentence] for sentence in lines]
    chosen = lambda word: counts[word.lower()].most_common(1)[0][0] if word.lower() in counts else "O"
    predicted = [[chosen(word) for word, _ in sentence] for sentence in lines]
    text = lambda sentences: [line for sentence in sentences for line in [*sentence, ""]]
    for name, more in (("lenient", {}), ("iob1", {"mode": "strict", "scheme": IOB1}),
                       ("iob2", {"mode": "strict", "scheme": IOB2})):
        own = score(heed, "spans", text(predicted), text(expected), "--scheme", name)
        yield from compare(f"wnut17 spans {name}", own, {
            "f1": f1_score(expected, predicted, **more), "precision": precision_score(expected, predicted, **more),
            "recall": recall_score(expected, predicted, **more),
            "macro_f1": f1_score(expected, predicted, average="macro", **more)})


def module_of(path):
    spec = importlib.util.spec_from_file_location(pathlib.Path(path).stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def of_words(heed, data, script):
    """Parts of speech: each word has the one that it has most often."""
    ud, script = data / "ud_english_ewt", module_of(script)
    files = {part: next(ud.glob(f"*{part}.conllu*")) for part in ("train", "test")}
    counts = collections.defaultdict(collections.Counter)
    for line in lines_of(files["train"]):
        cells = line.split("\t")
        if len(cells) == 10:
            counts[cells[1]][cells[3]] += 1
    gold = lines_of(files["test"])
    predicted = []
    for line in gold:
        cells = line.split("\t")
        if len(cells) == 10 and cells[0].isdigit():
            cells[3] = counts[cells[1]].most_common(1)[0][0] if cells[1] in counts else "NOUN"
        predicted.append("\t".join(cells))
    with tempfile.TemporaryDirectory() as folder:
        loaded = []
        for name, lines in (("gold", gold), ("predicted", predicted)):
            path = pathlib.Path(folder) / name
            path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
            with open(path, encoding="utf-8") as file:
                loaded.append(script.load_conllu(file))
    theirs = script.evaluate(*loaded)["UPOS"]
    own = score(heed, "upos", predicted, gold)
    yield from compare("ud_english_ewt upos", own, {"accuracy": theirs.f1})


def of_roles(heed, data):
    """Roles: each word below a predicate has the role that its relation has most often. Counted here."""
    train, test = (data / f"up_english_ewt/en_ewt-up-{part}.conllu" for part in ("dev", "test"))
    def read(path):
        lines = [line for line in lines_of(path) if not line.startswith("# ")]
        return [[row for row in sentence if row[0].isdigit()] for sentence in sentences_of(lines, "\t")]
    def triples(sentence):
        predicates = [i for i, row in enumerate(sentence) if row[10] not in NONE]
        return {(p, i, row[11 + k]) for k, p in enumerate(predicates) for i, row in enumerate(sentence)
                if row[11 + k] not in (*NONE, "V")}
    counts = collections.defaultdict(collections.Counter)
    for sentence in read(train):
        roles = {(p, i): role for p, i, role in triples(sentence)}
        for p, row in enumerate(sentence):
            if row[10] not in NONE:
                for i, other in enumerate(sentence):
                    if other[6] == row[0]:
                        counts[other[7]][roles.get((p, i), "_")] += 1
    gold = read(test)
    predicted, found, right, both = [], 0, 0, 0
    for sentence in gold:
        rows = [list(row) for row in sentence]
        for k, p in enumerate(i for i, row in enumerate(sentence) if row[10] not in NONE):
            for row in rows:
                below = row[6] == sentence[p][0] and row[7] in counts
                row[11 + k] = counts[row[7]].most_common(1)[0][0] if below else "_"
        predicted.append(rows)
        a, b = triples(rows), triples(sentence)
        found, right, both = found + len(a), right + len(b), both + len(a & b)
    text = lambda sentences: ["\t".join(row) for s in sentences for row in [*s, [""]]]
    own = score(heed, "srl", text(predicted), text(gold))
    yield from compare("up_english_ewt srl", own, {"precision": both / found, "recall": both / right,
                                                   "f1": 2 * both / (found + right)})


def of_answers(heed, data, script):
    """Answers: the words of the question's sentence that stand behind its longest common word."""
    script = module_of(script)
    for language in ("en", "de", "zh"):
        with open(data / f"xquad/xquad.{language}.json", encoding="utf-8") as file:
            articles = json.load(file)["data"]
        predicted, expected = [], []
        for article in articles:
            for paragraph in article["paragraphs"]:
                text = paragraph["context"].replace("\n", " ")
                for question in paragraph["qas"]:
                    answer = question["answers"][0]["text"].replace("\n", " ")
                    at = max(0, text.find(answer) - len(question["question"]) % 7)
                    predicted.append(text[at : at + len(answer) + len(question["id"]) % 5])
                    expected.append(answer)
        pairs = list(zip(predicted, expected))
        own = score(heed, "exact", predicted, expected, "--language", language)
        yield from compare(f"xquad {language} mlqa", own, {
            "exact": np.mean([script.exact_match_score(a, b, language) for a, b in pairs]),
            "f1": np.mean([script.f1_score(a, b, language) for a, b in pairs])})


def of_squad(heed, data):
    from torchmetrics.functional.text import squad
    with open(data / "xquad/xquad.en.json", encoding="utf-8") as file:
        articles = json.load(file)["data"]
    questions = [(paragraph["context"], q) for a in articles for paragraph in a["paragraphs"] for q in paragraph["qas"]]
    pairs = []
    for i, (context, question) in enumerate(questions):
        answer = question["answers"][0]
        begin = max(0, answer["answer_start"] - i % 7)
        text = context[begin : begin + len(answer["text"]) + i % 7 + i % 3]
        pairs.append((text.replace("\n", " "), answer["text"]))
    theirs = squad([{"prediction_text": text, "id": str(i)} for i, (text, _) in enumerate(pairs)],
                   [{"answers": {"answer_start": [0], "text": [answer]}, "id": str(i)}
                    for i, (_, answer) in enumerate(pairs)])
    own = score(heed, "exact", [text for text, _ in pairs], [answer for _, answer in pairs])
    for name, value in (("exact", theirs["exact_match"]), ("f1", theirs["f1"])):
        yield f"xquad en squad: {name} {own[name]:.4f} (float32)", FLOAT32 * abs(own[name] - float(value) / 100)


def of_series(heed, nab):
    """NAB's sweeper on its detectors' scores. A few published results are of an older optimizer: they are only shown."""
    sweeper = module_of(nab / "nab/sweeper.py")
    with open(nab / "config/profiles.json", encoding="utf-8") as file:
        profiles = {name: profile["CostMatrix"] for name, profile in json.load(file).items()}
    with open(nab / "labels/combined_windows.json", encoding="utf-8") as file:
        windows = {name: [[time[:19] for time in window] for window in all] for name, all in json.load(file).items()}
    with open(nab / "results/final_results.json", encoding="utf-8") as file:
        published = json.load(file)
    for detector in sorted(name for name in published if (nab / "results" / name).is_dir()):
        own = score(heed, "nab", nab / "results" / detector, nab / "labels/combined_windows.json")
        for profile, costs in profiles.items():
            sweep, rows = sweeper.Sweeper(0.15, costs), []
            for name, limits in windows.items():
                path = nab / "results" / detector / pathlib.Path(name).parent / f"{detector}_{pathlib.Path(name).name}"
                with open(path, encoding="utf-8") as file:
                    series = [(row["timestamp"][:19], float(row["anomaly_score"])) for row in csv.DictReader(file)]
                rows += sweep.calcSweepScore(*zip(*series), [tuple(limit) for limit in limits], name)
            scores = sweep.calcScoreByThreshold(rows)
            null, best = scores[0].score, max(row.score for row in scores)
            perfect = sum(map(len, windows.values())) * costs["tpWeight"]
            theirs = 100 * (best - null) / (perfect - null)
            yield f"nab {detector} {profile} {own[profile]:.4f} (published {published[detector][profile]:.4f})", abs(
                own[profile] - theirs)


def parts(flags):
    if flags.data:
        data = pathlib.Path(flags.data)
        for part, folder in ((of_classes, "banking77"), (of_scores, "german_credit"), (of_pairs, "stsb"),
                             (of_forecasts, "etth"), (of_spans, "wnut17"), (of_roles, "up_english_ewt"),
                             (of_squad, "xquad")):
            if (data / folder).is_dir():
                yield part(flags.heed, data)
            else:
                print(f"left out: no {data / folder}")
        if flags.ud:
            yield of_words(flags.heed, data, flags.ud)
        if flags.mlqa:
            yield of_answers(flags.heed, data, flags.mlqa)
    if flags.nab:
        yield of_series(flags.heed, pathlib.Path(flags.nab))
