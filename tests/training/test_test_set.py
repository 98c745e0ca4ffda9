"""A held-out test set: evaluated once, at the end, by the best weights, and looked at by nothing before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from gradtop.trainer.analysis.event_text import described
from gradtop.trainer.config import Config, parse_config
from gradtop.trainer.data.dataset import Source
from gradtop.trainer.data.held_out import has_held_out, with_held_out
from gradtop.trainer.data.load import load_data
from gradtop.trainer.inference.evaluation import evaluate_checkpoint
from gradtop.trainer.launch.forks import find_checkpoint
from gradtop.trainer.record import Run, RunState, new_run, read_status
from gradtop.trainer.runtime.worker import work
from gradtop.tui.cli.main import main
from tests.tasks.support import task_run
from tests.training.runs import events

CPU = torch.device("cpu")


def finished(run: Run) -> Run:
    assert work(run) == 0, read_status(run).error
    return run


def kinds(run: Run) -> list[str]:
    return [json.loads(line)["kind"] for line in run.events.read_text().splitlines()]


@pytest.fixture(scope="module")
def tested(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Whose best evaluation is not its last, as early stopping ends it."""
    return finished(task_run(tmp_path_factory.mktemp("tested"), 'kind = "classification"', "three_sets", epochs=40, training='monitor = "f1"\nearly_stopping = 2'))


def test_the_test_set_is_evaluated_once_by_the_best_weights(tested: Run) -> None:
    (event,) = events(tested, "test")
    status, best = read_status(tested), find_checkpoint(tested, "best")
    assert (event["step"], event["best"], event["samples"]) == (best.step, True, 25)
    assert status.stopped_early
    assert status.test_step == best.step < status.step
    assert event["metrics"] == status.test
    assert kinds(tested)[-2:] == ["test", "end"]
    found = evaluate_checkpoint(tested, best.path, data="test")
    assert found["metrics"] == pytest.approx(status.test)
    assert found["baselines"] == pytest.approx(status.test_baselines)
    assert (found["samples"], found["recorded"]) == (25, None)


def test_the_sentence_of_the_event_has_figures_and_baseline(tested: Run) -> None:
    (event,) = events(tested, "test")
    text, _ = described(event)
    assert text.startswith(f"test set of 25 samples, by the best checkpoint, step {event['step']}: loss ")
    assert "accuracy " in text
    assert ", F1 " in text
    assert "balanced" not in text
    assert text.count("(baseline ") == 3  # of the loss, the accuracy and F1


def test_show_and_ls_and_eval_tell_of_it(tested: Run, capsys: pytest.CaptureFixture[str]) -> None:
    def said(*words: object) -> str:
        assert main([str(word) for word in words]) == 0
        return capsys.readouterr().out

    (line,) = [line for line in said("show", tested.path).splitlines() if line.split()[:1] == ["test"]]
    assert "accuracy" in line
    (row,) = json.loads(said("ls", "--runs", tested.path.parent, "--json"))
    assert row["test"] == pytest.approx(read_status(tested).test)


def test_a_kill_before_the_end_has_it_evaluated_again(tmp_path: Path) -> None:
    run = finished(task_run(tmp_path, 'kind = "classification"', "three_sets", epochs=2))
    before = read_status(run).test
    # As a kill in the evaluation leaves the run.
    lines = run.events.read_text().splitlines(keepends=True)
    run.events.write_text("".join(line for line in lines if json.loads(line)["kind"] not in {"test", "end"}))
    status = json.loads(run.status.read_text())
    run.status.write_text(json.dumps({**status, "state": "training", "test": {}, "pid": 0, "ended": 0.0}))
    assert work(run, resume=True) == 0
    assert read_status(run).state is RunState.DONE
    assert read_status(run).test == before
    assert len(events(run, "test")) == 1


def test_a_test_set_that_cannot_be_used_costs_its_figures_alone(tmp_path: Path) -> None:
    run = finished(task_run(tmp_path, 'kind = "classification"', "three_sets", arguments="spoilt = true", epochs=1))
    assert read_status(run).state is RunState.DONE
    assert not read_status(run).test
    (said,) = [event["message"] for event in events(run, "warning") if "test set" in event["message"]]
    assert said.startswith("the test set was not evaluated: data.target: tests.tasks.data:three_sets: the test set has the label ")


@pytest.mark.parametrize("one_by_one", ["false", "true"])
def test_a_third_set_of_custom_data_takes_the_place_of_the_validation_set(one_by_one: str) -> None:
    config = parse_config(f'[data]\nkind = "custom"\ntarget = "tests.tasks.data:three_sets"\narguments = {{ one_by_one = {one_by_one} }}')
    source = loaded(config)
    found = with_held_out(source)
    assert found is not None
    assert sum(len(labels) for _, labels in found.validation(7, CPU)) == 25
    assert sum(len(labels) for _, labels in source.validation(7, CPU)) == 12


def test_a_share_of_the_digits_is_held_out_of_training() -> None:
    whole, source = loaded(parse_config("")), loaded(parse_config("[data]\ntest = 0.2"))
    found = with_held_out(source)
    assert found is not None
    assert not has_held_out(whole)
    training, test = ({bytes(image.numpy().tobytes()) for image in images} for images in (source.train_images, found.val_images))  # type: ignore[attr-defined]
    assert len(test) == round(1437 * 0.2)
    assert not training & test
    assert parse_config("[data]\ntest = 0.2").data.shape.samples == len(source.labels)  # type: ignore[arg-type]
    assert torch.bincount(found.val_labels).min() >= 25  # type: ignore[attr-defined]
    assert torch.equal(source.val_images, whole.val_images)  # type: ignore[attr-defined]


def loaded(config: Config) -> Source:
    return load_data(config.data, seed=0, wanted=config.task.wanted)


def test_a_trial_of_a_search_does_not_choose_by_it(tmp_path: Path) -> None:
    run = new_run(tmp_path, '[model]\nkind = "mlp"\nhidden = [4]\n[data]\ntest = 0.1\n[training]\nepochs = 1\ndevice = "cpu"\n', {"search": "other"})
    finished(run)
    assert not events(run, "test")
    assert not read_status(run).test
