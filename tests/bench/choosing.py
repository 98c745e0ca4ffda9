"""The settings that a speed test chooses, beside the fastest of all combinations of what it tries, and a plain loop of PyTorch."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import product
from typing import Any

from gradtop.trainer.config.text import to_text
from gradtop.trainer.launch.worker_environment import worker_environment
from tests.bench.figure import Figure, in_turns, median_ratio
from tests.bench.lane import Lane
from tests.bench.sandbox import GRADTOP, Sandbox, sandboxed
from tests.bench.training import CONFIGS, EXAMPLES, Example

TRIED = 5  # epochs of each combination, after one that compiles and fills caches
FINAL = 15  # epochs of the fastest few, in turns
FINALISTS = 3
LOSS = 0.05  # as the speed test does: of a combination that moves the loss by more the pace does not count

Changes = Mapping[str, object]


def measure() -> Iterator[Figure]:
    for example in EXAMPLES:
        yield figure(example)


def figure(example: Example) -> Figure:
    changes = ("training.epochs=1000", "training.device=cpu", *example.changes)
    with sandboxed() as sandbox:
        answer = speed_test(sandbox, example, changes)
    chosen, tried = answer["chosen"], [each["changes"] for each in answer["settings"]]
    steady = [each for each in combinations(tried) if moves_loss_little(each, answer["settings"])]
    times = {index: alone(example, changes, each) for index, each in enumerate(steady)}
    fastest = [steady[index] for index in sorted(times, key=lambda index: times[index])[:FINALISTS]]
    taken = beside(example, changes, [chosen, *(each for each in fastest if each != chosen)])
    best = min((name for name in taken if name != "plain"), key=lambda name: statistics.median(taken[name]))
    ratio = median_ratio(taken[best], taken[words(chosen)])
    details = {
        "combinations": float(len(steady)),
        "of the configuration's pace, ×": median_ratio(taken[words({})], taken[words(chosen)]),
        "of a plain loop's pace, ×": median_ratio(taken["plain"], taken[words(chosen)]),
        "speed test, s": float(answer["seconds"]),
    }
    return Figure(f"{example.name}: {words(chosen)}", ratio, "×", 1.0, at_least=True, reference=f"the fastest of all, {best}", ratio=ratio, details=details)


def speed_test(sandbox: Sandbox, example: Example, changes: Sequence[str]) -> dict[str, Any]:
    """The answer of `gradtop speed --json`, and the `seconds` that it trained."""
    command = [str(GRADTOP), "speed", str(CONFIGS / example.file), *changes, "--name", "choice", "--json"]
    told = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **sandbox.env})
    shown = subprocess.run([str(GRADTOP), "show", "choice", "--json"], check=True, capture_output=True, text=True, env={**os.environ, **sandbox.env})
    answer: dict[str, Any] = json.loads(told.stdout)
    return answer | {"seconds": json.loads(shown.stdout)["status"]["seconds"]}


def combinations(tried: Sequence[Changes]) -> list[Changes]:
    """Each of the values that were tried of each setting, or the configuration's, with each of the others."""
    values: dict[str, list[object]] = {}
    for key, value in (item for changes in tried for item in changes.items()):
        if value not in values.setdefault(key, []):
            values[key].append(value)
    keys = list(values)
    every = product(*([None, *values[key]] for key in keys))
    return [{key: value for key, value in zip(keys, each, strict=True) if value is not None} for each in every]


def moves_loss_little(changes: Changes, settings: Sequence[Mapping[str, Any]]) -> bool:
    """Whether none of its settings alone fails or moves the loss by more than the speed test bears."""
    alone = {(key, to_text(value)): each for each in settings if len(each["changes"]) == 1 for key, value in each["changes"].items()}
    found = [alone.get((key, to_text(value))) for key, value in changes.items()]
    return all(each is not None and not each["error"] and (each["loss_moved"] or 0.0) <= LOSS for each in found)


def alone(example: Example, changes: Sequence[str], setting: Changes) -> float:
    """Seconds of an epoch: the least of a few, as other load only adds to them."""
    lane = Lane(("bare",), CONFIGS / example.file, (*changes, *overrides(setting)), worker_environment())
    try:
        lane.epoch("bare")
        return min(lane.epoch("bare") for _ in range(TRIED))
    finally:
        lane.close()


def beside(example: Example, changes: Sequence[str], settings: Sequence[Changes]) -> dict[str, list[float]]:
    """Seconds of each epoch of these settings, of the configuration as it is, and of the plain loop, in turns."""
    with ExitStack() as stack:

        def lane(way: str, setting: Changes, env: Mapping[str, str]) -> partial[float]:
            made = Lane((way,), CONFIGS / example.file, (*changes, *overrides(setting)), env)
            stack.callback(made.close)
            return partial(made.epoch, way)

        ways = {words(setting): lane("bare", setting, worker_environment()) for setting in ({}, *settings)}
        ways["plain"] = lane("plain", {}, dict(os.environ))
        in_turns(ways, 1)
        return in_turns(ways, FINAL)


def overrides(setting: Changes) -> list[str]:
    return [f"{key}={to_text(value)}" for key, value in setting.items()]


def words(setting: Changes) -> str:
    return ", ".join(f"{key.rpartition('.')[2]} {to_text(value)}" for key, value in setting.items()) or "as configured"
