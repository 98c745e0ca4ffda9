"""What commands, lists and events say of a speed test."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gradtop.trainer.analysis.formatting import setting_text, si, significant
from gradtop.trainer.job import JobEvent, Result
from gradtop.trainer.jobs.speed.candidates import Timing, Tournament
from gradtop.trainer.record import Event, RunReader, RunState, Status
from gradtop.trainer.record.streams.registry import LOSS, ROUND, SAMPLES_PER_S, SETTING, SPEEDS, STAGE, STEP_SECONDS
from gradtop.trainer.record.text import clean

ENDED = "speed"  # the kind of the event at its end
MOST = 1_000_000  # stages and rounds of a damaged record
FIELDS = ("chosen", "speedup", SAMPLES_PER_S, "base_samples_per_s")


@dataclass(frozen=True, slots=True)
class Setting:
    """One combination: samples per second, times faster than no changes, and the share by which it moves the loss; NaN where not known."""

    changes: Mapping[str, object]
    samples_per_s: float
    speedup: float
    loss_moved: float
    error: str = ""


def told_of(tournament: Tournament) -> dict[str, object]:
    """The result: what is chosen so far, and every combination in the order of their first measurement."""
    base = next((each.samples_per_s for each in tournament.timings if not each.changes and each.samples_per_s > 0), math.nan)
    settings = []
    for changes in tournament.measured():
        speedup = tournament.speedup(changes) if changes else 1.0
        settings.append(
            {"changes": dict(changes), SAMPLES_PER_S: _known(base * speedup), "speedup": _known(speedup), "loss_moved": _known(tournament.loss_moved(changes)), "error": tournament.error(changes)}
        )
    chosen = tournament.chosen
    speedup = tournament.speedup(chosen) if chosen else 1.0
    return {
        "chosen": dict(chosen), "speedup": _known(speedup), SAMPLES_PER_S: _known(base * speedup), "base_samples_per_s": _known(base), "settings": settings,
    }  # fmt: skip


def read_timings(reader: RunReader) -> list[Timing]:
    """The measurements so far, in their order, so that a resume goes on from them; without those whose settings are not known."""
    reader.refresh()
    stream, settings = reader.stream(SPEEDS), _settings(reader.status.result)
    stream.refresh()
    names = ["step", "time", *(column.name for column in stream.columns)]
    timings: list[Timing] = []
    for row in stream.rows():
        found = dict(zip(names, row, strict=True))
        place, stage, number = (found.get(name, math.nan) for name in (SETTING, STAGE, ROUND))
        if not (0 <= place < len(settings) and 0 <= stage < MOST and 0 <= number < MOST):
            break
        each, seconds = settings[int(place)], found.get(STEP_SECONDS, math.nan)
        error = "" if seconds > 0 else each.error or "not measured"
        timings.append(Timing(int(stage), int(number), each.changes, seconds, found.get(SAMPLES_PER_S, math.nan), found.get(LOSS, math.nan), error))
    return timings


def read_settings(result: Mapping[str, object]) -> list[Setting]:
    """The combinations, the fastest first; those that failed last."""
    return sorted(_settings(result), key=lambda each: -each.speedup if each.speedup > 0 else math.inf)


def _settings(result: Mapping[str, object]) -> list[Setting]:
    """The combinations in their order, each one that can be read."""
    rows = result.get("settings")
    return [
        Setting(row["changes"], _number(row.get(SAMPLES_PER_S)), _number(row.get("speedup")), _number(row.get("loss_moved")), clean(str(row.get("error") or ""), 400))
        for row in (rows if isinstance(rows, list) else ())
        if isinstance(row, dict) and isinstance(row.get("changes"), dict)
    ]


def chosen_of(result: Mapping[str, object]) -> Mapping[str, object]:
    found = result.get("chosen")
    return found if isinstance(found, dict) else {}


def settings_text(changes: Mapping[str, object]) -> str:
    """threads 1 · precision bf16 · compile: the keys without their section."""
    words = []
    for key, value in changes.items():
        name = clean(str(key), 60).rpartition(".")[2]
        words.append(name if value is True else f"no {name}" if value is False else f"{name} {clean(setting_text(value), 40)}")
    return " · ".join(words) or "as configured"


def factor(times: float) -> str:
    """1.27 ×."""
    return f"{times:.2f} ×"


def headline(status: Status) -> str:
    """Times faster, as short as a column of a list."""
    speedup = _number(status.result.get("speedup"))
    return f"{factor(speedup)} faster" if speedup > 1 else "as configured" if status.state in {RunState.DONE, RunState.STOPPED} and "speedup" in status.result else ""


def lines(reader: RunReader) -> Iterator[tuple[str, str]]:
    result = reader.status.result
    speedup, base, pace = (_number(result.get(name)) for name in ("speedup", "base_samples_per_s", SAMPLES_PER_S))
    if not base > 0:
        return
    chosen = chosen_of(result)
    if chosen:
        yield "fastest", f"{settings_text(chosen)}: {factor(speedup)} the configuration's {si(base)} samples/s, {si(pace)}"
    else:
        yield "fastest", f"as configured, {si(base)} samples/s: nothing that was tried {'is' if reader.state is RunState.DONE else 'so far is'} faster"
    for number, each in enumerate(each for each in read_settings(result) if each.changes):
        yield "" if number else "tried", f"{settings_text(each.changes)}: {told(each)}"


def told(each: Setting) -> str:
    """Times faster and how far the loss moved, or why it does not work."""
    if each.error:
        return each.error
    if not each.speedup > 0:
        return "being measured"
    return f"{factor(each.speedup)}, loss moved by {significant(100 * each.loss_moved, 2)} %"


def record(reader: RunReader) -> Mapping[str, object]:
    """The result, without what this version does not know."""
    result = reader.status.result
    return {**{name: result.get(name) for name in FIELDS}, "settings": result.get("settings", [])}


def describe(event: Event) -> tuple[str, str]:
    """The sentence of the event at the end of a test, and its tone."""
    chosen, speedup = chosen_of(event), _number(event.get("speedup"))
    if chosen and speedup > 0:
        return f"fastest: {settings_text(chosen)}, {factor(speedup)} the configuration", "success"
    return "fastest: as configured", "success"


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else math.nan


# After `step` measurements. Samples per second; `chosen` by dotted key.
EVENTS = {ENDED: JobEvent(("step", *FIELDS), describe)}
RESULT = Result(lines=lines, record=record, headline=headline, events=EVENTS)
