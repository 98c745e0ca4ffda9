"""The fused SGD, Adam and AdamW of torch with a step that calls their kernel at once.

For a model of six tensors a kernel takes 7 µs, and the step of torch around it, with its hooks, records for a profiler and groups of
tensors, 30 µs. The same kernel gets the same tensors, so that weights and state are equal bit for bit.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from operator import is_
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim import optimizer as torch_optimizer

from gradtop.trainer.named_tuple import NamedTuple

ParamGroup = dict[str, Any]
KernelCall = tuple[Callable[..., object], Sequence[Any], Mapping[str, Any]]
_NONE: dict[str, Any] = {}


class _Known(NamedTuple):
    """What was looked through, as the objects that are to be the same still: the state, its entries, and the parameters of each group."""

    state: Mapping[Any, Any]
    entries: list[Any]
    parameters: list[list[Tensor]]
    pairs: list[list[tuple[Tensor, dict[str, Any]]]]  # each parameter with its entry
    device: torch.device

    def stands(self, optimizer: Optimizer) -> bool:
        return (
            optimizer.state is self.state
            and _same(self.state.values(), self.entries)
            and len(optimizer.param_groups) == len(self.parameters)
            and all(_same(group["params"], known) for group, known in zip(optimizer.param_groups, self.parameters, strict=True))
        )


class DirectStep(Optimizer):
    """A step without hooks, closure, profiler and gradient scale, over tensors of one kind, is direct; any other is the one of torch."""

    torch_step: ClassVar[Callable[..., Any]]
    _known: _Known | None = None

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        if closure is None and not self._watched() and (calls := self._calls()) is not None:
            gradients = torch.is_grad_enabled()
            torch.set_grad_enabled(False)  # 1 µs less than a context
            try:
                for kernel, tensors, numbers in calls:
                    kernel(*tensors, **numbers)
            finally:
                torch.set_grad_enabled(gradients)
            return None
        self.prepare()
        step = type(self).torch_step
        if not hasattr(step, "hooked"):  # until torch has made an optimizer of its own class
            step = self.profile_hook_step(step)
        found: float | None = step(self, closure)
        return found

    step.hooked = True  # type: ignore[attr-defined]  # has torch leave this one as it is

    def prepare(self) -> None:
        """Before a step of torch."""

    def call(self, group: ParamGroup, pairs: Sequence[tuple[Tensor, dict[str, Any]]], found_inf: Tensor | None) -> Sequence[KernelCall] | None:
        """The kernels that are a step of a group; None where torch is to take it."""
        raise NotImplementedError

    def _watched(self) -> bool:
        """Whether anybody wants to know of the step, or to scale its gradients."""
        return bool(
            self._optimizer_step_pre_hooks
            or self._optimizer_step_post_hooks
            or _GLOBAL_BEFORE
            or _GLOBAL_AFTER
            or _PROFILES()
            or getattr(self, "grad_scale", None) is not None
        )

    def _calls(self) -> Sequence[KernelCall] | None:
        known = self._known
        if known is None or not known.stands(self):
            known = self._known = _look_through(self)
            if known is None:
                return None
        found_inf: Tensor | None = getattr(self, "found_inf", None)
        if found_inf is not None and found_inf.device != known.device:
            return None
        calls: list[KernelCall] = []
        for group, pairs in zip(self.param_groups, known.pairs, strict=True):
            part = self.call(group, pairs, found_inf)
            if part is None:
                return None
            calls += part
        return calls


class DirectSGD(DirectStep, SGD):
    torch_step = SGD.step

    def prepare(self) -> None:
        begin_momentum(self)

    def call(self, group: ParamGroup, pairs: Sequence[tuple[Tensor, dict[str, Any]]], found_inf: Tensor | None) -> Sequence[KernelCall] | None:
        momentum, lr, weight_decay = group["momentum"], group["lr"], group["weight_decay"]
        if not group["fused"] or group["foreach"] or isinstance(lr, Tensor) or isinstance(weight_decay, Tensor):
            return None
        trained, gradients, buffers = [], [], []
        for parameter, state in pairs:
            if (gradient := parameter.grad) is not None:
                if gradient.is_sparse:
                    return None
                trained.append(parameter)
                gradients.append(gradient)
                if momentum:
                    if (buffer := state.get("momentum_buffer")) is None:
                        return None
                    buffers.append(buffer)
        if not trained:
            return ()
        numbers = {
            "weight_decay": weight_decay, "momentum": momentum, "lr": lr, "dampening": group["dampening"], "nesterov": group["nesterov"],
            "maximize": group["maximize"], "is_first_step": False, "found_inf": found_inf,
        }  # fmt: skip
        return ((torch._fused_sgd_, (trained, gradients, buffers), numbers),)


class _DirectAdam(DirectStep):
    def call(self, group: ParamGroup, pairs: Sequence[tuple[Tensor, dict[str, Any]]], found_inf: Tensor | None) -> Sequence[KernelCall] | None:
        lr, (beta1, beta2) = group["lr"], group["betas"]
        if not group["fused"] or group["foreach"] or group["amsgrad"] or group["capturable"] or any(isinstance(each, Tensor) for each in (lr, beta1, beta2)):
            return None
        trained, gradients, first, second, steps = [], [], [], [], []
        for parameter, state in pairs:
            if (gradient := parameter.grad) is not None:
                if not state or gradient.is_sparse:
                    return None
                trained.append(parameter)
                gradients.append(gradient)
                first.append(state["exp_avg"])
                second.append(state["exp_avg_sq"])
                steps.append(state["step"])
        if not trained:
            return ()
        numbers = {
            "amsgrad": False, "lr": lr, "beta1": beta1, "beta2": beta2, "weight_decay": group["weight_decay"], "eps": group["eps"],
            "maximize": group["maximize"], "found_inf": found_inf,
        }  # fmt: skip
        kernel = torch._fused_adamw_ if group["decoupled_weight_decay"] else torch._fused_adam_
        calls: list[KernelCall] = [(torch._foreach_add_, (steps, 1), _NONE), (kernel, (trained, gradients, first, second, [], steps), numbers)]
        if found_inf is not None:
            calls.append((torch._foreach_sub_, (steps, [found_inf] * len(steps)), _NONE))
        return calls


class DirectAdam(_DirectAdam, Adam):
    torch_step = Adam.step


class DirectAdamW(_DirectAdam, AdamW):
    torch_step = AdamW.step


DIRECT: Mapping[type[Optimizer], type[DirectStep]] = {SGD: DirectSGD, Adam: DirectAdam, AdamW: DirectAdamW}
# Without what tells of a hook or a profiler there is always one.
_PROFILES: Callable[[], bool] = getattr(torch.autograd, "_profiler_enabled", lambda: True)
_GLOBAL_BEFORE: Mapping[int, object] = getattr(torch_optimizer, "_global_optimizer_pre_hooks", {0: None})
_GLOBAL_AFTER: Mapping[int, object] = getattr(torch_optimizer, "_global_optimizer_post_hooks", {0: None})


@functools.cache
def direct_class(kind: type[Optimizer], device: torch.device, dtype: torch.dtype) -> type[Optimizer]:
    """The class with a direct step in place of torch's, where this torch has what it needs: some steps of each are tried."""
    direct: Any = DIRECT.get(kind)
    theirs: Any = kind
    if direct is None:
        return kind
    try:
        found = [_tried(made, device, dtype) for made in (theirs, direct)]
    except (AttributeError, RuntimeError, TypeError, NotImplementedError, KeyError, ValueError):
        return kind
    made: type[Optimizer] = direct
    return made if all(torch.equal(one, two) for one, two in zip(*found, strict=True)) else kind


def begin_momentum(optimizer: Optimizer) -> None:
    """Give parameters that fused SGD takes for the first time a momentum of zero, to which their first gradient is added.

    Its kernel can begin only with all parameters of a group at once, and not with those that thaw later; and where a scaler
    skips the first step it would leave as momentum what happened to lie in memory.
    """
    if len(optimizer.state) == sum([len(group["params"]) for group in optimizer.param_groups]):
        return  # as in nearly every step: all have theirs
    for group in optimizer.param_groups:
        if not (group["fused"] and group["momentum"]):
            continue
        training = [parameter for parameter in group["params"] if parameter.grad is not None]
        new = [parameter for parameter in training if optimizer.state[parameter].get("momentum_buffer") is None]
        if len(new) < len(training) or getattr(optimizer, "found_inf", None) is not None:
            for parameter in new:
                optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter, memory_format=torch.preserve_format)


def _look_through(optimizer: Optimizer) -> _Known | None:
    """None where the tensors are not dense ones of one dtype on one device, all of whose counters of steps lie there, too."""
    state: Mapping[Any, dict[str, Any]] = optimizer.state
    parameters = [list(group["params"]) for group in optimizer.param_groups]
    all_of_them = [each for group in parameters for each in group]
    if not all_of_them:
        return None
    first = all_of_them[0]
    kinds = {(each.dtype, each.device) for each in all_of_them}
    tensors = [value for entry in state.values() for value in entry.values() if value is not None]
    if len(kinds) > 1 or first.is_complex() or not all(type(each) in {nn.Parameter, Tensor} and each.layout is torch.strided for each in (*all_of_them, *tensors)):
        return None
    if any(each.device != first.device or (each.dim() and each.dtype != first.dtype) for each in tensors):
        return None
    pairs = [[(each, state.get(each, _NONE)) for each in group] for group in parameters]
    return _Known(state, list(state.values()), parameters, pairs, first.device)


def _same(found: Any, known: Sequence[Any]) -> bool:
    return len(found) == len(known) and all(map(is_, found, known))


def _tried(kind: Any, device: torch.device, dtype: torch.dtype) -> list[Tensor]:
    """Weight and state after steps of this class, all but the first of which are direct where they can be, one with the flag that skips it."""
    weight = nn.Parameter(torch.linspace(-1, 1, 5, device=device).to(dtype))
    optimizer = kind([weight], lr=0.1, weight_decay=0.1, fused=True, **({"momentum": 0.9} if issubclass(kind, SGD) else {}))
    for flag in (None, None, 1.0, 0.0):
        weight.grad = weight.detach() * 2
        optimizer.found_inf = None if flag is None else torch.tensor(flag, device=device)
        optimizer.step()
    return [weight.detach(), *optimizer.state[weight].values()]
