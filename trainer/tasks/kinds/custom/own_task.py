"""Loss and metrics that a callable of the user's own project computes of model and batch."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gradtop.trainer.data.dataset import Source
from gradtop.trainer.data.nested import ModelInputs, first_tensor
from gradtop.trainer.data.sample_form import ALONE, PLAIN, SampleForm
from gradtop.trainer.metrics import ACCURACY, LOSS
from gradtop.trainer.runtime import user_code
from gradtop.trainer.runtime.device import out_of_memory
from gradtop.trainer.runtime.errors import TracedError, UserError
from gradtop.trainer.tasks.kinds.custom import CustomTask
from gradtop.trainer.tasks.kinds.custom.returned import LOGITS, OUTPUTS, TARGETS, Returned, ReturnedMeter
from gradtop.trainer.tasks.task import AddedMetrics, MetricInputs, Score, TargetFacts, check_own_name

KEY = "task.target"
NOT_DESCRIBED = "predict cannot say what the outputs mean: task.kind = custom leaves that to code of yours; use the model in Python instead: gradtop help models"
OF_ONE_LABEL = 2  # dimensions of logits


def build(config: CustomTask, source: Source, saved: Mapping[str, Any]) -> OwnTask:  # noqa: ARG001 - it learns nothing of the training set
    """Raises UserError where the target cannot be imported."""
    return OwnTask(config.target, user_code.resolve_allowed(config.target, KEY, config.arguments), config.arguments, getattr(source, "form", PLAIN))


class OwnTask:
    """A batch is what samples are, stacked; what is charted is known from the first one on."""

    each = "sample"

    def __init__(self, target: str, function: Callable[..., Any], arguments: Mapping[str, Any], form: SampleForm) -> None:
        self.target = target
        self.headline = LOSS
        self.added = AddedMetrics()
        self._function, self._arguments, self._form = function, arguments, form

    def measure(self, model: nn.Module, inputs: ModelInputs, targets: Tensor) -> Returned:
        """The loss of a batch, float32, with its gradient where there are any, and beside it what else the callable returns. Raises UserError."""
        try:
            returned = self._function(model, self._form.join(inputs, targets), **self._arguments)
        except UserError:
            raise
        except (Exception, SystemExit) as error:
            if isinstance(error, Exception) and out_of_memory(error):
                raise
            # It is the user's own code: its traceback tells them more than any sentence of ours.
            traceback.print_exc()
            first = (str(error).strip().splitlines() or [""])[0]
            raise TracedError(f"{KEY}: {self.target} raised {type(error).__name__}: {first}") from error
        numbers = self._numbers(returned, first_tensor(inputs).device)
        if torch.is_grad_enabled() and not numbers[LOSS].requires_grad:
            raise UserError(f"{KEY}: the loss that {self.target} returns depends on no parameter that trains; compute it from what the model returns, without detach, item or numpy")
        return Returned(numbers, *self._pair(returned, targets))

    def _pair(self, returned: Any, targets: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Outputs and targets, where metrics are computed from them. Raises UserError."""
        if not self.measures_added:
            return None, None
        if type(returned) is dict:
            found = [returned.get(name) for name in (OUTPUTS, TARGETS)]
        elif self._form.kind == ALONE or not isinstance(logits := getattr(returned, LOGITS, None), Tensor):
            return None, None
        else:
            found = [logits, targets]
            if logits.dim() == targets.dim() + 1 > OF_ONE_LABEL:
                raise UserError(f"{KEY}: {self.target} returns logits of tokens, and whether the labels are those of the next tokens only your code knows; have it return a dict of loss, outputs and targets")
        for name, each in zip((OUTPUTS, TARGETS), found, strict=True):
            if each is not None and not isinstance(each, Tensor):
                raise UserError(f"{KEY}: {self.target}: {name} is {type(each).__name__}; a tensor is expected")
        return found[0], found[1]

    @property
    def measures_added(self) -> bool:
        """Whether `training.metrics` names any."""
        return bool(self.added.names or self.added.custom)

    def _numbers(self, returned: Any, device: torch.device) -> dict[str, Tensor]:
        name = f"{KEY}: {self.target}"
        if isinstance(returned, Tensor):
            returned = {LOSS: returned}
        elif not isinstance(returned, dict) or type(returned) is not dict:
            # What a model of Hugging Face's returns, whose other tensors are not to be charted.
            if not isinstance(loss := getattr(returned, LOSS, None), Tensor):
                several = f": {user_code.SCRIPT}" if isinstance(returned, tuple | list) and len(returned) > 1 else ""
                raise UserError(f"{name} returns {type(returned).__name__}; the loss is expected, a tensor with one number, or a dict with a key loss{several}")
            returned = {LOSS: loss}
        if LOSS not in returned:
            losses = [str(key) for key in returned if LOSS in str(key)]
            several = f": {user_code.SCRIPT}" if len(losses) > 1 else ""
            raise UserError(f"{name} returns a dict of {', '.join(map(str, list(returned)[:8])) or 'nothing'}; a key loss is expected{several}")
        found = {}
        for key, value in returned.items():
            if key in {OUTPUTS, TARGETS}:
                continue  # of which metrics are computed
            if key not in {LOSS, ACCURACY}:
                check_own_name(key if isinstance(key, str) else repr(key), f"{name} returns ")
            found[key] = _number(value, f"{name}: {key}", device)
        if not isinstance(returned[LOSS], Tensor):
            raise UserError(f"{name}: loss is {type(returned[LOSS]).__name__}; a tensor is expected, which knows how it was computed")
        return found

    def loss(self, outputs: Tensor, targets: Tensor, *, smoothing: float = 0.0) -> Tensor:
        raise NotImplementedError  # of model and batch alone

    def weight(self, targets: Tensor) -> int:
        return len(targets)

    def accuracy(self, outputs: Tensor, targets: Tensor) -> None:  # noqa: ARG002 - only its code knows
        return None

    def meter(self) -> OwnMeter:
        return OwnMeter(self)

    def for_metrics(self, outputs: Tensor, targets: Tensor) -> MetricInputs:
        raise NotImplementedError  # its meter knows what they are computed from

    def describe(self, outputs: Tensor, names: Sequence[str], top: int) -> list[dict[str, Any]]:  # noqa: ARG002 - only its code knows
        raise UserError(NOT_DESCRIBED)

    def labels(self, targets: Tensor) -> str:  # noqa: ARG002 - only its code knows
        return ""

    def check_outputs(self, outputs: Tensor, targets: Tensor, when: str) -> None:
        """Whatever they are."""

    def target_facts(self, targets: Tensor | None, *, sampled: bool, smoothing: float) -> TargetFacts:  # noqa: ARG002 - only its code knows
        return TargetFacts()

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """It has learned nothing."""

    def inherit(self, state: Mapping[str, Any]) -> str:  # noqa: ARG002 - as above
        return ""


class OwnMeter:
    """Means over all samples, on the device; of a number that not every batch has, over the samples of those that have it."""

    def __init__(self, task: OwnTask) -> None:
        self._returned = ReturnedMeter(task.added, task.target) if task.measures_added else None
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}

    def add(self, outputs: Any, targets: Tensor) -> None:
        """`outputs` is what was `Returned` of a batch."""
        if self._returned is not None:
            self._returned.add(outputs)
        samples = len(targets)
        for name, value in outputs.numbers.items():
            weighted = value.detach().double() * samples if value.device.type != "mps" else value.detach() * samples
            self._sums[name] = self._sums[name] + weighted if name in self._sums else weighted
            self._counts[name] = self._counts.get(name, 0) + samples

    def result(self) -> Score:
        means = dict(zip(self._sums, torch.stack(list(self._sums.values())).tolist(), strict=True)) if self._sums else {}
        found = {name: mean / self._counts[name] for name, mean in means.items()}
        score = Score(found.pop(LOSS, math.nan), found.pop(ACCURACY, math.nan), found)
        return score if self._returned is None else self._returned.result(score)


def _number(value: Any, name: str, device: torch.device) -> Tensor:
    if isinstance(value, Tensor):
        if value.numel() != 1 or value.is_complex():
            raise UserError(f"{name} is a tensor of {'×'.join(map(str, value.shape))} {str(value.dtype).removeprefix('torch.')}; one number is expected, such as a mean over the batch")
        return value.reshape(()).float()
    try:
        return torch.tensor(float(value), device=device)
    except (TypeError, ValueError):
        raise UserError(f"{name} is {type(value).__name__}; a number is expected") from None
