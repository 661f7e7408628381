#!/usr/bin/env bash
# Guess: a key that key_padding_mask hides from onnxruntime's com.microsoft MultiHeadAttention has weight 0 whatever the
# scores are, and a sequence of padding alone gives the mean of its values, as rows of one low number do.
# What happens: hidden keys get -10,000 added (mask_filter_value), which is neither. A sequence of padding alone gives
# what no mask would have given, because softmax forgets what all scores share; and where real keys score lower than
# -10,000, all the weight goes to the padding.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
timeout 900 "$folder/venv/bin/pip" install --quiet --no-cache-dir onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import onnxruntime
from onnx import TensorProto, helper


def weights(scores, real):
    keys = len(scores)
    q, k = np.zeros((1, 1, keys), np.float32), np.zeros((1, keys, keys), np.float32)
    q[..., 0], k[0, :, 0] = 1, scores
    feeds = {"q": q, "k": k, "v": np.eye(keys, dtype=np.float32)[None], "real": np.array([real], np.int32)}
    types = {"real": TensorProto.INT32}
    node = helper.make_node("MultiHeadAttention", ["q", "k", "v", "", "real"], ["y"], domain="com.microsoft",
                            num_heads=1, scale=1.0)
    inputs = [helper.make_tensor_value_info(n, types.get(n, TensorProto.FLOAT), x.shape) for n, x in feeds.items()]
    graph = helper.make_graph([node], "g", inputs, [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run(None, feeds)[0][0, 0]


print("onnxruntime", onnxruntime.__version__)
scores = [0, 1, 2, 3]
unmasked, padding_alone = weights(scores, [1, 1, 1, 1]), weights(scores, [0, 0, 0, 0])
print("scores 0 1 2 3, all real:   ", unmasked.round(4))
print("scores 0 1 2 3, all padding:", padding_alone.round(4))
assert np.allclose(padding_alone, unmasked, atol=1e-3) and np.ptp(unmasked) > 0.5
low = weights([0, -20000, -20000, -20000], [0, 1, 1, 1])
print("padding scores 0, three real keys -20,000:", low)
assert low[0] == 1 and (low[1:] == 0).all()
print("as found: padding alone is attended as if it were real, and can win")
PYTHON
