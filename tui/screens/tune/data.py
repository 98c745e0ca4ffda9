"""What the tune mode reads: the configuration of the watched run, what was applied to it live since, and its checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gradtop.trainer.job import find_job
from gradtop.trainer.record import CheckpointInfo, Run, RunReader, RunState, clean, read_meta
from gradtop.trainer.record.run_reader import read_config
from gradtop.tui.reading.facts import SENTENCE

if TYPE_CHECKING:
    from gradtop.tui.reading.poll import ReadContext


@dataclass(frozen=True, slots=True)
class TunePart:
    """`tables` as they stand in run.toml (empty where it cannot be read); `live` what was changed since, by key.

    `checkpoints` are what a fork can go on from, in the order of steps; `steps` is the length of the run. `search` is the search that it is, or
    is a trial of, and `searched` are the keys of its space. `failure` is the sentence of a run that failed before its first step.
    """

    run: Run | None = None
    name: str = ""
    tables: Mapping[str, Any] = field(default_factory=dict)
    live: Mapping[str, object] = field(default_factory=dict)
    checkpoints: tuple[CheckpointInfo, ...] = ()
    steps: int = 0
    steps_per_epoch: int = 0
    search: Run | None = None
    searched: tuple[str, ...] = ()
    failure: str = ""

    def same_configuration(self, other: TunePart | None) -> bool:
        return other is not None and (self.run, self.tables, self.live, self.failure) == (other.run, other.tables, other.live, other.failure)


NOTHING = TunePart()


def read_tune(source: ReadContext, _view: object) -> TunePart:
    reader = source.run
    if reader is None:
        return NOTHING
    status, job = reader.status, find_job(reader.meta.job)
    search, searched = search_of(reader)
    return TunePart(
        run=reader.run,
        name=reader.meta.name or reader.run.id,
        tables=reader.config,
        live=status.changes,
        checkpoints=tuple(reader.checkpoints() if job.writes_weights else reader.forkable()) if job.forkable else (),
        steps=status.steps,
        steps_per_epoch=status.steps_per_epoch,
        search=search,
        searched=searched,
        failure=clean(status.error, SENTENCE) if reader.state is RunState.FAILED and status.step == status.began else "",
    )


def search_of(reader: RunReader) -> tuple[Run | None, tuple[str, ...]]:
    """The search that a run is or is a trial of, and the keys of its space."""
    if reader.meta.job == "search":
        search, config = reader.run, reader.config
    elif reader.meta.search and read_meta(search := Run(reader.run.path.parent / reader.meta.search)).job == "search":
        config = read_config(search)  # and not of a sensitivity analysis, which takes no trials by hand
    else:
        return None, ()
    space = config.get("search", {}).get("space")
    return search, tuple(map(str, space)) if isinstance(space, Mapping) else ()
