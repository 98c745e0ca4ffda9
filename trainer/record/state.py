"""The states of a run."""

from __future__ import annotations

from enum import StrEnum


class RunState(StrEnum):
    """What status.json says of a run; `died` and `silent` are derived from it and never written."""

    CREATED = "created"
    QUEUED = "queued"
    STARTING = "starting"
    TRAINING = "training"
    PAUSED = "paused"
    SILENT = "silent"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"
    DIED = "died"
    UNKNOWN = "unknown"  # a state that another version of gradtop wrote

    @classmethod
    def _missing_(cls, value: object) -> RunState:  # noqa: ARG003 - as Enum calls it
        return cls.UNKNOWN

    @property
    def is_active(self) -> bool:
        """Whether a process writes it and is expected to go on."""
        return self in ACTIVE

    @property
    def is_alive(self) -> bool:
        """Whether a worker may still obey: active or silent."""
        return self in ACTIVE or self is RunState.SILENT

    @property
    def has_ended(self) -> bool:
        return self in ENDED

    @property
    def went_wrong(self) -> bool:
        return self in WENT_WRONG


ACTIVE = frozenset({RunState.QUEUED, RunState.STARTING, RunState.TRAINING, RunState.PAUSED})
ENDED = frozenset({RunState.DONE, RunState.STOPPED, RunState.FAILED, RunState.DIED})
WENT_WRONG = frozenset({RunState.FAILED, RunState.DIED})
