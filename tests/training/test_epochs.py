"""What is said of epochs, evaluations and an early end: in the event, in the status, and by all that read them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gradtop.trainer.analysis.text import best_text, stopped_early_text
from gradtop.trainer.record import Run, RunState, Status, read_status
from gradtop.trainer.runtime.worker import work
from gradtop.tui.cli.main import main
from gradtop.tui.framework.header import first_line
from gradtop.tui.reading.facts import WatchedRun
from tests.training.live_changes import train_with
from tests.training.runs import SignalAtLook, events, rows, tiny_run, trained

# Steps too small to change a weight: the first evaluation stays the best.
STILL = '[optimizer]\nkind = "sgd"\nlr = 1e-30\nmomentum = 0.0'


def check_epochs(run: Run, ends: list[int]) -> None:
    """The event of each epoch tells what its own steps were recorded with."""
    steps, first = rows(run, "steps", "loss", "lr"), 1
    said = events(run, "epoch")
    assert [event["step"] for event in said] == ends
    assert [event["epoch"] for event in said] == [row[1] for row in rows(run, "evals", "epoch")] == list(range(1, len(ends) + 1))
    for event in said:
        own = [row for row in steps if first <= row[0] <= int(str(event["step"]))]
        assert event["loss"] == pytest.approx(sum(row[1] for row in own) / len(own), rel=1e-12)
        assert (event["lr"], event["epochs"]) == (own[-1][2], len(ends))
        first = int(str(event["step"])) + 1


def test_the_event_of_an_epoch_has_the_mean_loss_and_the_last_learning_rate_of_its_own_steps(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, "steps = 19", '[schedule]\nkind = "cosine"')
    assert work(run, signals=SignalAtLook(11)) == 0  # within the second epoch
    assert work(run, resume=True) == 0
    check_epochs(run, [8, 16, 19])
    assert (read_status(run).epoch, read_status(run).epochs) == (3, 3)


def test_an_early_end_is_said_wherever_the_run_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tiny_run(tmp_path, "early_stopping = 2", STILL, epochs=9)
    assert work(run) == 0
    status = read_status(run)
    assert (status.epoch, status.epochs, status.step, status.steps, status.stopped_early) == (3, 9, 24, 72, 2)
    sentence = "stopped early at epoch 3 of 9: no lower val loss in 2 evaluations"

    runs, printed = ["--runs", str(tmp_path)], {}
    for command in ("ls", "show", "watch", "lineage"):
        capsys.readouterr()
        assert main([command, *runs, *([run.id] if command != "ls" else [])]) == 0
        printed[command] = capsys.readouterr().out
    assert [command for command, text in printed.items() if sentence not in text] == []
    assert "done early" in printed["ls"]
    main(["ls", *runs, "--json"])
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["stopped_early"], found["best_epoch"], found["accuracy_at_best"]) == (2, 1, status.best_val_accuracy)

    facts = WatchedRun(run).read()
    for width, words in ((140, sentence), (80, "stopped early")):
        line = "".join(text for text, _ in first_line(facts, width))
        assert words in line
        assert "%" not in line
        assert len(line) <= width


@pytest.mark.parametrize(("patience", "end"), [(1, 24), (5, 72)])
def test_a_patience_that_is_shortened_live_counts_from_the_next_evaluation(tmp_path: Path, patience: int, end: int) -> None:
    run = tiny_run(tmp_path, "early_stopping = 8", STILL, epochs=9)
    train_with(run, {18: {"training.early_stopping": patience}} if patience < 5 else {})
    assert read_status(run).step == end
    assert max(step for step, *_ in rows(run, "evals")) == end


def test_a_run_whose_last_step_is_put_behind_it_is_whole_and_leaves_its_last_checkpoint(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, epochs=30)
    train_with(run, {17: {"training.epochs": 1}})
    status = read_status(run)
    assert (status.state, status.step, status.steps, status.epoch, status.epochs) == ("done", 17, 17, 3, 3)
    assert (run.checkpoints / "step-000017.pt").exists()
    at_an_end = tiny_run(tmp_path, epochs=30)
    train_with(at_an_end, {16: {"training.epochs": 1}})
    assert (at_an_end.checkpoints / "step-000016.pt").exists()


def test_the_best_figures_name_their_epochs(tmp_path: Path) -> None:
    status = Status(best=0.04, best_val_loss=0.04, best_epoch=2, best_loss_epoch=2, best_val_accuracy=0.9889, best_accuracy_epoch=4, accuracy_at_best=0.95)
    assert best_text(status) == "val loss 0.04 (epoch 2), accuracy 0.9889 (epoch 4)"
    text = status._replace(tokens_per_sample=64, metrics_at_best={"perplexity": 1.04})
    assert best_text(text) == "val loss 0.04, perplexity 1.04 (epoch 2)"
    assert best_text(Status(best=0.04, best_val_loss=0.04, best_epoch=2, best_loss_epoch=2, best_val_accuracy=0.9, best_accuracy_epoch=2)) == "val loss 0.04, accuracy 0.9000 (epoch 2)"
    assert best_text(Status()) == ""
    assert stopped_early_text(Status(state=RunState.DONE, epoch=4, epochs=30)) == ""

    run = tiny_run(tmp_path, epochs=4)
    trained(run)
    found, evals = read_status(run), rows(run, "evals", "epoch", "loss", "accuracy")
    best = min(evals, key=lambda row: row[2])
    most = max(evals, key=lambda row: row[3])
    assert (found.best_epoch, found.best_val_loss, found.accuracy_at_best) == best[1:]
    assert (found.best_accuracy_epoch, found.best_val_accuracy) == (most[1], most[3])
