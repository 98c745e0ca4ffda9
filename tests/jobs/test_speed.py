"""Which settings a speed test tries, and which it takes: functions, without a process."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
import torch
from torch import nn

from gradtop.trainer.config import parse_config
from gradtop.trainer.config.problems import ConfigProblems
from gradtop.trainer.jobs.speed.candidates import Changes, Timing, Tournament
from gradtop.trainer.jobs.speed.measure import other_implementations
from gradtop.trainer.jobs.speed.result import describe, headline, read_settings, read_timings, settings_text, told_of
from gradtop.trainer.launch import create_run
from gradtop.trainer.optim.optimizers import OptimizerConfig
from gradtop.trainer.optim.optimizers.adamw import AdamW
from gradtop.trainer.optim.optimizers.muon import Muon
from gradtop.trainer.optim.optimizers.rmsprop import RmsProp
from gradtop.trainer.record import RunReader, RunState, Status, write_status
from tests.tui.speed_fixture import record_timings

CHOICES: Mapping[str, Sequence[object]] = {"threads": [1, 2], "precision": ["bf16"], "channels_last": [True], "compile": [True]}


def played(seconds: Callable[[Changes], float], choices: Mapping[str, Sequence[object]] = CHOICES, *, loss: Callable[[Changes], float] = lambda _: 2.0, begun: Sequence[Timing] = (), most: int = 1000) -> Tournament:
    test = Tournament(choices, rounds=3, gain=0.03, tolerance=0.05)
    for timing in begun:
        test.add(timing)
    while len(test.timings) < most and (trial := test.next()) is not None:
        taken = seconds(trial.changes)
        test.add(Timing(trial.stage, trial.round, trial.changes, taken, 1 / taken, loss(trial.changes), "" if taken > 0 else "does not compile"))
    return test


def pace(factors: Mapping[tuple[str, object], float], noise: random.Random | None = None) -> Callable[[Changes], float]:
    """Seconds of a step where each setting divides them by its factor, within 1 % of noise."""

    def seconds(changes: Changes) -> float:
        factor = math.prod(factors.get(each, 1.0) for each in changes.items())
        return (1 + 0.01 * (noise.random() - 0.5) if noise else 1.0) / factor

    return seconds


@pytest.mark.parametrize("seed", range(12))
def test_what_is_taken_is_as_fast_as_the_best_of_an_exhaustive_trial(seed: int) -> None:
    draw = random.Random(seed)
    factors = {(key, value): draw.choice([0.5, 0.8, 0.95, 1.0, 1.08, 1.2, 2.0]) for key, values in CHOICES.items() for value in values}
    test = played(pace(factors, draw))
    every = [dict(zip(CHOICES, values, strict=True)) for values in itertools.product(*((None, *values) for values in CHOICES.values()))]
    combinations = [{key: value for key, value in each.items() if value is not None} for each in every]
    best = min(map(pace(factors), combinations))
    assert pace(factors)(test.chosen) <= 1.04 * best
    assert len(test.timings) <= len(combinations) * 3
    assert test.speedup(test.chosen or {}) == pytest.approx(1 / pace(factors)(test.chosen), rel=0.05) or not test.chosen


def test_the_measurements_of_a_round_are_taken_in_turns_and_what_is_clearly_slower_once() -> None:
    test = played(pace({("threads", 1): 0.5}), {"threads": [1], "precision": ["bf16"]})
    assert [(each.round, dict(each.changes)) for each in test.timings] == [
        (0, {}), (0, {"threads": 1}), (0, {"precision": "bf16"}), (1, {"precision": "bf16"}), (1, {}), (2, {"precision": "bf16"}), (2, {}),
    ]  # fmt: skip
    assert (test.chosen, test.expected) == ({}, 7)


def test_a_setting_that_fails_is_not_tried_again_and_one_that_moves_the_loss_is_not_taken() -> None:
    def seconds(changes: Changes) -> float:
        return math.nan if "compile" in changes else pace({("precision", "bf16"): 3.0, ("channels_last", True): 1.5})(changes)

    test = played(seconds, loss=lambda changes: 2.2 if "precision" in changes else 2.0)
    assert test.chosen == {"channels_last": True}
    assert [each.error for each in test.timings if "compile" in each.changes] == ["does not compile"]
    assert test.loss_moved({"precision": "bf16"}) == pytest.approx(0.1)
    assert math.isnan(test.speedup({"compile": True}))
    assert played(seconds, loss=lambda changes: math.nan if changes else 2.0).chosen == {}  # a loss that is not finite


def test_taken_up_after_any_measurement_it_ends_as_one_that_was_never_left(tmp_path: Path) -> None:
    seconds = pace({("precision", "bf16"): 1.4, ("threads", 1): 1.2, ("compile", True): 1.1})
    whole = played(seconds)
    assert whole.chosen == {"precision": "bf16", "threads": 1, "compile": True}
    for cut in range(0, len(whole.timings), 3):
        left, run = played(seconds, most=cut), create_run(tmp_path, parse_config("", job="speed"), name=f"cut-{cut}")
        record_timings(run, left)
        write_status(run, Status(result=told_of(left)))
        kept = read_timings(RunReader(run))
        assert len(kept) == cut
        assert played(seconds, begun=kept).timings == whole.timings


def test_what_is_told_names_the_winner_and_survives_nonsense() -> None:
    result = told_of(played(pace({("precision", "bf16"): 1.4})))
    assert headline(Status(result=result)) == "1.40 × faster"
    assert describe({"kind": "speed", **result}) == ("fastest: precision bf16, 1.40 × the configuration", "success")
    assert read_settings(result)[0].changes == {"precision": "bf16"}
    assert headline(Status(state=RunState.DONE, result=told_of(played(pace({}))))) == "as configured"
    assert settings_text({"training.threads": 1, "training.compile": True, "training.tf32": False}) == "threads 1 · compile · no tf32"
    damaged: list[dict[str, object]] = [{"settings": {}}, {"settings": [3, {"changes": []}], "chosen": 4, "speedup": "fast"}]
    for nonsense in damaged:
        assert (read_settings(nonsense), headline(Status(result=nonsense))) == ([], "")


@pytest.mark.parametrize(("words", "said"), [("speed.settings=threads,turbo", "'turbo' is not one of threads"), ("speed.settings=", "at least one"), ("speed.rounds=0", "speed.rounds"), ("speed.gain=1.5", "speed.gain")])
def test_settings_that_cannot_be_are_refused_by_name(words: str, said: str) -> None:
    with pytest.raises(ConfigProblems) as refused:
        parse_config("", overrides=[words], job="speed")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("optimizer", "tried"),
    [
        (AdamW(), ["foreach"]),
        (AdamW(implementation="foreach"), ["fused"]),
        (AdamW(implementation="for_loop"), ["fused", "foreach"]),
        (RmsProp(), ["foreach"]),  # torch has no fused kernel of it
        (Muon(), []),
    ],
    ids=lambda each: "" if isinstance(each, list) else f"{each.kind} {each.implementation}",
)
def test_implementations_of_the_optimizer_are_tried_but_for_the_one_it_has(optimizer: OptimizerConfig, tried: list[str]) -> None:
    assert other_implementations(optimizer, nn.Linear(2, 2), torch.device("cpu")) == tried
