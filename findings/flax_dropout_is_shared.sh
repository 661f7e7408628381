#!/usr/bin/env bash
# Guess: dropout in flax's MultiHeadDotProductAttention (linen) and MultiHeadAttention (nnx) is drawn for every weight by
# itself, so two heads, or two sequences of a batch, lose different ones.
# What happens: by default (broadcast_dropout=True) one matrix of queries by keys is drawn and all heads of all sequences
# lose the same weights: three copies of one sequence in a batch come out alike in training. The noise that reaches the
# weights does not average out over heads or the batch as elsewhere.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
timeout 900 "$folder/venv/bin/pip" install --quiet --no-cache-dir jax==0.10.2 flax==0.12.8 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import flax
import flax.linen
import flax.nnx
import jax
import jax.numpy as jnp
import numpy as np

print("jax", jax.__version__, "flax", flax.__version__)
zeros, values = jnp.zeros((3, 5, 2, 5)), jnp.tile(jnp.eye(5)[None, :, None], (3, 1, 2, 1))
for name, f in (("linen", flax.linen.dot_product_attention), ("nnx", flax.nnx.dot_product_attention)):
    def dropped(**more):
        w = f(zeros, zeros, values, dropout_rng=jax.random.key(0), dropout_rate=0.5, deterministic=False, **more)
        return np.array(w).transpose(0, 2, 1, 3) == 0  # (sequences, heads, queries, keys)

    lost = dropped()
    print(f"{name}: dropped in sequence 0, head 0, and in sequence 2, head 1:\n{np.hstack([lost[0, 0], lost[2, 1]]) * 1}")
    assert lost.any() and not lost.all() and (lost == lost[:1, :1]).all()
    apart = dropped(broadcast_dropout=False)
    assert not (apart == apart[:1, :1]).all()

x = jnp.tile(jax.random.normal(jax.random.key(3), (1, 6, 8)), (3, 1, 1))
layer = flax.linen.MultiHeadDotProductAttention(2, dropout_rate=0.5, deterministic=False)
keys = {"params": jax.random.key(0), "dropout": jax.random.key(1)}
y = layer.apply(layer.init(keys, x, x), x, x, rngs={"dropout": jax.random.key(2)})
assert (y == y[:1]).all()
print("as found: heads and sequences share their dropout; broadcast_dropout=False draws for each")
PYTHON
