"""Asking for a profile, and what was found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from gradtop.trainer.record import Event, EventReader, Run, send
from gradtop.trainer.record.profiles import Profile, list_profiles, read_profile
from gradtop.trainer.training.session import Session


def asked(steps: int | None = None) -> Callable[[Session], object]:
    """Asks for a profile before the first step."""
    return lambda session: send(session.run, "profile", **({"steps": steps} if steps else {}))


def profiler_enabled() -> bool:
    """Whether any profiler is active in this thread."""
    return bool(torch.autograd._profiler_enabled())  # type: ignore[attr-defined]


def answers(run: Run) -> list[Event]:
    return [event for event in EventReader(run).refresh() if event["kind"] == "command"]


def only_profile(run: Run) -> tuple[Path, Profile]:
    (path,) = list_profiles(run)
    return path, read_profile(path)
