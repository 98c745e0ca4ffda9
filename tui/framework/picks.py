"""The metrics that somebody put on the Overview, remembered by name; and how a metric is drawn."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gradtop.trainer.analysis import formatting
from gradtop.trainer.record.streams.registry import LR
from gradtop.tui.widgets.chart import Curve

if TYPE_CHECKING:
    from gradtop.tui.app import GradtopApp
    from gradtop.tui.reading.metrics import MetricCurve
    from gradtop.tui.ui_state import UiState

MOST = 6
KEY = "charts.picked"


def kept_picks(memory: UiState) -> tuple[str, ...]:
    """Their names, in the order in which they were picked."""
    try:
        names = json.loads(memory.get(KEY) or "[]")
    except (ValueError, RecursionError):
        return ()
    return tuple(dict.fromkeys(name for name in names if isinstance(name, str)))[:MOST] if isinstance(names, list) else ()


def keep_picks(app: GradtopApp, names: Sequence[str]) -> str:
    """Remember these; returns why not, "" where they are."""
    if len(names) > MOST:
        return f"the Overview has room for {MOST} more charts; take one away first"
    app.remember(KEY, json.dumps(list(names)))
    return ""


def metric_line(curve: MetricCurve) -> Curve:
    """A metric as the one line of a chart; an amount of memory is given in its own units."""
    text = formatting.size(curve.last) if curve.unit == "B" and curve.last is not None else None
    return Curve("", curve.series, "a", value=curve.last, text=text)


def baseline_note(value: float | None) -> list[tuple[str, float]]:
    """What stands beside the newest value of a metric that a constant prediction has, too."""
    return [] if value is None else [("baseline", value)]


def axis_of(curve: MetricCurve) -> bool | None:
    """Whether a metric is drawn over decades: by what its data span, but that a schedule is read on a linear axis."""
    return False if curve.name == LR else None
