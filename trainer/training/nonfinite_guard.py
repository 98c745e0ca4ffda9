"""The guard against a non-finite loss or gradient: it acts before the optimizer does."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from gradtop.trainer.monitor.tensor_norms import total_norm
from gradtop.trainer.runtime.errors import NonFinite

# Steps in a row with a loss or a gradient that is not finite, after which no smaller scale will help a training in half precision.
_LOST = 20
# Numbers in a gradient from which on reading it, and not the call, is what a check costs: more than a cache holds.
_LARGE = 1 << 18


class NonFiniteGuard:
    """Keeps a step with a non-finite loss or gradient from changing the weights.

    On the CPU, and with optimizers that are not fused, every step reads one flag. A fused optimizer on an accelerator
    reads the flag on the device itself and skips the step and, as the flag stays up, every step after it: the weights
    stay those from before the bad step until the host looks, every `read_every` seconds, without waiting in the step.
    `skipped` are the steps that a gradient scaler has left out, as of the last look.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        device: torch.device,
        *,
        deferred: bool | None = None,
        scaled: bool = False,
        read_every: float = 0.25,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        # Frozen ones too, as they may train later; they have no gradient.
        self._named = list(model.named_parameters())
        self._complex = any(parameter.is_complex() for _, parameter in self._named)
        self._found = torch.zeros((), device=device)
        self._one = torch.ones((), device=device)
        self._mark = _choose_mark(self._found)
        self._clock = clock
        self._read_every = read_every
        self._next_read = 0.0
        fused = bool(optimizer.defaults.get("fused"))
        self._scaled = scaled
        self.deferred = (fused or scaled) and device.type != "cpu" if deferred is None else deferred
        self._streak = torch.zeros((), device=device)
        self._skipped = torch.zeros((), device=device, dtype=torch.int64)
        self.skipped = self._told = 0
        if self.deferred and not scaled:
            # Minus the number of steps since the flag went up: tells the bad step without a record of every step.
            self._since = torch.zeros((), device=device)
            optimizer.found_inf = self._found  # type: ignore[attr-defined]

    def check(self, step: int, loss: Tensor, norm: Tensor | None = None, overflows: Sequence[Tensor] = ()) -> Tensor | None:
        """Call between backward and optimizer step; `norm` is the total gradient norm if gradients are to be clipped by it. Raises NonFinite.

        Returns the norm, without the overflow that squares of large gradients have in it, where a flag is read in every step. Elsewhere a
        step whose norm overflows is not taken: clipping by an infinite norm would make zeros of all gradients.
        `overflows` are the flags of a scaler, above 0 where it skips the step; they are raised for such a norm.
        """
        if self._scaled:
            # A scaler skips the steps with a non-finite gradient, which is how it finds its scale; in the end one must fit.
            lost = torch.isfinite(loss).logical_not()
            if overflows:
                norm = self._flag_norm(norm, overflows)
                skips = torch.stack([flag.to(self._found.device) for flag in overflows]).sum() > 0
                self._skipped.add_(skips)
                lost = lost.logical_or(skips)
            self._streak.add_(1).mul_(lost)
            if not self.deferred or self._clock() >= self._next_read:
                self.settle(step)
            return norm
        if not self.deferred:
            # Without an accelerator reading a number waits for nothing.
            if not math.isfinite(loss.item()):
                raise NonFinite(step, "the loss")
            if norm is not None and math.isfinite(norm.item()):
                return norm
            if not self._finite():
                raise NonFinite(step, self.culprit())
            if norm is not None and not math.isfinite((norm := total_norm(self._gradients())).item()):
                raise NonFinite(step, "the total gradient norm")
            return norm
        gradients = self._gradients()
        gradients.append(loss.detach() if norm is None else loss.detach() + (norm * 0).to(loss.dtype))
        self._mark(gradients, self._found, self._one)
        self._since.sub_(self._found)
        if self._clock() >= self._next_read:
            self.settle(step)
        return norm

    def _flag_norm(self, norm: Tensor | None, overflows: Sequence[Tensor]) -> Tensor | None:
        """The total norm, and the flags of a scaler raised where that is not finite."""
        if norm is None:
            return None
        if not self.deferred and not math.isfinite(norm.item()) and not any(flag.item() > 0 for flag in overflows):
            norm = total_norm(self._gradients())
        bad = norm.isfinite().logical_not()
        for flag in overflows:
            # Fused optimizers skip the step for a flag of 1, and for no other number.
            flag.copy_(torch.maximum(flag, bad.to(flag)))
        return norm

    def settle(self, step: int) -> None:
        """Wait for the device and make sure that every step up to `step` was finite. Raises NonFinite."""
        if self._scaled:
            self._next_read = self._clock() + self._read_every
            streak, self.skipped = torch.stack([self._streak.long(), self._skipped]).tolist()
            if streak >= _LOST:
                raise NonFinite(step - streak + 1, "the loss or a gradient, at whatever scale,")
            return
        if not self.deferred:
            return
        self._next_read = self._clock() + self._read_every
        since = -int(self._since.item())
        if since:
            raise NonFinite(step - since + 1, "")

    def check_weights(self, step: int) -> None:
        """Raises NonFinite where a weight that trains is not finite after the step."""
        bad = [name for name, parameter in self._named if parameter.requires_grad and not bool(torch.isfinite(parameter).all())]
        if bad:
            what = f"the weight {bad[0]}{f' (and {len(bad) - 1} more)' if len(bad) > 1 else ''}"
            raise NonFinite(step, what, f"step {step}: {what} is not finite after the step; no checkpoint was written with it")

    @property
    def streak(self) -> int:
        """How many steps a scaler has left out in a row, up to the last one: its scale is too large, or the weights are spoilt."""
        return int(self._streak.item()) if self._scaled else 0

    def take_skipped(self) -> int:
        """How many steps a scaler has left out since this was last asked; call it after `settle`."""
        before, self._told = self._told, self.skipped
        return self._told - before

    def state_dict(self) -> dict[str, int]:
        """How many steps a scaler has left out: in a row, of all, and of those that `take_skipped` has told of."""
        if not self._scaled:
            return {}
        return {"streak": int(self._streak.item()), "skipped": int(self._skipped.item()), "told": self._told}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        self._streak.fill_(state.get("streak", 0))
        self.skipped, self._told = state.get("skipped", 0), state.get("told", 0)
        self._skipped.fill_(self.skipped)

    def culprit(self) -> str:
        """The parameter whose gradient went wrong first.

        Backward runs from the last module to the first and carries a bad value along, so the last module with a bad
        gradient is where it came from.
        """
        bad = [
            name
            for name, parameter in self._named
            if parameter.grad is not None and not bool(torch.isfinite(parameter.grad).all())
        ]
        if not bad:
            return "a gradient"
        module = bad[-1].rpartition(".")[0]
        first = next(name for name in bad if name.rpartition(".")[0] == module)
        others = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
        return f"the gradient of {first}{others}"

    def _gradients(self) -> list[Tensor]:
        gradients = [parameter.grad for _, parameter in self._named if parameter.grad is not None]
        return [torch.view_as_real(each) if each.is_complex() else each for each in gradients] if self._complex else gradients

    def _finite(self) -> bool:
        """Whether every gradient is finite, by numbers that the CPU reads at once."""
        gradients = self._gradients()
        # A sum with a bad value in it is bad, and takes half the time of the fused check, which also writes what it reads.
        doubtful = [each for each in gradients if each.numel() < _LARGE or not math.isfinite(each.sum().item())]
        # Finite numbers may have a sum that is not.
        self._mark(doubtful, self._found, self._one)
        return not self._found.item()


MarkNonFinite = Callable[[Sequence[Tensor], Tensor, Tensor], object]


def _choose_mark(found: Tensor) -> MarkNonFinite:
    """The fused check of a list of tensors where this torch and device have it."""
    fused: MarkNonFinite | None = getattr(torch, "_amp_foreach_non_finite_check_and_unscale_", None)
    if fused is not None:
        flag = torch.zeros_like(found)
        try:
            fused([torch.full_like(found, math.inf)], flag, torch.ones_like(found))
        except (RuntimeError, TypeError, NotImplementedError):
            return _mark_plainly
        if flag.item() == 1.0:
            return fused
    return _mark_plainly


def _mark_plainly(tensors: Sequence[Tensor], found: Tensor, _one: Tensor) -> None:
    for tensor in tensors:
        found.copy_(torch.maximum(found, torch.isfinite(tensor).all().logical_not().to(found.dtype)))
