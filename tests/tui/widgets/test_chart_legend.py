from __future__ import annotations

import math

from gradtop.tui.widgets.chart import Chart, Curve
from gradtop.tui.widgets.chart_legend import alike
from gradtop.tui.widgets.chart_renderer import ChartRenderer
from gradtop.tui.widgets.chart_styles import TONE
from tests.tui.widgets.charting import curve, picture


def test_the_newest_value_is_what_the_legend_shows() -> None:
    found = picture(Curve("train", curve([3.0, 2.0, 0.11298])), Curve("val", curve([4.0, 0.131, math.nan]), "b"))
    assert found.read == ("train 0.113", "val 0.131")


def test_the_legend_has_one_precision_and_lies_where_no_line_runs() -> None:
    assert alike([1.97, 0.7491, None]) == ["1.970", "0.749", ""]
    assert alike([9e-4, 1e-8]) == ["9e-4", "1e-8"]
    assert alike([0.98]) == ["0.98"]
    assert alike([0.9997, 0.5]) == ["0.9997", "0.5000"]
    assert alike([0.99996, 0.5]) == ["0.9999", "0.5000"]
    assert alike([0.9996, 1.0]) == ["0.9996", "1.0000"]
    full = curve([0.0, 1.0] * 100)
    for values in ([2.0 - i / 100 for i in range(200)], [i / 100 for i in range(200)], full.mean):
        bare = picture(Curve("", curve(values)), width=60, height=12, x_max=199.0)
        found = picture(Curve("train", curve(values)), width=60, height=12, x_max=199.0)
        words = [y for y, row in enumerate(found.rows) if "train" in "".join(row.text)]
        assert len(words) == 1
        if words[0] != 0 or values is not full.mean:
            assert found.rows[words[0]].tones.count(TONE["a"]) - len("train") == bare.rows[words[0]].tones.count(TONE["a"])
        else:
            assert "┤" not in found.rows[0].text
            assert "│" not in found.rows[0].text


def test_a_legend_without_a_free_corner_takes_the_rows_that_it_needs_and_leaves_the_plot_some() -> None:
    full = curve([0.0, 1.0] * 100)
    lines = (Curve("train (mixed images)", full), Curve("val", full, "b", best=(199.0, 1.0), best_label="at best val loss"))
    notes = (("baseline", 0.1014),)

    def said(height: int, cursor: float | None = None) -> list[str]:
        found = picture(*lines, width=60, height=height, cursor=cursor, notes=notes, x_max=199.0)
        assert found.plot_height + found.plot_top == height - 1
        return ["".join(row.text).strip() for row in found.rows[: found.plot_top]]

    first, second = said(12)
    assert "train (mixed images) 1.000" in first
    assert "val 1.000" in first
    assert "◆ at best val loss 1.000" in second
    assert second.endswith("baseline 0.101")
    assert len(said(8)) == 2
    assert len(said(7)) == len(said(5)) == 1
    assert not said(4)
    assert len(said(12, cursor=10.0)) == 1


def test_the_legend_above_the_plot_keeps_its_rows_while_the_cursor_moves() -> None:
    full = curve([0.0, 1.0] * 100)
    chart = Chart((Curve("train (mixed images)", full), Curve("val", full, "b", best=(199.0, 1.0))), notes=(("baseline of a constant", "0.1"),), x_max=199.0)
    found = ChartRenderer()
    tops = []
    for cursor in (None, 100.0, 199.0, None):
        found.cursor = cursor
        found.draw(chart, 60, 12)
        tops.append(found.plot_top)
    assert tops == [2, 2, 2, 2]
