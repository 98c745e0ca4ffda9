"""History and importances of a search as lines of text, for commands."""

from __future__ import annotations

from gradtop.trainer.analysis.formatting import setting_text, significant
from gradtop.trainer.analysis.formatting import share as fraction
from gradtop.trainer.jobs.search.outcome import EVALUATORS
from gradtop.trainer.jobs.search.result import failure
from gradtop.trainer.record import RunReader, clean
from gradtop.trainer.trials.recorded import Trial, read_trials
from gradtop.tui import plotting
from gradtop.tui.screens.search.data import SearchRecord
from gradtop.tui.screens.search.plots import ticks_up
from gradtop.tui.screens.search.read import record_of
from gradtop.tui.screens.search.scales import extent_of

BAR = 40  # cells
MOST_BEST = 10  # trials of a Pareto front


def best(record: SearchRecord, trial: Trial) -> str:
    """The values and parameters of a trial that no other one is better than."""
    values = " ".join(f"{clean(each.title, 80)} {significant(trial.values[each.name])}" for each in record.objectives)
    params = " ".join(f"{clean(key, 80)}={setting_text(value)}" for key, value in trial.params.items())
    return f"best: {values}, trial {trial.number} with {params}"


def draw(reader: RunReader, width: int, height: int, *, colours: bool, unicode: bool) -> str:
    """The first objective over the trials with the best so far as a line; below it the best trial, or those of the Pareto front, and the importances."""
    import plotext

    record = record_of(reader, read_trials(reader.run), 0.0)
    name = record.objectives[0].title
    text = [f"{clean(record.name, 80)}  {clean(name, 80)} over trials, and the {'highest' if record.objectives[0].maximize else 'lowest'} so far"]
    if not record.valued:
        why = failure(record.trials.values())
        return "\n".join([*text, f"nothing to plot: no trial has a value{f'; failed {why}' if why else ' yet'}"])
    up = record.reached[0].scale(ticks_up(height))
    along = extent_of([0, 1, *record.trials]).scale(max(2, width // 12))
    if up.axis is None or along.axis is None:
        return "\n".join([*text, "nothing to plot: no value is a number"])
    plotting.frame(plotext, along.axis, up.axis, width, height)
    marks = plotting.UNICODE if unicode else plotting.ASCII
    points = [(along.axis.at(number), up.axis.at(value)) for number, value in zip(record.numbers, record.values[0], strict=True)]
    plotting.scatter(plotext, points, marks.spread, plotting.DIM if colours else None)
    line: list[tuple[float, float]] = []
    for number, value in [*record.best_so_far, (max(record.trials), record.best_so_far[-1][1])]:
        at = (along.axis.at(number), up.axis.at(value))
        line += [(at[0], line[-1][1]), at] if line else [at]
    plotting.line(plotext, line, marks.lines[0], plotting.COLOURS[0] if colours else None)
    text += plotting.built(plotext, colours=colours, unicode=unicode)
    text += [best(record, trial) for trial in record.front[:MOST_BEST]]
    for method, found in record.importances.items():
        text.append(f"importance ({EVALUATORS[method]})")
        wide = max(map(len, found), default=0)
        text += [f"  {clean(key, 80):<{wide}}  {fraction(share, 2)}  {('█' if unicode else '#') * round(BAR * share)}" for key, share in found.items()]
    return "\n".join(text)
