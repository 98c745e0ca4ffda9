"""What a fork keeps of its checkpoint and what it drops, as far as the two configurations tell it; trainer/training/fork.py does it."""

from __future__ import annotations

from dataclasses import dataclass

from gradtop.trainer.config.config import Config
from gradtop.trainer.config.freeze import Thaws


@dataclass(frozen=True, slots=True)
class Consequences:
    """In words, as they follow "keeps" and "drops"."""

    kept: tuple[str, ...]
    dropped: tuple[str, ...]


UNKNOWN = Consequences(("the weights that fit by name and shape",), ())


def consequences(old: Config, new: Config, *, epoch: int = 0, weights: Consequences | None = None) -> Consequences:
    """Of a fork from a run of the configuration `old`, at a checkpoint with `epoch` epochs behind it, that trains as `new`.

    `weights` are what a comparison of the checkpoint with the model has found; without it, configurations tell only of models of
    gradtop's own which weights fit.
    """
    kept: list[str] = []
    dropped: list[str] = []
    if weights is not None:
        kept += weights.kept
        dropped += weights.dropped
    elif fits_surely(old, new):
        kept.append("all weights (outputs by the names of their classes)" if _names_classes(new) else "all weights")
    else:
        kept += UNKNOWN.kept
    if not _fits(old, new) and weights is None:
        dropped.append("the weights that do not fit the other data: the head, where the number of classes differs")
    _optimizer(old, new, kept, dropped, all_weights=_fits(old, new) and (weights is None or not weights.dropped))
    if thawed := passed_unfreezing(new, epoch):
        dropped.append(thawed)
    if new.training.ema and old.training.ema and _fits(old, new):
        kept.append("the EMA of the weights")
    elif new.training.ema:
        dropped.append("the EMA of the weights, which restarts from the weights")
    elif old.training.ema:
        dropped.append("the EMA of the weights")
    if same_epochs(old, new):
        kept.append("the position in the epoch and the data order")
    else:
        dropped.append("the position in the epoch: training continues at the beginning of the next one")
    if new.schedule.history and new.schedule.kind == old.schedule.kind:
        (kept if new.training.best == old.training.best else dropped).append(new.schedule.history)
    elif old.schedule != new.schedule or old.optimizer.lr != new.optimizer.lr:
        kept.append("the step of the schedule, on its new curve")
    if new.training.early_stopping:
        patience = f"the best {new.training.best.title} and the patience count of early stopping"
        if old.data == new.data and old.training.best == new.training.best:
            kept.append(f"{patience}, unless that has run out")
        else:
            dropped.append(patience)
    return Consequences(tuple(kept), tuple(dropped))


def passed_unfreezing(config: Config, epoch: int) -> str:
    """What is said of freezing that ends before a fork with `epoch` epochs behind it begins; "" where none does."""
    freeze = config.freeze
    if isinstance(freeze, Thaws) and 0 < freeze.unfreeze_epoch <= epoch + 1:
        return f"the freezing: freeze.unfreeze_epoch = {freeze.unfreeze_epoch}, and the fork begins in epoch {epoch + 1} with nothing frozen"
    return ""


def fits_surely(old: Config, new: Config) -> bool:
    """Whether the configurations alone tell that all weights of a checkpoint of the run are kept: code of the user's may have changed."""
    return _fits(old, new) and new.model.kind != "custom" and new.data.kind != "custom"


def steps_per_epoch(config: Config) -> int:
    """Optimizer steps of one epoch; 0 where the data must be opened to know."""
    return config.training.steps_per_epoch(config.data.shape.samples)


def same_epochs(old: Config, new: Config) -> bool:
    """Whether epochs of both have as many steps; where that cannot be known, whether nothing that decides it was changed."""
    before, after = steps_per_epoch(old), steps_per_epoch(new)
    if before and after:
        return before == after
    return (old.data, old.training.batch_size, old.training.accumulate) == (new.data, new.training.batch_size, new.training.accumulate)


def same_lr_curve(old: Config, new: Config) -> bool:
    """Whether both plan the same learning rate at every step."""
    lengths = [(config.schedule, config.optimizer.lr, config.training.epochs, config.training.steps) for config in (old, new)]
    return lengths[0] == lengths[1] and same_epochs(old, new)


def _fits(old: Config, new: Config) -> bool:
    """Whether all weights keep their shapes; other data may ask for another head or another first layer."""
    return old.data == new.data or (old.data.shape[1:] == new.data.shape[1:] and bool(old.data.shape.classes))


def _names_classes(config: Config) -> bool:
    """Whether the files of the data say which classes there are: these may have changed since, and then outputs go by name."""
    return not config.data.shape.classes and config.data.inputs != "characters" and config.task.kind not in {"regression", "custom"}


def _optimizer(old: Config, new: Config, kept: list[str], dropped: list[str], *, all_weights: bool) -> None:
    if lost := new.optimizer.dropped_state(old.optimizer.kind):
        dropped.append(lost)
        return
    if switch := new.optimizer.switched_on(old.optimizer):
        dropped.append(f"the optimizer's state, which lacks that of {switch}")
        return
    if all_weights:
        kept.append("the optimizer's state")
    else:
        kept.append("the optimizer's state of those weights")
        dropped.append("the optimizer's state of the others")
