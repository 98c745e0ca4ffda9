"""Quantizing a model by torchao or torch.ao, and the integers that come of it."""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from gradtop.trainer.jobs.quantize.config import DYNAMIC_INT8, DYNAMIC_INT8_TORCH, WEIGHT_INT8
from gradtop.trainer.jobs.quantize.measure.layers import LayersByName, parameters_of, takes
from gradtop.trainer.models.quantized import PER_ROW, PER_TENSOR, Fields, packed, unpacked
from gradtop.trainer.runtime.errors import UserError

EXTRA = "pip install 'gradtop[quantize]'"
GROUP = 32  # columns that share a scale, of 4 bits
INT8, INT4 = 8, 4
WEIGHT = "weight"


@dataclass
class Quantized:
    """A quantized model: who did it, its integers by parameter, how layers round their inputs, and its modules that were quantized."""

    model: nn.Module
    backend: str
    share: float  # of the parameters
    tensors: dict[str, Fields] = field(default_factory=dict)
    activations: dict[str, str] = field(default_factory=dict)
    layers: dict[str, nn.Module] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def why_unavailable(method: str, device: torch.device) -> str:
    """Why a method cannot run at all here, "" where it may."""
    if method == DYNAMIC_INT8_TORCH:
        if importlib.util.find_spec("torch.ao.quantization") is None:
            return "this version of PyTorch has no torch.ao.quantization any more"
        if device.type != "cpu":
            return f"torch.ao quantizes dynamically for the CPU only, and the run is on {device.type}"
        return "" if torch.backends.quantized.supported_engines != ["none"] else "this PyTorch has no engine for quantized operators"
    return "" if importlib.util.find_spec("torchao") is not None else f"torchao is not installed here: {EXTRA}"


def quantized(model: nn.Module, layers: LayersByName, method: str, device: torch.device) -> Quantized:
    """Quantize a model, which is changed. Raises UserError with the reason where the method does not run here."""
    if reason := why_unavailable(method, device):
        raise UserError(reason)
    chosen = {name: module for name, module in layers.items() if takes(method, module)}
    if not chosen:
        raise UserError("it quantizes none of the layers of this model")
    share = sum(parameters_of(module) for module in chosen.values()) / max(parameters_of(model), 1)
    with warnings.catch_warnings():
        # Of what will be removed from PyTorch some day, and of what torchao has not been compiled with.
        warnings.simplefilter("ignore")
        try:
            return by_torch(model, list(chosen), share) if method == DYNAMIC_INT8_TORCH else by_torchao(model, chosen, method, share)
        except UserError:
            raise
        except Exception as error:
            raise UserError(f"it does not run here: {first_line(error)}") from error


def by_torch(model: nn.Module, names: Sequence[str], share: float) -> Quantized:
    """torch.ao, whose modules take the place of the layers; weights have a scale for each row."""
    ao: Any = importlib.import_module("torch.ao.quantization")
    holder = nn.ModuleDict({"model": model})  # a model may be a layer itself
    full = {name: f"model.{name}" if name else "model" for name in names}
    ao.quantize_dynamic(holder, dict.fromkeys(full.values(), ao.per_channel_dynamic_qconfig), dtype=torch.qint8, inplace=True)
    _leave_fast_path(holder)
    found = Quantized(holder["model"], f"torch.ao {torch.__version__.partition('+')[0]}, engine {torch.backends.quantized.engine}", share)
    for name, path in full.items():
        module: Any = holder.get_submodule(path)
        found.layers[name] = module
        weights = module.get_weight() if hasattr(module, "get_weight") else {WEIGHT: module.weight()}
        for key, weight in weights.items():
            if int(weight.q_per_channel_zero_points().count_nonzero()):
                raise UserError("its weights have zero points, which is not expected")
            found.tensors[parameter_name(name, key)] = packed(weight.int_repr(), weight.q_per_channel_scales()[:, None], INT8, weight.shape)
        if hasattr(module, "get_weight"):
            found.notes.append(f"{name or 'the model'}: opened from a checkpoint, an LSTM computes with rounded weights and float activations")
        else:
            found.activations[name] = PER_TENSOR
    return found


def _leave_fast_path(model: nn.Module) -> None:
    """In an evaluation a transformer layer reads the weights of its linear layers by itself, which those of torch.ao have packed."""
    for module in model.modules():
        if isinstance(module, nn.TransformerEncoderLayer) and not all(isinstance(each, nn.Linear) for each in (module.linear1, module.linear2)):
            module.activation_relu_or_gelu = 0


def by_torchao(model: nn.Module, chosen: LayersByName, method: str, share: float) -> Quantized:
    """torchao for linear layers, whose weights become tensors of its own. Of convolutions the weights are rounded in the same way."""
    torchao: Any = importlib.import_module("torchao")
    quantization: Any = importlib.import_module("torchao.quantization")
    found = Quantized(model, f"torchao {torchao.__version__}", share, layers=dict(chosen))
    linear = {name: module for name, module in chosen.items() if type(module) is nn.Linear}
    grouped = {name for name, module in linear.items() if module.in_features % GROUP == 0}
    if method == DYNAMIC_INT8:
        parts = [(quantization.Int8DynamicActivationInt8WeightConfig(), set(linear))]
    elif method == WEIGHT_INT8:
        parts = [(quantization.Int8WeightOnlyConfig(), set(linear))]
    else:
        parts = [
            (quantization.IntxWeightOnlyConfig(weight_dtype=torch.int4, granularity=granularity), names)  # type: ignore[attr-defined]
            for granularity, names in ((quantization.PerGroup(GROUP), grouped), (quantization.PerAxis(0), set(linear) - grouped))
        ]
        found.notes.append("values of 4 bits are computed with as 8 bits: the file is smaller, memory is as with weight_int8")
    for config, names in parts:
        if names:
            quantization.quantize_(model, config, filter_fn=lambda module, _, names=names: any(module is linear[name] for name in names))
    bits = INT8 if method in {DYNAMIC_INT8, WEIGHT_INT8} else INT4
    for name, layer in linear.items():
        weight: Any = layer.weight
        if weight.zero_point is not None and int(weight.zero_point.count_nonzero()):
            raise UserError("its weights have zero points, which is not expected")
        found.tensors[parameter_name(name)] = packed(weight.qdata, weight.scale, bits, weight.shape)
        if method == DYNAMIC_INT8:
            found.activations[name] = PER_ROW
    for name, module in chosen.items():
        if name not in linear:
            found.tensors[parameter_name(name)] = round_weight(module.get_parameter(WEIGHT), bits)
    if len(linear) < len(chosen):
        found.notes.append("convolutions are kept as integers in the file and computed with as float: smaller, not faster")
    return found


@torch.no_grad()
def round_weight(weight: Tensor, bits: int) -> Fields:
    """Round a weight in place, symmetrically, with a scale for each row, of 4 bits for each group of columns where these are whole groups."""
    rows = weight.detach().reshape(len(weight), -1)
    columns = rows.shape[1]
    groups = columns // GROUP if bits == INT4 and columns % GROUP == 0 else 1
    high = 2 ** (bits - 1)
    parts = rows.float().reshape(len(rows), groups, -1)
    scales = (parts.abs().amax(-1) / (high - 0.5)).clamp_min(torch.finfo(torch.float32).eps)
    values = (parts / scales[..., None]).round().clamp(-high, high - 1).to(torch.int8)
    fields = packed(values.reshape(rows.shape), scales, bits, weight.shape)
    weight.copy_(unpacked(fields))
    return fields


def parameter_name(layer: str, key: str = WEIGHT) -> str:
    return f"{layer}.{key}" if layer else key


def first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
