"""Which way a draft takes effect when it is started; said before it is done. Called with a draft, so pydantic is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gradtop.trainer.analysis.formatting import number
from gradtop.trainer.record import CheckpointInfo

if TYPE_CHECKING:
    from gradtop.tui.screens.tune.draft import Draft


@dataclass(frozen=True, slots=True)
class Way:
    """How a start begins: a fork from `checkpoint`, or, where that is None, from the start; `why` says why no fork."""

    checkpoint: CheckpointInfo | None = None
    why: str = ""


def way_of(draft: Draft, checkpoints: Sequence[CheckpointInfo], *, has_run: bool) -> Way:
    """The least costly way in which a new run can begin, from the newest checkpoint where it is a fork."""
    if not draft.changes_something or not has_run:
        return Way()
    if draft.strongest() == "restart":
        return Way(why=f"{', '.join(draft.keys_of('restart'))} needs new weights")
    if not checkpoints:
        return Way(why="there is no checkpoint to fork from yet")
    if problem := problem_of(draft, checkpoints[-1]):
        return Way(why=problem)
    return Way(checkpoints[-1])


def problem_of(draft: Draft, checkpoint: CheckpointInfo) -> str:
    """Why a fork from there cannot train as the draft says; "" where it can."""
    from gradtop.trainer.launch.forks import fork_problems

    return "; ".join(fork_problems(draft.base, draft.config, checkpoint)) if draft.config is not None else ""


def consequences_of(draft: Draft) -> tuple[str, str]:
    """What a fork keeps and what it drops, each in one line; "" where nothing."""
    from gradtop.trainer.config.fork_preview import consequences

    if draft.config is None:
        return "", ""
    said = consequences(draft.base, draft.config)
    return ", ".join(said.kept), "; ".join(said.dropped)


def place(checkpoint: CheckpointInfo) -> str:
    """Where a checkpoint stands, in words."""
    return f"step {number(checkpoint.step)}{' (best)' if checkpoint.best else ''}"
