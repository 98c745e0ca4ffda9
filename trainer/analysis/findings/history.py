"""What a run has recorded, as the rules read it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from gradtop.trainer.record import Record, RunReader, RunState, Status, StreamReader, effective
from gradtop.trainer.record.streams.registry import EVALS, STEPS

WINDOW = 500
NEWEST_EVALS = 200


class History:
    """One look at a run whose status and streams the caller has refreshed; what is read once is kept for all rules."""

    def __init__(self, reader: RunReader) -> None:
        self.reader = reader

    @property
    def status(self) -> Status:
        return self.reader.status

    @property
    def state(self) -> RunState:
        return self.reader.state

    @cached_property
    def config(self) -> Mapping[str, Any]:
        """With what was changed live."""
        return effective(self.reader.config, self.status.changes)

    def setting(self, key: str, default: Any = None) -> Any:
        """One value of the configuration by its dotted path."""
        value: Any = self.config
        for name in key.split("."):
            if not isinstance(value, Mapping) or name not in value:
                return default
            value = value[name]
        return value

    @cached_property
    def steps(self) -> StreamReader:
        return self.reader.stream(STEPS)

    @cached_property
    def newest_steps(self) -> list[Record]:
        return self.steps.tail(WINDOW)

    @cached_property
    def newest_evals(self) -> list[Record]:
        return self.reader.stream(EVALS).tail(NEWEST_EVALS)
