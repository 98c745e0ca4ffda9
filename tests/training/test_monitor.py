"""training.monitor: which evaluation is the best, and that everything that says "best" says of what."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pytest
import torch
from torch.optim.lr_scheduler import ReduceLROnPlateau

from gradtop.trainer.analysis.index import RunIndex, RunsView
from gradtop.trainer.analysis.text import best_text
from gradtop.trainer.checkpoint import format as checkpoint
from gradtop.trainer.checkpoint.sidecar import Saved
from gradtop.trainer.config import ConfigProblems
from gradtop.trainer.config.validate import validate
from gradtop.trainer.metrics import Monitored, monitored
from gradtop.trainer.record import Run, RunReader, RunState, Status, new_run, read_status
from gradtop.trainer.record.status import parse_status, write_status
from gradtop.trainer.tasks.task import Score
from gradtop.trainer.training.scores import Scores, monitored_in
from gradtop.tui.cli.main import main
from tests.training.runs import events, newest_state, rows, stop_and_resume, tiny_run, trained


def test_an_unknown_metric_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigProblems, match=r"training\.monitor: must be one of loss, accuracy, .*did you mean accuracy"):
        validate({"training": {"monitor": "acuracy"}})
    with pytest.raises(ConfigProblems, match=r"training\.monitor: f1 requires labels of samples, and these data have labels of characters"):
        validate({"training": {"monitor": "f1"}, "data": {"kind": "text", "path": "a.txt"}, "model": {"kind": "gpt"}})
    with pytest.raises(ConfigProblems, match=r"training\.monitor: top5_accuracy requires at least 10 classes, and these data have 3"):
        validate({"training": {"monitor": "top5_accuracy"}, "data": {"kind": "fake", "classes": 3}})


def test_the_best_is_that_of_the_monitored_metric_and_the_first_of_equals() -> None:
    scores = Scores(monitored("accuracy"))
    best = [scores.record(Score(loss, accuracy), epoch) for epoch, (loss, accuracy) in enumerate([(0.5, 0.6), (0.4, 0.5), (0.9, 0.8), (0.8, 0.8), (math.nan, 0.9)], 1)]
    assert best == [True, False, True, False, False]
    assert (scores.best_epoch, scores.best_loss_epoch, scores.best_accuracy_epoch, scores.without_better) == (3, 2, 5, 2)
    other = Scores(monitored("accuracy"))
    other.load_state_dict(scores.state_dict())
    assert other == scores
    assert monitored_in(scores.state_dict()) == Monitored("accuracy", "max")


def test_scores_of_before_the_field_are_read_as_of_the_loss() -> None:
    state = {"newest": {"loss": 0.5, "accuracy": 0.7}, "best": {"loss": 0.4, "accuracy": 0.6}, "best_epoch": 2, "best_accuracy": 0.7, "to_beat": 0.4, "without_better": 1}
    scores = Scores()
    scores.load_state_dict(state)
    assert (scores.best_loss, scores.best_loss_epoch, monitored_in(state)) == (0.4, 2, Monitored())
    status = parse_status({"best_val_loss": 0.4, "best_epoch": 2, "accuracy_at_best": 0.6})
    assert (status.best, status.val_loss_at_best, status.monitor, best_text(status)) == (0.4, 0.4, "loss", "val loss 0.4 (epoch 2)")


def test_the_direction_can_be_set() -> None:
    assert (monitored("f1").mode, monitored("f1", "min").mode, monitored("loss", "auto").mode) == ("max", "min", "min")
    assert monitored("accuracy").rank(0.9) < monitored("accuracy").rank(0.8) < monitored("accuracy").rank(math.nan) == math.inf


def test_the_best_checkpoint_of_the_metric_is_never_pruned(tmp_path: Path) -> None:
    folder = tmp_path / "run" / "checkpoints"
    folder.mkdir(parents=True)
    for step, (loss, accuracy) in enumerate([(0.5, 0.6), (0.9, 0.8), (0.1, 0.5), (0.2, 0.7)], 1):
        saved = Saved(step, step, loss, accuracy, monitor="accuracy", monitor_mode="max", score=accuracy)
        checkpoint.save(folder, {"step": step}, saved)
    checkpoint.prune(folder, 1)
    assert checkpoint.saved_steps(folder) == [2, 4]
    assert [each.best for each in RunReader(Run(tmp_path / "run")).checkpoints()] == [True, False]


def test_a_run_by_its_accuracy_says_so_wherever_it_says_best(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tiny_run(tmp_path, 'monitor = "accuracy"\nearly_stopping = 3', epochs=12)
    trained(run)
    status, evals = read_status(run), rows(run, "evals", "epoch", "loss", "accuracy")
    best = max(evals, key=lambda row: row[3])
    assert (status.monitor, status.best, status.best_epoch, status.val_loss_at_best) == ("accuracy", best[3], best[1], best[2])
    assert status.best_val_loss == min(row[2] for row in evals)
    assert [event["epoch"] for event in events(run, "epoch") if event["best"]][-1] == best[1]
    assert {event["monitor"] for event in events(run, "epoch")} == {"accuracy"}
    (kept,) = [each for each in RunReader(run).checkpoints() if each.best]
    assert (kept.step, kept.score) == (best[0], best[3])
    assert newest_state(run)["scores"]["monitored"] == ["accuracy", "max"]
    assert (status.epoch - best[1], status.stopped_early) == (3, 3)  # the seed's: it would be 12 otherwise

    runs, printed = ["--runs", str(tmp_path)], {}
    for command in ("ls", "show", "watch", "lineage"):
        capsys.readouterr()
        assert main([command, *runs, *([run.id] if command != "ls" else [])]) == 0
        printed[command] = capsys.readouterr().out
    assert " acc  " in printed["ls"]
    assert f"accuracy {best[3]:.4f}" in printed["lineage"]
    assert "best best" not in printed["watch"]
    assert f"best accuracy {best[3]:.4f}" in printed["watch"]
    assert "no higher accuracy in 3 evaluations" in printed["show"]
    main(["ls", *runs, "--json"])
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["monitor"], found["monitor_mode"], found["best"], found["val_loss_at_best"]) == ("accuracy", "max", best[3], best[2])


def test_runs_of_different_metrics_are_not_ranked_against_each_other(tmp_path: Path) -> None:
    for number, (metric, mode, best) in enumerate([("accuracy", "max", 0.7), ("loss", "min", 0.8), ("accuracy", "max", 0.9), ("loss", "min", 0.1)]):
        run = new_run(tmp_path, "", {})
        write_status(run, Status()._replace(state=RunState.DONE, started=float(number), monitor=metric, monitor_mode=mode, best=best))
    index = RunIndex(tmp_path)
    index.refresh()
    assert [row.status.best for row in index.rows(RunsView(sort="best"))] == [0.1, 0.8, 0.9, 0.7]


def test_the_accuracy_in_training_is_that_of_the_steps_whose_number_says_so(tmp_path: Path) -> None:
    whole, parted = tiny_run(tmp_path / "a", epochs=3), tiny_run(tmp_path / "b", epochs=3)
    trained(whole)
    stop_and_resume(parted, 6, 9)
    found = rows(whole, "steps", "train_accuracy")
    assert [step for step, value in found if not math.isnan(value)] == [4, 8, 12, 16, 20, 24]
    measured = [value for _, value in found if not math.isnan(value)]
    assert all(0 <= value <= 1 for value in measured)
    means = [event["accuracy"] for event in events(whole, "epoch")]
    assert means == [sum(pair) / 2 for pair in zip(measured[::2], measured[1::2], strict=True)]
    assert means == [event["accuracy"] for event in events(parted, "epoch")]


def test_a_plateau_lowers_the_learning_rate_by_what_is_monitored(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, 'monitor = "accuracy"', "[optimizer]\nlr = 0.01", '[schedule]\nkind = "plateau"\npatience = 0\nfactor = 0.5', epochs=8)
    session = trained(run)
    judged = {name: [value for _, value in rows(run, "evals", name)] for name in ("accuracy", "loss")}
    rates = [lr for step, lr in rows(run, "steps", "lr") if step % session.per_epoch == 1]

    def by_torch(values: Sequence[float], mode: Literal["min", "max"]) -> list[float]:
        optimizer = torch.optim.SGD([torch.zeros(1)], 0.01)
        plateau, found = ReduceLROnPlateau(optimizer, mode, factor=0.5, patience=0), []
        for value in values:
            found.append(optimizer.param_groups[0]["lr"])
            plateau.step(value)
        return found

    assert rates == pytest.approx(by_torch(judged["accuracy"], "max"))
    assert rates != pytest.approx(by_torch(judged["loss"], "min")), "no run that can tell"
