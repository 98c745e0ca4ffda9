"""Metrics that only one run measures, as columns of `evals`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import pytest

from gradtop.trainer.analysis.look_up import evals_of
from gradtop.trainer.analysis.newest import recorded_since
from gradtop.trainer.config import ConfigProblems
from gradtop.trainer.config.validate import validate
from gradtop.trainer.metrics import FURTHER, MOST_OWN, metric_of
from gradtop.trainer.record import Run, Status, StreamReader, StreamWriter, new_run
from gradtop.trainer.record.streams.registry import EVALS, STEPS
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.tasks.kinds.auto import AutoTask
from gradtop.trainer.tasks.task import Score
from gradtop.trainer.training.evaluation_stream import EvaluationStream


def score(loss: float, **further: float) -> Score:
    return Score(loss, further=further)


def written(run: Run, *scores: Score, first_step: int = 1, newest: Score | None = None) -> None:
    writer = StreamWriter(run)
    stream = EvaluationStream(writer, first_step=first_step, newest=newest)
    for number, each in enumerate(scores):
        stream.record(first_step + number, 1, each)
    writer.close()


def read(run: Run, *names: str) -> list[tuple[float, ...]]:
    reader = StreamReader(run, EVALS)
    reader.refresh()
    return [tuple(record.get(name, math.nan) for name in names) for record in reader.tail(99)]


def test_what_only_one_evaluation_measures_is_a_column_of_all_from_there_on(tmp_path: Path) -> None:
    run = new_run(tmp_path, "", {})
    written(run, score(0.5), score(0.4, recon=2.0), score(0.3, kl=7.0, f1=0.25))
    assert read(run, "step", "loss") == [(1, 0.5), (2, 0.4), (3, 0.3)]
    assert str(read(run, "recon", "kl", "f1")) == str([(math.nan, math.nan, math.nan), (2.0, math.nan, math.nan), (math.nan, 7.0, 0.25)])
    assert evals_of(run) == {"val_loss": 0.3, "recon": 2.0, "kl": 7.0, "f1": 0.25}


def test_a_resume_goes_on_with_the_columns_of_the_newest_evaluation(tmp_path: Path) -> None:
    run = new_run(tmp_path, "", {})
    written(run, score(0.5, recon=3.0), score(0.4, recon=2.0), score(0.3, recon=1.0))
    written(run, score(0.25, recon=1.5), first_step=3, newest=score(0.4, recon=2.0))
    assert read(run, "step", "recon") == [(1, 3.0), (2, 2.0), (3, 1.5)]
    reader = StreamReader(run, EVALS)
    reader.refresh()
    assert [column.name for column in reader.columns[-1:]] == ["recon"]
    assert len(reader.columns) == 3 + len(FURTHER) + 1
    found = recorded_since(Status(epochs=3, monitor="recon", monitor_mode="min"), reader, StreamReader(run, STEPS))
    assert (dict(found.metrics), found.best, found.val_loss_at_best) == ({"recon": 1.5}, 1.5, 0.25)


@pytest.mark.parametrize("name", ["", "step", "epoch", "val_loss", "a/b", "a b", "1st", "a\nb", "ä", "x" * 61])
def test_a_name_that_no_column_can_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="cannot be the name of a metric"):
        written(new_run(tmp_path, "", {}), score(0.5, **{name: 1.0}))


def test_names_that_change_from_evaluation_to_evaluation_are_refused_in_the_end(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="under different names"):
        written(new_run(tmp_path, "", {}), *(score(0.5, **{f"m{number}": 1.0}) for number in range(MOST_OWN + 1)))


def test_the_title_of_an_own_metric_is_its_name() -> None:
    assert (metric_of("recon_loss").title, metric_of("recon_loss").share) == ("recon loss", False)


@pytest.mark.parametrize(
    ("training", "sentence"),
    [
        ({"monitor": "recon"}, r"training\.monitor_mode: must be min or max where training\.monitor is recon"),
        ({"monitor": "a b", "monitor_mode": "min"}, r"training\.monitor: must be one of loss, .*, not 'a b'"),
        ({"monitor": "recon", "monitor_mode": "min"}, ""),
    ],
)
def test_an_own_metric_can_be_monitored_where_there_may_be_one(monkeypatch: pytest.MonkeyPatch, training: Mapping[str, object], sentence: str) -> None:
    monkeypatch.setattr(AutoTask, "own_metrics", True)
    if not sentence:
        assert validate({"training": training}).training.best.name == "recon"
        return
    with pytest.raises(ConfigProblems, match=sentence):
        validate({"training": training})
