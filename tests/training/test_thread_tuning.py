"""Fewer threads where the pace collapses: when, for how long, what is kept, and what is recorded."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from gradtop.trainer.launch.run_config import effective_config
from gradtop.trainer.record import read_status
from gradtop.trainer.runtime.worker import work
from gradtop.trainer.training.session import Session
from gradtop.trainer.training.thread_tuning import (
    EVERY,
    RETRY,
    TRIAL,
    WINDOW,
    ThreadTuner,
    Tuned,
    seconds_waited,
    tune_threads,
)
from tests.training.runs import events, tiny_run, trained

LONG = 2 * WINDOW * EVERY


class Machine:
    """A machine with so many cores, whose pace depends on the threads and on whether others want a core."""

    def __init__(self, cores: int = 2, paces: Callable[[int, bool], float] | None = None, wait: float = 0.5) -> None:
        self.cores, self.now, self.busy, self.crowded = cores, 0.0, False, True
        self.paces = paces or (lambda threads, busy: 10.0 if busy and threads > 1 else 50.0 + 25 * threads)
        self.waited, self.wait = 0.0, wait  # seconds that the threads waited, and in each second while others are busy
        self.setting, self.threads = 0, 0  # training.threads; what was tuned
        self.found: list[Tuned] = []
        self.tuner = ThreadTuner(cores, pace=self.pace, clock=lambda: self.now, waited=lambda: self.waited)

    def pace(self) -> float:
        return self.paces(self.setting or self.threads or self.cores, self.busy)

    def train(self, seconds: float) -> list[Tuned]:
        """What was tuned meanwhile; it is obeyed."""
        found = []
        for _ in range(round(seconds / EVERY)):
            self.now += EVERY
            self.waited += EVERY * self.wait * (self.busy and self.crowded)
            if (tuned := self.tuner.look(self.setting)) is not None:
                assert tuned.before == self.threads
                self.threads = tuned.threads
                found.append(tuned)
        return found


def test_on_a_quiet_machine_nothing_is_tried() -> None:
    assert Machine().train(1000) == []


def test_fewer_threads_are_tried_and_kept_where_they_are_faster() -> None:
    machine = Machine()
    machine.train(LONG)
    machine.busy = True
    trial, kept = machine.train(LONG)
    assert (trial.threads, math.isnan(trial.pace), trial.pace_before) == (1, True, 10.0)
    assert kept == Tuned(1, 1, 75.0, 10.0)


def test_a_short_collapse_is_waited_out() -> None:
    machine = Machine()
    machine.train(LONG)
    machine.busy = True
    assert machine.train(WINDOW * EVERY / 2 - 1) == []
    machine.busy = False
    assert machine.train(LONG) == []


def test_what_brings_nothing_is_taken_back_and_tried_ever_more_seldom() -> None:
    machine = Machine(paces=lambda threads, busy: 10.0 if busy else 100.0)
    machine.train(LONG)
    machine.busy = True
    trial, back = machine.train(LONG)
    assert (trial.threads, back) == (1, Tuned(0, 1, 10.0, 10.0))
    assert len(machine.train(RETRY + TRIAL * EVERY)) == 2
    assert machine.train(RETRY + TRIAL * EVERY) == []


def test_a_slow_pace_while_nobody_wants_the_cores_is_no_matter_of_threads() -> None:
    machine = Machine()
    machine.train(LONG)
    machine.busy, machine.crowded = True, False
    assert machine.train(1000) == []


def test_on_many_cores_the_number_is_halved_as_long_as_that_helps() -> None:
    machine = Machine(16, paces=lambda threads, busy: 800 / threads if busy else 1000.0)
    machine.train(LONG)
    machine.busy = True
    assert [tuned.threads for tuned in machine.train(1.5 * LONG)] == [8, 4, 2, 2]


def test_when_the_others_have_gone_the_default_is_tried_and_taken_again() -> None:
    machine = Machine()
    machine.train(LONG)
    machine.busy = True
    machine.train(LONG)
    machine.busy = False
    trial, kept = machine.train(RETRY + LONG)
    assert (trial.threads, kept.threads, kept.pace) == (0, 0, 100.0)


def test_what_the_user_has_set_is_never_touched() -> None:
    machine = Machine()
    machine.train(LONG)
    machine.busy, machine.setting = True, 2
    assert machine.train(1000) == []


def test_what_was_tuned_before_a_resume_is_tried_against_the_default_again() -> None:
    machine = Machine()
    machine.threads = machine.tuner.chosen = 1
    trial, kept = machine.train(LONG)
    assert (trial.threads, kept.threads, kept.pace) == (0, 0, 100.0)


def test_what_the_user_sets_during_a_trial_stays() -> None:
    machine = Machine(8, paces=lambda threads, busy: 800 / threads if busy else 1000.0)
    machine.train(LONG)
    machine.busy = True
    while not machine.train(EVERY):
        pass
    machine.setting = 3
    machine.tuner.give_way()
    assert machine.train(1000) == []
    machine.setting = machine.threads = 0
    assert [tuned.threads for tuned in machine.train(1.5 * LONG)] == [4, 2, 2]


def test_a_pause_gives_a_trial_its_whole_time() -> None:
    machine = Machine()
    machine.train(LONG)
    machine.busy = True
    while not machine.train(EVERY):
        pass
    machine.now += 30
    assert machine.train((TRIAL - 1) * EVERY) == []
    (kept,) = machine.train(EVERY)
    assert kept.threads == 1


def test_a_run_that_began_on_a_crowded_machine_is_helped_too() -> None:
    machine = Machine(wait=2.0)
    machine.busy = True
    assert [tuned.threads for tuned in machine.train(LONG)] == [1, 1]


def test_the_threads_of_this_process_have_waited_some_time() -> None:
    assert 0 <= seconds_waited() < math.inf


def test_a_thread_that_ends_while_the_others_are_read_hides_nothing_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda folder: iter([folder / "0", *threads(folder)]))  # no thread has the number 0
    assert 0 <= seconds_waited() < math.inf


def test_a_change_is_recorded_at_its_step_and_a_resume_repeats_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    run = tiny_run(tmp_path, epochs=2)
    looks: list[int] = []

    class Tuner:
        chosen = 1

        def look(self, threads: int) -> Tuned | None:
            looks.append(threads)
            return [Tuned(1, 0, math.nan, 7.0), Tuned(1, 1, 60.0, 7.0)][len(looks) - 1] if len(looks) < 3 else None

    def tune(session: Session) -> None:
        assert session.thread_tuner is not None
        session.thread_tuner = Tuner()  # type: ignore[assignment]
        tune_threads(session)
        tune_threads(session)

    try:
        session = trained(run, tune)
        assert (session.config.training.threads, torch.get_num_threads(), read_status(run).threads) == (0, 1, 1)
        tried, kept = events(run, "threads")
        assert (tried["changes"], tried["old"], kept["changes"], kept["pace"]) == ({"training.threads": 1}, {"training.threads": 0}, {}, 60.0)
        # A fork or a rerun, on a machine that may be idle, begins with the default.
        assert read_status(run).changes == {}
        assert effective_config(run).training.threads == 0
        torch.set_num_threads(before)
        resumed: list[tuple[ThreadTuner | None, int]] = []
        monkeypatch.setattr(Session, "begin", lambda session: resumed.append((session.thread_tuner, torch.get_num_threads())))
        work(run, resume=True)
        ((tuner, threads),) = resumed
        assert tuner is not None
        assert (tuner.chosen, threads) == (1, 1)  # what a tuner has set, a tuner may take back
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("settings", ["deterministic = true", ""])
def test_a_run_that_must_repeat_itself_is_not_tuned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: str) -> None:
    if not settings:
        monkeypatch.setenv("OMP_NUM_THREADS", "1")
    before = torch.are_deterministic_algorithms_enabled()
    try:
        assert trained(tiny_run(tmp_path, settings, epochs=1)).thread_tuner is None
    finally:
        torch.use_deterministic_algorithms(before)
