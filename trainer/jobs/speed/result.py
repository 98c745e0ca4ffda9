"""What commands, lists and events say of a speed test, and what it keeps to be taken up again."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gradtop.trainer.analysis.formatting import setting_text, si, significant
from gradtop.trainer.job import JobEvent, Result
from gradtop.trainer.jobs.speed.candidates import Timing, Tournament
from gradtop.trainer.record import Event, RunReader, Status
from gradtop.trainer.record.text import clean

ENDED = "speed"  # the kind of the event at its end
FIELDS = ("chosen", "speedup", "samples_per_s", "base_samples_per_s")


@dataclass(frozen=True, slots=True)
class Setting:
    """One combination: samples per second, times faster than no changes, and the share by which it moves the loss; NaN where not known."""

    changes: Mapping[str, object]
    samples_per_s: float
    speedup: float
    loss_moved: float
    error: str = ""


def told_of(tournament: Tournament) -> dict[str, object]:
    """The result: what is chosen so far, every combination, and every measurement, so that a resume goes on from them."""
    base = next((each.samples_per_s for each in tournament.timings if not each.changes and each.samples_per_s > 0), math.nan)
    settings = []
    for changes in tournament.measured():
        speedup = tournament.speedup(changes) if changes else 1.0
        settings.append(
            {"changes": dict(changes), "samples_per_s": _known(base * speedup), "speedup": _known(speedup), "loss_moved": _known(tournament.loss_moved(changes)), "error": tournament.error(changes)}
        )
    chosen = tournament.chosen
    speedup = tournament.speedup(chosen) if chosen else 1.0
    return {
        "chosen": dict(chosen), "speedup": _known(speedup), "samples_per_s": _known(base * speedup), "base_samples_per_s": _known(base), "settings": settings,
        "timings": [[each.stage, each.round, dict(each.changes), _known(each.seconds), _known(each.samples_per_s), _known(each.loss), each.error] for each in tournament.timings],
    }  # fmt: skip


def read_timings(result: Mapping[str, object]) -> list[Timing]:
    """The measurements that `told_of` has kept; nothing of what is not one."""
    found = result.get("timings")
    timings = []
    for row in found if isinstance(found, list) else ():
        match row:
            case [int(stage), int(number), dict(changes), seconds, pace, loss, str(error)]:
                timings.append(Timing(stage, number, changes, _number(seconds), _number(pace), _number(loss), error))
    return timings


def read_settings(result: Mapping[str, object]) -> list[Setting]:
    """The combinations, the fastest first; those that failed last."""
    rows = result.get("settings")
    found = [
        Setting(row["changes"], _number(row.get("samples_per_s")), _number(row.get("speedup")), _number(row.get("loss_moved")), clean(str(row.get("error") or ""), 400))
        for row in (rows if isinstance(rows, list) else ())
        if isinstance(row, dict) and isinstance(row.get("changes"), dict)
    ]
    return sorted(found, key=lambda each: -each.speedup if each.speedup > 0 else math.inf)


def chosen_of(result: Mapping[str, object]) -> Mapping[str, object]:
    found = result.get("chosen")
    return found if isinstance(found, dict) else {}


def changes_text(changes: Mapping[str, object]) -> str:
    """threads 1 · precision bf16: the keys without their section."""
    return " · ".join(f"{clean(str(key), 60).rpartition('.')[2]} {clean(setting_text(value), 40)}" for key, value in changes.items()) or "as configured"


def headline(status: Status) -> str:
    """Times faster, as short as a column of a list."""
    speedup = _number(status.result.get("speedup"))
    return f"{significant(speedup)} × faster" if speedup > 1 else "as configured" if status.state.has_ended and "speedup" in status.result else ""


def lines(reader: RunReader) -> Iterator[tuple[str, str]]:
    result = reader.status.result
    speedup, base, pace = (_number(result.get(name)) for name in ("speedup", "base_samples_per_s", "samples_per_s"))
    if not base > 0:
        return
    chosen = chosen_of(result)
    if chosen:
        yield "fastest", f"{changes_text(chosen)}: {significant(speedup)} × the configuration's {si(base)} samples/s, {si(pace)}"
    else:
        yield "fastest", f"as configured, {si(base)} samples/s: nothing that was tried is faster"
    for number, each in enumerate(each for each in read_settings(result) if each.changes):
        yield "" if number else "tried", f"{changes_text(each.changes)}: {told(each)}"


def told(each: Setting) -> str:
    """Times faster and how far the loss moved, or why it does not work."""
    if each.error:
        return each.error
    if not each.speedup > 0:
        return "being measured"
    return f"{significant(each.speedup)} ×, loss moved by {significant(100 * each.loss_moved, 2)} %"


def record(reader: RunReader) -> Mapping[str, object]:
    """The result without single measurements."""
    result = reader.status.result
    return {**{name: result.get(name) for name in FIELDS}, "settings": result.get("settings", [])}


def describe(event: Event) -> tuple[str, str]:
    """The sentence of the event at the end of a test, and its tone."""
    chosen, speedup = chosen_of(event), _number(event.get("speedup"))
    if chosen and speedup > 0:
        return f"fastest: {changes_text(chosen)}, {significant(speedup)} × the configuration", "success"
    return "fastest: as configured", "success"


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else math.nan


# After `step` measurements. Samples per second; `chosen` by dotted key.
EVENTS = {ENDED: JobEvent(("step", *FIELDS), describe)}
RESULT = Result(lines=lines, record=record, headline=headline, events=EVENTS)
