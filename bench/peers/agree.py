"""The largest differences between Heed and what others wrote, forward and gradients, in float32.

One line a case: the peer, the case, the largest |difference| over the largest magnitude. Exit 1 where one is above 1e-4.
"""

import json
import sys

import torch
import torch.nn.functional as F

import heed

torch.manual_seed(1)
failed = False


def error(ours, theirs):
    return ((ours - theirs).abs().max() / theirs.abs().max().clamp_min(1e-30)).item()


def report(peer, case, pairs):
    """pairs: name -> (ours, theirs)"""
    global failed
    errors = {name: error(a.double(), b.double()) for name, (a, b) in pairs.items()}
    failed |= max(errors.values()) > 1e-4
    if "--json" in sys.argv:
        print(json.dumps({"peer": peer, "case": case, **errors}))
    else:
        shown = "  ".join(f"{name} {value:.1e}" for name, value in errors.items())
        print(f"{peer:28} {case:34} {shown}")


def with_gradients(names, inputs, ours, theirs):
    grad = torch.randn_like(ours)
    a = torch.autograd.grad(ours, inputs, grad, retain_graph=True)
    b = torch.autograd.grad(theirs, inputs, grad, retain_graph=True)
    return {"out": (ours, theirs), **{n: (x, y) for n, x, y in zip(names, a, b)}}


def qkv(B=2, H=4, L=257, D=64, G=None):
    return [torch.randn(B, h, L, D, requires_grad=True) for h in (H, G or H, G or H)]


def sdpa():
    for how, options in [("scaled_dot", {}), ("causal", {"is_causal": True})]:
        q, k, v = qkv()
        theirs = F.scaled_dot_product_attention(q, k, v, **options)
        report("torch SDPA", how, with_gradients("qkv", (q, k, v), heed.attend(q, k, v, how), theirs))
    q, k, v = qkv(H=8, G=2)
    theirs = F.scaled_dot_product_attention(q, k, v, enable_gqa=True)
    report("torch SDPA", "num_heads=8/2", with_gradients("qkv", (q, k, v), heed.attend(q, k, v), theirs))
    q, k, v = qkv()
    bias = torch.randn(4, 257, 257, requires_grad=True)
    theirs = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    ours = heed.attend(q, k, v, bias=bias)
    report("torch SDPA", "bias", with_gradients(["q", "k", "v", "bias"], (q, k, v, bias), ours, theirs))


def multi_head_attention():
    M, H, B, L = 64, 4, 2, 100
    layer = torch.nn.MultiheadAttention(M, H, batch_first=True)
    x = torch.randn(B, L, M, requires_grad=True)
    theirs, _ = layer(x, x, x, need_weights=False)
    q, k, v = F.linear(x, layer.in_proj_weight, layer.in_proj_bias).chunk(3, dim=-1)
    split = [t.unflatten(2, (H, M // H)).transpose(1, 2) for t in (q, k, v)]
    ours = layer.out_proj(heed.attend(*split).transpose(1, 2).flatten(2))
    report("torch MultiheadAttention", "self", with_gradients(["x"], (x,), ours, theirs))


def keras_additive():
    import keras

    B, Lq, Lk, D = 2, 50, 70, 32
    layer = keras.layers.AdditiveAttention()
    q, k, v = (torch.randn(B, n, D, requires_grad=True) for n in (Lq, Lk, Lk))
    theirs = layer([q, v, k])  # query, value, key
    weight = layer.scale.value.detach().reshape(1, D)
    ours = heed.attend(q[:, None], k[:, None], v[:, None], "additive", parameters=[weight])[:, 0]
    report("keras AdditiveAttention", "scale learned", with_gradients("qkv", (q, k, v), ours, theirs))


def entmax_weights():
    import entmax

    for how, function in [("sparsemax", entmax.sparsemax), ("entmax15", entmax.entmax15)]:
        q, k, v = qkv(L=200, D=32)
        scores = q @ k.transpose(-1, -2) / 32**0.5
        theirs = function(scores, dim=-1) @ v
        report("entmax", how, with_gradients("qkv", (q, k, v), heed.attend(q, k, v, how), theirs))
    q, k, v = qkv(L=100, D=32)
    alpha = torch.tensor([1.2, 1.4, 1.6, 1.8], requires_grad=True)
    scores = q @ k.transpose(-1, -2) / 32**0.5
    weights = entmax.entmax_bisect(scores, alpha=alpha.view(1, 4, 1, 1), dim=-1, n_iter=60)
    ours = heed.attend(q, k, v, "entmax", parameters=[torch.logit(alpha - 1)])
    report("entmax", "entmax_bisect, alpha learned",
           with_gradients(["q", "k", "v", "alpha"], (q, k, v, alpha), ours, weights @ v))


def t5_bias():
    from transformers import T5Config
    from transformers.models.t5.modeling_t5 import T5Attention

    for both in (1, 0):
        config = T5Config(d_model=64, d_kv=16, num_heads=4, relative_attention_num_buckets=32,
                          relative_attention_max_distance=128, is_decoder=not both)
        layer = T5Attention(config, has_relative_attention_bias=True, layer_idx=0)
        q, k, v = qkv(L=300, D=16)
        bias = layer.compute_bias(300, 300, device=torch.device("cpu"))
        theirs = torch.softmax(q @ k.transpose(-1, -2) + bias, -1) @ v
        table = layer.relative_attention_bias.weight
        ours = heed.attend(q, k, v, f"dot; relative(32, 128, {both})", parameters=[table.t().contiguous()])
        report("transformers T5", f"relative, both={both}",
               with_gradients(["q", "k", "v", "table"], (q, k, v, table), ours, theirs))


def alibi():
    from transformers.models.bloom.modeling_bloom import build_alibi_tensor

    for heads in (4, 6):
        q, k, v = qkv(H=heads, L=100, D=16)
        slopes = build_alibi_tensor(torch.ones(1, 100), heads, torch.float32).view(1, heads, 1, 100)
        hidden = torch.ones(100, 100, dtype=torch.bool).triu(1)
        scores = (q @ k.transpose(-1, -2) / 4 + slopes).masked_fill(hidden, float("-inf"))
        ours = heed.attend(q, k, v, "alibi; causal")
        report("transformers Bloom", f"alibi, {heads} heads",
               with_gradients("qkv", (q, k, v), ours, torch.softmax(scores, -1) @ v))


def rotary():
    from transformers import LlamaConfig
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding, apply_rotary_pos_emb

    config = LlamaConfig(hidden_size=256, num_attention_heads=4, max_position_embeddings=512)
    q, k, v = qkv(L=300, D=64)
    cos, sin = LlamaRotaryEmbedding(config)(v, torch.arange(300)[None])
    turned_q, turned_k = apply_rotary_pos_emb(q, k, cos, sin)
    theirs = F.scaled_dot_product_attention(turned_q, turned_k, v, is_causal=True)
    ours = heed.attend(heed.rotate(q), heed.rotate(k), v, "causal")
    report("transformers Llama", "rope; causal", with_gradients("qkv", (q, k, v), ours, theirs))


for compare in (sdpa, multi_head_attention, keras_additive, entmax_weights, t5_bias, alibi, rotary):
    compare()
sys.exit(failed)
