"""Which way a draft takes effect when it is started; said before it is done."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gradtop.trainer.analysis.formatting import number, significant
from gradtop.trainer.analysis.live_change import NO_CONSEQUENCES, LiveConsequences, live_consequences, new_learning_rate
from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record import CheckpointInfo, Series, Status

if TYPE_CHECKING:
    from gradtop.trainer.launch.fork_weights import ForkWeights
    from gradtop.tui.reading.lr_preview import LrCurves
    from gradtop.tui.screens.tune.texts import FormTexts


class Way(NamedTuple):
    """How a start begins: a fork from `checkpoint`, or, where that is None, from the start; `why` says why no fork."""

    checkpoint: CheckpointInfo | None = None
    why: str = ""


def way_of(draft: FormTexts, checkpoints: Sequence[CheckpointInfo], *, has_run: bool, weights: ForkWeights | None = None) -> Way:
    """The least costly way in which a new run can begin, from the newest checkpoint where it is a fork.

    `weights` are those that a fork keeps, where that is known.
    """
    if not draft.changes_something or not has_run:
        return Way()
    if draft.strongest() == "restart":
        return Way(why=f"{', '.join(draft.keys_of('restart'))} needs new weights")
    if not checkpoints:
        return Way(why="there is no checkpoint to fork from yet")
    if problem := problem_of(draft, checkpoints[-1]):
        return Way(why=problem)
    if weights is not None and weights.nothing:
        return Way(why=weights.nothing)
    return Way(checkpoints[-1])


def problem_of(draft: FormTexts, checkpoint: CheckpointInfo, weights: ForkWeights | None = None) -> str:
    """Why a fork from there cannot train as the draft says; "" where it can."""
    if draft.configs is None:
        return ""
    from gradtop.trainer.launch.forks import fork_problems

    return "; ".join(fork_problems(*draft.configs, checkpoint)) or (weights.nothing if weights is not None else "")


def consequences_of(draft: FormTexts, checkpoint: CheckpointInfo, weights: ForkWeights | None = None) -> tuple[str, str]:
    """What a fork from there keeps and what it drops, each in one line; "" where nothing."""
    if draft.configs is None:
        return "", ""
    from gradtop.trainer.config.fork_preview import consequences

    preview = consequences(*draft.configs, epoch=checkpoint.epoch, weights=weights.consequences if weights is not None else None)
    return ", ".join(preview.kept), "; ".join(preview.dropped)


def at_once(draft: FormTexts, status: Status, curves: LrCurves) -> LiveConsequences:
    """What applying the draft live does to the run at once."""
    if draft.configs is None or not draft.live_changes():
        return NO_CONSEQUENCES
    base, config = draft.configs

    def rates() -> tuple[float, float] | None:
        if curves.config != config:
            return None
        before, after = (value_at(series, status.step + 1) for series in (curves.old, curves.new))
        return None if before is None or after is None else (before, after)

    return live_consequences(base, config, step=status.step, per_epoch=status.steps_per_epoch, rates=rates)


def scaled_text(draft: FormTexts, status: Status) -> tuple[str, str]:
    """What applying a new learning rate live makes of the one of now: with a scaled schedule, and with none; "" where it is not asked.

    now 1.2e-3 → 2.9e-4 (scaled), min_lr 1e-5 → 2.4e-6; → 5e-4, constant
    """
    if draft.configs is None or status.lr is None or not draft.asks_for_the_schedule():
        return "", ""
    found = new_learning_rate(*draft.configs, status.lr)
    return found.scaled_text, f"→ {significant(found.constant)}, constant"


def at_once_text(found: LiveConsequences, step: int) -> str:
    """That in words; "" where it is nothing."""
    from gradtop.trainer.analysis.event_text import consequences_text

    if found.unknown:
        return "the learning rate would continue on another curve, which is not known yet"
    return consequences_text({"step": step, **found.to_fields()}, would=True)


def value_at(series: Series, step: float) -> float | None:
    """The value of a curve at a step, between its points on a straight line; None past its ends."""
    place = bisect_left(series.x, step)
    if not place < len(series.x):
        return None
    if series.x[place] == step or not place:
        return series.mean[place] if series.x[place] == step else None
    share = (step - series.x[place - 1]) / (series.x[place] - series.x[place - 1])
    return series.mean[place - 1] + share * (series.mean[place] - series.mean[place - 1])


def place(checkpoint: CheckpointInfo) -> str:
    """Where a checkpoint stands, in words."""
    return f"step {number(checkpoint.step)}{' (best)' if checkpoint.best else ''}"
