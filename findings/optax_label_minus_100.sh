#!/usr/bin/env bash
# Guess: optax.softmax_cross_entropy_with_integer_labels gives NaN or 0 for the label -100, PyTorch's mark of a position
# without a target.
# What happens: with more than 99 classes -100 counts from the end, so padding is trained towards class C - 100: a
# finite loss of ordinary size, and gradients. A vocabulary hides it; with 50 classes, or label C, it is NaN.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
timeout 900 "$folder/venv/bin/pip" install --quiet --no-cache-dir optax==0.2.8 jax==0.10.2 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import jax
import numpy as np
import optax

CLASSES = 32000
logits = jax.random.normal(jax.random.key(0), (1, CLASSES))
loss = optax.softmax_cross_entropy_with_integer_labels


def of(label, classes=CLASSES):
    return float(loss(logits[:, :classes], np.array([label]))[0])


grad = np.array(jax.grad(lambda x: loss(x, np.array([-100])).sum())(logits))[0]
print("jax", jax.__version__, "optax", optax.__version__)
print(f"{CLASSES} classes: label -100 {of(-100)}, label {CLASSES - 100} {of(CLASSES - 100)}, label {CLASSES} {of(CLASSES)}")
print("the gradient of label -100 pulls at class", grad.argmin(), "by", grad.min())
print("50 classes: label -100", of(-100, 50))
assert of(-100) == of(CLASSES - 100) and np.isfinite(of(-100))
assert grad.argmin() == CLASSES - 100 and grad.min() < -0.9
assert np.isnan(of(CLASSES)) and np.isnan(of(-100, 50))
print("as found: -100 is a class, counted from the end")
PYTHON
