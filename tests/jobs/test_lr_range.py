"""The range test as the worker does it: what it records, obeys and leaves alone."""

from __future__ import annotations

import functools
import itertools
import math
import re
import statistics
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from gradtop.trainer.analysis.event_text import event_line
from gradtop.trainer.analysis.formatting import number
from gradtop.trainer.checkpoint import format as checkpoint
from gradtop.trainer.config import TrainingConfig, load_config, parse_config
from gradtop.trainer.config.problems import ConfigProblems
from gradtop.trainer.job import find_job
from gradtop.trainer.jobs.lr_range import work as lr_range_work
from gradtop.trainer.jobs.lr_range.ranged import RANGED
from gradtop.trainer.jobs.lr_range.result import none_text, spread, suggestions
from gradtop.trainer.jobs.lr_range.suggest import suggest
from gradtop.trainer.jobs.lr_range.work import RangeTest
from gradtop.trainer.launch import create_run
from gradtop.trainer.record import Run, RunReader, RunState, read_status, send, wait_for_answer
from gradtop.trainer.runtime.worker import work
from gradtop.trainer.training.build import TrainingParts
from gradtop.trainer.training.plain_step import update
from gradtop.tui.cli import show
from tests.support import wait_until
from tests.training.runs import TINY, SignalAtLook, events, rows, tiny_run


def range_run(folder: Path, *changes: str, sections: str = "", checkpoint: Path | None = None) -> Run:
    config = parse_config(TINY.format(epochs=2) + sections, overrides=changes, job="lr_range")
    return create_run(folder, config, checkpoint=checkpoint)


def curve(run: Run) -> list[tuple[float, ...]]:
    return rows(run, "lr_range", "lr", "loss", "smoothed", "ranged", "seed")


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
    wanted = {each.method: each.x for each in suggest(lrs, [row[3] for row in found], 60)}
    assert status.result == {"over": "lr", "suggestions": wanted, "falls_at_end": False, "diverged_at": None}
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


@pytest.mark.parametrize("seeds", [1, 2])
def test_of_initial_weights_whose_loss_is_not_finite_nothing_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seeds: int) -> None:
    monkeypatch.setattr(torch.nn.Linear, "forward", lambda self, values: torch.nn.functional.linear(values, self.weight / 0))
    run = range_run(tmp_path, f"lr_range.seeds={seeds}")
    assert work(run) == 1
    assert read_status(run).error.startswith(f"the loss is not finite (nan) at the first step{' of each seed' if seeds > 1 else ''}, before any value of the range has changed the weights")


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


def test_several_seeds_are_tests_of_their_own_whose_medians_count(tmp_path: Path) -> None:
    settings = ("lr_range.steps=40", "lr_range.start=1e-4", "lr_range.end=1", "lr_range.smoothing=0.9")
    run = range_run(tmp_path, *settings, "lr_range.seeds=3")
    assert work(run) == 0
    alone = []
    for seed in (3, 4, 5):  # after that of the configuration
        single = range_run(tmp_path, *settings, f"training.seed={seed}")
        assert work(single) == 0
        alone.append(single)
    found = curve(run)
    for place, (seed, single) in enumerate(zip((3, 4, 5), alone, strict=True)):
        assert [row[1:5] for row in found if row[5] == seed] == [row[1:5] for row in curve(single)]
        assert next(row[0] for row in found if row[5] == seed) == place * 40 + 1
    result, singles = read_status(run).result, [suggestions(read_status(single)) for single in alone]
    assert [each["suggestions"] for each in result["seeds"]] == singles  # type: ignore[attr-defined]
    for method, value in suggestions(read_status(run)).items():
        values = [each[method] for each in singles if method in each]
        assert value == pytest.approx(statistics.median(values) if len(values) == 3 else math.sqrt(math.prod(values)))
        assert spread(result)[method] == (min(values), max(values))
    assert (read_status(run).step, read_status(run).steps) == (80 + len(curve(alone[2])), 120)
    reader = RunReader(run)
    reader.refresh()
    assert dict(find_job("lr_range").result.lines(reader))["suggestions"].endswith("; medians of 3 seeds")


def test_the_images_of_a_further_seed_are_varied_as_in_a_test_of_that_seed_alone(tmp_path: Path) -> None:
    settings = ("lr_range.steps=12", "augment.crop=1")
    both, second = range_run(tmp_path, *settings, "lr_range.seeds=2"), range_run(tmp_path, *settings, "training.seed=4")
    assert [work(run) for run in (both, second)] == [0, 0]
    assert [row[1:] for row in curve(both) if row[5] == 4] == [row[1:] for row in curve(second)]


@pytest.mark.parametrize(
    ("over", "optimizer", "start", "end"),
    [("weight_decay", "adamw", 1e-6, 10.0), ("momentum", "sgd", 0.5, 0.999), ("momentum", "adamw", 0.5, 0.999), ("momentum", "muon", 0.5, 0.999)],
)
def test_weight_decay_and_momentum_grow_in_the_optimizer_at_a_constant_learning_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, over: str, optimizer: str, start: float, end: float
) -> None:
    seen: list[list[dict[str, object]]] = []

    def watched(parts: TrainingParts, training: TrainingConfig) -> bool:
        seen.append([{name: value for name, value in group.items() if name != "params"} for group in parts.optimizer.param_groups])
        return update(parts, training)

    monkeypatch.setattr(lr_range_work, "update", watched)
    run = range_run(tmp_path, f"lr_range.over={over}", f"optimizer.kind={optimizer}", "optimizer.lr=0.01", "lr_range.steps=30")
    assert work(run) == 0

    values = [row[4] for row in curve(run)]
    assert [values[0], values[-1] if len(values) == 30 else end] == pytest.approx([start, end])
    assert {row[1] for row in curve(run)} == {0.01}
    key = "betas" if optimizer == "adamw" and over == "momentum" else over
    for value, groups in zip(values, seen, strict=True):
        for group in groups:
            if key in group and (optimizer != "muon" or "betas" not in group):
                held = group[key][0] if key == "betas" else group[key]  # type: ignore[index]
                assert held == (0.0 if group.get("decays") is False and over == "weight_decay" else value)
    assert any(key in group for group in seen[0])
    assert set(suggestions(read_status(run))) <= {"limit", "minimum"}


def test_of_weight_decay_it_suggests_where_the_loss_is_lowest_if_it_rises_beyond() -> None:
    ranged = RANGED["weight_decay"]
    values = ranged.values(1e-6, 10.0, 100)
    assert values[0] == pytest.approx(1e-6)
    falls_and_rises = [2.5 - index / 40 if index < 60 else 1.0 + (index - 60) / 20 for index in range(100)]
    assert ranged.suggest(values, falls_and_rises, 100) == {"limit": values[60], "minimum": values[60] / 10}
    falls = [2.5 - index / 100 for index in range(100)]
    assert ranged.suggest(values, falls, 100) == {}
    assert [ranged.falls_at_end(values, losses, 100) for losses in (falls, falls_and_rises, falls[::-1], [2.5] * 100)] == [True, False, False, False]


def test_without_a_suggestion_it_says_what_the_loss_did() -> None:
    for falling, said in ((True, "still falls at the end of the range; try a higher weight decay there"), (False, "does not fall beyond its noise")):
        result = {"over": "weight_decay", "suggestions": {}, "falls_at_end": falling}
        assert said in none_text(result)
        assert ("higher" in none_text(result)) is falling


def test_momentum_is_spaced_by_how_it_lengthens_the_steps() -> None:
    ranged = RANGED["momentum"]
    values = ranged.values(0.5, 0.999, 28)
    assert [values[0], values[-1]] == pytest.approx([0.5, 0.999])
    assert [(1 - a) / (1 - b) for a, b in itertools.pairwise(values)] == pytest.approx([500 ** (1 / 27)] * 27)
    falls_and_rises = [3.0 - index / 10 if index < 20 else 1.0 + (index - 20) / 5 for index in range(28)]
    assert ranged.suggest(values, falls_and_rises, 28) == pytest.approx({"limit": values[20], "minimum": 1 - 10 * (1 - values[20])})


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
    assert suggestions(status) == {each.method: each.x for each in suggest([row[1] for row in found], [row[3] for row in found], 100)}
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
        assert ask(run, "checkpoint") == (False, RangeTest.no_checkpoint)
        assert ask(run, "set", changes={"optimizer.lr": 1e-3}) == (False, RangeTest.no_change)
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
    assert read_status(run).error == f"a learning-rate range test cannot be resumed; start it again: gradtop rerun {run.id} --runs {run.path.parent}"


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
        ('over = "momentum"\nend = 1.0', "lr_range.end: must be below 1 where lr_range.over is momentum; it is 1"),
        ('over = "dropout"', 'lr_range.over: must be one of lr, weight_decay, momentum, not "dropout"'),
        ('over = "momentum"\n[optimizer]\nkind = "adagrad"', "lr_range.over: is momentum, which optimizer.kind = adagrad does not have"),
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
    assert record["curve"] == {name: [row[place] for row in curve(run)] for place, name in enumerate(("lr", "loss", "smoothed", "ranged", "seed"), 1)}
    assert re.fullmatch(r"lr [\de.-]{1,7}", job.result.headline(reader.status))
