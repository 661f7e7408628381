#!/usr/bin/env bash
# Guess: onnxruntime's com.microsoft MultiHeadAttention with unidirectional=1, fewer queries than keys and no past puts
# query i at key i (top-left), as ONNX's own Attention does.
# What happens: all queries but the last stand top-left; the last sees every key. It fits neither alignment, so no offset
# and no window gives it, and the last row is the one that a decoder reads.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
timeout 900 "$folder/venv/bin/pip" install --quiet --no-cache-dir onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import onnxruntime
from onnx import TensorProto, helper


def seen(queries, keys):
    """Equal scores and one-hot values: which keys a query gives weight to."""
    feeds = {"q": np.zeros((1, queries, 8), np.float32), "k": np.zeros((1, keys, 8), np.float32),
             "v": np.eye(keys, 8, dtype=np.float32)[None]}
    node = helper.make_node("MultiHeadAttention", list(feeds), ["y"], domain="com.microsoft", num_heads=1,
                            unidirectional=1)
    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, x.shape) for n, x in feeds.items()]
    graph = helper.make_graph([node], "g", inputs, [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run(None, feeds)[0][0, :, :keys] > 0


print("onnxruntime", onnxruntime.__version__)
for queries, keys in ((2, 4), (3, 7), (4, 6)):
    rows = seen(queries, keys)
    print(f"{queries} queries, {keys} keys; a row a query:\n{rows.astype(int)}")
    assert (rows[:-1] == np.tri(queries, keys, dtype=bool)[:-1]).all()
    assert rows[-1].all()
print("as found: the last query sees all keys, those before it are top-left")
PYTHON
