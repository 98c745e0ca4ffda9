"""Names in any script keep the rows of a list aligned."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from gradtop.trainer.analysis.index import RunIndex, RunsView
from gradtop.trainer.record import Run
from gradtop.tui.format import ellipsis
from gradtop.tui.screens.runs.columns import USUAL, shown_columns
from gradtop.tui.screens.runs.text import run_cells
from gradtop.tui.widgets.columns import arrange, draw_row
from tests.tui.runs_fixture import Grower

NAMES = ("x" * 200, "実験" * 60, "e\u0301" * 50, "\u05d0\u05d1\u05d2 run", "\u202eabc\u202c", "\u0301lead", "한글" * 30, "a\u200bb", "\x1b[2Jx")  # fmt: skip


@pytest.mark.parametrize("width", [78, 118])
def test_a_row_is_as_wide_as_the_list_and_its_columns_stand_below_each_other(training: tuple[Run, Grower], width: int) -> None:
    index = RunIndex(training[0].path.parent)
    index.refresh()
    row = index.rows(RunsView())[0]
    names, columns = shown_columns(USUAL)
    places = arrange(columns, width)
    for name in NAMES:
        drawn = draw_row(columns, places, run_cells(row._replace(name=name), names, 0.0, watched=False), width)
        assert cell_len("".join(drawn.text)) == width, ascii(name)
        assert cell_len("".join(drawn.text[: places[1].x])) == places[1].x, ascii(name)
        assert drawn.text[places[1].x].strip(), ascii(name)
        assert not set("".join(drawn.text)) & set("\u202e\u202c\u200b\x1b"), ascii(name)


@pytest.mark.parametrize("keep", ["start", "end"])
def test_what_is_cut_fits_and_keeps_accents_on_their_letters(keep: str) -> None:
    for name in NAMES:
        for width in (1, 2, 3, 7, 12):
            assert cell_len(ellipsis(name, width, keep=keep)) <= width
    assert ellipsis("e\u0301" * 50, 4, keep="end") == "…" + "e\u0301" * 3
