"""The settings that a speed test chooses, beside the fastest of all combinations of what it tries, and a plain loop of PyTorch.

The combinations race (`tests.bench.race`): what has less than 0.6 of the pace of the fastest after one turn drops out, and after the
second and each further turn what has less than 0.9 of it by the median. The winner is timed again beside the chosen settings.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from gradtop.trainer.fields.text import to_text
from gradtop.trainer.launch.worker_environment import worker_environment
from tests.bench.figure import Figure, in_turns, median_ratio, quantile, say
from tests.bench.lane import Lane
from tests.bench.lanes import ForkedLane, preload
from tests.bench.race import Race
from tests.bench.sandbox import GRADTOP, Sandbox, sandboxed
from tests.bench.training import CONFIGS, PARTS, Example

RACE = 45.0  # seconds in which the combinations are begun and timed; each of those that are left at the end three times at least
TURN = 0.3  # seconds of training in each turn, at least one epoch
FINAL = 15.0  # seconds in which the chosen settings, the fastest, the configuration and the plain loop are timed in turns
LEAST, MOST = 3, 25  # of these turns
LOSS = 0.05  # as the speed test does: of a combination that moves the loss by more the pace does not count
SHORT = {"transformer": ("data.validation=0.7",)}  # 21 steps an epoch instead of 65
SPEED_TEST = {"mlp": 35, "cnn": 50, "resnet18": 180, "transformer": 60}  # seconds that it takes, about, on two cores without other load

Settings = Sequence[Mapping[str, Any]]  # of the speed test's answer


class Combination:
    """Settings by dotted key; equal where these are, and named by them."""

    def __init__(self, changes: Mapping[str, object]) -> None:
        self.changes = changes
        self.overrides = tuple(sorted(f"{key}={to_text(value)}" for key, value in changes.items()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Combination) and self.overrides == other.overrides

    def __hash__(self) -> int:
        return hash(self.overrides)

    def __str__(self) -> str:
        return ", ".join(f"{key.rpartition('.')[2]} {to_text(value)}" for key, value in self.changes.items()) or "as configured"


AS_IT_IS = Combination({})


def measure(*parts: str) -> Iterator[Figure]:
    chosen = parts or tuple(PARTS)
    minutes = sum(SPEED_TEST[part] + RACE + FINAL for part in chosen) / 60
    say(f"{', '.join(chosen)}: about {minutes:.0f} min on two cores without other load; each result is printed when it is known")
    preload(worker_environment())
    for part in chosen:
        yield figure(PARTS[part])


def figure(example: Example) -> Figure:
    file, changes = CONFIGS / example.file, ("training.epochs=1000", "training.device=cpu", *example.changes, *SHORT.get(example.short, ()))
    say(f"{example.name}: the speed test")
    with sandboxed() as sandbox:
        answer = speed_test(sandbox, file, changes)
    steady = [each for each in combinations(answer["settings"]) if moves_loss_little(each, answer["settings"])]
    chosen = Combination(answer["chosen"])
    say(f"{example.name}: {len(steady)} combinations in {RACE:.0f} s or a little more; the speed test took {answer['seconds']:.0f} s and chose {chosen}")
    race = Race(promising(steady, answer["settings"]), (chosen,), partial(Trainee, file, changes), RACE)
    best = race.run()
    taken = beside(file, changes, dict.fromkeys((AS_IT_IS, chosen, best)))
    ratios = [one / other for one, other in zip(taken[str(best)], taken[str(chosen)], strict=True)]
    details = {
        "lower quartile, ×": quantile(ratios, 0.25),
        "upper quartile, ×": quantile(ratios, 0.75),
        "combinations timed": float(len(race.taken)),
        "of": float(len(steady)),
        "of the configuration's pace, ×": median_ratio(taken[str(AS_IT_IS)], taken[str(chosen)]),
        "of a plain loop's pace, ×": median_ratio(taken["plain"], taken[str(chosen)]),
        "speed test, s": float(answer["seconds"]),
    }
    ratio = statistics.median(ratios)
    return Figure(f"{example.name}: {chosen}", ratio, "×", 1.0, at_least=True, reference=f"the fastest of those, {best}", ratio=ratio, details=details)


def speed_test(sandbox: Sandbox, file: Path, changes: Sequence[str]) -> dict[str, Any]:
    """The answer of `gradtop speed --json`, and the `seconds` that it trained."""
    command = [str(GRADTOP), "speed", str(file), *changes, "--name", "choice", "--json"]
    told = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **sandbox.env})
    shown = subprocess.run([str(GRADTOP), "show", "choice", "--json"], check=True, capture_output=True, text=True, env={**os.environ, **sandbox.env})
    answer: dict[str, Any] = json.loads(told.stdout)
    return answer | {"seconds": json.loads(shown.stdout)["status"]["seconds"]}


def combinations(settings: Settings) -> list[Combination]:
    """Each of the values that were tried of each setting, or the configuration's, with each of the others."""
    values: dict[str, list[object]] = {}
    for key, value in (item for each in settings for item in each["changes"].items()):
        if value not in values.setdefault(key, []):
            values[key].append(value)
    keys = list(values)
    every = product(*([None, *values[key]] for key in keys))
    return [Combination({key: value for key, value in zip(keys, each, strict=True) if value is not None}) for each in every]


def moves_loss_little(combination: Combination, settings: Settings) -> bool:
    """Whether none of its settings alone fails or moves the loss by more than the speed test bears."""
    found = [measured_alone(key, value, settings) for key, value in combination.changes.items()]
    return all(each is not None and not each["error"] and (each["loss_moved"] or 0.0) <= LOSS for each in found)


def promising(found: Iterable[Combination], settings: Settings) -> list[Combination]:
    """First those whose settings were fastest alone: the time may not reach all."""

    def guess(combination: Combination) -> float:
        alone = [measured_alone(key, value, settings) for key, value in combination.changes.items()]
        return math.prod(each["speedup"] or 0.0 if each is not None else 0.0 for each in alone)

    return sorted(found, key=guess, reverse=True)


def measured_alone(key: str, value: object, settings: Settings) -> Mapping[str, Any] | None:
    return next((each for each in settings if list(each["changes"].items()) == [(key, value)]), None)


class Trainee:
    """The training with some settings, in turns of so many epochs."""

    def __init__(self, file: Path, changes: Sequence[str], combination: Combination) -> None:
        self._lane = ForkedLane("bare", file, (*changes, *combination.overrides))
        self._lane.epoch()  # compiles, and fills caches

    def turn(self) -> float:
        return mean_epoch(self._lane.epoch)

    def close(self) -> None:
        self._lane.close()


def mean_epoch(epoch: Callable[[], float]) -> float:
    taken = [epoch()]
    while sum(taken) < TURN:
        taken.append(epoch())
    return statistics.fmean(taken)


def beside(file: Path, changes: Sequence[str], settings: Iterable[Combination]) -> dict[str, list[float]]:
    """Seconds of an epoch in each turn with these settings and of the plain loop."""
    with ExitStack() as stack:
        ways: dict[str, Callable[[], float]] = {}
        for setting in settings:
            trainee = Trainee(file, changes, setting)
            stack.callback(trainee.close)
            ways[str(setting)] = trainee.turn
        lane = Lane(("plain",), file, changes, dict(os.environ))
        stack.callback(lane.close)
        lane.epoch("plain")
        ways["plain"] = partial(mean_epoch, partial(lane.epoch, "plain"))
        begin = time.monotonic()
        taken = in_turns(ways, LEAST)
        while len(taken["plain"]) < MOST and time.monotonic() - begin < FINAL:
            for name, more in in_turns(ways, 2).items():
                taken[name] += more
        return taken
