"""What a model costs, against references: a clock of our own, the file system, zlib."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from gradtop.trainer.inference.cost import LEAST_ROUNDS, WARM_CALLS, file_sizes, latency, saved_sizes


class Clock:
    """Time passes only in the calls."""

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: list[str] = []

    def __call__(self) -> float:
        return self.now

    def forward(self, name: str, seconds: Callable[[int], float]) -> Callable[[], object]:
        def called() -> None:
            self.calls.append(name)
            self.now += seconds(self.calls.count(name))
            assert not torch.is_grad_enabled()

        return called


def test_the_median_is_that_of_warm_calls() -> None:
    clock = Clock()
    # The first calls are slow, and one of those that are timed.
    slow = clock.forward("slow", lambda call: 5.0 if call <= WARM_CALLS or call == WARM_CALLS + 2 else 0.5)
    fast = clock.forward("fast", lambda call: 0.25)
    found = latency({"slow": slow, "fast": fast}, seconds=0.1, clock=clock)
    assert found == {"slow": 0.5, "fast": 0.25}


def test_turns_that_waited_for_the_processor_do_not_count_even_where_most_did() -> None:
    clock = Clock()
    held_up = {"one": lambda call: 0.002 * (50 if call % 3 else 1), "other": lambda call: 0.003 * (40 if call % 5 > 1 else 1)}
    found = latency({name: clock.forward(name, seconds) for name, seconds in held_up.items()}, seconds=0.1, clock=clock)
    assert found == {"one": pytest.approx(0.002), "other": pytest.approx(0.003)}


def test_a_time_that_one_half_of_the_turns_contradicts_is_not_known() -> None:
    clock = Clock()
    found = latency({"crowded": clock.forward("crowded", lambda call: 1.0 if call == WARM_CALLS + 1 else 10.0 + call), "other": clock.forward("other", lambda call: 0.5)}, seconds=0.1, clock=clock)
    assert math.isnan(found["crowded"])
    assert found["other"] == 0.5


def test_they_take_turns_and_each_round_begins_with_another() -> None:
    clock = Clock()
    names = ("a", "b", "c")
    latency({name: clock.forward(name, lambda call: 1.0) for name in names}, seconds=0.1, clock=clock)
    timed = "".join(clock.calls[len(names) * WARM_CALLS :])
    assert timed == "abcbcacababcbca"[: len(names) * LEAST_ROUNDS]


def test_a_short_call_is_repeated_within_a_turn_and_told_by_itself() -> None:
    clock = Clock()
    found = latency({"short": clock.forward("short", lambda call: 1e-4)}, seconds=0.1, clock=clock)
    assert found["short"] == pytest.approx(1e-4)
    assert len(clock.calls) > 900  # as often as it takes for the seconds that were asked for


def test_nothing_to_time_takes_no_time() -> None:
    assert latency({}) == {}


def test_sizes_are_those_of_the_file_and_of_zlib(tmp_path: Path) -> None:
    state = {"weight": torch.randn(300, 100, generator=torch.Generator().manual_seed(0)), "zeros": torch.zeros(1000, 100)}
    path = tmp_path / "weights.pt"
    torch.save(state, path)
    size, compressed = file_sizes(path)
    assert size == path.stat().st_size
    assert compressed == pytest.approx(len(zlib.compress(path.read_bytes(), 6)), rel=1e-3)
    assert compressed < 0.35 * size  # the zeros
    # Within the archive the name of the file is written, too.
    for counted, of_file in zip(saved_sizes(state), (size, compressed), strict=True):
        assert counted == pytest.approx(of_file, abs=400)


def test_a_model_of_torch_is_timed() -> None:
    model, inputs, clock = nn.Linear(4, 2), torch.zeros(3, 4), Clock()
    tick = clock.forward("linear", lambda call: 0.002)
    found = latency({"linear": lambda: (model(inputs), tick())}, seconds=0.01, clock=clock)
    assert found == {"linear": pytest.approx(0.002)}


def test_another_load_on_the_machine_makes_it_take_longer_and_not_fewer_rounds() -> None:
    alone, crowded = Clock(), Clock()
    # Of the second, every tenth call waits for the processor.
    forwards = {alone: alone.forward("one", lambda call: 0.002), crowded: crowded.forward("one", lambda call: 0.012 if call % 10 == 0 else 0.002)}
    for clock, forward in forwards.items():
        assert latency({"one": forward}, seconds=0.2, clock=clock) == {"one": pytest.approx(0.002)}
    assert len(crowded.calls) >= 0.9 * len(alone.calls)
    stalled = Clock()
    latency({"one": stalled.forward("one", lambda call: 0.002 if call == 1 else 1.0)}, seconds=0.2, clock=stalled)
    assert len(stalled.calls) <= WARM_CALLS + LEAST_ROUNDS
