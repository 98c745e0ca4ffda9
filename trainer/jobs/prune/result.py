"""What commands, lists and events say of a pruning run, and its measurements as they are recorded."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gradtop.trainer.analysis.formatting import number, percent, significant, size
from gradtop.trainer.analysis.text import metric_figure
from gradtop.trainer.job import JobEvent, Result
from gradtop.trainer.jobs.prune.config import METHODS, REMOVAL
from gradtop.trainer.jobs.prune.table import latency_notes, measured_lines, speedup
from gradtop.trainer.jobs.prune.trial import FIGURES, WHOLE, PruneTrial, choice_text, layer_sparsity, sparsity, whole_of
from gradtop.trainer.metrics import LOSS, METRICS, is_own, metric_of
from gradtop.trainer.record import Event, RunReader, RunState, Status
from gradtop.trainer.record.streams.open_streams import Row
from gradtop.trainer.record.streams.reader import StreamReader
from gradtop.trainer.record.streams.registry import (
    AMOUNT,
    BASE_BATCH_LATENCY,
    BASE_LATENCY,
    BATCH_LATENCY,
    COMPRESSED_BYTES,
    DIFFERENCE,
    FILE_BYTES,
    LATENCY,
    LAYER,
    METHOD,
    NONZERO,
    PARAMETER_COUNT,
    PRUNING,
    PRUNING_LAYERS,
    SCORE,
)
from gradtop.trainer.record.text import clean
from gradtop.trainer.record.typed import typed

ENDED = "prune"  # the kind of the event at its end
LAYER_NAMES = "parameters"  # in the `extra` of the layers' segments
FIELDS = ("metric", "mode", "batch", "layers", "trials")
COUNTS = frozenset({PARAMETER_COUNT, NONZERO, FILE_BYTES, COMPRESSED_BYTES})
TOLERATED = 0.01  # of the metric, by which a pruned model counts as good as the whole one
EXACT = 1e-3  # differences of outputs up to this are rounding
MASKS_SAVE_NOTHING = "a mask alone makes no file smaller and no model faster; zeros compress well"


@dataclass(frozen=True, slots=True)
class PruneAbout:
    """What is known before anything is measured: the monitored metric, samples of the batch, the output layer, and each layer with its weights."""

    metric: str = LOSS
    mode: str = "min"
    batch: int = 0
    output: str = ""
    layers: tuple[tuple[str, int], ...] = ()


def trial_row(trial: PruneTrial, methods: Sequence[str], number: int, time: float) -> Row:
    """The record of measurement `number`."""
    return (number, time, methods.index(trial.method) if trial.method else -1, trial.amount, *trial.figures)


def pruned_layer_rows(trial: PruneTrial, number: int, time: float) -> list[Row]:
    return [(number, time, place, weights) for place, weights in enumerate(trial.layers)]


def read_prune_trials(reader: RunReader) -> list[PruneTrial]:
    """The measurements so far, in their order, so that a resume goes on from them."""
    reader.refresh()
    stream = reader.stream(PRUNING)
    stream.refresh()
    names = ["step", "time", *(column.name for column in stream.columns)]
    methods, layers = methods_of(reader.config), _layers(reader.stream(PRUNING_LAYERS))
    errors = {(each.method, each.amount): each.error for each in trials_of(reader.status.result)}
    trials: list[PruneTrial] = []
    for row in stream.rows():
        found = dict(zip(names, row, strict=True))
        place, amount = found.get(METHOD, math.nan), found.get(AMOUNT, math.nan)
        if not (-1 <= place < len(methods) and 0 <= amount < 1):
            break
        method = methods[int(place)] if place >= 0 else WHOLE
        figures = tuple(found.get(name, math.nan) for name in FIGURES)
        failed = not found.get(FILE_BYTES, math.nan) > 0
        error = errors.get((method, amount), "") or "not measured" if failed else ""
        trials.append(PruneTrial(method, amount, figures, layers.get(found["step"], ()), error))
    return trials


def _layers(stream: StreamReader) -> dict[float, tuple[int, ...]]:
    stream.refresh()
    names = [column.name for column in stream.columns]
    if LAYER not in names or NONZERO not in names:
        return {}
    at = names.index(NONZERO) + 2
    found: dict[float, tuple[int, ...]] = {}
    for row in stream.rows():
        found[row[0]] = (*found.get(row[0], ()), int(row[at]) if math.isfinite(row[at]) else 0)
    return found


def methods_of(config: Mapping[str, object]) -> list[str]:
    """The methods of a pruning run, of a damaged configuration none."""
    section = config.get("prune")
    methods = section.get("methods") if isinstance(section, Mapping) else None
    return [name for name in methods if name in METHODS] if isinstance(methods, list) else []


def prune_result(trials: Sequence[PruneTrial], about: PruneAbout) -> dict[str, object]:
    """The result as far as it was measured."""
    whole = whole_of(trials)
    return {
        "metric": about.metric,
        "mode": about.mode,
        "batch": about.batch,
        "output": about.output,
        "layers": [{"name": name, "weights": weights} for name, weights in about.layers],
        "trials": [
            {
                METHOD: each.method,
                AMOUNT: each.amount,
                "error": each.error,
                "sparsity": _stored(sparsity(each, whole)) if whole is not None else None,
                **{name: _counted(each.of(name)) if name in COUNTS else _stored(each.of(name)) for name in FIGURES},
                "layers": [_stored(layer_sparsity(nonzero, weights)) for nonzero, (_, weights) in zip(each.layers, about.layers, strict=False)],
            }
            for each in trials
        ],
    }


def about_of(result: Mapping[str, object]) -> PruneAbout:
    metric, mode, batch, output, rows = (result.get(name) for name in ("metric", "mode", "batch", "output", "layers"))
    layers = tuple(
        (clean(row["name"], 300), row["weights"])
        for row in (rows if isinstance(rows, list) else ())
        if isinstance(row, dict) and isinstance(row.get("name"), str) and isinstance(row.get("weights"), int)
    )
    return PruneAbout(
        metric if isinstance(metric, str) and (metric in METRICS or is_own(metric)) else LOSS,
        mode if mode in {"min", "max"} else "min",
        batch if isinstance(batch, int) else 0,
        clean(output, 300) if isinstance(output, str) else "",
        layers,
    )


def trials_of(result: Mapping[str, object]) -> list[PruneTrial]:
    """The measurements of a result, each one that can be read; `layers` are left to the records."""
    rows = result.get("trials")
    return [
        PruneTrial(clean(row[METHOD], 40), _number(row[AMOUNT]), tuple(_number(row.get(name)) for name in FIGURES), error=clean(str(row.get("error") or ""), 400))
        for row in (rows if isinstance(rows, list) else ())
        if isinstance(row, dict) and isinstance(row.get(METHOD), str) and math.isfinite(_number(row.get(AMOUNT)))
    ]


def largest_free(trials: Sequence[PruneTrial], about: PruneAbout) -> PruneTrial | None:
    """The largest amount by which the monitored metric gets no worse than by TOLERATED of its value; of equals the one with the fewest parameters left."""
    whole = whole_of(trials)
    if whole is None or not math.isfinite(whole.of(SCORE)):
        return None
    worst = whole.of(SCORE) + (TOLERATED if about.mode == "min" else -TOLERATED) * abs(whole.of(SCORE))
    good = [each for each in trials if each.method and not each.error and (each.of(SCORE) <= worst if about.mode == "min" else each.of(SCORE) >= worst)]
    return min(good, key=lambda each: (each.of(NONZERO), each.of(PARAMETER_COUNT)), default=None)


def headline(status: Status) -> str:
    """The share that is zero or gone at the largest amount that costs no more than TOLERATED, as short as a column of a list."""
    trials, about = trials_of(status.result), about_of(status.result)
    found, whole = largest_free(trials, about), whole_of(trials)
    if found is not None and whole is not None:
        return f"{percent(sparsity(found, whole))} within {percent(TOLERATED)}"
    return f"none within {percent(TOLERATED)}" if whole is not None and _any_pruned(trials) and status.state.has_ended else ""


def pruning_verdict(trials: Sequence[PruneTrial], about: PruneAbout) -> str:
    """How much can be pruned for no more than TOLERATED, and what it saves."""
    found, whole = largest_free(trials, about), whole_of(trials)
    if whole is None:
        return ""
    title = metric_of(about.metric).title
    if not _any_pruned(trials):
        return "no pruned model was measured"
    if found is None:
        return f"with every amount that was measured, {title} is more than {percent(TOLERATED)} worse than {metric_figure(about.metric, whole.of(SCORE))}"
    return (
        f"largest amount with {title} at most {percent(TOLERATED)} worse: {choice_text(found.method, found.amount)}, {metric_figure(about.metric, found.of(SCORE))} (unpruned {metric_figure(about.metric, whole.of(SCORE))}), "
        f"{percent(sparsity(found, whole), 1)} of parameters zero or gone; {savings(found, whole, about)}"
    )


def _any_pruned(trials: Sequence[PruneTrial]) -> bool:
    return any(each.method and not each.error for each in trials)


def savings(each: PruneTrial, whole: PruneTrial, about: PruneAbout) -> str:
    """file 5.2 kB of 5.2 kB, compressed 3.1 kB of 4.9 kB; 1.00 × as fast for one sample, 1.02 × for 64"""
    return (
        f"file {size(each.of(FILE_BYTES))} of {size(whole.of(FILE_BYTES))}, compressed {size(each.of(COMPRESSED_BYTES))} of {size(whole.of(COMPRESSED_BYTES))}; "
        f"{speedup(each.of(BASE_LATENCY), each.of(LATENCY))} as fast for one sample, {speedup(each.of(BASE_BATCH_LATENCY), each.of(BATCH_LATENCY))} for {number(about.batch)}"
    )


def lines(reader: RunReader) -> Iterator[tuple[str, str]]:
    trials, about = trials_of(reader.status.result), about_of(reader.status.result)
    whole = whole_of(trials)
    if whole is None:
        return
    yield "verdict" if reader.state is RunState.DONE else "so far", pruning_verdict(trials, about)
    yield "note", MASKS_SAVE_NOTHING
    if about.output:
        yield "output layer", f"{about.output}: methods of channels leave it whole"
    yield "unpruned", f"{metric_of(about.metric).title} {metric_figure(about.metric, whole.of(SCORE))}, {number(whole.of(PARAMETER_COUNT))} parameters"
    for place, line in enumerate(measured_lines(trials, whole, about.metric, about.batch)):
        yield "" if place else "measured", line
    for each in trials:
        if each.method == REMOVAL and not each.error:
            yield "checked", f"{choice_text(each.method, each.amount)}: {checked_text(each).removeprefix('checked: ')}"
    for note in latency_notes(trials, about.batch):
        yield "note", note
    yield from written_lines(reader)


def checked_text(each: PruneTrial) -> str:
    """How the smaller model compares with one that has zeros in place of what was removed."""
    difference = each.of(DIFFERENCE)
    if difference <= EXACT:
        return f"checked: outputs equal those with zeros there, within {significant(difference, 2)} of the largest"
    return f"outputs differ from those with zeros there by {significant(difference, 2)} of the largest, as where a layer normalizes over channels"


def written_lines(reader: RunReader) -> Iterator[tuple[str, str]]:
    """The checkpoint that was written, and what can be done with it."""
    for each in reader.checkpoints()[-1:]:
        yield "written", f"{clean(each.note, 100)}: checkpoints/{each.path.name}; train it on: gradtop fork {typed(reader.run)}"


def record(reader: RunReader) -> Mapping[str, object]:
    """The result, and the checkpoint that was written."""
    found = {name: reader.status.result.get(name) for name in FIELDS}
    written = reader.checkpoints()[-1:]
    return {**found, "checkpoint": {"path": str(written[0].path), "note": written[0].note} if written else None}


def describe(event: Event) -> tuple[str, str]:
    """The sentence of the event at the end of a sweep, and its tone."""
    trials, about = trials_of(event), about_of(event)
    return f"pruning: {pruning_verdict(trials, about) or 'nothing was measured'}", "success" if largest_free(trials, about) is not None else "warning"


def _counted(value: float) -> int | None:
    return int(value) if math.isfinite(value) else None


def _stored(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else math.nan


# After `step` measurements; as `gradtop prune --json` has them.
EVENTS = {ENDED: JobEvent(("step", *FIELDS), describe)}
RESULT = Result(lines=lines, record=record, headline=headline, events=EVENTS)
