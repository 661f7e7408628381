"""Medians of alternating runs in one process: Heed beside PyTorch's SDPA and FlexAttention, entmax and the broadcast additive formula.

    bench/peers/run --speed [--threads N] [--seconds S] [--json]
"""

import argparse
import json
import statistics
import time

import torch
import torch.nn.functional as F

import heed

parser = argparse.ArgumentParser()
parser.add_argument("--threads", type=int, default=torch.get_num_threads())
parser.add_argument("--seconds", type=float, default=1.0, help="for a case; five rounds in any case")
parser.add_argument("--json", action="store_true")
options = parser.parse_args()
torch.set_num_threads(options.threads)
torch.manual_seed(1)


def take_turns(*works):
    """The median seconds of each."""
    times = [[] for _ in works]
    repeat = []
    for work in works:
        work()
        start = time.perf_counter()
        work()
        repeat.append(max(1, int(2e-3 / max(time.perf_counter() - start, 1e-7))))
    begin = time.perf_counter()
    while time.perf_counter() - begin < options.seconds or len(times[0]) < 5:
        for work, count, to in zip(works, repeat, times):
            start = time.perf_counter()
            for _ in range(count):
                work()
            to.append((time.perf_counter() - start) / count)
    return [statistics.median(t) for t in times]


def report(work, direction, shape, peer, ours, theirs):
    ours, theirs = take_turns(ours, theirs)
    row = {"work": work, "direction": direction, **shape, "threads": options.threads, "ms": 1e3 * ours, "peer": peer,
           "peer_ms": 1e3 * theirs, "times_as_fast": theirs / ours}
    if options.json:
        print(json.dumps(row), flush=True)
    else:
        where = " ".join(f"{k}={v}" for k, v in shape.items())
        print(f"{work:20} {direction:8} {where:26} {row['ms']:10.3f} ms  {peer:24} {row['peer_ms']:10.3f} ms  "
              f"{row['times_as_fast']:6.2f}x", flush=True)


def run(function, inputs, grad, train):
    def work():
        if not train:
            with torch.no_grad():
                return function(*inputs)
        return torch.autograd.grad(function(*inputs), inputs, grad)

    return work


def compare(work, peer, ours, theirs, shape, extra=()):
    B, H, L, D = shape["B"], shape["H"], shape["L"], shape["D"]
    inputs = [torch.randn(B, H, L, D, requires_grad=True) for _ in range(3)] + list(extra)
    grad = torch.randn(B, H, L, D)
    for train in (False, True):
        report(work, "train" if train else "forward", shape, peer, run(ours, inputs, grad, train),
               run(theirs, inputs, grad, train))


def sdpa():
    for L in (64, 256, 1024, 2048, 4096, 8192):
        H = 8 if L <= 1024 else 2
        shape = {"B": max(1, 2048 // L // 4), "H": H, "L": L, "D": 64}
        for causal in (False, True):
            compare("causal" if causal else "scaled_dot", "torch SDPA",
                    lambda q, k, v: heed.attend(q, k, v, "causal" if causal else "scaled_dot"),
                    lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=causal), shape)


def additive():
    weight = torch.randn(2, 128, requires_grad=True)

    def broadcast(q, k, v, w):
        scores = (torch.tanh(q.unsqueeze(3) + k.unsqueeze(2)) * w[None, :, None, None]).sum(-1)
        return torch.softmax(scores, -1) @ v

    compare("additive", "torch, broadcast", lambda q, k, v, w: heed.attend(q, k, v, "additive", parameters=[w]),
            broadcast, {"B": 1, "H": 2, "L": 512, "D": 128}, [weight])


def sparse():
    import entmax

    for how, function in [("sparsemax", entmax.sparsemax), ("entmax15", entmax.entmax15)]:
        compare(how, "entmax", lambda q, k, v: heed.attend(q, k, v, how),
                lambda q, k, v: function(q @ k.transpose(-1, -2) / 8, dim=-1) @ v,
                {"B": 1, "H": 8, "L": 1024, "D": 64})


def flex():
    """FlexAttention, compiled: forward alone, which is what it offers on CPUs."""
    from torch.nn.attention.flex_attention import create_block_mask, flex_attention

    compiled = torch.compile(flex_attention)
    shape = {"B": 1, "H": 8, "L": 2048, "D": 64}
    inputs = [torch.randn(1, 8, 2048, 64) for _ in range(3)]
    masks = {"scaled_dot": None, "causal": lambda b, h, i, j: i >= j,
             "window(256, 0)": lambda b, h, i, j: (i - j <= 256) & (i >= j)}
    for how, rule in masks.items():
        try:
            blocks = rule and create_block_mask(rule, None, None, 2048, 2048, device="cpu")
            theirs = run(lambda q, k, v: compiled(q, k, v, block_mask=blocks), inputs, None, False)
            theirs()
        except Exception as why:  # no compiler, no vector instructions that it knows, ...
            reason = str(why).strip().splitlines()[0] if str(why).strip() else type(why).__name__
            row = {"work": how, "direction": "forward", **shape, "peer": "torch FlexAttention", "left_out": reason}
            print(json.dumps(row) if options.json else f"{how:20} forward  FlexAttention did not run: {reason}", flush=True)
            continue
        report(how, "forward", shape, "torch FlexAttention", run(lambda q, k, v: heed.attend(q, k, v, how), inputs, None, False),
               theirs)


sdpa()
additive()
sparse()
flex()
