#!/usr/bin/env bash
# Guess: the gradient of torch.nn.functional.gelu is the same whatever strides the gradient that comes back has.
# What happens in PyTorch 1.13.1 (Debian 12's version, too): where it is a transposed one, as behind gelu(x).transpose(1, 2), the
# oneDNN kernel leaves numbers of the result unwritten: what stood in the memory before becomes gradient, NaN now and then.
# With oneDNN off, or transposed before gelu, all is right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
timeout 1800 "$folder/venv/bin/pip" install --quiet --no-cache-dir torch==1.13.1 numpy==1.26.4
"$folder/venv/bin/python" - <<'PYTHON'
import torch
import torch.nn.functional as F

RUNS = 400
torch.manual_seed(1)
given = torch.randn(8, 16, 25)


def after(x):
    return F.gelu(x).transpose(1, 2).contiguous()


def before(x):
    return F.gelu(x.transpose(1, 2).contiguous())


def gradient(f, dtype=torch.float32):
    x = given.clone().to(dtype).requires_grad_()
    y = f(x)
    used = [torch.full((n,), float("nan")) for n in (64, 256, 1024, 3200, 4096, 6400)]  # memory that was somebody's
    del used
    (y**2).mean().backward()
    return x.grad


def wrong(f, onednn):
    with torch.backends.mkldnn.flags(enabled=onednn):
        return sum(not torch.allclose(gradient(f), right, atol=1e-6) for _ in range(RUNS))


right = gradient(before, torch.float64).float()
found = {"turned behind gelu": wrong(after, True), "turned before gelu": wrong(before, True),
         "turned behind gelu, without oneDNN": wrong(after, False)}
print("torch", torch.__version__, "wrong gradients of", RUNS, found)
assert found["turned behind gelu"] > 0
assert found["turned before gelu"] == 0 and found["turned behind gelu, without oneDNN"] == 0
print("as found: a turned gradient is not all written")
PYTHON
