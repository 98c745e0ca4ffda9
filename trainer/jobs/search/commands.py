"""What control asks of a search beside what it asks of all jobs: to add a trial, to stop one, to run more of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from gradtop.trainer.config import ConfigProblems
from gradtop.trainer.fields.text import to_text
from gradtop.trainer.trials.recorded import TrialState
from gradtop.trainer.trials.space import Parameter, Value, configure

if TYPE_CHECKING:
    from gradtop.trainer.jobs.search.work import TrialSearch


def commands_of(search: TrialSearch) -> Mapping[str, Callable[[Mapping[str, object]], Mapping[str, object]]]:
    """By name, for `Control.commands`."""
    return {"add_trial": partial(add, search), "stop_trial": partial(stop_trial, search), "extend": partial(extend, search)}


def add(search: TrialSearch, arguments: Mapping[str, object]) -> Mapping[str, object]:
    """Raises ValueError for values that the configuration refuses."""
    params = arguments.get("params")
    if not isinstance(params, Mapping) or not params:
        raise ValueError("a trial requires values, such as optimizer.lr=1e-3")
    space = {each.key: each for each in search.space}
    chosen: dict[str, Value] = {}
    for key, value in params.items():
        matches = [known for known in space if known == key or known.endswith(f".{key}")]
        if len(matches) != 1:
            raise ValueError(f"{key} is not in the space; there are: {', '.join(space)}")
        chosen[matches[0]] = in_space(space[matches[0]], value)
    try:
        configure(search.config, chosen)
    except ConfigProblems as wrong:
        raise ValueError(str(wrong.problems[0])) from None
    search.study.enqueue(chosen)
    search.added += 1
    return {"params": chosen}


def stop_trial(search: TrialSearch, arguments: Mapping[str, object]) -> Mapping[str, object]:
    """Raises ValueError for a trial that has ended or that there is not."""
    number = arguments.get("trial")
    if not isinstance(number, int) or number not in search.trials:
        raise ValueError(f"there is no trial {number}")
    if search.trials[number].state.has_ended:
        raise ValueError(f"trial {number} has ended: {search.trials[number].state}")
    if number in search.runs:
        search.stopping.add(number)
        search.runs[number].send("stop")
    else:
        search.end(number, TrialState.STOPPED, error="stopped by hand")
    return {"trial": number}


def extend(search: TrialSearch, arguments: Mapping[str, object]) -> Mapping[str, object]:
    """Raises ValueError for what is no number of trials."""
    more = arguments.get("trials")
    if not isinstance(more, int) or isinstance(more, bool) or not 1 <= more <= 1_000_000:
        raise ValueError(f"must be extended by at least one trial, not {more}")
    search.budget = (search.budget or search.drawn) + more
    search.study.extend(search.budget)
    search.changed = True
    return {"trials": search.total}


def bare(text: str) -> str:
    """A list, which is a choice by its text, as it is compared."""
    return text.replace(" ", "").strip("[]")


def in_space(each: Parameter, value: object) -> Value:
    """Raises ValueError for a value outside the distribution."""
    if each.kind == "choice":
        written = bare(to_text(value))
        found = [choice for choice in each.choices if choice == value or bare(str(choice)) == written]
        if not found:
            raise ValueError(f"{each.key} must be one of {', '.join(map(str, each.choices))}, not {to_text(value)}")
        return found[0]
    if isinstance(value, bool) or not isinstance(value, int | float) or not each.low <= value <= each.high:
        raise ValueError(f"{each.key} must be a number from {each.low:g} to {each.high:g}, not {value}")
    return int(value) if each.kind == "int" else float(value)
