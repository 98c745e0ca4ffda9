"""What the mode of a sensitivity analysis shows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gradtop.trainer.jobs.sensitivity.outcome import FieldEffect, PairGrid, SensitivityOutcome, sensitivity_of
from gradtop.trainer.jobs.sensitivity.result import size_of
from gradtop.trainer.metrics import Monitored
from gradtop.trainer.record import Run, RunReader, RunState
from gradtop.trainer.trials.space import Value

if TYPE_CHECKING:
    from gradtop.tui.reading.poll import ReadContext


NOTHING = SensitivityOutcome()


@dataclass(frozen=True, slots=True)
class SensitivityPart:
    """`source` is the run around whose configuration the values vary, None where that was a file or the run is gone."""

    outcome: SensitivityOutcome = NOTHING
    source: Run | None = None
    ended: bool = False
    done: int = 0
    total: int = 0

    @property
    def metric(self) -> Monitored:
        return Monitored(self.outcome.metric, self.outcome.mode)


def read_sensitivity(source: ReadContext, _view: object) -> SensitivityPart:
    return sensitivity_part(source.run) if source.run is not None else SensitivityPart()


def sensitivity_part(reader: RunReader) -> SensitivityPart:
    """Read the result of an analysis."""
    parent = Run(reader.run.path.parent / reader.meta.parent) if reader.meta.parent else None
    return SensitivityPart(
        outcome=sensitivity_of(reader.status.result),
        source=parent if parent is not None and parent.config.is_file() else None,
        ended=reader.state.has_ended or reader.state is RunState.UNKNOWN,
        done=reader.status.step,
        total=reader.status.steps,
    )


def ranked_effects(outcome: SensitivityOutcome, *, normalised: bool) -> Sequence[FieldEffect]:
    """The fields, the largest deviation first; those without one last."""

    def rank(effect: FieldEffect) -> float:
        size = size_of(effect, normalised=normalised)[0]
        return -size if math.isfinite(size) else math.inf

    return sorted(outcome.fields, key=rank)


def best_combination(grid: PairGrid, metric: Monitored) -> tuple[int, int] | None:
    """Row and column of the best mean of those combinations with which no training failed."""
    cells = [(row, column) for row, means in enumerate(grid.means) for column, mean in enumerate(means) if math.isfinite(mean) and not grid.failed[row][column]]
    return min(cells, key=lambda cell: metric.rank(grid.means[cell[0]][cell[1]]), default=None)


def best_of_pair(grid: PairGrid, metric: Monitored) -> dict[str, Value]:
    """The values of the best combination."""
    cell = best_combination(grid, metric)
    return {grid.first: grid.rows[cell[0]], grid.second: grid.columns[cell[1]]} if cell is not None else {}
