"""What happened to a training, as marks on the axis of its charts: live changes, forks, resumes, freezes, an early end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gradtop.trainer.record import EventKind, clean

MOST = 12
MOST_CHECKPOINTS = 200
TEXTS = {EventKind.FORKED: "forked", EventKind.RESUMED: "resumed", EventKind.EARLY_STOPPING: "stopped early"}

Mark = tuple[float, str]  # step, short text


def event_marks(events: Sequence[Mapping[str, Any]], most: int = MOST) -> tuple[Mark, ...]:
    """In the order of steps; what falls on one step shares a mark, and where there are many, every n-th keeps its own."""
    found: dict[float, list[str]] = {}
    for event in events:
        if (mark := mark_of(event)) is not None:
            words = found.setdefault(mark[0], [])
            if mark[1] not in words:
                words.append(mark[1])
    return thinned([(step, joined(words)) for step, words in sorted(found.items())], most)


def checkpoint_marks(events: Sequence[Mapping[str, Any]], most: int = MOST_CHECKPOINTS) -> tuple[Mark, ...]:
    """The newest checkpoints, in the order of steps."""
    steps = {event["step"] for event in events if event.get("kind") == EventKind.CHECKPOINT and is_step(event.get("step"))}
    return tuple((float(step), f"checkpoint step-{int(step):06d}") for step in sorted(steps)[-most:])


def is_step(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e15


def mark_of(event: Mapping[str, Any]) -> Mark | None:
    """Where an event stands in a chart and what is written there; None for one that changes nothing in the training or, as threads, its pace alone."""
    kind, step = event.get("kind"), event.get("step")
    if not isinstance(step, int | float) or not is_step(step):
        return None
    if kind in TEXTS:
        return float(step), TEXTS[kind]
    if kind == EventKind.FREEZE:
        # Before the first step it is how the run begins, and no change.
        return (float(step), "unfrozen" if event.get("count") == 0 else "frozen") if step else None
    changes = event.get("changes")
    if isinstance(changes, Mapping) and changes and kind == EventKind.COMMAND and event.get("ok"):
        return float(step), clean(change_text(changes, event.get("old")), 60)
    return None


def change_text(changes: Mapping[str, Any], old: object) -> str:
    """`lr 1e-3→3e-4`; of several changes the first, and how many more there are."""
    before = old if isinstance(old, Mapping) else {}
    # What follows from a change, a bound scaled with the rate or the fields that go with a kind, is not what was changed.
    keys = [key for key in changes if not (key.startswith("schedule.") and key != "schedule.kind" and changes.keys() & {"optimizer.lr", "schedule.kind"})]
    key = "optimizer.lr" if "optimizer.lr" in changes else keys[0]
    name = key.partition(".")[0] if key.endswith(".kind") else key.rpartition(".")[2]
    words = f"{name} {short(before[key])}→{short(changes[key])}" if before.get(key) is not None else f"{name} {short(changes[key])}"
    return f"{words} +{len(keys) - 1}" if len(keys) > 1 else words


def short(value: object) -> str:
    """A value in as few characters as say it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        text = format(value, ".3g").replace("e-0", "e-").replace("e+0", "e")
        if text.startswith("0.00") and value:
            mantissa, _, exponent = f"{value:.2e}".partition("e")
            text = f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
        return text
    if isinstance(value, list | tuple):
        return ",".join(map(short, value))
    return "none" if value is None else str(value)


def joined(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{words[0]} +{len(words) - 1}"


def thinned(marks: Sequence[Mark], most: int) -> tuple[Mark, ...]:
    """At most so many, spread over all of them, the newest among them."""
    if len(marks) <= most:
        return tuple(marks)
    every = -(-len(marks) // most)
    return tuple(reversed(marks[::-1][::every]))
