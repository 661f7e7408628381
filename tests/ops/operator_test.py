"""torch.ops.heed.attend and linear_attend from Python: operator_test.py LIBHEED."""

import sys
import unittest

import torch


def inputs(num_heads=2, lq=5, lk=7):
    generator = torch.Generator().manual_seed(1)
    shapes = [(2, num_heads, lq, 4), (2, num_heads, lk, 4), (2, num_heads, lk, 3)]
    return [torch.randn(s, generator=generator, dtype=torch.float64, requires_grad=True) for s in shapes]


def formula(q, k, v, visible=None):
    scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
    if visible is not None:
        scores = scores.masked_fill(~visible, float("-inf"))
    return torch.softmax(scores, -1) @ v


class Operator(unittest.TestCase):
    def test_default_is_scaled_dot(self):
        q, k, v = inputs()
        torch.testing.assert_close(torch.ops.heed.attend(q, k, v), formula(q, k, v))

    def test_causal_with_gradient(self):
        q, k, v = inputs(lq=6, lk=6)
        visible = torch.ones(6, 6, dtype=torch.bool).tril()
        weight = torch.randn(2, 2, 6, 3, dtype=torch.float64)
        out = torch.ops.heed.attend(q, k, v, "scaled_dot; causal")
        expected = formula(q, k, v, visible)
        torch.testing.assert_close(out, expected)
        given = torch.autograd.grad(out, (q, k, v), weight)
        wanted = torch.autograd.grad(expected, (q, k, v), weight)
        for a, b in zip(given, wanted):
            torch.testing.assert_close(a, b)

    def test_first_and_second_derivatives(self):
        q, k, v = inputs(num_heads=1, lq=2, lk=3)
        bias = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
        lengths = torch.tensor([2, 3])

        def attend(q, k, v, bias):
            return torch.ops.heed.attend(q, k, v, bias=bias, key_lengths=lengths)

        self.assertTrue(torch.autograd.gradcheck(attend, (q, k, v, bias)))
        self.assertTrue(torch.autograd.gradgradcheck(attend, (q, k, v, bias)))

    def test_dropout_follows_manual_seed(self):
        q, k, v = inputs()
        results = []
        for seed in (3, 3, 4):
            torch.manual_seed(seed)
            results.append(torch.ops.heed.attend(q, k, v, "dropout=0.5", training=True))
        self.assertTrue(torch.equal(results[0], results[1]))
        self.assertFalse(torch.equal(results[0], results[2]))
        given = [torch.ops.heed.attend(q, k, v, "dropout=0.5", training=True, seed=9) for _ in range(2)]
        self.assertTrue(torch.equal(given[0], given[1]))

    def test_autocast(self):
        linear = torch.nn.Linear(4, 4)
        x = torch.randn(2, 2, 5, 4)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            q = linear(x)  # bfloat16 beside float32
            out = torch.ops.heed.attend(q, x, x)
        self.assertEqual(out.dtype, torch.float32)
        out.sum().backward()
        self.assertTrue(torch.isfinite(linear.weight.grad).all())

    def test_meta(self):
        q, k, v = (x.detach().to("meta") for x in inputs())
        self.assertEqual(torch.ops.heed.attend(q, k, v).shape, (2, 2, 5, 3))

    def test_linear_attend(self):
        q, k, v = inputs(lq=4, lk=4)
        decay = torch.full((2, 2, 4, 1), -0.1, dtype=torch.float64, requires_grad=True)
        beta = torch.full((2, 2, 4), 0.7, dtype=torch.float64, requires_grad=True)

        def attend(q, k, v, decay, beta):
            return torch.ops.heed.linear_attend(q, k, v, "gated_delta", log_decay=decay, beta=beta)

        out, state = attend(q, k, v, decay, beta)
        self.assertEqual((out.shape, state.shape), ((2, 2, 4, 3), (2, 2, 4, 3)))
        self.assertTrue(torch.autograd.gradcheck(attend, (q, k, v, decay, beta)))
        self.assertTrue(torch.autograd.gradgradcheck(attend, (q, k, v, decay, beta)))

    def test_rotate(self):
        q, k, v = inputs()

        def turned(x, first):
            return torch.ops.heed.rotate(x, "rope", first)

        here = turned(q, 0) @ turned(k, 0).transpose(-1, -2)
        there = turned(q, 9) @ turned(k, 9).transpose(-1, -2)
        self.assertTrue(torch.allclose(here, there))  # scores depend on the distance alone
        self.assertFalse(torch.allclose(here, q @ k.transpose(-1, -2)))
        self.assertTrue(torch.autograd.gradcheck(lambda x: turned(x, 3), (q,)))
        with self.assertRaisesRegex(RuntimeError, "expected rope or rope_2d"):
            torch.ops.heed.rotate(q, "alibi")

    def test_errors_say_what_is_wrong(self):
        q, k, v = inputs()
        with self.assertRaisesRegex(RuntimeError, "did you mean 'causal'"):
            torch.ops.heed.attend(q, k, v, "casual")
        with self.assertRaisesRegex(RuntimeError, "k: expected width D=4"):
            torch.ops.heed.attend(q, k[..., :3], v)


if __name__ == "__main__":
    torch.ops.load_library(sys.argv.pop(1))
    unittest.main(verbosity=2)
