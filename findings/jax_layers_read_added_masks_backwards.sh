#!/usr/bin/env bash
# Guess: the attention of flax (linen and nnx) and of dm-haiku, given a mask of floating numbers as PyTorch's is (0
# where a key is seen, -1e9 where it is hidden), adds it to the scores or refuses it.
# What happens: the mask goes to jnp.where as a condition. 0 is false and -1e9 is true, so what should be seen is hidden
# and what should be hidden is seen; no error, no warning. A causal mask looks at the future alone. (jax.nn's own
# dot_product_attention refuses it.)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
timeout 900 "$folder/venv/bin/pip" install --quiet --no-cache-dir jax==0.10.2 flax==0.12.8 dm-haiku==0.0.17 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import flax
import flax.linen
import flax.nnx
import haiku
import jax
import jax.numpy as jnp
import numpy as np

L = 4
seen = np.tril(np.ones((L, L), bool))
added = np.where(seen, 0, -1e9).astype(np.float32)


def by_flax(f, mask):
    zeros, eye = jnp.zeros((1, L, 1, L)), jnp.eye(L)[None, :, None]
    return np.array(f(zeros, zeros, eye, mask=mask))[0, :, 0]


def by_haiku(mask):
    def layer(x):
        return haiku.MultiHeadAttention(1, L, w_init=haiku.initializers.Constant(0.3))(x, x, x, mask=mask)

    x = jax.random.normal(jax.random.key(0), (L, L))
    run = haiku.without_apply_rng(haiku.transform(layer))
    return np.array(run.apply(run.init(jax.random.key(1), x), x))


print("jax", jax.__version__, "flax", flax.__version__, "dm-haiku", haiku.__version__)
for name, f in (("flax.linen", flax.linen.dot_product_attention), ("flax.nnx", flax.nnx.dot_product_attention)):
    w = by_flax(f, added)
    print(f"{name}, causal mask of 0 and -1e9; weights:\n{w.round(3)}")
    assert np.allclose(w[:-1], (~seen / np.maximum(1, (~seen).sum(1, keepdims=True)))[:-1], atol=1e-6)
    assert np.allclose(by_flax(f, seen), seen / seen.sum(1, keepdims=True), atol=1e-6)
backwards, boolean, inverted = (by_haiku(m[None]) for m in (added, seen, ~seen))
print("dm-haiku, first output channel: boolean", boolean[:, 0], "added", backwards[:, 0], "inverted", inverted[:, 0])
assert np.allclose(backwards, inverted) and not np.allclose(backwards, boolean)
print("as found: an added mask is read as its opposite")
PYTHON
