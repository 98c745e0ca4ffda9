"""A new run that goes on from a checkpoint of another: what fits is taken over, what does not is said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from gradtop.trainer.analysis.formatting import number, percent
from gradtop.trainer.checkpoint import format as checkpoint
from gradtop.trainer.checkpoint.format import State
from gradtop.trainer.config.fork_preview import passed_unfreezing
from gradtop.trainer.models.matching import Match, match, several
from gradtop.trainer.models.quantized import quantization_in
from gradtop.trainer.optim.lr_scheduler import advance, take_history
from gradtop.trainer.optim.optimizer import complete_state, named_parameters, state_by_name
from gradtop.trainer.optim.optimizers import OptimizerConfig
from gradtop.trainer.record import Run, is_fork, read_meta
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.training.class_rows import by_class_name
from gradtop.trainer.training.scores import monitored_in
from gradtop.trainer.training.state import same_data

if TYPE_CHECKING:
    from gradtop.trainer.training.session import Session
    from gradtop.trainer.training.weight_mask import WeightMask

ALL_WEIGHTS = "all weights"


@dataclass
class TransferredState:
    """What was taken over and what was dropped, in words."""

    kept: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    all_weights: bool = False


def read_origin(run: Run) -> State | None:
    """The checkpoint that the run was forked from; None for a run that begins at the beginning.

    Raises UserError where there is to be one and it cannot be read: trained from the beginning, it would be no fork.
    """
    if not is_fork(run):
        return None
    try:
        state = checkpoint.load(run.origin)
    except UserError as error:
        parent = read_meta(run).parent
        raise UserError(
            f"{error}; this run was forked from it and does not start from the beginning: put {run.origin.name} back, or fork "
            f"{parent or 'its parent'} again"
        ) from error
    require_trainable(state, run.origin.name)
    return state


def require_trainable(state: State, name: str) -> None:
    """Raises UserError for weights that are integers, which have no gradients."""
    if quantization_in(state):
        raise UserError(f"{name} holds quantized weights, which do not train on; fork the run that trained them")


def first_step(state: State, per_epoch: int) -> int:
    """The steps that count as done: those of the parent, or, where an epoch has another number of them, its whole epochs."""
    same = state.get("per_epoch") == per_epoch or not state.get("counts_epochs", True)
    return int(state["step"] if same else state["epoch"] * per_epoch)


def take_over(session: Session, state: State) -> TransferredState:
    """Put a session that has just been built where a checkpoint of another run stands, as far as it fits."""
    taken = TransferredState()
    rows_kept: list[str] = []
    rows_dropped: list[str] = []
    state = by_class_name(session, state, rows_kept, rows_dropped)
    take_weights(session.model, state["model"], taken)
    if rows_kept or rows_dropped:
        taken.all_weights = False
        taken.kept = ["all other weights" if each == ALL_WEIGHTS else each for each in taken.kept] + rows_kept
        taken.dropped += rows_dropped
    if scale := session.compute.task.inherit(state.get("task") or {}):
        taken.kept.append(scale)
    _take_optimizer(session.optimizer, session.config.optimizer, state, taken)
    _take_running_mean(session, state, taken)
    if session.compute.scaler is not None and "scaler" in state:
        session.compute.scaler.load_state_dict(state["scaler"])
    same_order = state.get("per_epoch") == session.per_epoch or not session.counts_epochs
    session.step = first_step(state, session.per_epoch)
    # An evaluation that the parent was stopped in is still due; before an epoch that begins anew there is none.
    session.evaluated = state["evaluated"] if same_order else session.step
    if same_order:
        session.generators.load_state_dict(state["random"])
        # What the parent has skipped is no part of this run; how many in a row tells when to give up.
        session.guard.load_state_dict({"streak": state["guard"].get("streak", 0)})
        taken.kept.append("the position in the epoch and the data order")
    else:
        taken.dropped.append(f"the position in the epoch: training continues at the beginning of epoch {session.epoch + 1}")
    # Past its end a schedule of a certain length goes nowhere.
    advance(session.schedule, min(session.step, session.steps))
    if session.config.schedule.history and state["kinds"]["schedule"] == session.config.schedule.kind:
        alike = monitored_in(state["scores"]) == session.scores.monitored
        take_history(session.schedule, state["schedule"], judged_alike=alike)
        (taken.kept if alike else taken.dropped).append(session.config.schedule.history)
    _take_patience(session, state, taken)
    if thawed := passed_unfreezing(session.config, session.epoch):
        taken.dropped.append(thawed)
    return taken


def take_mask(session: Session, mask: WeightMask, saved: Mapping[str, Tensor], taken: TransferredState) -> None:
    """Whatever was taken over, the weights that are to stay zero begin at zero."""
    mask.mask_weights()
    if session.compute.ema is not None:
        mask.mask_copy(session.compute.ema.module)
    if not saved:
        return
    weights = sum(kept.numel() for kept in saved.values())
    if mask.masked:
        taken.kept.append(f"the pruning mask: {percent(mask.masked / weights, 1)} of {number(weights)} prunable weights stay zero")
    elif not session.config.training.keep_pruned:
        taken.dropped.append("the pruning mask, as training.keep_pruned is false: the pruned weights train again, from zero")
    if mask.unfit:
        taken.dropped.append(f"the pruning mask of {several(mask.unfit)}, whose shape is another")


def take_weights(model: nn.Module, saved: Mapping[str, Any], taken: TransferredState) -> None:
    """Raises UserError where no parameter fits: what would train is no fork."""
    matched = match(model, saved)
    say_match(matched, taken)
    if not matched.parameters:
        raise UserError(nothing_kept(matched))
    matched.load_into(model)


def say_match(matched: Match, taken: TransferredState) -> None:
    taken.all_weights = matched.complete
    if matched.complete:
        taken.kept.append(ALL_WEIGHTS)
        return
    taken.kept.append(f"{matched.loaded} of {matched.total} weights")
    for names, why in (
        (matched.other, "have a different shape"),
        (matched.missing, "are new"),
        (matched.unexpected, "no longer exist"),
        (matched.tied, "have other values in the checkpoint"),
    ):
        if names:
            taken.dropped.append(f"{len(names)} weights {why}: {several(sorted(names))}")


def nothing_kept(matched: Match) -> str:
    """The sentence that refuses a fork."""
    why = several(matched.other or matched.unexpected)
    return (
        f"no weight of the checkpoint fits the model, so that a fork would keep none of {matched.total}{f' ({why})' if why else ''}; fork from a "
        "checkpoint of this model, or start from the beginning with gradtop rerun"
    )


def _take_running_mean(session: Session, state: State, taken: TransferredState) -> None:
    ema, saved = session.compute.ema, state.get("ema")
    if ema is None:
        if saved:
            taken.dropped.append("the EMA of the weights, as training.ema is 0")
        return
    own = ema.state_dict()
    if saved and saved.keys() == own.keys() and all(saved[name].shape == own[name].shape for name in own):
        ema.load_state_dict(saved)
        taken.kept.append("the EMA of the weights")
    else:
        ema.module.load_state_dict(session.model.state_dict())
        ema.n_averaged.zero_()
        taken.dropped.append("the EMA of the weights, which restarts from the weights")


def _take_patience(session: Session, state: State, taken: TransferredState) -> None:
    """What early stopping goes by; the best value that a run shows is its own."""
    what = f"the best {session.scores.monitored.title}"
    same = same_data(state.get("data"), session.config) and monitored_in(state["scores"]) == session.scores.monitored
    if same:
        session.scores.take_over(state["scores"])
    if session.patience_ran_out:
        # It would end before its first step.
        session.scores.without_better = 0
        taken.kept.append(f"{what} of early stopping")
        taken.dropped.append("the patience count of early stopping, which had run out")
    elif session.config.training.early_stopping:
        (taken.kept if same else taken.dropped).append(f"{what} and the patience count of early stopping")


def _take_optimizer(optimizer: Optimizer, config: OptimizerConfig, state: State, taken: TransferredState) -> None:
    """Moments by the names of the parameters; hyperparameters stay those of the new configuration."""
    if lost := config.dropped_state(state["kinds"]["optimizer"]):
        taken.dropped.append(lost)
        return
    saved = state_by_name(state["optimizer"])
    kept = 0
    for name, parameter in named_parameters(optimizer):
        moments = saved.get(name)
        if moments is None or not _fit(moments, parameter) or not all(name in moments for switch, name in config.variants.items() if getattr(config, switch)):
            continue
        optimizer.state[parameter] = {key: _placed(value, parameter) for key, value in moments.items()}
        kept += 1
    complete_state(config, optimizer)
    if kept == len(saved):
        taken.kept.append("the optimizer's state")
    else:
        if kept:
            taken.kept.append(f"the optimizer's state of {kept} parameters")
        taken.dropped.append(f"the optimizer's state of {len(saved) - kept} parameters")


def _fit(moments: Mapping[str, Any], parameter: Tensor) -> bool:
    tensors = [value for value in moments.values() if isinstance(value, Tensor) and value.dim()]
    return all(value.shape == parameter.shape for value in tensors)


def _placed(value: Any, parameter: Tensor) -> Any:
    if not isinstance(value, Tensor):
        return value
    # A counter of steps stays where the optimizer keeps it: fused ones want it on the device.
    return value.to(parameter.device, copy=True) if value.dim() or parameter.is_cuda else torch.clone(value)
