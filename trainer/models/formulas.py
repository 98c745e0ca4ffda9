"""The arithmetic behind a module's count, as a person would write it: 784 × 128 + 128."""

from __future__ import annotations

from collections import Counter

from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd


def formula_of(module: nn.Module) -> str:
    """How many parameters of its own the module has, and why; empty where it has none."""
    own = dict(module.named_parameters(recurse=False))
    weight = own.get("weight")
    if weight is not None and own.keys() <= {"weight", "bias"}:
        bias = f" + {own['bias'].numel()}" if "bias" in own else ""
        if isinstance(module, nn.Linear):
            return f"{module.in_features} × {module.out_features}{bias}"
        if isinstance(module, _ConvNd):
            return f"{_convolution(module, weight)}{bias}"
        if isinstance(module, nn.Embedding | nn.EmbeddingBag):
            return f"{module.num_embeddings} × {module.embedding_dim}"
    return _by_shape(own)


def shape_of(module: nn.Module) -> str:
    """The shape of the weight, or of the largest parameter where none is called so: 64×3×3×3."""
    own = dict(module.named_parameters(recurse=False))
    if not own:
        return ""
    largest = own.get("weight", max(own.values(), key=Tensor.numel))
    return "×".join(map(str, largest.shape)) or "1"


def _convolution(module: _ConvNd, weight: Tensor) -> str:
    """Input channels that each output sees, the window, output channels."""
    seen, out, *window = weight.shape if isinstance(module, _ConvTransposeNd) else (weight.shape[1], weight.shape[0], *weight.shape[2:])
    return "·".join(map(str, (seen, *window, out)))


def _by_shape(own: dict[str, nn.Parameter]) -> str:
    """Like shapes together: a norm is 2 · 64, an attention's projection 2304·768 + 2304."""
    counts = Counter("·".join(map(str, parameter.shape)) or "1" for parameter in own.values())
    return " + ".join(f"{count} · {shape}" if count > 1 else shape for shape, count in counts.items())
