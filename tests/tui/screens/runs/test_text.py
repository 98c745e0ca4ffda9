from __future__ import annotations

import pytest

from gradtop.trainer.metrics import METRICS
from gradtop.trainer.record import Status
from gradtop.tui.screens.runs.columns import BEST
from gradtop.tui.screens.runs.text import best


def said(metric: str, value: float | None) -> str:
    return "".join(text for text, _tone in best(Status(monitor=metric, monitor_mode="max", best=value)))


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [("loss", 0.1234, "0.123"), ("accuracy", 0.98123, ".981 acc"), ("accuracy", 1.0, "1 acc"), ("f1", 0.9, "0.9 F1"), ("loss", None, "–")],
)
def test_the_best_value_has_the_name_of_its_metric_unless_that_is_the_loss(metric: str, value: float | None, text: str) -> None:
    assert said(metric, value) == text


def test_every_metric_has_room_in_its_column() -> None:
    assert all(len(said(name, 0.98123)) <= BEST for name in METRICS)
