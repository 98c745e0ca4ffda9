"""The section `[sensitivity]`, and its table `[sensitivity.vary]`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import field_validator

from gradtop.trainer.config.problems import ConfigProblems
from gradtop.trainer.declare import Section, setting
from gradtop.trainer.metrics import Monitored, monitored
from gradtop.trainer.trials.space import NotASpace, base_value, dotted_keys, key_in, parse_parameter, space_problems

SEED = "training.seed"


class Settings(Section):
    points: int = setting(5, help="Values of each range; a range with points=N or step=S, or a choice, has its own.", effect="restart", ge=2, le=100)
    seeds: int = setting(3, help="Trainings with each value: training.seed and those that follow.", effect="restart", ge=1, le=1000)
    workers: int = setting(1, help="Trainings at the same time, each with its share of the CPU threads.", effect="restart", ge=1, le=1000)
    pairs: tuple[str, ...] = setting((), help="Pairs of keys whose values are combined in a grid, each as KEY,KEY.", effect="restart")
    normalised: bool = setting(False, help="Rank by the deviation per decade of a logarithmic range, per unit of a linear one; that of a choice is not divided.", effect="restart")
    search: str = setting("", help="Id of the search whose importances are shown beside; empty: the newest one of the same configuration.", effect="restart")
    vary: dict[str, Any] = setting({}, help="Distributions by key of the configuration, such as log(1e-5, 1e-2); empty: ranges around the values of the configuration.", effect="restart")

    @field_validator("vary", mode="before")
    @classmethod
    def _flat(cls, table: Any) -> Any:
        return dotted_keys(table) if isinstance(table, dict) else table

    def metric(self, config: Any) -> Monitored:
        return monitored(config.training.monitor, config.training.monitor_mode)

    def disagreements(self) -> Iterator[tuple[str, str]]:
        if "/" in self.search:
            yield "search", f"must be the id of a run, not {self.search!r}"

    def disagreements_with(self, config: Any) -> Iterator[tuple[str, str]]:
        # Each by itself: the others are as in the configuration while one varies.
        wrong = [(f"sensitivity.vary.{key}", sentence) for one, written in self.vary.items() for key, sentence in space_problems({one: written}, config)]
        wrong = wrong or list(self._misfits(config))
        yield from wrong or self._wrong_pairs(config)

    def _misfits(self, config: Any) -> Iterator[tuple[str, str]]:
        seen: set[str] = set()
        for key, written in self.vary.items():
            each, full = parse_parameter(key, written), key_in(key, config)
            if full in seen:
                yield f"sensitivity.vary.{key}", f"is given twice: it is {full}"
            seen.add(full)
            if each.condition is not None:
                yield f"sensitivity.vary.{key}", "takes no condition: the other values are those of the configuration"
            elif full == SEED:
                yield f"sensitivity.vary.{key}", "cannot vary: each value is trained with sensitivity.seeds seeds"
            elif base_value(config, full) is None:
                yield f"sensitivity.vary.{key}", "is not in the configuration, around which the values vary"
            elif len(set(each.extremes())) < 2:
                yield f"sensitivity.vary.{key}", "requires at least two values"

    def _wrong_pairs(self, config: Any) -> Iterator[tuple[str, str]]:
        from gradtop.trainer.jobs.sensitivity.ranges import ranges_of

        known = ranges_of(self.vary, config)
        if not known:
            yield "sensitivity.vary", "is required: nothing in this configuration has a range by default"
        for pair in self.pairs:
            try:
                keys = pair_keys(pair, config)
            except (NotASpace, ConfigProblems) as wrong:
                yield "sensitivity.pairs", str(wrong) if isinstance(wrong, NotASpace) else f"{pair!r}: {wrong.problems[0].explanation}"
                continue
            for key in keys:
                if key not in known:
                    yield "sensitivity.pairs", f'{key} does not vary; give its range: --vary "{key}=log(low, high)"'


def pair_keys(pair: str, config: Any) -> tuple[str, str]:
    """The two keys of "lr,batch_size". Raises NotASpace or ConfigProblems."""
    keys = [key_in(word, config) for word in map(str.strip, pair.split(",")) if word]
    if len(keys) != 2 or keys[0] == keys[1]:
        raise NotASpace(f"{pair!r} is not a pair of keys, such as optimizer.lr,training.batch_size")
    return keys[0], keys[1]
