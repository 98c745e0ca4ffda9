"""What commands and lists say of a search."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from gradtop.trainer.analysis.formatting import setting_text
from gradtop.trainer.analysis.formatting import share as fraction
from gradtop.trainer.job import Result
from gradtop.trainer.jobs.search.outcome import SearchOutcome, outcome_of
from gradtop.trainer.metrics import metric_of
from gradtop.trainer.record import RunReader, Status
from gradtop.trainer.trials.recorded import Trial, TrialState, read_trials

MOST = 10  # trials of a Pareto front that are shown


def headline(status: Status) -> str:
    """How many trials have ended, as short as a column of a list."""
    outcome = outcome_of(status.result)
    return f"{status.step} of {outcome.budget} trials" if outcome.budget else f"{status.step} trials" if outcome.counts else ""


def best_trials(outcome: SearchOutcome, trials: Iterable[Trial]) -> list[Trial]:
    """The best trial, or those of the Pareto front, by the first objective the best of them first."""
    best = set(outcome.best)
    name, direction = next(iter(outcome.objectives.items()), ("", ""))
    sign = -1.0 if direction == "max" else 1.0
    return sorted((trial for trial in trials if trial.number in best), key=lambda trial: sign * trial.values.get(name, math.inf * sign))


def trial_text(trial: Trial) -> str:
    values = ", ".join(f"{metric_of(name).title} {value:.4g}" for name, value in trial.values.items())
    return f"trial {trial.number} ({trial.run}): {values} with {', '.join(f'{key}={setting_text(value)}' for key, value in trial.params.items())}"


def failure(trials: Iterable[Trial]) -> str:
    """Why trials failed, by the error that most of them had; "" where none failed."""
    errors = Counter(trial.error for trial in trials if trial.state is TrialState.FAILED and trial.error)
    if not errors:
        return ""
    ((error, number),) = errors.most_common(1)
    return f"{number} trial{'s' if number > 1 else ''}: {error}"


def lines(reader: RunReader) -> Iterator[tuple[str, str]]:
    outcome, trials = outcome_of(reader.status.result), read_trials(reader.run)
    if outcome.counts:
        yield "trials", ", ".join(f"{number} {state}" for state, number in outcome.counts.items())
    if why := failure(trials):
        yield "failed", why
    for trial in best_trials(outcome, trials)[:MOST]:
        yield "best", trial_text(trial)
    for evaluator, by in outcome.importances.items():
        for objective, shares in by.items():
            yield f"{evaluator}", f"{metric_of(objective).title}: {', '.join(f'{key} {fraction(share, 2)}' for key, share in shares.items())}"


def record(reader: RunReader) -> Mapping[str, object]:
    """The outcome, and all trials."""
    return {**outcome_of(reader.status.result).record(), "trials": [trial.record() for trial in read_trials(reader.run)]}


RESULT = Result(lines=lines, record=record, headline=headline)
