"""Training steps of a recipe's Transformer: `heed_bench train` beside PyTorch, on batches of the same sizes.

    bench/peers/run --train [--recipe FILE] [--data FOLDER] [--threads N] [--seconds S] [--rounds N] [--no-compile] [--json]

In a round Heed trains for S seconds and says of each batch how many pairs it had, how long they were with padding and how
many tokens without; then PyTorch trains once on random tokens of those very sizes, eager and compiled. A step is the
forward pass, the loss with label smoothing, the backward pass, clipping and Adam. Rates are target tokens per second.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import time
import tomllib

import torch
import torch.nn.functional as F

import transformer

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
IGNORED = -100


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--heed-bench", default=ROOT / "build/release/heed_bench", help="the program that measures")
    parser.add_argument("--recipe", default=ROOT / "recipes/multi30k-de-en.toml")
    parser.add_argument("--data", type=pathlib.Path, default=ROOT / "../shared/data",
                        help="the folder from which the recipe names its files")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=10.0, help="that Heed trains in a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def heed_trains(options, recipe):
    """What `heed_bench train` says; validation and test data are not opened."""
    files = [str((options.data / name).resolve()) for name in recipe["data"]["train"]]
    command = [options.heed_bench, "train", options.recipe, "--json", "--threads", options.threads, "--seconds",
               options.seconds]
    for key, value in (("train", files), ("valid", []), ("test", [])):
        command += ["--set", f"data.{key}={json.dumps(value)}"]
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, check=True,
                          env=os.environ | {"OMP_NUM_THREADS": str(options.threads)})
    row = json.loads(done.stdout)
    row["tokens"] = sum(batch["target_tokens"] for batch in row["batches"])
    return row


def lengths(rows, longest, tokens):
    """(rows): `tokens` in all, each at most `longest`, as equal as can be, the first row the longest."""
    found = torch.full((rows,), longest)
    missing = rows * longest - tokens
    if missing > 0:
        shares = torch.full((rows - 1,), missing // (rows - 1))
        shares[:missing % (rows - 1)] += 1
        found[1:] -= shares
    return found


def tensors(sizes, vocabulary):
    """Random pairs: source, mask, target and labels."""
    B, Ls, Lt = sizes["pairs"], sizes["source_length"], sizes["target_length"]
    source, target, labels = (torch.randint(4, vocabulary, (B, L)) for L in (Ls, Lt, Lt))
    seen = torch.arange(Ls) < lengths(B, Ls, sizes["source_tokens"])[:, None]
    labels[torch.arange(Lt) >= lengths(B, Lt, sizes["target_tokens"])[:, None]] = IGNORED
    assert (labels != IGNORED).sum() == sizes["target_tokens"] and seen.sum() == sizes["source_tokens"]
    return source.masked_fill(~seen, transformer.PAD), seen[:, None, None], target, labels


class Trainer:
    def __init__(self, recipe, vocabulary, compiled):
        torch.manual_seed(recipe["seed"])
        how = recipe["train"]
        adam = how["optimizer"]
        self.model = transformer.of_recipe(recipe, vocabulary).train()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=adam["lr"], fused=True,
                                          betas=(adam.get("beta1", 0.9), adam["beta2"]))
        self.smoothing, self.clip = how["label_smoothing"], how["clip_grad_norm"]
        self.loss = torch.compile(self.eager_loss, dynamic=True) if compiled else self.eager_loss

    def eager_loss(self, source, mask, target, labels):
        logits = self.model(source, mask, target)
        return F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED,
                               label_smoothing=self.smoothing)

    def step(self, batch):
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(*batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
        self.optimizer.step()
        return loss.item()

    def tokens_per_second(self, batches, tokens):
        for batch in batches[:2]:  # first uses
            self.step(batch)
        start = time.perf_counter()
        for batch in batches:
            self.step(batch)
        return tokens / (time.perf_counter() - start)


def compile_or_say_why(trainer, batches):
    """Compiles for all sizes there are; the reason where this machine cannot."""
    start = time.perf_counter()
    try:
        for batch in batches:
            trainer.step(batch)
    except Exception as why:  # no compiler, an operator that is not supported, ...
        return None, f"{type(why).__name__}: {(str(why).strip() or '?').splitlines()[0]}"
    return time.perf_counter() - start, None


def main():
    options = parse()
    torch.set_num_threads(options.threads)
    recipe = tomllib.loads(pathlib.Path(options.recipe).read_text())
    vocabulary = recipe["input"]["source"]["size"]
    peers = {"eager": Trainer(recipe, vocabulary, False)}
    left_out, compiling = None, None
    rates = {"heed": []}
    counts = []
    for number in range(options.rounds):
        row = heed_trains(options, recipe)
        counts.append({"steps": row["steps"], "target_tokens": row["tokens"]})
        batches = [tensors(sizes, vocabulary) for sizes in row["batches"]]
        if number == 0 and not options.no_compile:
            compiled = Trainer(recipe, vocabulary, True)
            compiling, left_out = compile_or_say_why(compiled, batches)
            if not left_out:
                peers["compiled"] = compiled
        rates["heed"].append(row["units_per_second"])
        for name, trainer in peers.items():
            rates.setdefault(name, []).append(trainer.tokens_per_second(batches, row["tokens"]))
        if not options.json:
            print(f"round {number + 1}: {row['steps']} steps, {row['tokens']} target tokens;  "
                  + ",  ".join(f"{name} {found[-1]:.0f} a second" for name, found in rates.items()), flush=True)
    result = {"torch": torch.__version__, "threads": options.threads, "rounds": counts,
              "tokens_per_second": {name: statistics.median(found) for name, found in rates.items()},
              "times_as_fast": {name: statistics.median(ours / its for ours, its in zip(rates["heed"], found))
                                for name, found in rates.items() if name != "heed"},
              "seconds_to_compile": compiling, "compile_left_out": left_out}
    if options.json:
        print(json.dumps(result))
        return
    print(f"medians, PyTorch {torch.__version__}, {options.threads} threads:")
    for name, rate in result["tokens_per_second"].items():
        against = result["times_as_fast"].get(name)
        print(f"  {name:10} {rate:8.0f} target tokens per second" + (f"   Heed is {against:.2f} times as fast" if against else ""))
    if left_out:
        print(f"  torch.compile did not run here: {left_out}")
    elif compiling:
        print(f"  torch.compile took {compiling:.0f} s, its first steps included")


main()
