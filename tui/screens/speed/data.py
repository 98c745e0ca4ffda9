"""What the speed mode shows: every combination of settings that was timed, the fastest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gradtop.trainer.jobs.speed.result import Setting, chosen_of, read_settings
from gradtop.trainer.record import Run, RunReader, RunState

if TYPE_CHECKING:
    from gradtop.tui.reading.poll import ReadContext


@dataclass(frozen=True, slots=True)
class SpeedPart:
    """`chosen` is the place of the fastest that may be taken, None before there is one. `source` is the run whose configuration was measured, None
    where that was a file or the run is gone.
    """

    settings: tuple[Setting, ...] = ()
    chosen: int | None = None
    source: Run | None = None
    ended: bool = False


def read_speeds(source: ReadContext, _view: object) -> SpeedPart:
    return speed_part(source.run) if source.run is not None else SpeedPart()


def speed_part(reader: RunReader) -> SpeedPart:
    """Read the result of a test."""
    result = reader.status.result
    settings, chosen = tuple(read_settings(result)), chosen_of(result)
    parent = Run(reader.run.path.parent / reader.meta.parent) if reader.meta.parent else None
    return SpeedPart(
        settings=settings,
        chosen=next((place for place, each in enumerate(settings) if each.changes == chosen), None),
        source=parent if parent is not None and parent.config.is_file() else None,
        ended=reader.state.has_ended or reader.state is RunState.UNKNOWN,
    )
