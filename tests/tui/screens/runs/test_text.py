from __future__ import annotations

import pytest

from gradtop.trainer.analysis.metric_columns import MetricColumn, best_cell, best_column, score_cell, score_column
from gradtop.trainer.metrics import METRICS
from gradtop.trainer.record import Status
from gradtop.tui.screens.runs.columns import shown_columns

CLASSES = Status(best=0.131, val_loss_at_best=0.131, accuracy_at_best=0.98123)
BY_ACCURACY = Status(monitor="accuracy", monitor_mode="max", best=0.98123, accuracy_at_best=0.98123)
MASKS = Status(headline="mean_iou", best=0.42, metrics_at_best={"mean_iou": 0.674})
TEXT = Status(best=2.52, accuracy_at_best=0.295, tokens_per_sample=64, metrics_at_best={"perplexity": 12.4})
OWN = Status(headline="unexplained", monitor="unexplained", best=0.139, metrics_at_best={"unexplained": 0.139})


@pytest.mark.parametrize(
    ("runs", "best", "score", "cells"),
    [
        ((CLASSES, Status()), "best loss", "accuracy", ("0.131", "0.9812")),
        ((BY_ACCURACY,), "best acc", "accuracy", ("0.9812", "0.9812")),
        ((MASKS,), "best loss", "mean IoU", ("0.42", "0.6740")),
        ((TEXT,), "best loss", "perplexity", ("2.52", "12.4")),
        ((TEXT, CLASSES), "best loss", "score", ("2.52", "12.4 ppl")),
        ((OWN,), "best unexplained", "unexplained", ("0.139", "0.139")),
        ((MASKS, OWN, CLASSES), "best", "score", ("0.42 loss", "0.6740 IoU")),
        ((OWN, CLASSES), "best", "score", ("0.139 unexplained", "0.139 unexplained")),
        ((Status(),), "best", "accuracy", ("–", "–")),
    ],
)
def test_a_list_says_of_what_the_best_value_and_the_score_are_in_the_title_or_in_each_cell(runs: tuple[Status, ...], best: str, score: str, cells: tuple[str, str]) -> None:
    found, beside = best_column(runs), score_column(runs)
    assert (found.title, beside.title) == (best, score)
    assert (best_cell(runs[0], named=found.named), score_cell(runs[0], named=beside.named)) == cells


@pytest.mark.parametrize("value", [0.98123, 0.99996, 1.0, 0.0])
def test_every_metric_has_room_in_its_column(value: float) -> None:
    runs = [CLASSES._replace(monitor=name, best=value, headline=name, metrics_at_best={name: value}) for name in (*METRICS, "unexplained", "x" * 60)]
    metrics = {"best": best_column(runs), "accuracy": score_column(runs)}
    names, columns = shown_columns(("best", "accuracy"), metrics=metrics)
    for name, column, cell in zip(names, columns[2:], (best_cell, score_cell), strict=True):
        assert all(len(cell(run, named=metrics[name].named)) <= column.least == column.width for run in runs)
    alone: MetricColumn = best_column(runs[1:2])
    assert shown_columns(("best",), metrics={"best": alone})[1][2].name == "best acc"
