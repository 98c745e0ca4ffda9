"""What commands and lists say of a profile."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from gradtop.trainer.analysis.profile_text import profile_lines, share_text
from gradtop.trainer.job import Result
from gradtop.trainer.record import RunReader, Status
from gradtop.trainer.record.bounds import Unreadable
from gradtop.trainer.record.profiles import Profile, list_profiles, read_profile, trace_of

PHASES = "phases"  # in the result: seconds of a step by phase


def newest_profile(reader: RunReader) -> tuple[Path, Profile] | None:
    """None where there is none that can be read."""
    for path in reversed(list_profiles(reader.run)):
        try:
            return path, read_profile(path)
        except Unreadable:
            continue
    return None


def lines(reader: RunReader) -> Iterator[tuple[str, str]]:
    found = newest_profile(reader)
    if found is not None:
        yield from described(*found)


def described(path: Path, profile: Profile) -> Iterator[tuple[str, str]]:
    """(title, text) pairs of a profile and where its trace lies."""
    yield from profile_lines(profile)
    yield "trace", str(trace_of(path, profile) or "none")


def profile_record(path: Path, profile: Profile) -> Mapping[str, object]:
    """A profile for JSON: the paths of its files, and all that it says."""
    trace = trace_of(path, profile)
    return {"summary": str(path), "trace": str(trace) if trace is not None else None, "profile": profile.record()}


def record(reader: RunReader) -> Mapping[str, object]:
    found = newest_profile(reader)
    return profile_record(*found) if found is not None else {"summary": None, "trace": None, "profile": None}


def headline(status: Status) -> str:
    """The most expensive phase, as short as a column of a list."""
    found = status.result.get(PHASES)
    phases = {str(name): float(value) for name, value in found.items() if isinstance(value, int | float) and math.isfinite(value) and value > 0} if isinstance(found, Mapping) else {}
    if not phases:
        return ""
    most = max(phases, key=lambda name: phases[name])
    return f"{most} {share_text(phases[most], sum(phases.values()))}"


RESULT = Result(lines=lines, record=record, headline=headline)
