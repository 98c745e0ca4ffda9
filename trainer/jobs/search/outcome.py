"""What a search has found so far, as it stands in `result` of its status: best trials, counts, importances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from gradtop.trainer.record import bounds

EVALUATORS = {"ped_anova": "PED-ANOVA", "fanova": "fANOVA"}  # of importances
MOST = 1000  # trials of a Pareto front, keys, objectives


@dataclass(frozen=True, slots=True)
class SearchOutcome:
    """`objectives` are "min" or "max" by metric, in order; `best` the number of the best trial, with several objectives those of the Pareto front.

    `counts` are trials by state, `budget` how many trials there will be (0: no limit). `importances` are shares by parameter, by objective, by
    evaluator ("ped_anova", "fanova"); `no_importances` is why there are none.
    """

    objectives: Mapping[str, str] = field(default_factory=dict)
    best: tuple[int, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    budget: int = 0
    importances: Mapping[str, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)
    no_importances: str = ""

    def record(self) -> dict[str, object]:
        """As a JSON object."""
        return asdict(self)


def _numbers(found: object) -> tuple[int, ...] | None:
    return tuple(number for each in found[:MOST] if type(each) is int and (number := bounds.count(each)) is not None) if isinstance(found, list | tuple) else None


def _counts(found: object) -> dict[str, int] | None:
    return {bounds.name(key) or "": number for key, each in _table(found).items() if (number := bounds.count(each)) is not None}


def _importances(found: object) -> dict[str, dict[str, dict[str, float]]]:
    return {
        name: {objective: {key: share for key, each in _table(shares).items() if (share := bounds.positive(each)) is not None} for objective, shares in _table(by).items()}
        for name, by in _table(found).items()
    }


def _table(found: object) -> Mapping[str, Any]:
    return found if isinstance(found, Mapping) and len(found) <= MOST else {}


READS: Mapping[str, bounds.Read] = {
    "objectives": bounds.words,
    "best": _numbers,
    "counts": _counts,
    "budget": bounds.count,
    "importances": _importances,
    "no_importances": bounds.text,
}
MAKE = bounds.Maker(SearchOutcome, READS)


def outcome_of(result: Mapping[str, object]) -> SearchOutcome:
    """That of a status; defaults for missing or invalid fields."""
    return MAKE(result)
