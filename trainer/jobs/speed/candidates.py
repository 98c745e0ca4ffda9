"""What is tried, and in which order: settings that each change one key, on top of the fastest so far."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

# Settings of one combination, by dotted key.
Changes = Mapping[str, object]
CLEARLY_SLOWER = 0.85  # of the pace of the reference in one round: not measured again on top of it
HOPELESS = 0.6  # nor on top of any other


@dataclass(frozen=True, slots=True)
class Timing:
    """One measurement. `stage` counts what was taken before it; `seconds` are those of an optimizer step, NaN where it failed with `error`.

    `loss` is the mean over the first steps.
    """

    stage: int
    round: int
    changes: Changes
    seconds: float
    samples_per_s: float = math.nan
    loss: float = math.nan
    error: str = ""


@dataclass(frozen=True, slots=True)
class PlannedTiming:
    """What is to be measured next."""

    stage: int
    round: int
    changes: Changes


class Tournament:
    """Which settings are measured next, by the measurements so far; these alone decide, so that it can be taken up where it was left.

    In each stage the alternatives, `choices` by key, are timed beside the reference in so many rounds. The fastest is the
    reference of the next stage, if it beats this one by `gain` and its loss is within `tolerance` of that of no changes.
    """

    def __init__(self, choices: Mapping[str, Sequence[object]], *, rounds: int, gain: float, tolerance: float) -> None:
        self._choices, self._rounds, self._gain, self._tolerance = choices, rounds, gain, tolerance
        self.timings: list[Timing] = []

    def add(self, timing: Timing) -> None:
        self.timings.append(timing)

    def next(self) -> PlannedTiming | None:
        """None where the fastest settings are known."""
        trial, _, _ = self._play()
        return trial

    @property
    def chosen(self) -> Changes:
        """The settings that have won the last stage that has ended."""
        _, chosen, _ = self._play()
        return chosen

    @property
    def expected(self) -> int:
        """About how many measurements it takes in all: of this stage, and of one more in which nothing is faster."""
        trial, _, remaining = self._play()
        return len(self.timings) + (remaining + (1 if trial.stage else 2) * sum(len(each) for each in self._choices.values()) if trial is not None else 0)

    def speedup(self, changes: Changes) -> float:
        """Times faster than no changes: over the stages, each by its own rounds; NaN where it was not measured to the end."""
        stages = [stage for stage in {each.stage for each in self.timings if each.changes == changes} if not math.isnan(self._ratio(stage, changes))]
        if not stages:
            return math.nan
        last = max(stages)
        found = self._ratio(last, changes)
        for stage, reference in enumerate(self._references(last)):
            if stage < last:
                following = self._references(last)[stage + 1]
                found *= self._ratio(stage, following) if following != reference else 1.0
        return found

    def loss_moved(self, changes: Changes) -> float:
        """The share by which the mean loss of the first steps differs from that of no changes."""
        mine, base = self._loss(changes), self._loss({})
        return abs(mine - base) / max(abs(base), 1e-12)

    def error(self, changes: Changes) -> str:
        return next((each.error for each in self.timings if each.changes == changes and each.error), "")

    def measured(self) -> Iterator[Changes]:
        """All combinations that were timed, each once, in the order of their first measurement."""
        seen: list[Changes] = []
        for each in self.timings:
            if each.changes not in seen:
                seen.append(each.changes)
                yield each.changes

    def _references(self, last: int) -> list[Changes]:
        """What each stage up to `last` compares with."""
        references: list[Changes] = [{}]
        while len(references) <= last:
            stage = len(references) - 1
            references.append(self._winner(stage, references[-1], self._contenders(stage, references)) or references[-1])
        return references

    def _play(self) -> tuple[PlannedTiming | None, Changes, int]:
        """The next measurement, what is chosen so far, and how many are left of the stage at hand."""
        references: list[Changes] = [{}]
        while True:
            stage, reference = len(references) - 1, references[-1]
            contenders = self._contenders(stage, references)
            if not contenders:
                return None, reference, 0
            waiting = [trial for number in range(self._rounds) for trial in self._round(stage, number, reference, contenders)]
            if waiting:
                return waiting[0], reference, len(waiting)
            winner = self._winner(stage, reference, contenders)
            if winner is None:
                return None, reference, 0
            references.append(winner)

    def _round(self, stage: int, number: int, reference: Changes, contenders: Sequence[Changes]) -> Iterator[PlannedTiming]:
        """What is left to measure in a round. It begins with another one than the round before, in the first with the reference."""
        order = (reference, *contenders)
        turned = number % len(order)
        for changes in order[turned:] + order[:turned]:
            if changes != reference and number and not self._worth(stage, changes):
                continue
            if self._timing(stage, number, changes) is None:
                yield PlannedTiming(stage, number, changes)

    def _worth(self, stage: int, changes: Changes) -> bool:
        """Whether another round may show it to be faster."""
        first = self._timing(stage, 0, changes)
        if first is None:
            return True
        return not first.error and self._ratio(stage, changes) >= CLEARLY_SLOWER

    def _contenders(self, stage: int, references: Sequence[Changes]) -> list[Changes]:
        """The reference with one key changed; after the first stage also with all that was faster in the one before."""
        reference = references[stage]
        found: list[Changes] = []
        together: dict[str, object] = dict(reference)
        for key, values in self._choices.items():
            best = 1.0
            for value in values:
                before = {**references[stage - 1], key: value} if stage else None
                ratio = self._ratio(stage - 1, before) if before is not None else math.nan
                if key not in reference and ratio > max(best, 1 + self._gain / 2) and before is not None and self._keeps_loss(before):
                    best = ratio
                    together[key] = value
                if reference.get(key) == value or any(self._hopeless(at, {**references[at], key: value}) for at in range(stage)):
                    continue
                found.append({**reference, key: value})
        if stage and len(together) > len(reference) + 1:
            found.insert(0, together)
        return found

    def _hopeless(self, stage: int, changes: Changes) -> bool:
        return bool(self.error(changes)) or self._ratio(stage, changes) < HOPELESS

    def _winner(self, stage: int, reference: Changes, contenders: Sequence[Changes]) -> Changes | None:
        faster = [(self._ratio(stage, changes), number) for number, changes in enumerate(contenders) if self._keeps_loss(changes)]
        best = max((each for each in faster if each[0] > 1 + self._gain), default=None)
        return contenders[best[1]] if best is not None and contenders[best[1]] != reference else None

    def _keeps_loss(self, changes: Changes) -> bool:
        return self.loss_moved(changes) <= self._tolerance  # false of what is not a number

    def _loss(self, changes: Changes) -> float:
        return next((each.loss for each in self.timings if each.changes == changes and not each.error), math.nan)

    def _timing(self, stage: int, number: int, changes: Changes) -> Timing | None:
        return next((each for each in self.timings if (each.stage, each.round) == (stage, number) and each.changes == changes), None)

    def _ratio(self, stage: int, changes: Changes) -> float:
        """Times faster than the reference of the stage: the median over the rounds in which both were timed; NaN before there is one."""
        reference = next((each.changes for each in self.timings if each.stage == stage), None)
        if reference is None:
            return math.nan
        ratios = []
        for number in range(self._rounds):
            base, mine = self._timing(stage, number, reference), self._timing(stage, number, changes)
            if base is not None and mine is not None and base.seconds > 0 and mine.seconds > 0:
                ratios.append(base.seconds / mine.seconds)
        return median(ratios) if ratios else math.nan
