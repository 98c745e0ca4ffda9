"""What commands, lists and events say of a comparison of initializations, and its measurements as they are recorded."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from gradtop.trainer.analysis.formatting import significant
from gradtop.trainer.job import JobEvent, Result
from gradtop.trainer.jobs.init_comparison.summary import (
    InitRanking,
    InitSummary,
    InitTrial,
    LayerScale,
    layer_scale,
    over_seeds,
    rank,
)
from gradtop.trainer.record import Event, RunReader, RunState, Status
from gradtop.trainer.record.bounds import WHOLE
from gradtop.trainer.record.streams.open_streams import Row
from gradtop.trainer.record.streams.reader import StreamReader
from gradtop.trainer.record.streams.registry import (
    ACTIVATION_STD,
    GRADIENT_RMS,
    HIGH,
    INIT,
    INIT_LAYERS,
    INIT_LOSSES,
    LAYER,
    LOSS,
    LOW,
    SEED,
    TRAINING_STEP,
    WEIGHT_STD,
    Column,
    bins,
    columns_of,
    count_bins,
)
from gradtop.trainer.record.text import clean

ENDED = "init_comparison"  # the kind of the event at its end
PARAMETERS = "parameters"  # in the `extra` of the layers' segments: names of the weights
FIELDS = ("best", "indistinguishable", "inits")
TEST = "Welch's t-test, 5 %"


def layer_columns(count: int) -> list[Column]:
    """Of the stream of layers, with so many bins."""
    return [*columns_of(INIT_LAYERS), *map(Column, bins(count))]


def layer_rows(trial: InitTrial, place: int, number: int, time: float) -> list[Row]:
    """The records of the layers of measurement `number`, of the initialization at a place in `kinds`."""
    return [
        (number, time, place, trial.seed, layer, each.weight_std, each.activation_std, each.gradient_rms, each.low, each.high, *each.bins)
        for layer, each in enumerate(trial.layers)
    ]


def loss_rows(trial: InitTrial, place: int, number: int, time: float) -> list[Row]:
    """The records of its losses; of one that failed a single one, of step 0."""
    losses = enumerate(trial.losses, 1) if trial.losses else [(0, math.nan)]
    return [(number, time, place, trial.seed, step, loss) for step, loss in losses]


def read_init_trials(reader: RunReader) -> list[InitTrial]:
    """The measurements that are complete, in their order, so that a resume goes on from them."""
    reader.refresh()
    kinds, steps = kinds_of(reader.config)
    errors = {each.init: each.remarks[0] for each in summaries(reader.status.result) if each.remarks}
    layers = _layers(reader.stream(INIT_LAYERS))
    trials: list[InitTrial] = []
    for number, rows in _measurements(reader.stream(INIT_LOSSES), (INIT, SEED, TRAINING_STEP, LOSS)):
        place, seed, last, loss = rows[-1]
        complete = not last or last >= steps or not math.isfinite(loss)
        if not (complete and 0 <= place < len(kinds) and abs(seed) <= WHOLE):
            break
        init = kinds[int(place)]
        error = "" if last else errors.get(init, "not measured")
        losses = tuple(loss for *_, step, loss in rows if step)
        trials.append(InitTrial(init, int(seed), losses, layers.get(number, ()), error))
    return trials


def _measurements(stream: StreamReader, columns: Sequence[str]) -> Iterator[tuple[float, list[tuple[float, ...]]]]:
    """The values of these columns, in lists of the records of one measurement each."""
    stream.refresh()
    names = [column.name for column in stream.columns]
    if not all(name in names for name in columns):
        return
    places = [names.index(name) + 2 for name in columns]
    rows: list[tuple[float, ...]] = []
    number = math.nan
    for row in stream.rows():
        if rows and row[0] != number:
            yield number, rows
            rows = []
        number = row[0]
        rows.append(tuple(row[place] for place in places))
    if rows:
        yield number, rows


def _layers(stream: StreamReader) -> dict[float, tuple[LayerScale, ...]]:
    """The weights of each measurement, by its number."""
    stream.refresh()
    known = stream.extra.get(PARAMETERS)
    parameters = [clean(name, 300) for name in known if isinstance(name, str)] if isinstance(known, list) else []
    counts = bins(count_bins(column.name for column in stream.columns))
    found: dict[float, tuple[LayerScale, ...]] = {}
    for number, rows in _measurements(stream, (LAYER, WEIGHT_STD, ACTIVATION_STD, GRADIENT_RMS, LOW, HIGH, *counts)):
        found[number] = tuple(layer_scale(parameters[int(row[0])], row[1:]) for row in rows if 0 <= row[0] < len(parameters))
    return found


def kinds_of(config: Mapping[str, object]) -> tuple[list[str], int]:
    """The initializations that are compared, and the optimizer steps of each; of a damaged configuration none."""
    section = config.get("init_comparison")
    if not isinstance(section, Mapping):
        return [], 1
    kinds, steps = section.get("kinds"), section.get("steps")
    return [clean(str(kind), 40) for kind in kinds] if isinstance(kinds, list) else [], steps if isinstance(steps, int) and steps > 0 else 1


def init_result(trials: Sequence[InitTrial], kinds: Sequence[str]) -> dict[str, object]:
    """The result: each initialization as far as it was measured, and the best so far."""
    ranking = rank(trials, kinds)
    return {
        "best": ranking.best,
        "indistinguishable": list(ranking.indistinguishable),
        "inits": [{name: _stored(getattr(each, name)) for name in InitSummary.__slots__} for each in ranking.inits],
    }


def summaries(result: Mapping[str, object]) -> list[InitSummary]:
    """The initializations of a result, each one that can be read."""
    rows = result.get("inits")
    found = []
    for row in rows if isinstance(rows, list) else ():
        if not isinstance(row, dict) or not isinstance(row.get(INIT), str):
            continue
        words = row.get("remarks")
        remarks = tuple(clean(str(word), 400) for word in words) if isinstance(words, list) else ()
        seeds = row.get("seeds")
        figures = {name: _number(row.get(name)) for name in ("loss", "half_width", "first_loss", "activation_ratio", "gradient_ratio", "p")}
        found.append(InitSummary(clean(row[INIT], 40), seeds if isinstance(seeds, int) else 0, remarks=remarks, **figures))
    return found


def ranking_of(result: Mapping[str, object]) -> InitRanking:
    best, others = result.get("best"), result.get("indistinguishable")
    return InitRanking(
        tuple(summaries(result)),
        clean(best, 40) if isinstance(best, str) else "",
        tuple(clean(str(each), 40) for each in others) if isinstance(others, list) else (),
    )


def interval_text(each: InitSummary) -> str:
    """0.412 ± 0.031: with the decimals that the interval allows."""
    if not math.isfinite(each.loss):
        return ""
    if not math.isfinite(each.half_width):
        return significant(each.loss)
    if each.half_width == 0:
        return f"{significant(each.loss)} ± 0"
    decimals = max(0, min(6, 1 - math.floor(math.log10(each.half_width))))
    return f"{each.loss:.{decimals}f} ± {each.half_width:.{decimals}f}"


def verdict(ranking: InitRanking) -> str:
    """Which initialization is the best, and which others cannot be told apart from it."""
    if not ranking.inits:
        return ""
    best = next((each for each in ranking.inits if each.init == ranking.best), None)
    if not any(math.isfinite(each.first_loss) for each in ranking.inits):
        return "none: with no initialization is the loss finite at the first step"
    if best is None:
        return "none: with no initialization does the loss fall"
    if best.seeds < 2:
        return f"{best.init}, loss {interval_text(best)}: one seed tells nothing of the noise"
    if ranking.indistinguishable:
        return f"{best.init}, loss {interval_text(best)}; cannot be told apart from it: {', '.join(ranking.indistinguishable)} ({TEST})"
    return f"{best.init}, loss {interval_text(best)}; all others differ by more than the noise of {best.seeds} seeds ({TEST})" if len(ranking.inits) > 1 else f"{best.init}, loss {interval_text(best)}"


def headline(status: Status) -> str:
    """The best, as short as a column of a list."""
    ranking = ranking_of(status.result)
    more = f" or {len(ranking.indistinguishable)} more" if ranking.indistinguishable else ""
    return f"{ranking.best}{more}" if ranking.best else "no loss falls" if status.state.has_ended and any(math.isfinite(each.first_loss) for each in ranking.inits) else ""


def lines(reader: RunReader) -> Iterator[tuple[str, str]]:
    ranking = ranking_of(reader.status.result)
    if not ranking.inits:
        return
    yield "best" if reader.state is RunState.DONE else "best so far", verdict(ranking)
    for number, each in enumerate(ranking.inits):
        yield "" if number else "compared", f"{each.init}: {in_words(each)}"


def in_words(each: InitSummary) -> str:
    """The figures of one initialization, and what is wrong with it."""
    words = [f"loss {interval_text(each)}"] if math.isfinite(each.loss) else []
    words += [f"{title} {significant(value)}" for title, value in (("activations last/first", each.activation_ratio), ("gradients first/last", each.gradient_ratio)) if math.isfinite(value)]
    return "; ".join((", ".join(words), *each.remarks) if words else each.remarks)


def record(reader: RunReader) -> Mapping[str, object]:
    """The result, and of each initialization the `losses` of the steps and the scales of the `weights`: means over the seeds."""
    trials = read_init_trials(reader)
    result = {name: reader.status.result.get(name) for name in FIELDS}
    rows = [row for row in inits if isinstance(row, dict)] if isinstance(inits := result["inits"], list) else []
    return {**result, "inits": [{**row, **_curves([each for each in trials if each.init == row.get(INIT)])} for row in rows]}


def _curves(trials: Sequence[InitTrial]) -> Mapping[str, object]:
    layers = trials[0].layers if trials else ()
    scales = {name: over_seeds([[getattr(layer, name) for layer in each.layers] for each in trials]) for name in (WEIGHT_STD, ACTIVATION_STD, GRADIENT_RMS)}
    return {
        "losses": [_stored(mean) for _, mean, _ in over_seeds([each.losses for each in trials])],
        "weights": [{"name": layer.name, **{name: _stored(found[place][1]) for name, found in scales.items()}} for place, layer in enumerate(layers)],
    }


def describe(event: Event) -> tuple[str, str]:
    """The sentence of the event at the end of a comparison, and its tone."""
    ranking = ranking_of(event)
    return f"initialization: {verdict(ranking) or 'nothing was measured'}", "success" if ranking.best else "warning"


def _stored(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return list(value) if isinstance(value, tuple) else value


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else math.nan


# After `step` measurements; `inits` as `gradtop init --json` has them.
EVENTS = {ENDED: JobEvent(("step", *FIELDS), describe)}
RESULT = Result(lines=lines, record=record, headline=headline, events=EVENTS)
