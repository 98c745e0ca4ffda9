"""The range test as the worker does it: what it records, obeys and leaves alone."""

from __future__ import annotations

import functools
import itertools
import math
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from gradtop.trainer.analysis.event_text import event_line
from gradtop.trainer.analysis.formatting import number
from gradtop.trainer.checkpoint import format as checkpoint
from gradtop.trainer.config import load_config, parse_config
from gradtop.trainer.config.problems import ConfigProblems
from gradtop.trainer.job import find_job
from gradtop.trainer.jobs.lr_range.result import suggestions
from gradtop.trainer.jobs.lr_range.suggest import suggest
from gradtop.trainer.jobs.lr_range.work import NO_CHANGE, NO_CHECKPOINT
from gradtop.trainer.launch import create_run
from gradtop.trainer.record import Run, RunReader, RunState, read_status, send, wait_for_answer
from gradtop.trainer.runtime.worker import work
from gradtop.tui.cli import show
from tests.support import wait_until
from tests.training.runs import TINY, SignalAtLook, events, rows, tiny_run


def range_run(folder: Path, *changes: str, sections: str = "", checkpoint: Path | None = None) -> Run:
    config = parse_config(TINY.format(epochs=2) + sections, overrides=changes, job="lr_range")
    return create_run(folder, config, checkpoint=checkpoint)


def curve(run: Run) -> list[tuple[float, ...]]:
    return rows(run, "lr_range", "lr", "loss", "smoothed")


def state_of(path: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = checkpoint.load(path)["model"]
    return state


def test_a_test_records_its_curve_and_suggests_what_the_curve_says(tmp_path: Path) -> None:
    run = range_run(tmp_path, "lr_range.steps=60", "lr_range.start=1e-6", "lr_range.end=1", "lr_range.smoothing=0.9")
    assert work(run) == 0
    status, found = read_status(run), curve(run)
    assert (status.state, status.step, status.steps, status.error) == (RunState.DONE, len(found), 60, "")
    lrs = [row[1] for row in found]
    assert lrs[0] == pytest.approx(1e-6)
    assert [b / a for a, b in itertools.pairwise(lrs)] == pytest.approx([1e6 ** (1 / 59)] * (len(lrs) - 1))
    wanted = {each.method: each.lr for each in suggest(lrs, [row[3] for row in found], 60)}
    assert status.result == {"suggestions": wanted, "diverged_at": None}
    assert set(wanted) == {"valley", "steep", "minimum", "slide"}
    (event,) = events(run, "lr_range")
    assert event["suggestions"] == wanted


def test_it_trains_as_the_training_would(tmp_path: Path) -> None:
    """At a constant learning rate the losses are those of a training with that one, step by step."""
    changes = ("optimizer.kind=sgd", "optimizer.lr=0.1", "training.clip=0.5", "training.accumulate=2")
    test = range_run(tmp_path, *changes, "lr_range.start=0.09999999", "lr_range.end=0.1", "lr_range.steps=12", "lr_range.smoothing=0")
    assert work(test) == 0
    config = parse_config(TINY.format(epochs=3), overrides=[*changes, "schedule.kind=constant"])
    training = create_run(tmp_path, config)
    assert work(training) == 0
    assert [row[2] for row in curve(test)] == pytest.approx([row[1] for row in rows(training, "steps", "loss")][:12], rel=1e-5)


@pytest.mark.parametrize(("scale", "skips_all"), [(2.0**26, False), (2.0**120, True)])
def test_steps_that_overflow_in_fp16_are_counted_and_a_test_of_nothing_else_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scale: float, skips_all: bool
) -> None:
    monkeypatch.setattr(torch.amp, "GradScaler", functools.partial(torch.amp.GradScaler, init_scale=scale))
    run = range_run(tmp_path, "training.precision=fp16", "lr_range.steps=20", "lr_range.start=1e-6", "lr_range.end=1e-3")

    assert work(run) == int(skips_all)

    status, reader = read_status(run), RunReader(run)
    reader.refresh()
    assert status.error.startswith("nothing was learned: in each of the 20 steps") == skips_all
    assert 0 < status.skipped_steps <= 20
    assert dict(show.lines(reader))["skipped"].startswith(f"the gradient scaler skipped {status.skipped_steps} of 20 steps")


def test_it_ends_when_the_loss_diverges(tmp_path: Path) -> None:
    run = range_run(tmp_path, "optimizer.kind=sgd", "lr_range.start=1e-3", "lr_range.end=1e6", "lr_range.steps=200")
    assert work(run) == 0
    status, found = read_status(run), curve(run)
    assert status.state is RunState.DONE
    assert len(found) < 200
    smoothed = [row[3] for row in found]
    best = math.inf
    for value in smoothed[:-1]:
        best = min(best, value)
        assert value <= 4 * best
    assert not smoothed[-1] <= 4 * min(best, smoothed[-1])
    assert status.result["diverged_at"] == found[-1][1]


def test_a_loss_that_is_not_finite_ends_it_and_is_no_failure(tmp_path: Path) -> None:
    run = range_run(tmp_path, "optimizer.kind=sgd", "lr_range.start=1e20", "lr_range.end=1e30", "lr_range.divergence=1e30")
    assert work(run) == 0
    assert read_status(run).state is RunState.DONE
    assert not math.isfinite(curve(run)[-1][2])
    assert read_status(run).result["diverged_at"] == curve(run)[-1][1]


def test_of_a_checkpoint_it_takes_the_weights_and_leaves_the_run_as_it_was(tmp_path: Path) -> None:
    trained = tiny_run(tmp_path, epochs=4)
    assert work(trained) == 0
    newest = RunReader(trained).checkpoints()[-1].path
    before = {path: path.read_bytes() for path in sorted(trained.path.rglob("*")) if path.is_file()}
    fresh, warm = range_run(tmp_path), range_run(tmp_path, checkpoint=newest)
    assert [work(run) for run in (fresh, warm)] == [0, 0]
    assert curve(warm)[0][2] < curve(fresh)[0][2]
    assert "all weights of the checkpoint of step" in str(events(warm, "init")[0]["message"])
    assert {path: path.read_bytes() for path in sorted(trained.path.rglob("*")) if path.is_file()} == before
    assert state_of(warm.origin).keys() == state_of(newest).keys()
    assert not list(warm.checkpoints.iterdir())


def test_the_same_seed_gives_the_same_curve(tmp_path: Path) -> None:
    found = []
    for _ in range(2):
        run = range_run(tmp_path, "lr_range.steps=20")
        assert work(run) == 0
        found.append([row[1:] for row in curve(run)])
    assert found[0] == found[1]


def test_stopped_by_a_signal_it_says_what_it_has_found(tmp_path: Path) -> None:
    run = range_run(tmp_path, "lr_range.steps=100", "lr_range.end=1e-3")
    assert work(run, signals=SignalAtLook(60)) == 0
    status = read_status(run)
    assert status.state is RunState.STOPPED
    assert 0 < status.step < 100
    found = curve(run)
    assert suggestions(status) == {each.method: each.lr for each in suggest([row[1] for row in found], [row[3] for row in found], 100)}
    assert len(found) == status.step


@contextmanager
def working(run: Run) -> Iterator[threading.Thread]:
    """A worker in a thread of its own; whatever happens it is stopped."""
    thread = threading.Thread(target=work, args=(run,))
    thread.start()
    try:
        wait_until(lambda: read_status(run).step > 0, why="the first step")
        yield thread
    finally:
        send(run, "kill")
        thread.join(60)
    assert not thread.is_alive()


def ask(run: Run, command: str, **arguments: object) -> tuple[bool, str]:
    answer = wait_for_answer(run, send(run, command, **arguments), 30)
    assert answer is not None
    return bool(answer["ok"]), str(answer.get("reason") or "")


def test_it_pauses_and_stops_and_refuses_checkpoints_and_changes(tmp_path: Path) -> None:
    run = range_run(tmp_path, "lr_range.steps=100000", "lr_range.end=1e-3")
    with working(run) as thread:
        assert ask(run, "pause")[0]
        wait_until(lambda: read_status(run).state is RunState.PAUSED, why="the pause")
        assert ask(run, "checkpoint") == (False, NO_CHECKPOINT)
        assert ask(run, "set", changes={"optimizer.lr": 1e-3}) == (False, NO_CHANGE)
        step = read_status(run).step
        assert ask(run, "continue")[0]
        wait_until(lambda: read_status(run).step > step, why="a step after the pause")
        assert ask(run, "stop")[0]
        thread.join(60)
    assert read_status(run).state is RunState.STOPPED
    assert event_line(events(run, "command")[-1]).text.endswith(f"stopping after step {number(read_status(run).step)}")


def test_killed_it_ends_at_once(tmp_path: Path) -> None:
    run = range_run(tmp_path, "lr_range.steps=100000", "lr_range.end=1e-3")
    with working(run) as thread:
        assert ask(run, "kill")[0]
        thread.join(60)
    assert read_status(run).state is RunState.STOPPED


def test_it_cannot_be_resumed(tmp_path: Path) -> None:
    run = range_run(tmp_path)
    assert work(run, resume=True) == 1
    assert read_status(run).error == f"a learning-rate range test cannot be resumed; start it again: gradtop rerun {run.id}"


def test_its_settings_stand_in_its_run_toml_and_those_of_a_file_count(tmp_path: Path) -> None:
    run = range_run(tmp_path, "lr_range.start=1e-5", sections="[lr_range]\nsteps = 30\nend = 2.0\n")
    config = load_config(run.config)
    assert config.job == "lr_range"
    assert [getattr(config.part("lr_range"), name) for name in ("start", "end", "steps")] == [1e-5, 2.0, 30]
    # As a training the same file is a configuration without them.
    assert load_config(run.config, job="train") == parse_config(TINY.format(epochs=2))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("steps = 3", "lr_range.steps: must be an integer ≥ 10, not 3"),
        ("start = 1.0\nend = 0.1", "lr_range.end: must be above lr_range.start, which is 1; it is 0.1"),
        ("stepz = 30", "lr_range.stepz: unknown key; did you mean steps"),
        ("divergence = true", "lr_range.divergence: must be a number > 1"),
    ],
)
def test_wrong_settings_are_told_with_their_place(text: str, said: str) -> None:
    with pytest.raises(ConfigProblems, match=said) as wrong:
        parse_config(f'job = "lr_range"\n[lr_range]\n{text}\n', source="mine.toml")
    assert "mine.toml:" in str(wrong.value)


def test_what_show_says_of_it(tmp_path: Path) -> None:
    run = range_run(tmp_path, "lr_range.steps=60", "lr_range.start=1e-6", "lr_range.end=1", "lr_range.smoothing=0.9")
    assert work(run) == 0
    reader = RunReader(run)
    reader.refresh()
    job = find_job("lr_range")
    assert dict(job.result.lines(reader))["suggestions"].startswith("valley ")
    record = job.result.record(reader)
    assert record["suggestions"] == reader.status.result["suggestions"]
    assert record["curve"] == {name: [row[place] for row in curve(run)] for place, name in enumerate(("lr", "loss", "smoothed"), 1)}
    assert re.fullmatch(r"lr [\de.-]{1,7}", job.result.headline(reader.status))
