"""What the profile page shows: one of the profiles of a run, and one that is being taken."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gradtop.trainer.analysis.formatting import number
from gradtop.trainer.analysis.profile_text import steps_text
from gradtop.trainer.job import DEFAULT_JOB, PROFILE
from gradtop.trainer.record import EventKind, RunReader, RunState, clean
from gradtop.trainer.record.bounds import Unreadable
from gradtop.trainer.record.profiles import Profile, list_profiles, profiles_stamp, read_profile, trace_of

if TYPE_CHECKING:
    from gradtop.tui.reading.poll import ReadContext


@dataclass(frozen=True, slots=True)
class ProfilePart:
    """The profile `place` of `count`, counted from 1, the newest last; `pending` is the progress of one that is being taken, `failed` why the newest
    one was not.
    """

    profile: Profile | None = None
    path: Path | None = None
    trace: Path | None = None
    place: int = 0
    count: int = 0
    pending: str = ""
    failed: str = ""
    unreadable: str = ""


def read_profiles(source: ReadContext, back: int) -> ProfilePart:
    """The profile that was taken `back` before the newest; the oldest where there are fewer."""
    if source.run is None:
        return ProfilePart()
    return profile_part(source.run, back)


def profile_part(reader: RunReader, back: int = 0) -> ProfilePart:
    paths = list_profiles(reader.run)
    pending, failed = pending_text(reader), failed_text(reader)
    if not paths:
        return ProfilePart(pending=pending, failed=failed)
    place = max(len(paths) - 1 - back, 0)
    path = paths[place]
    try:
        profile = read_profile(path)
    except Unreadable as error:
        return ProfilePart(path=path, place=place + 1, count=len(paths), pending=pending, failed=failed, unreadable=str(error))
    return ProfilePart(profile, path, trace_of(path, profile), place + 1, len(paths), pending, failed)


def profile_news(source: ReadContext) -> Hashable:
    """Another value when a profile has come, or one that is being taken has come further."""
    reader = source.run
    return (str(profiles_stamp(reader.run)), pending_text(reader)) if reader is not None else None


def pending_text(reader: RunReader) -> str:
    """How far a profile is that is being taken; "" where none is."""
    if not reader.state.is_alive:
        return ""
    step = reader.status.step
    if reader.meta.job != DEFAULT_JOB:
        return f"profiling: step {number(step)} of {number(reader.status.steps)}" if reader.meta.job == PROFILE and reader.status.steps else "the model is being built"
    for event in reversed(reader.events):
        if event["kind"] == EventKind.PROFILE:
            return ""
        if event["kind"] == EventKind.COMMAND and event.get("command") == PROFILE and event.get("ok"):
            first, last = event.get("first"), event.get("last")
            if not isinstance(first, int) or not isinstance(last, int):
                return "profiling"
            if reader.status.state is RunState.PAUSED:
                return f"{steps_text(first, last)} will be profiled when the run continues"
            if step >= last:
                return f"{steps_text(first, last)} were profiled; as many after them are timed, and the profile is put together"
            return f"{f'timing steps, then profiling {steps_text(first, last)}' if step < first - 1 else f'profiling {steps_text(first, last)}'}: at step {number(step)}"
    return ""


def failed_text(reader: RunReader) -> str:
    """Why the newest profile was not taken; "" where it was."""
    newest = next((event for event in reversed(reader.events) if event["kind"] == EventKind.PROFILE), None)
    return clean(str(newest.get("reason") or "unknown reason"), 300) if newest is not None and not newest.get("path") else ""
