"""What one optimizer step computes."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Collection, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel

from gradtop.trainer.config import TrainingConfig
from gradtop.trainer.data.nested import ModelInputs, map_tensors
from gradtop.trainer.metrics import LOSS
from gradtop.trainer.models.calling import call_model, outputs_of
from gradtop.trainer.runtime.device import out_of_memory
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.tasks.kinds.classification.classifier import Classifier
from gradtop.trainer.tasks.kinds.custom.own_task import OwnTask
from gradtop.trainer.tasks.kinds.custom.returned import Returned
from gradtop.trainer.tasks.task import TrainingTask
from gradtop.trainer.training.check_tensors import uncopyable
from gradtop.trainer.training.phases import BACKWARD, FORWARD, LOADING, Enter, ignore
from gradtop.trainer.training.weight_mask import WeightMask

Batch = tuple[ModelInputs, Tensor]
# Inputs and targets as stored, and the number of the batch, from which everything random about it follows.
Augment = Callable[[Tensor, Tensor, int], tuple[Tensor, Tensor]]
PLAIN_EVERY = 2.0  # seconds between two steps whose loss is also computed without label smoothing
_PICTURES = 4  # dimensions of a batch of them
# What an EMA is computed of. All else in it is as in the model: of what counts or points, such as the steps of a batch norm or an index,
# torch's own EMA rounds the mean down.
AVERAGED = frozenset({torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.complex64, torch.complex128})


class Forward:
    """Calls a model in the precision and the memory format of a configuration; its outputs are float32."""

    def __init__(self, device: torch.device, training: TrainingConfig) -> None:
        self._device = device.type
        self._channels_last = training.channels_last
        self._half = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(training.precision)

    def __call__(self, model: nn.Module, inputs: ModelInputs) -> Tensor:
        if self._channels_last:
            inputs = map_tensors(_channels_last, inputs)
        if self._half is None:
            return outputs_of(call_model(model, inputs))
        with torch.autocast(self._device, self._half):
            return outputs_of(call_model(model, inputs)).float()

    def measure(self, task: OwnTask, model: nn.Module, inputs: ModelInputs, targets: Tensor) -> Returned:
        """What a task of the user's own measures of a batch."""
        if self._channels_last:
            inputs = map_tensors(_channels_last, inputs)
        with contextlib.nullcontext() if self._half is None else torch.autocast(self._device, self._half):
            return task.measure(model, inputs, targets)


def _channels_last(tensor: Tensor) -> Tensor:
    return tensor.contiguous(memory_format=torch.channels_last) if tensor.dim() == _PICTURES else tensor


class Compute:
    """Forward in the wanted precision, gradients of a group of batches, the update, and the EMA of the weights.

    Inputs are (batch, …); what outputs and targets are, the task knows.
    """

    def __init__(self, model: nn.Module, optimizer: Optimizer, device: torch.device, training: TrainingConfig, task: TrainingTask | None = None) -> None:
        self.model = model
        self.task = task or Classifier()
        self.optimizer = optimizer
        self.label_smoothing = training.label_smoothing
        self.augment: Augment | None = None
        self.enter: Enter = ignore  # told of each phase of a step, by whoever takes it, too
        self._plain_wanted = False  # of the next group also the loss without label smoothing
        self._plain_at = -math.inf
        self._plain: list[Tensor] = []
        self.counts_right = False  # whether the accuracy on the next group is wanted
        self._right: list[Tensor] = []
        self._forward = Forward(device, training)
        self.scaler = torch.amp.GradScaler(device.type) if training.precision == "fp16" else None
        self.mask: WeightMask | None = None
        self.ema: AveragedModel | None = None
        if training.ema:
            self.ema = _averaged(model, training.ema)

    @property
    def forward_pass(self) -> Forward:
        return self._forward

    @property
    def evaluated(self) -> nn.Module:
        """The model whose score counts."""
        return self.ema.module if self.ema is not None else self.model

    def forward(self, inputs: ModelInputs, model: nn.Module | None = None) -> Tensor:
        """Outputs in float32."""
        return self._forward(self.model if model is None else model, inputs)

    def loss(self, inputs: ModelInputs, targets: Tensor) -> Tensor:
        if isinstance(self.task, OwnTask):
            return self._forward.measure(self.task, self.model, inputs, targets).numbers[LOSS]
        outputs = self.forward(inputs)
        if self.counts_right and (right := self.task.accuracy(outputs.detach(), targets)) is not None:
            self._right.append(right)
        if self._plain_wanted:
            self._plain.append(self.task.loss(outputs.detach(), targets))
        return self.task.loss(outputs, targets, smoothing=self.label_smoothing)

    def backward(self, group: Sequence[Batch], first: int) -> Tensor:
        """Leave the gradient of the mean loss over all samples of a group of batches; returns that loss, detached.

        `first` is the number of its first batch. A batch weighs as much as its samples, so that a group is as one large batch.
        """
        if len(group) == 1:
            loss = self._backward(group[0], first, None)
        else:
            weights = [self.task.weight(targets) for _, targets in group]
            whole = sum(weights)
            loss = torch.stack([self._backward(batch, number, weight / whole) for number, (batch, weight) in enumerate(zip(group, weights, strict=True), start=first)]).sum()
        if self.mask is not None:
            self.mask.mask_gradients()
        return loss

    def _backward(self, batch: Batch, number: int, weight: Tensor | float | None) -> Tensor:
        inputs, targets = batch
        if self.augment is not None and isinstance(inputs, Tensor):
            self.enter(LOADING)
            inputs, targets = self.augment(inputs, targets, number)
        self.enter(FORWARD)
        loss = self.loss(inputs, targets)
        self.enter(BACKWARD)
        if weight is not None:
            loss = loss * weight
            if self._plain_wanted:
                self._plain[-1] = self._plain[-1] * weight
        (loss if self.scaler is None else self.scaler.scale(loss)).backward()
        return loss.detach()

    def want_plain(self) -> None:
        """Have the loss of the next group also without label smoothing, now and then: of mixed images that of the mixed targets."""
        if self.label_smoothing and (now := time.monotonic()) >= self._plain_at:
            self._plain_at = now + PLAIN_EVERY
            self._plain_wanted = True

    def take_plain(self) -> Tensor | None:
        """The loss of the last group without label smoothing, where it was wanted."""
        if not self._plain_wanted:
            return None
        found, self._plain, self._plain_wanted = self._plain, [], False
        return torch.stack(found).sum()

    def take_accuracy(self) -> Tensor | None:
        """The share of the samples of the last group whose class was predicted, where that was wanted."""
        if not self._right:
            return None
        found, self._right = self._right, []
        return torch.stack(found).mean() if len(found) > 1 else found[0]

    def unscale(self) -> None:
        """Have the gradients as they are, where the loss was scaled up to keep them from vanishing in half precision."""
        if self.scaler is not None:
            self.scaler.unscale_(self.optimizer)

    @property
    def overflows(self) -> Sequence[Tensor]:
        """One number of each device, above 0 where the scaler found a gradient there that is not finite: it then skips the step. Call it after
        `unscale`; none without a scaler.
        """
        if self.scaler is None:
            return ()
        return tuple(self.scaler._found_inf_per_device(self.optimizer).values())  # noqa: SLF001 - it tells nobody otherwise

    def update(self) -> None:
        if self.scaler is None:
            self.optimizer.step()
        else:
            # A step that the scaler skips is one to a schedule, which would warn.
            self.optimizer._opt_called = True  # type: ignore[attr-defined]  # noqa: SLF001 - what the warning looks at
            self.scaler.step(self.optimizer)
            self.scaler.update()
        if self.mask is not None:
            self.mask.mask_weights()
        if self.ema is not None:
            self.ema.update_parameters(self.model)


def _averaged(model: nn.Module, decay: float) -> AveragedModel:
    """A copy of the model for the EMA of its weights. Raises UserError where there can be none."""
    try:
        made = AveragedModel(model, use_buffers=True)
    except Exception as error:
        if out_of_memory(error):
            raise
        name = uncopyable(model)
        first = (str(error).strip().splitlines() or [""])[0].partition(". ")[0]
        raise UserError(
            f"training.ema: an EMA needs a copy of the model, and {name or 'it'} cannot be copied ({type(error).__name__}: {first}); "
            "set training.ema = 0, or give its class a __deepcopy__"
        ) from error
    kept = [tensor for tensor in (*made.module.parameters(), *made.module.buffers()) if tensor.dtype in AVERAGED and not _has_mean(tensor)]
    made.multi_avg_fn = partial(_average, 1 - decay, frozenset(0 if tensor.layout != torch.strided else tensor.data_ptr() for tensor in kept))
    return made


def _has_mean(tensor: Tensor) -> bool:
    """Not a mask of -inf, whose mean is NaN."""
    return tensor.layout == torch.strided and bool(tensor.isfinite().all())


@torch.no_grad()
def _average(share: float, copied: Collection[int], averages: list[Tensor], current: list[Tensor], _count: Tensor | int) -> None:
    """Of tensors of one dtype; `copied` are the addresses of those that have no mean for another reason, 0 for sparse ones."""
    averaged = averages[0].dtype in AVERAGED
    if averaged and not copied:
        torch._foreach_lerp_(averages, current, share)
        return
    for average, value in zip(averages, current, strict=True):
        if not averaged or average.layout != torch.strided or average.data_ptr() in copied:
            average.copy_(value)
        else:
            average.lerp_(value, share)


def explain_step_error(error: Exception) -> str:
    """A sentence for what torch refuses in a step and a setting would put right; "" where there is none."""
    message = str(error)
    if "Expected more than 1 value per channel" in message:
        return (
            "batch norm needs more than one value for each channel, and a batch of one image gives one; "
            "make training.batch_size larger, or take a model without batch norm"
        )
    if type(error).__module__.startswith(("torch._inductor", "torch._dynamo")):
        if "No working C++ compiler" in message:
            return "training.compile is true, which needs a C++ compiler, and none is found; install one such as g++, or set it to false"
        first = (message.strip().splitlines() or [type(error).__name__])[0]
        return f"training.compile is true, and torch cannot compile the model ({first}); set it to false"
    if "index out of range in self" in message:
        return "an input is a number that the model has no embedding for; look at the inputs of data.target, which must be from 0 on, as many as there are classes"
    if "does not require grad and does not have a grad_fn" in message:
        return (
            "the loss depends on no parameter that trains; freeze fewer of them, or look in the forward of model.target for what "
            "detaches its outputs"
        )
    if "does not have a deterministic implementation" in message:
        return f"training.deterministic is true, and {message.split(maxsplit=1)[0]} has no deterministic form on this device; set it to false"
    return ""
