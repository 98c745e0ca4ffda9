"""Whether the parameters and buffers of a model can be trained, averaged and kept; told by name before the first step."""

from __future__ import annotations

import copy
import io
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.nn.utils import clip_grad_value_, get_total_norm

from gradtop.trainer.config import Config
from gradtop.trainer.models.matching import several
from gradtop.trainer.optim.optimizer import USUAL, build_optimizer
from gradtop.trainer.runtime.device import out_of_memory
from gradtop.trainer.runtime.errors import UserError


def lazy_parameters(model: nn.Module) -> list[str]:
    """The names of parameters and buffers that get their shape in the first forward pass."""
    return [name for _, name, tensor in _named(model) if is_lazy(tensor)]


def check_tensors(model: nn.Module) -> None:
    """Raises UserError with the name of a tensor that no training could change or no checkpoint could hold."""
    kept = model.state_dict(keep_vars=True).values() if not lazy_parameters(model) else ()
    persistent = {id(value) for value in kept}
    for what, name, tensor in _named(model):
        if reason := _unfit(tensor, trains=what == "parameter", kept=id(tensor) in persistent):
            raise UserError(f"the model's {what} {name} {reason}")


def check_trains(config: Config, model: nn.Module, device: torch.device) -> None:
    """Raises UserError with the name of a parameter of a dtype that the optimizer, or what is done to gradients, does not take."""
    # The gradient scaler of fp16 takes float32 alone.
    fine = {torch.float32} if config.training.precision == "fp16" else USUAL
    for name, parameter in model.named_parameters():
        if parameter.requires_grad and parameter.dtype not in fine and (problem := _problem(config, parameter.dtype, device)):
            where, error = problem
            raise UserError(
                f"{where}: does not work for the parameter {name}, which is of {dtype_name(parameter)} ({_first_line(error)}); "
                "set another, or make the parameter float32 or freeze it (requires_grad=False)"
            )


def densify_gradients(model: nn.Module) -> list[str]:
    """Have embeddings give dense gradients, which every optimizer takes, and which can be measured and clipped; says so in a sentence."""
    names = []
    for path, module in model.named_modules():
        if isinstance(module, nn.Embedding | nn.EmbeddingBag) and module.sparse:
            module.sparse = False
            names.append(path)
    return [f"sparse = True is left out of account, gradients are dense: {several(names)}"] if names else []


def uncopyable(model: nn.Module) -> str:
    """What keeps a model from being copied, by its name; "" where no part of it does so alone."""
    for _, name, tensor in _named(model):
        if _cannot_be_copied(tensor):
            return name
    for path, module in model.named_modules():
        for name, value in vars(module).items():
            if name not in {"_parameters", "_buffers", "_modules"} and _cannot_be_copied(value):
                return f"{path}.{name}" if path else name
    return ""


def dtype_name(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _named(model: nn.Module) -> Iterator[tuple[str, str, Tensor]]:
    yield from (("parameter", name, tensor) for name, tensor in model.named_parameters())
    yield from (("buffer", name, tensor) for name, tensor in model.named_buffers())


def _unfit(tensor: Tensor, *, trains: bool, kept: bool) -> str:
    if is_lazy(tensor):
        return "has no shape: it belongs to a lazy module that the forward pass does not use; remove the module, or give it its size"
    if tensor.is_inference():
        return "was made under torch.inference_mode, and cannot be trained; build the model outside of it"
    plain = tensor.layout == torch.strided and not tensor.is_quantized
    if trains and not plain:
        return f"is {_odd_kind(tensor)}, and a parameter must be a dense tensor; make it dense, or keep it as a buffer"
    if plain and torch._debug_has_internal_overlap(tensor) == 1:  # type: ignore[attr-defined]  # noqa: SLF001 - nothing public tells
        return "has elements that share memory, as expand() makes them, which no step and no resume can write; give it memory of its own: clone()"
    if kept and not plain and not _comes_back(tensor):
        return f"is {_odd_kind(tensor)}, which no checkpoint can hold; make it dense, or register it with persistent=False"
    return ""


def _odd_kind(tensor: Tensor) -> str:
    return f"quantized ({dtype_name(tensor)})" if tensor.is_quantized else str(tensor.layout).removeprefix("torch.")


def _comes_back(tensor: Tensor) -> bool:
    """Whether a copy of it is read from a file and put back."""
    try:
        file = io.BytesIO()
        torch.save(tensor.detach().to("cpu", copy=True), file)
        file.seek(0)
        tensor.detach().clone().copy_(torch.load(file, map_location="cpu", weights_only=True))
    except Exception:  # noqa: BLE001 - whatever keeps it from that
        return False
    return True


def _problem(config: Config, dtype: torch.dtype, device: torch.device) -> tuple[str, Exception] | None:
    """The key of what does not take such a gradient, and what it raises; each is tried with a parameter of four numbers."""
    training, tiny = config.training, nn.Module()
    where = "optimizer.kind"
    try:
        tiny.weight = nn.Parameter(torch.ones(2, 2, device=device).to(dtype))
        optimizer = build_optimizer(config.optimizer, tiny, device)
        tiny.weight.grad = torch.ones_like(tiny.weight)
        if training.precision == "fp16":
            where = "training.precision"
            scaler = torch.amp.GradScaler(device.type)
            scaler.scale(torch.ones((), device=device))
            scaler.unscale_(optimizer)
        if training.clip:
            where = "training.clip"
            get_total_norm([tiny.weight.grad])
        if training.clip_value:
            where = "training.clip_value"
            clip_grad_value_([tiny.weight], 1.0)
        where = "optimizer.kind"
        optimizer.step()
    except (RuntimeError, TypeError, ValueError, NotImplementedError) as error:
        if out_of_memory(error):
            raise
        return where, error
    return None


def _cannot_be_copied(value: Any) -> bool:
    try:
        copy.deepcopy(value)
    except Exception:  # noqa: BLE001 - whatever keeps it from that
        return True
    return False


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].partition(". ")[0][:120]
