"""Heed's attention in PyTorch: every mechanism as an exact, fused operator with gradients, on the CPU.

    import heed
    out = heed.attend(q, k, v, "additive; causal", parameters=heed.new_parameters("additive", q, k))

q (B, H, Lq, D), k (B, G, Lk, D), v (B, G, Lk, E) -> (B, H, Lq, E). The line of text is explained in docs/mechanisms.md.
The package is thin: it loads libheed.so, which must be built with the very torch that imports it (see README.md here),
and tells PyTorch what it needs beside: fake kernels, so that torch.compile and meta tensors see through, and autograd.
"""

from heed._library import path as library_path
from heed._operators import attend, new_parameters, parameter_names, rotate

__all__ = ["attend", "library_path", "new_parameters", "parameter_names", "rotate"]
