#!/usr/bin/env bash
# Guess: OpenVINO's scaled_dot_product_attention, given causal=true and a mask, lets a query see what both allow. With a
# mask that hides key 0, query 0 sees nothing and query 3 sees keys 1, 2, 3.
# What happens: with causal=true the mask, boolean or added, is not looked at, and nothing says so. Padding is seen.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
timeout 900 "$folder/venv/bin/pip" install --quiet --no-cache-dir openvino==2026.4.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import openvino as ov
import openvino.opset13 as ops

L = 4


def weights(causal, mask):
    """Equal scores and one-hot values: the output is the weights."""
    q, k, v = (ops.parameter([1, 1, L, L], np.float32) for _ in range(3))
    m = ops.parameter([1, 1, L, L], ov.Type.boolean if mask.dtype == bool else np.float32)
    node = ops.scaled_dot_product_attention(q, k, v, m, causal=causal)
    compiled = ov.Core().compile_model(ov.Model([node], [q, k, v, m]), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    zeros, eye = np.zeros((1, 1, L, L), np.float32), np.eye(L, dtype=np.float32)[None, None]
    return list(compiled([zeros, zeros, eye, mask]).values())[0][0, 0]


seen = np.ones((1, 1, L, L), bool)
seen[..., 0] = False
added = np.where(seen, 0, -np.inf).astype(np.float32)
print("openvino", ov.__version__)
print("key 0 hidden, not causal: the last query's weights", weights(False, seen)[-1].round(3))
for name, mask in (("boolean", seen), ("added", added)):
    both = weights(True, mask)
    print(f"key 0 hidden ({name}) and causal:\n{both.round(3)}")
    assert np.allclose(both, np.tril(np.ones((L, L))) / np.arange(1, L + 1)[:, None], atol=1e-6)
    assert weights(False, mask)[-1, 0] == 0
print("as found: the mask is dropped where causal is set")
PYTHON
