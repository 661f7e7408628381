#!/usr/bin/env bash
# Guess: mlx's scaled_dot_product_attention gives 0 for a query that may see nothing, whether a boolean mask or -inf says
# so, and refuses a mask of integers.
# What happens: hidden by booleans such a query gets the mean of all values, hidden by -inf NaN. A mask of integers 1 and
# 0 is added to the scores: nothing is hidden, weights lean towards the ones by a factor of e.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
timeout 900 "$folder/venv/bin/pip" install --quiet --no-cache-dir 'mlx[cpu]==0.32.4' numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import mlx.core as mx
import numpy as np

mx.set_default_device(mx.cpu)


def weights(mask):
    """Scores 0, 0.5, 1 in both rows; one-hot values: the output is the weights."""
    q, k, v = np.ones((1, 1, 2, 4)), np.zeros((1, 1, 3, 4)), np.eye(3, 4)[None, None]
    k[0, 0, :, 0] = [0, 1, 2]
    q, k, v = (mx.array(x.astype(np.float32)) for x in (q, k, v))
    return np.array(mx.fast.scaled_dot_product_attention(q, k, v, scale=0.5, mask=mx.array(mask)))[0, 0, :, :3]


seen = np.array([[True, True, False], [False, False, False]])
boolean, added = weights(seen), weights(np.where(seen, 0, -np.inf).astype(np.float32))
integer = weights(seen.astype(np.int32))
print("mlx", mx.__version__)
print(f"row 0 sees keys 0 and 1, row 1 nothing\nboolean:\n{boolean}\n-inf:\n{added}\nintegers:\n{integer}")
assert np.allclose(boolean[0], added[0]) and boolean[0, 2] == 0
assert np.allclose(boolean[1], 1 / 3) and np.isnan(added[1]).all()
for row in (0, 1):
    e = np.exp(np.array([0, 0.5, 1]) + seen[row])
    assert np.allclose(integer[row], e / e.sum(), atol=1e-6)
print("as found: the mean, NaN, and no mask at all")
PYTHON
