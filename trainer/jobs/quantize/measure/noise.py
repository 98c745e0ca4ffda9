"""How far a quantized layer is from the one it was: signal-to-quantization-noise ratios."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from gradtop.trainer.models.quantized import unpacked

EQUAL = 200.0  # dB of what has no noise


def signal_to_noise(exact: Tensor, approximate: Tensor) -> float:
    """10 log10(Σ x² / Σ (x − x̂)²) in dB; NaN without a signal."""
    x = exact.detach().double()
    signal, noise = float(x.square().sum()), float((x - approximate.detach().double().to(x.device)).square().sum())
    if not (signal > 0 and math.isfinite(signal) and math.isfinite(noise)):
        return math.nan
    return min(10 * math.log10(signal / noise), EQUAL) if noise else EQUAL


def weight_noise(layers: Mapping[str, nn.Module], tensors: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Of all quantized weights of each of the layers as they were."""
    found = {}
    for name, module in layers.items():
        prefix = f"{name}." if name else ""
        pairs = [(weight, unpacked(tensors[prefix + key])) for key, weight in module.named_parameters() if prefix + key in tensors]
        if pairs:
            found[name] = signal_to_noise(*(torch.cat([each.flatten().cpu() for each in side]) for side in zip(*pairs, strict=True)))
    return found


@torch.no_grad()
def output_noise(forward: Callable[[], object], layers: Mapping[str, nn.Module], quantized: Mapping[str, nn.Module]) -> dict[str, float]:
    """Of the outputs of each layer, both with the inputs that the layer has in a forward pass of the float model."""
    found: dict[str, float] = {}

    def compare(module: nn.Module, inputs: tuple[Any, ...], output: Any, *, name: str) -> None:
        del module
        if name not in found:
            found[name] = signal_to_noise(_tensor(output), _tensor(quantized[name](*inputs)))

    hooks = [module.register_forward_hook(partial(compare, name=name)) for name, module in layers.items() if name in quantized]
    try:
        forward()
    finally:
        for hook in hooks:
            hook.remove()
    return found


def _tensor(output: Any) -> Tensor:
    """An LSTM gives its states, too."""
    found: Tensor = output[0] if isinstance(output, tuple) else output
    return found
