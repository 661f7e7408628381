"""The operators heed::attend_forward and heed::attend_backward, joined to PyTorch's fake tensors and autograd."""

import torch

from heed import _library  # noqa: F401  (loads the operators)

_FORWARD = "heed::attend_forward"
_BACKWARD = "heed::attend_backward"


@torch.library.register_fake(_FORWARD)
def _(q, k, v, how, key_lengths, attn_mask, bias, segment_ids, block_mask, parameters, training, seed, query_offset):
    batch, heads, queries, _ = q.shape
    computed = torch.float64 if q.dtype == torch.float64 else torch.float32
    out = _laid_out_as(q, (batch, heads, queries, v.shape[3]))
    return out, q.new_empty((2, batch, heads, queries), dtype=computed)


def _laid_out_as(q, shape):
    """Where the heads of q lie inside its rows, so do those of the output."""
    batch, heads, queries, width = shape
    if q.stride(1) < q.stride(2):
        return q.new_empty((batch, queries, heads, width)).transpose(1, 2)
    return q.new_empty(shape)


@torch.library.register_fake(_BACKWARD)
def _(grad_out, out, row_stats, q, k, v, how, key_lengths, attn_mask, bias, segment_ids, block_mask, parameters,
      training, seed, query_offset, wanted):
    inputs = [q, k, v] + ([] if bias is None else [bias]) + list(parameters)
    return [torch.empty_like(x) if w else x.new_empty((0,)) for x, w in zip(inputs, wanted)]


def _remember(ctx, inputs, output):
    q, k, v, how, key_lengths, attn_mask, bias, segment_ids, block_mask, parameters, training, seed, query_offset = inputs
    out, row_stats = output
    ctx.mark_non_differentiable(row_stats)
    ctx.set_materialize_grads(False)
    ctx.parameters = len(parameters)
    ctx.save_for_backward(out, row_stats, q, k, v, key_lengths, attn_mask, bias, segment_ids, block_mask, *parameters)
    ctx.rest = (how, training, seed, query_offset)


def _backward(ctx, grad_out, _):
    out, row_stats, q, k, v, key_lengths, attn_mask, bias, segment_ids, block_mask, *parameters = ctx.saved_tensors
    how, training, seed, query_offset = ctx.rest
    needs = ctx.needs_input_grad
    asked = [needs[0], needs[1], needs[2]] + ([] if bias is None else [needs[6]])
    asked += list(needs[9]) if isinstance(needs[9], (tuple, list)) else [needs[9]] * len(parameters)
    if grad_out is None:
        return (None,) * 9 + ([None] * ctx.parameters,) + (None,) * 3
    found = torch.ops.heed.attend_backward(
        grad_out, out, row_stats, q, k, v, how, key_lengths, attn_mask, bias, segment_ids, block_mask, parameters,
        training, seed, query_offset, asked)
    grads = [g if w else None for g, w in zip(found, asked)]
    of_bias = None if bias is None else grads[3]
    of_parameters = grads[len(grads) - len(parameters):]
    return (grads[0], grads[1], grads[2], None, None, None, of_bias, None, None, of_parameters, None, None, None)


torch.library.register_autograd(_FORWARD, _backward, setup_context=_remember)


def attend(q, k, v, how="scaled_dot", *, key_lengths=None, attn_mask=None, bias=None, segment_ids=None, block_mask=None,
           parameters=(), training=False, seed=None, query_offset=None):
    """Attention as the line `how` says it (docs/mechanisms.md), never storing the weights.

    parameters: what the attention learns, a list in the order of parameter_names() or a dict by these names.
    query_offset: where the first query stands among the keys; Lk - Lq where it is left out, so that causal lets the last
    query see all keys. 0 is what is_causal=True of scaled_dot_product_attention does.
    attn_mask: boolean, true may be seen, or numbers that are added; integers are refused.
    seed: of dropout and noise in training; drawn from torch's generator where it is left out.
    Errors name the argument, what was expected and what was given.
    """
    if isinstance(parameters, dict):
        names = parameter_names(how, q, k)
        missing = [name for name in names if name not in parameters]
        unknown = [name for name in parameters if name not in names]
        if missing or unknown:
            raise ValueError(f"attend: parameters: expected {names}, given {list(parameters)}")
        parameters = [parameters[name] for name in names]
    if seed is None:
        seed = int(torch.randint(2**62, ())) if training else 0
    out, _ = torch.ops.heed.attend_forward(
        q, k, v, how, key_lengths, attn_mask, bias, segment_ids, block_mask, list(parameters), training, seed,
        query_offset)
    return out


def rotate(x, how="rope", first=0, length=0):
    """x (B, H, L, D) turned by its positions first, first + 1, ...: rope and rope_2d, before attend. length: of the whole grid."""
    return torch.ops.heed.rotate(x, how, first, length)


def parameter_names(how, q, k):
    """The names of what `how` learns in a call with these queries and keys: ["relative.table"]."""
    return torch.ops.heed.parameter_names(how, q.shape[1], k.shape[1], q.shape[3])


def new_parameters(how, q, k, v=None):
    """Freshly drawn, in the order of parameter_names(); requires_grad is yours to set. v where its width is not q's."""
    width = 0 if v is None else v.shape[3]
    drawn = torch.ops.heed.new_parameters(how, q.shape[1], k.shape[1], q.shape[3], width)
    return [p.to(q.dtype) for p in drawn]
