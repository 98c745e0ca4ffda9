"""What commands, lists and events say of a sensitivity analysis."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from gradtop.trainer.analysis.formatting import duration, percent, setting_text, significant
from gradtop.trainer.analysis.formatting import share as fraction
from gradtop.trainer.job import JobEvent, Result
from gradtop.trainer.jobs.search.outcome import EVALUATORS
from gradtop.trainer.jobs.sensitivity.estimate import announced_by
from gradtop.trainer.jobs.sensitivity.outcome import FieldEffect, SensitivityOutcome, sensitivity_of
from gradtop.trainer.metrics import Monitored
from gradtop.trainer.record import Event, Run, RunReader, Status
from gradtop.trainer.record.text import clean
from gradtop.trainer.trials.recorded import read_trials

PLANNED, ENDED = "sensitivity_plan", "sensitivity"  # kinds of its events
UNITS = {"log": "per decade", "linear": "per unit", "choice": "not divided"}


def size_of(effect: FieldEffect, *, normalised: bool) -> tuple[float, float, float]:
    """What ranks the fields, and its interval."""
    return (effect.normalised, effect.normalised_low, effect.normalised_high) if normalised else (effect.deviation, effect.low, effect.high)


def interval_words(value: float, low: float, high: float) -> str:
    """0.31 [0.22, 0.45]; without an interval the value alone."""
    if not math.isfinite(value):
        return "–"
    return f"{significant(value)} [{significant(low)}, {significant(high)}]" if math.isfinite(low) and math.isfinite(high) else significant(value)


def change_words(effect: FieldEffect) -> str:
    """The largest change, where it occurs, and whether it is in the noise."""
    if not math.isfinite(effect.change):
        return ""
    words = f"{'+' if effect.change > 0 else ''}{interval_words(effect.change, effect.change_low, effect.change_high)} at {setting_text(effect.change_at)}"
    return f"{words}, within the noise of the seeds" if effect.in_the_noise else words


def failed_words(count: int) -> str:
    return f"{count} failed or diverged" if count else ""


def base_words(outcome: SensitivityOutcome) -> str:
    """val loss 0.412 ± 0.013 (3 seeds), of how many seeds it is so far."""
    title = Monitored(outcome.metric, outcome.mode).title
    if not math.isfinite(outcome.base):
        return ""
    wanted = len(outcome.seeds)
    measured = next((each.seeds for field in outcome.fields for each in field.points if each.value == field.base), wanted)
    count = f"{measured} of {wanted} seeds" if measured < wanted else f"{wanted} seeds" if wanted > 1 else "1 seed: no intervals"
    spread = f" ± {significant(outcome.base_std)}" if math.isfinite(outcome.base_std) else ""
    return f"{title} {significant(outcome.base)}{spread} ({count})"


def ranked_words(outcome: SensitivityOutcome) -> str:
    """What the deviations are, and how they are ranked."""
    title = Monitored(outcome.metric, outcome.mode).title
    how = "ranked per decade of a logarithmic range, per unit of a linear one" if outcome.normalised else "ranked by deviation"
    interval = f", {percent(outcome.level)} bootstrap intervals over the seeds" if len(outcome.seeds) > 1 else ""
    return f"{title}, largest minus smallest mean over the range, {how}{interval}"


def headline(status: Status) -> str:
    """The field that matters most, as short as a column of a list."""
    outcome = sensitivity_of(status.result)
    first = next(iter(outcome.fields), None)
    return f"{first.key.rpartition('.')[2]} matters most" if first is not None and math.isfinite(first.deviation) else ""


def lines(reader: RunReader) -> Iterator[tuple[str, str]]:
    outcome = sensitivity_of(reader.status.result)
    if not outcome.fields:
        return
    yield "base", base_words(outcome) or "not measured"
    yield "deviation", ranked_words(outcome)
    for effect in outcome.fields:
        yield "field", f"{effect.key}: {in_words(effect, normalised=outcome.normalised)}"
    for grid in outcome.pairs:
        known = sum(math.isfinite(mean) for row in grid.means for mean in row)
        yield "pair", f"{grid.first} × {grid.second}: {known} of {len(grid.rows) * len(grid.columns)} combinations measured"
    if outcome.failed:
        yield "failed", f"{outcome.failed} of {outcome.trainings} trainings failed or diverged"
    for evaluator, shares in outcome.importances.items():
        yield EVALUATORS.get(evaluator, evaluator), f"{', '.join(f'{key} {fraction(share, 2)}' for key, share in shares.items())} (search {outcome.search_name})"


def in_words(effect: FieldEffect, *, normalised: bool) -> str:
    """The figures of one field, its range, and its best value."""
    words = [interval_words(*size_of(effect, normalised=normalised)) + (f" {UNITS.get(effect.scale, '')}" if normalised else "")]
    if change := change_words(effect):
        words.append(f"largest change {change}")
    words.append(f"range {effect.written}, base {setting_text(effect.base)}" + (f", best {setting_text(effect.best)}" if effect.best != "" else ""))
    return "; ".join([*words, *filter(None, [failed_words(effect.failed)])])


def record(reader: RunReader) -> Mapping[str, object]:
    """The outcome, and all trainings."""
    return {**sensitivity_of(reader.status.result).record(), "trials": [trial.record() for trial in read_trials(reader.run)]}


def ended_fields(outcome: SensitivityOutcome) -> dict[str, object]:
    """Of the event at the end."""
    first = next((each for each in outcome.fields if math.isfinite(each.deviation)), None)
    return {"metric": outcome.metric, "first": first.key if first is not None else "", "deviation": first.deviation if first is not None else None, "failed": outcome.failed}


def describe_plan(event: Event) -> tuple[str, str]:
    """How many trainings, about how long, and the ranges."""
    ranges, seconds = event.get("ranges"), event.get("seconds")
    told = "; ".join(f"{clean(str(key), 80)} {clean(str(written), 120)}" for key, written in ranges.items()) if isinstance(ranges, Mapping) else ""
    time = f", about {duration(float(seconds))} on this machine" if isinstance(seconds, int | float) and not isinstance(seconds, bool) else ", timed once the first has ended"
    how = "ranges" if event.get("given") else "default ranges"
    return f"{event.get('trainings')} trainings, {event.get('points')} configurations with {event.get('seeds')} seed{'s' if event.get('seeds') != 1 else ''} each{time}; {how}: {told}", "text"


def describe(event: Event) -> tuple[str, str]:
    """The sentence of the event at the end of an analysis, and its tone."""
    failed = event.get("failed")
    lost = f"; {failed} trainings failed or diverged" if isinstance(failed, int) and failed else ""
    deviation = event.get("deviation")
    if not event.get("first") or not isinstance(deviation, int | float):
        return f"sensitivity: nothing could be compared{lost}", "warning"
    return f"sensitivity: {clean(str(event.get('metric')), 40)} depends on {clean(str(event.get('first')), 80)} most, by {significant(float(deviation))}{lost}", "success"


EVENTS = {
    PLANNED: JobEvent(("step", "trainings", "points", "seeds", "seconds", "ranges", "given"), describe_plan),
    ENDED: JobEvent(("step", "metric", "first", "deviation", "failed"), describe),
}


def announcement(run: Run) -> str:
    """The same before it begins."""
    return describe_plan({"kind": PLANNED, **announced_by(run)})[0]


RESULT = Result(lines=lines, record=record, headline=headline, events=EVENTS, announcement=announcement)
