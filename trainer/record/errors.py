"""What can go wrong with a reference to a run; each message is written for the user."""

from __future__ import annotations


class RecordError(Exception):
    """Something about a run directory that its user can mend."""


class RunNotFound(RecordError):
    pass


class AmbiguousRun(RecordError):
    pass


class RunBusy(RecordError):
    pass
