"""What commands and screens say of runs without an accuracy."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from gradtop.trainer.analysis.event_text import described
from gradtop.trainer.record import Run
from gradtop.tui.cli import output
from gradtop.tui.cli.main import main
from tests.training.runs import events
from tests.tui.piloting import piloted


@pytest.fixture(autouse=True)
def unicode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradtop.tui.terminal.original_environment", lambda: {"TERM": "xterm-256color", "LANG": "C.UTF-8"})
    output.environment.cache_clear()


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What a command prints."""

    def said(*words: object) -> str:
        assert main([str(word) for word in words]) == 0
        return capsys.readouterr().out

    return said


def test_show_tells_the_metrics_of_a_regression_beside_their_baselines(regression: Run, said: Callable[..., str]) -> None:
    lines = {line.split()[0]: line for line in said("show", regression.path).splitlines() if line.strip()}
    assert "R² " in lines["validation"]
    assert lines["validation"].count("(baseline") == 4  # of the loss, R², MAE and RMSE
    assert "MAE" in lines["validation"]
    assert "accuracy" not in lines["validation"] + lines["best"]
    assert "R² " in lines["best"]
    assert "classes" not in lines


def test_ls_lists_the_score_of_a_regression_under_its_name(regression: Run, said: Callable[..., str]) -> None:
    title, line = said("ls", "--runs", regression.path.parent).splitlines()
    assert "R²" in title.split()
    assert "accuracy" not in title.split()
    assert "R²" not in line
    (record,) = json.loads(said("ls", "--json", "--runs", regression.path.parent))
    assert (record["headline"], record["val_accuracy"]) == ("r2", None)
    assert set(record["baselines"]) == {"loss", "r2", "mae", "rmse"}


def test_an_epoch_of_a_regression_is_told_by_its_r2(regression: Run) -> None:
    text, _ = described(events(regression, "epoch")[-1])
    assert "R² " in text
    assert "accuracy" not in text


def test_show_tells_the_iou_of_each_class(segmentation: Run, said: Callable[..., str]) -> None:
    lines = {line.split()[0]: line for line in said("show", segmentation.path).splitlines() if line.strip()}
    assert re.search(r"lowest IoU \S+: [01]", lines["classes"])
    assert "mean IoU" in lines["best"]


async def test_the_overview_draws_the_r2_and_says_the_baseline(tmp_path: Path, regression: Run) -> None:
    async with piloted(tmp_path, regression) as screen:
        await screen.shows(" R² ")
        await screen.shows("baseline")


async def test_the_page_of_classes_lists_the_iou_of_pixels(tmp_path: Path, segmentation: Run) -> None:
    async with piloted(tmp_path, segmentation) as screen:
        await screen.press("C")
        await screen.shows("lowest IoU first")
        await screen.shows("mean IoU ")


async def test_the_page_of_classes_says_why_a_regression_has_none(tmp_path: Path, regression: Run) -> None:
    async with piloted(tmp_path, regression) as screen:
        await screen.press("C")
        await screen.shows("not counted")


async def test_the_page_of_all_metrics_takes_no_accuracy_for_one_that_is_not_finite(tmp_path: Path, regression: Run) -> None:
    async with piloted(tmp_path, regression) as screen:
        await screen.press("M")
        await screen.shows("all metrics")
        await screen.press("slash", *"accuracy", "enter")
        await screen.shows("train_accuracy")
        assert "not one finite value" not in screen.shown()
