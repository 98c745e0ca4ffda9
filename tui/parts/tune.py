"""What the tune mode reads: the configuration of the watched run, with what was applied to it live since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from trainer.record import Run

if TYPE_CHECKING:
    from tui.poll import Source


@dataclass(frozen=True, slots=True)
class TunePart:
    """`tables` as they stand in run.toml (empty where it cannot be read); `live` are (key, value), the newest last."""

    run: Run | None = None
    name: str = ""
    tables: Mapping[str, Any] = field(default_factory=dict)
    live: tuple[tuple[str, Any], ...] = ()


NOTHING = TunePart()


def read_tune(source: Source, _view: object) -> TunePart:
    reader = source.run
    if reader is None:
        return NOTHING
    return TunePart(reader.run, reader.meta.name or reader.run.id, reader.config, tuple(applied_live(reader.events)))


def applied_live(events: Sequence[Mapping[str, Any]]) -> list[tuple[str, Any]]:
    """What the worker said it changed while training."""
    said = [event.get("changes") for event in events if event.get("kind") == "command" and event.get("ok")]
    return [change for changes in said if isinstance(changes, Mapping) for change in changes.items()]
