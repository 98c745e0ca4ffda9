"""Events in words."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gradtop.trainer.analysis.formatting import number, significant
from gradtop.trainer.record import RunState, clean

KNOWN = {"kind", "time", "id", "message", "ok"}
# Kinds whose message says it all, and what stands before it.
SAID = {"init": "weights: ", "freeze": "", "early_stopping": "stopped early: "}
SAID_TONES = {"early_stopping": "warning"}


@dataclass(frozen=True, slots=True)
class EventLine:
    """When, what, and how it should look: `tone` is text, muted, success, warning or error."""

    clock: str
    text: str
    tone: str = "text"


def event_lines(events: Sequence[Mapping[str, Any]]) -> tuple[EventLine, ...]:
    """The newest first."""
    return tuple(event_line(event) for event in reversed(events))


def event_line(event: Mapping[str, Any]) -> EventLine:
    kind = str(event.get("kind") or "event")
    text, tone = words(kind, event)
    return EventLine(clock(event.get("time")), clean(text, 300), tone)


def words(kind: str, event: Mapping[str, Any]) -> tuple[str, str]:
    message = str(event.get("message") or "")
    if kind == "epoch":
        text = f"epoch {event.get('epoch', '?')}"
        for key, name in (("val_loss", "val loss"), ("val_accuracy", "accuracy")):
            if isinstance(event.get(key), int | float):
                text += f"  {name} {significant(event[key])}"
        return (text + "  best", "success") if event.get("best") else (text, "text")
    if kind == "checkpoint":
        return f"checkpoint step-{event['step']:06d}" if isinstance(event.get("step"), int) else f"checkpoint {message}", "muted"
    if kind == "command":
        text = f"{event.get('command') or event.get('name') or 'command'}: {message or ('done' if event.get('ok') else 'refused')}"
        return text, "text" if event.get("ok") else "warning"
    if kind in {"error", "failed", "black_box", "non_finite"}:
        return f"{kind.replace('_', ' ')}: {message or rest(event)}", "error"
    if kind == "warning":
        return message or rest(event), "warning"
    if kind in SAID:
        return f"{SAID[kind]}{message or rest(event)}".rstrip(" :"), SAID_TONES.get(kind, "text")
    if kind == "forked":
        return f"goes on from {f'step {number(step)}' if isinstance(step := event.get('step'), int) else 'another run'}: {message or rest(event)}".rstrip(" :"), "success"
    if kind == "resumed":
        step = event.get("step")
        return f"resumed at step {number(step) if isinstance(step, int) else '?'}{f' from {path}' if (path := event.get('path')) else ''}", "success"
    if kind == "end":
        state = str(event.get("state") or "ended")
        return f"{state}{': ' + message if message else ''}", "error" if RunState(state).went_wrong else "text"
    return f"{kind.replace('_', ' ')}  {message or rest(event)}".rstrip(), "text"


def rest(event: Mapping[str, Any]) -> str:
    return "  ".join(f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in event.items() if key not in KNOWN)


def clock(moment: object) -> str:
    """The local time of day; a time that is none stays out."""
    if not isinstance(moment, int | float) or not 0 <= moment < 1e11:
        return "--:--:--"
    return time.strftime("%H:%M:%S", time.localtime(moment))
