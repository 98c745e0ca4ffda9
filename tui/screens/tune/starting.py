"""What Tune starts: a new run or a fork of what the form has, or a range test of it. Called in a thread, as starting waits for the worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradtop.tui import keys
from gradtop.tui.screens.tune.effect import place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradtop.trainer.config import Change, Config
    from gradtop.trainer.record import CheckpointInfo, Run
    from gradtop.tui.launcher import Starts
    from gradtop.tui.reading.snapshot import Facts
    from gradtop.tui.screens.tune.data import TunePart


def start_run(launcher: Starts, config: Config, base: TunePart, changes: Sequence[Change], checkpoint: CheckpointInfo | None, *, queue: bool) -> Run:
    """A run of the configuration, from the checkpoint or from the start. Raises what `Launcher.start` raises."""
    return launcher.start(config, parent=base.run, changes=changes, checkpoint=checkpoint.path if checkpoint else None, queue=queue)


def start_range_test(launcher: Starts, config: Config, base: TunePart, changes: Sequence[Change]) -> Run:
    """A learning-rate range test of the configuration, with the newest weights of the base where they fit."""
    from gradtop.trainer.config import apply_overrides
    from gradtop.trainer.launch.forks import newest_weights

    checkpoint = newest_weights(base.run, changes)[0] if base.run is not None and base.checkpoints else None
    return launcher.start(apply_overrides(config, (), job="lr_range"), parent=base.run, changes=changes, checkpoint=checkpoint)


def started_text(checkpoint: CheckpointInfo | None, facts: Facts, *, queue: bool) -> str:
    """The notification of a run that was started or queued beside the one that is watched."""
    if queue:
        return f"a {f'fork from {place(checkpoint)}' if checkpoint else 'new run'} is queued ({keys.name('mode.runs')} shows its position)"
    beside = f"; {facts.name} continues" if facts.alive and facts.run is not None else ""
    return f"{f'forked from {place(checkpoint)}' if checkpoint else 'started a new run'}{beside}"
