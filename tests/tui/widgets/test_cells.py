from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style

from gradtop.tui.widgets.cells import Cells, spans

STYLES = [Style(), Style(bold=True), Style(dim=True), Style(italic=True)]
TEXT = st.text(alphabet=st.sampled_from("abc é模🙂e\u0301\u200b─"), max_size=30)


def row(width: int, *pieces: tuple[int, str, int]) -> Cells:
    cells = Cells(width)
    for x, text, tone in pieces:
        cells.put(x, text, tone)
    return cells


@given(st.integers(0, 40), st.lists(st.tuples(st.integers(-10, 45), TEXT, st.integers(0, 3)), max_size=5))
def test_a_row_is_always_as_wide_as_it_is(width: int, pieces: list[tuple[int, str, int]]) -> None:
    cells = row(width, *pieces)
    assert len(cells.text) == len(cells.tones) == width
    strip = cells.strip(STYLES)
    assert strip.cell_length == width


@given(st.lists(st.tuples(st.integers(0, 30), TEXT, st.integers(0, 3)), max_size=4), st.lists(st.tuples(st.integers(0, 30), TEXT, st.integers(0, 3)), max_size=4))
def test_painting_the_spans_alone_turns_the_old_row_into_the_new_one(before: list[tuple[int, str, int]], after: list[tuple[int, str, int]]) -> None:
    old, new = row(30, *before), row(30, *after)
    painted = old.copy()
    for start, end in spans(old, new):
        assert 0 <= start < end <= 30
        painted.text[start:end], painted.tones[start:end] = new.text[start:end], new.tones[start:end]
    assert painted == new


def test_equal_rows_have_no_spans_and_near_ones_are_one() -> None:
    old = row(40, (0, "step 1 204", 0), (30, "live", 1))
    assert spans(old, old.copy()) == []
    assert spans(old, row(40, (0, "step 1 205", 0), (30, "live", 1))) == [(9, 10)]
    assert spans(old, row(40, (0, "stop 1 205", 0), (30, "live", 1))) == [(2, 3), (9, 10)]
    assert spans(old, row(40, (0, "step 2 205", 0), (30, "live", 1))) == [(5, 10)]
    assert spans(old, row(40, (0, "step 1 204", 0), (30, "live", 2))) == [(30, 34)]


def test_a_span_cuts_no_wide_character_in_half() -> None:
    old, new = row(10, (0, "模型", 0)), row(10, (1, "模", 0))
    for start, end in spans(old, new):
        assert old.text[start]
        assert new.text[start]
        assert end == 10 or (old.text[end] and new.text[end])


def test_text_is_cut_at_both_ends() -> None:
    assert "".join(row(5, (-2, "abcdefghij", 0)).text) == "cdefg"
    assert "".join(row(3, (2, "模", 0)).text) == "   "
    assert cell_len("".join(row(4, (0, "e\u0301e\u0301", 0)).text)) == 4
