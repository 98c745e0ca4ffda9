"""A search in one line, its trials as rows, and one trial in full."""

from __future__ import annotations

import math
from collections.abc import Sequence

from gradtop.trainer.analysis.formatting import duration, number, setting_text, significant
from gradtop.trainer.record import clean
from gradtop.trainer.trials.recorded import Trial, TrialState
from gradtop.tui.framework import states
from gradtop.tui.framework.header import bar, joined, length
from gradtop.tui.framework.lines import TextLine
from gradtop.tui.screens.search.data import BY_NUMBER, BY_TIME, BY_VALUE, FoundSearch, SearchRecord, took
from gradtop.tui.widgets.columns import Cell, Piece, TableColumn

BAR = 34
LONGEST = 300  # characters
WIDEST = 22  # cells of a parameter
STATES = {
    TrialState.QUEUED: ("○", "muted"), TrialState.TRAINING: ("●", "success"), TrialState.DONE: ("■", "primary"), TrialState.PRUNED: ("◌", "muted"),
    TrialState.FAILED: ("✕", "error"), TrialState.STOPPED: ("□", "warning"), TrialState.UNKNOWN: ("?", "muted"),
}  # fmt: skip
ALWAYS = 2  # columns before the objectives: trial, state
SEARCHES = (TableColumn("search", 30, least=12, grow=True), TableColumn("state", 12), TableColumn("result", 50, least=10, priority=1, grow=True))


def headline(record: SearchRecord, width: int, *, named: bool) -> TextLine:
    """Workers, trials of the budget, pruned and failed, time left; what matters least goes first. `named` adds what the header has of the
    search where that is watched itself: name, state, a bar.
    """
    counts = record.counts
    ended, gone, broken = record.ended, counts.get(TrialState.PRUNED, 0), counts.get(TrialState.FAILED, 0)
    share = min(1.0, ended / record.budget) if record.budget else 0.0
    name: list[Piece] = [("search ", "muted"), (record.name, "strong")]
    state: list[Piece] = [(f"{states.symbol(record.state)} {record.state}", states.tone(record.state))]
    workers: list[Piece] = [(f"{record.workers} ", "text"), (f"worker{'' if record.workers == 1 else 's'}", "muted")] if record.workers else []
    trials: list[Piece] = [(f"{number(ended)}{f'/{number(record.budget)}' if record.budget else ''} ", "text"), ("trials", "muted")]
    pruned: list[Piece] = [(f"{number(gone)} pruned", "muted")] if gone else []
    failed: list[Piece] = [(f"{number(broken)} failed", "error")] if broken else []
    left: list[Piece] = [(f"{duration(record.left)} ", "text"), ("left", "muted")] if record.left is not None else []
    sampler: list[Piece] = [(record.sampler, "muted")] if record.sampler else []
    kept = [name, state, workers, trials, pruned, failed, left, sampler]
    if not named:
        kept = [part for part in kept if part is not name and part is not state]
    for dropped in (sampler, workers, pruned, name, left):
        if length(kept, 3) + 1 <= width:
            break
        kept = [part for part in kept if part is not dropped]
    room = width - length(kept, 3) - 5
    if named and record.budget and room >= 6:
        kept.insert(kept.index(trials) + 1, bar(share, min(BAR, room)))
    return [(" ", "text"), *joined(kept, "   ")]


def columns(record: SearchRecord) -> list[TableColumn]:
    """Trial, state, objectives, the parameters from the most important on, what it took, its run."""
    found = [TableColumn("trial", 6, right=True, sort=BY_NUMBER), TableColumn("state", 10)]
    found += [TableColumn(clean(each.title, WIDEST), 10, right=True, sort=value_sort(place)) for place, each in enumerate(record.objectives)]
    for place, key in enumerate(record.parameters):
        name = clean(record.short[key], WIDEST)
        found.append(TableColumn(name, max(9, min(WIDEST, len(name) + 1)), least=max(6, min(12, len(name) + 1)), right=True, priority=2 + place, sort=key, keep="end"))
    found.append(TableColumn("took", 8, right=True, priority=2, sort=BY_TIME))
    found.append(TableColumn("run", 20, least=10, priority=3, grow=True, keep="end"))
    return found


def value_sort(place: int) -> str:
    return f"{BY_VALUE}{place or ''}"


def cells(record: SearchRecord, trial: Trial, *, watched: bool) -> Sequence[Cell]:
    """A row of the table."""
    symbol, tone = STATES[trial.state]
    best = bool(record.ranked) and record.ranked[0] is trial
    found: list[Cell] = [(str(trial.number), "strong" if watched or best else "text"), (f"{symbol} {trial.state}", tone)]
    for place in range(len(record.objectives)):
        value = record.value(trial, place)
        found.append(("–", "faint") if value is None else (significant(value), "error" if not math.isfinite(value) else "strong" if best else "text"))
    found += [value_cell(trial.params[key]) if key in trial.params else ("–", "faint") for key in record.parameters]
    seconds = took(trial)
    found.append((duration(seconds), "text") if seconds is not None else ("–", "faint"))
    run: list[Piece] = [(clean(trial.run.split("-", 2)[-1], WIDEST), "muted")]
    if trial.source == "hand":
        run.append(("  by hand", "warning"))
    found.append(run)
    return found


def value_cell(value: object) -> Piece:
    text = significant(value) if isinstance(value, float) else setting_text(value)
    return clean(text, WIDEST), "text"


def about(record: SearchRecord, trial: Trial | None) -> list[TextLine]:
    """The trial under the cursor: all its parameters, and what became of it."""
    if trial is None:
        return [[(" the first trial is about to start", "muted")]]
    symbol, tone = STATES[trial.state]
    params: TextLine = [(" " + "  ".join(f"{clean(key, 80)}={value_cell(value)[0]}" for key, value in trial.params.items()), "text")]
    first: list[Piece] = [(f" trial {trial.number}  ", "strong"), (f"{symbol} {trial.state}", tone)]
    for place, each in enumerate(record.objectives):
        if (value := record.value(trial, place)) is not None:
            first += [(f"   {clean(each.title, WIDEST)} ", "muted"), (significant(value), "text")]
    if trial.source == "hand":
        first.append(("   enqueued by hand", "warning"))
    first.append((f"   {clean(trial.error or trial.run, LONGEST)}", "error" if trial.error else "muted"))
    return [first, params]


def found_cells(found: FoundSearch) -> Sequence[Cell]:
    return [(found.name, "text"), (f"{states.symbol(found.state)} {found.state}", states.tone(found.state)), (clean(found.headline, LONGEST), "muted")]
