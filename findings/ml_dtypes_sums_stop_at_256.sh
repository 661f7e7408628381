#!/usr/bin/env bash
# Guess: the sum of 4,096 ones of ml_dtypes' bfloat16 in numpy is 4,096 and their mean is 1, as with numpy's float16.
# What happens: the sum is kept in bfloat16, where 256 + 1 is 256: sum, mean and cumsum stop there, so a row of 4,096
# equal softmax weights sums to 16. In float8_e4m3fn a sum of ones stops at 16. dot, matmul, jax.numpy and dtype=float32
# are right, which hides it: a reference in numpy must widen before it adds.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
timeout 900 "$folder/venv/bin/pip" install --quiet --no-cache-dir ml_dtypes==0.6.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import ml_dtypes
import numpy as np

ones = np.ones(4096, ml_dtypes.bfloat16)
half = np.ones(4096, np.float16)
exps = np.exp(np.zeros(4096, ml_dtypes.bfloat16))
weights = (exps / exps.sum()).astype(np.float64)
eight = np.ones(100, ml_dtypes.float8_e4m3fn)
print("ml_dtypes", ml_dtypes.__version__, "numpy", np.__version__)
print("bfloat16: sum", ones.sum(), "mean", ones.mean(), "cumsum", ones.cumsum()[-1], "dot", np.dot(ones, ones))
print("float16: sum", half.sum(), "mean", half.mean())
print("softmax of 4,096 equal scores in bfloat16 sums to", weights.sum())
print("float8_e4m3fn: sum of 100 ones", eight.sum())
assert ones.sum() == 256 and ones.mean() == 0.0625 and ones.cumsum()[-1] == 256
assert half.sum() == 4096 and np.dot(ones, ones) == 4096 and ones.sum(dtype=np.float32) == 4096
assert weights.sum() == 16 and eight.sum() == 16
print("as found: sums of ones stop where one more is lost")
PYTHON
