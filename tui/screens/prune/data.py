"""What the mode of a pruning run shows: every measurement, the curve of each method, and the checkpoint that was written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gradtop.trainer.jobs.prune.result import (
    PruneAbout,
    about_of,
    largest_free,
    methods_of,
    read_prune_trials,
)
from gradtop.trainer.jobs.prune.trial import WHOLE, PruneTrial, whole_of
from gradtop.trainer.record import CheckpointInfo, RunReader, RunState, Series, clean
from gradtop.trainer.record.streams.registry import ACCURACY, LOSS, SCORE

if TYPE_CHECKING:
    from gradtop.tui.reading.poll import ReadContext
NOTHING = PruneAbout()


@dataclass(frozen=True, slots=True)
class PrunePart:
    """`trials` by method, the unpruned model first; `best` is the place of the largest amount that costs nothing, None where there is none.

    `written` is what the checkpoint in the run is, "" where there is none.
    """

    about: PruneAbout = NOTHING
    trials: tuple[PruneTrial, ...] = ()
    methods: tuple[str, ...] = ()
    best: int | None = None
    written: str = ""
    ended: bool = False

    @property
    def whole(self) -> PruneTrial | None:
        return whole_of(self.trials)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Figures that can be drawn: accuracy, where there are classes, loss, and the monitored metric where it is another."""
        measured = [each.of(ACCURACY) for each in self.trials if not each.error]
        accuracy = () if measured and not any(map(math.isfinite, measured)) else (ACCURACY,)
        return (*accuracy, LOSS) if self.about.metric in {ACCURACY, LOSS} else (*accuracy, LOSS, SCORE)


def read_pruning(source: ReadContext, _view: object) -> PrunePart:
    return prune_part(source.run) if source.run is not None else PrunePart()


def written_checkpoints(source: ReadContext) -> tuple[CheckpointInfo, ...]:
    """What no stream tells of: a checkpoint is written by a process of its own, also after the run has ended."""
    return tuple(source.run.checkpoints()) if source.run is not None else ()


def prune_part(reader: RunReader) -> PrunePart:
    """Read a pruning run."""
    found = read_prune_trials(reader)
    about, methods = about_of(reader.status.result), methods_of(reader.config)
    order = {method: place for place, method in enumerate((WHOLE, *methods))}
    trials = sorted(found, key=lambda each: (order.get(each.method, len(order)), each.amount))
    best = largest_free(trials, about)
    written = reader.checkpoints()[-1:]
    return PrunePart(
        about=about,
        trials=tuple(trials),
        methods=tuple(method for method in methods if any(each.method == method for each in trials)),
        best=trials.index(best) if best is not None else None,
        written=clean(written[0].note, 100) if written else "",
        ended=reader.state.has_ended or reader.state is RunState.UNKNOWN,
    )


def amount_curve(trials: Sequence[PruneTrial], method: str, figure: str) -> Series:
    """A figure of one method over the amount in percent, beginning with the unpruned model."""
    points = [(100 * each.amount, each.of(figure)) for each in trials if each.method in {WHOLE, method} and not each.error]
    known = [(x, y) for x, y in points if math.isfinite(y)]
    x, y = zip(*known, strict=True) if known else ((), ())
    return Series(x, x, y, y, y, (1,) * len(x), (0,) * len(x), *((x[0], x[-1]) if x else ()))
