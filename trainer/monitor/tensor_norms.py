"""Norms of lists of tensors, on their device."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

NORMED = frozenset({torch.float32, torch.float64, torch.bfloat16, torch.float16})  # of which there is a fused norm

NormFunction = Callable[[Sequence[Tensor]], Sequence[Tensor]]


def as_real(tensor: Tensor) -> Tensor:
    """The same numbers without complex ones, of which real and imaginary parts are two; the norm is the same."""
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor


def scaled_norm(dtype: torch.dtype) -> NormFunction:
    """The norms of tensors whose squares `dtype` may not hold, at three times the price."""

    def norm(tensor: Tensor) -> Tensor:
        if not tensor.numel():
            return torch.zeros((), device=tensor.device, dtype=dtype)
        peak = torch.linalg.vector_norm(tensor, math.inf, dtype=dtype)
        return torch.where((peak > 0) & peak.isfinite(), peak * torch.linalg.vector_norm(tensor / peak, dtype=dtype), peak)

    return lambda tensors: [norm(tensor) for tensor in tensors]


def choose_norm(weights: Sequence[Tensor]) -> tuple[NormFunction, torch.dtype]:
    """The norm of each tensor of a list, in a precision that holds it: fused where this torch and device have that."""
    dtypes = {weight.dtype if weight.dtype in NORMED else torch.float32 for weight in weights}
    dtype = torch.float64 if torch.float64 in dtypes else torch.float32
    wanted = None if dtypes <= {dtype} else dtype

    def plain(tensors: Sequence[Tensor]) -> list[Tensor]:
        return [torch.linalg.vector_norm(tensor, dtype=wanted) for tensor in tensors]

    fused = getattr(torch, "_foreach_norm", None)
    if fused is None or not weights:
        return plain, dtype
    try:
        (found,) = fused([torch.full((2,), 3.0, device=weights[0].device, dtype=min(dtypes, key=str))], 2, wanted)
        works = abs(found.item() - math.sqrt(18)) < 1e-2
    except (RuntimeError, TypeError, NotImplementedError):
        works = False
    if not works:
        return plain, dtype
    return (lambda tensors: fused(tensors, 2, wanted) if tensors else []), dtype


def total_norm(tensors: Sequence[Tensor]) -> Tensor:
    """The norm of all of them together, also where their squares overflow, at three times the price."""
    measure = scaled_norm(torch.float64 if any(tensor.dtype == torch.float64 for tensor in tensors) else torch.float32)
    (total,) = measure([torch.stack(list(measure(tensors)))])
    return total
