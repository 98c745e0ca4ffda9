"""The errors of trials none of which gave anything, counted for the one sentence of their job. Imports no torch."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gradtop.trainer.record import Run
from gradtop.trainer.record.text import clean
from gradtop.trainer.record.typed import recorded
from gradtop.trainer.runtime.errors import LOGGED
from gradtop.trainer.trials.recorded import Trial

MOST = 3  # errors that are named
LONGEST = 240  # characters of one
FIGURES = re.compile(r"\d+(?:\.\d+)?")  # in which errors of one kind may differ


def errors_counted(errors: Sequence[str]) -> str:
    """6 × out of memory on cuda; 2 × the loss is not finite: the most frequent first."""
    kinds = _by_kind(errors)
    if len(errors) == 1:
        return kinds[0][0]
    words = [f"{len(each)} × {'such as ' if len(set(each)) > 1 else ''}{each[0]}" for each in kinds[:MOST]]
    left = len(kinds) - MOST
    return "; ".join([*words, *([f"and {left} other{'s' if left > 1 else ''}"] if left > 0 else [])])


def failures_counted(trials: Sequence[Trial], runs: str) -> str:
    """Their errors, and what shows more of the most frequent one. `runs` is the directory that they lie in."""
    kinds = _by_kind([trial.error for trial in trials])
    first = next((trial.run for trial in trials if trial.run and _sentence(trial.error) == kinds[0][0]), "")
    return errors_counted([trial.error for trial in trials]) + (f"; gradtop show {recorded(Run(f'{runs}/{first}'))} tells more" if first else "")


def _by_kind(errors: Sequence[str]) -> list[list[str]]:
    kinds: dict[str, list[str]] = {}
    for sentence in map(_sentence, errors):
        kinds.setdefault(FIGURES.sub("0", sentence), []).append(sentence)
    return sorted(kinds.values(), key=len, reverse=True)


def _sentence(error: str) -> str:
    return clean(error.partition("\n")[0].removesuffix(LOGGED), LONGEST).rstrip(". ") or "no reason was recorded"
