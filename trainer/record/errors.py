"""Errors of run directories and references to runs; their messages are shown to the user."""

from __future__ import annotations


class RecordError(Exception):
    """An error in a run directory that the user can correct."""


class RunNotFound(RecordError):
    pass


class AmbiguousRun(RecordError):
    pass


class RunBusy(RecordError):
    pass
