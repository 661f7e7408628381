"""The package in PyTorch 2.x: HEED_LIBRARY=.../libheed.so python -m pytest python/tests"""

import pytest
import torch

import heed

HOWS = ["scaled_dot", "causal; alibi", "additive; window(9, 3)", "relative(8, 20); entmax(1.4)", "talking; sinks"]


def tensors(dtype=torch.float64, grad=True):
    torch.manual_seed(3)
    q = torch.randn(2, 4, 9, 6, dtype=dtype, requires_grad=grad)
    k = torch.randn(2, 2, 11, 6, dtype=dtype, requires_grad=grad)
    v = torch.randn(2, 2, 11, 5, dtype=dtype, requires_grad=grad)
    return q, k, v


def learned(how, q, k):
    return [(p + 0.1 * torch.randn_like(p)).requires_grad_() for p in heed.new_parameters(how, q, k)]


def arguments(how, bias=None):
    q, k, v = tensors()
    return (q, k, v, how, None, None, bias, None, None, learned(how, q, k), False, 0, None)


@pytest.mark.parametrize("how", HOWS)
def test_opcheck(how):
    torch.library.opcheck(torch.ops.heed.attend_forward.default, arguments(how))


def test_opcheck_with_bias():
    bias = torch.randn(4, 9, 11, dtype=torch.float64, requires_grad=True)
    torch.library.opcheck(torch.ops.heed.attend_forward.default, arguments("causal", bias))


@pytest.mark.parametrize("how", HOWS)
def test_gradcheck(how):
    q, k, v = tensors()
    parameters = learned(how, q, k)

    def run(q, k, v, *parameters):
        return heed.attend(q, k, v, how, parameters=list(parameters))

    assert torch.autograd.gradcheck(run, (q, k, v, *parameters))


def test_agrees_with_the_operator_in_cpp():
    q, k, v = tensors(torch.float32)
    how = "causal; sparsemax"
    assert torch.equal(heed.attend(q, k, v, how), torch.ops.heed.attend(q, k, v, how))


def test_agrees_with_sdpa():
    q, k, v = (torch.randn(2, 4, 300, 64, requires_grad=True) for _ in range(3))
    ours = heed.attend(q, k, v, "causal")
    theirs = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    torch.testing.assert_close(ours, theirs, atol=2e-6, rtol=1e-5)
    for x, y in zip(torch.autograd.grad(ours.sum(), (q, k, v)), torch.autograd.grad(theirs.sum(), (q, k, v))):
        torch.testing.assert_close(x, y, atol=2e-5, rtol=1e-4)


def test_heads_inside_rows_keep_their_layout():
    q = torch.randn(2, 9, 4, 6).transpose(1, 2)
    out = heed.attend(q, q, q)
    assert out.transpose(1, 2).is_contiguous()


def test_parameters_by_name():
    q, k, v = tensors()
    table = torch.randn(4, 8, dtype=torch.float64)
    given = heed.attend(q, k, v, "relative(8, 20)", parameters={"relative.table": table})
    assert torch.equal(given, heed.attend(q, k, v, "relative(8, 20)", parameters=[table]))
    with pytest.raises(ValueError, match="relative.table"):
        heed.attend(q, k, v, "relative(8, 20)", parameters={"tabel": table})


def test_errors_name_the_argument():
    q, k, v = tensors()
    with pytest.raises(RuntimeError, match="k: expected width D=6"):
        heed.attend(q, k[..., :5], v)
    with pytest.raises(RuntimeError, match="causal"):
        heed.attend(q, k, v, "casual")


def test_meta_tensors_have_shapes():
    q, k, v = (x.to("meta") for x in tensors())
    assert heed.attend(q, k, v, "causal").shape == (2, 4, 9, 5)
