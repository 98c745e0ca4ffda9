"""Sentences of a profile, for events, commands and lists."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from gradtop.trainer.analysis.formatting import number, percent, significant

if TYPE_CHECKING:
    from gradtop.trainer.record.profiles import Profile


def seconds_text(seconds: float) -> str:
    """12.3 ms"""
    if not seconds > 0:
        return "0"
    for factor, unit in ((1.0, "s"), (1e3, "ms")):
        if seconds * factor >= 1:
            return f"{significant(seconds * factor, 3)} {unit}"
    return f"{significant(seconds * 1e6, 3)} µs"


def share_text(part: float, whole: float) -> str:
    """48 %"""
    return percent(part / whole if whole > 0 else 0.0)


def phases_text(phases: Mapping[str, float]) -> str:
    """backward 48 %, forward 31 %: the most expensive first."""
    whole = sum(phases.values())
    return ", ".join(f"{name} {share_text(value, whole)}" for name, value in sorted(phases.items(), key=lambda each: -each[1]) if value > 0)


def slowdown_text(slowdown: float) -> str:
    """1.32 × as long while profiled"""
    return f"{slowdown:.2f} × as long while profiled" if slowdown > 0 and math.isfinite(slowdown) else ""


def steps_text(first: object, last: object) -> str:
    """steps 120 to 129"""
    if not isinstance(first, int) or not isinstance(last, int):
        return "steps"
    return f"step {number(first)}" if first == last else f"steps {number(first)} to {number(last)}"


def profile_event_text(event: Mapping[str, Any]) -> tuple[str, str]:
    """What a profile has found, or why there is none, and the tone."""
    if not event.get("path"):
        return f"no profile: {event.get('reason') or 'unknown reason'}", "warning"
    found, slowdown = event.get("phases"), event.get("slowdown")
    phases = {str(name): float(value) for name, value in found.items() if isinstance(value, int | float) and math.isfinite(value)} if isinstance(found, Mapping) else {}
    words = [phases_text(phases), slowdown_text(slowdown) if isinstance(slowdown, int | float) else ""]
    return f"profiled {steps_text(event.get('step'), event.get('last'))}: {'; '.join(filter(None, words))}".rstrip(": "), "success"


def profile_lines(profile: Profile) -> Iterator[tuple[str, str]]:
    """(title, text) pairs of what a profile says."""
    yield "profiled", f"{steps_text(profile.step, profile.last)} on {profile.device_name or profile.device or 'an unknown device'}, {number(profile.threads)} thread{'s' * (profile.threads != 1)}"
    before = f"{seconds_text(profile.before)} a step" if profile.before else ""
    after = f"{seconds_text(profile.after)} after" if profile.after else ""
    if words := ", ".join(filter(None, (before, slowdown_text(profile.slowdown), after))):
        yield "pace", words
    phases = {row.name: row.before or row.profiled for row in profile.phases}
    if sum(phases.values()) > 0:
        yield "phases", phases_text(phases)
    device = profile.has_device
    whole = sum(row.self_device if device else row.self_cpu for row in profile.operators)
    for place, row in enumerate(profile.operators[:5]):
        own = row.self_device if device else row.self_cpu
        yield "" if place else "operators", f"{row.name}: {share_text(own, whole)} ({seconds_text(own)} a step in {row.calls:g} calls)"
    modules = sorted((row for row in profile.modules if row.name), key=lambda row: row.device if device else row.self_forward + row.backward, reverse=True)
    for place, module in enumerate(modules[:3]):
        yield "" if place else "modules", f"{module.name} ({module.kind}): forward {seconds_text(module.forward)}, backward {seconds_text(module.backward)}"
    for note in profile.notes:
        yield "note", note
