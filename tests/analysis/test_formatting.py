from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from gradtop.trainer.analysis import formatting
from gradtop.tui import format

FLOATS = st.floats(allow_nan=True, allow_infinity=True, width=64)
NUMBERS = FLOATS | st.integers(-(10**18), 10**18)


@given(NUMBERS)
def test_every_number_has_words_and_none_raises(value: float) -> None:
    whats = (formatting.number, formatting.significant, formatting.scientific, formatting.si, formatting.percent, formatting.duration, formatting.age, formatting.size)
    for what in (*whats, formatting.power_of_ten):
        text = what(value)
        assert text
        assert "e+" not in text
        assert "e-0" not in text


@given(st.floats(-1.7e308, 1.7e308))
def test_what_is_shown_is_the_value_to_its_digits(value: float) -> None:
    shown = float(formatting.significant(value).replace(formatting.THIN, ""))
    assert shown == pytest.approx(value, rel=0.06 if abs(value) < 0.01 or abs(value) >= 1e6 else 0.006, abs=1e-322)
    assert float(formatting.scientific(value)) == pytest.approx(value, rel=0.06, abs=1e-322)


@given(st.floats(0.01, 999_999))
def test_a_number_on_the_chart_takes_at_most_seven_cells(value: float) -> None:
    assert len(formatting.significant(value)) <= 7


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.11298, "0.113"), (0.12998, "0.130"), (0.1, "0.1"), (12.34, "12.3"), (1234.4, "1\u202f234"), (9.1e-4, "9.1e-4"), (3e-4, "3e-4"),
        (1e12, "1e12"), (0.9996, "0.9996"), (0.9999, "0.9999"), (-0.99996, "-0.9999"), (1 - 1e-9, "0.9999"), (1.0004, "1.00"), (999.7, "1\u202f000"), (-0.5, "-0.5"), (0, "0"), (math.nan, "nan"), (-math.inf, "-inf"), (0.01, "0.01"),
    ],
)  # fmt: skip
def test_significant_digits(value: float, text: str) -> None:
    assert formatting.significant(value) == text


@pytest.mark.parametrize(("value", "text"), [(12_412, "12.4k"), (999.4, "999"), (999_600, "1M"), (1.2e6, "1.2M"), (3, "3")])
def test_letters_for_thousands(value: float, text: str) -> None:
    assert formatting.si(value) == text


@pytest.mark.parametrize(
    ("share", "text"), [(0.234, "23 %"), (0.0, "0 %"), (1e-9, "< 1 %"), (1.0, "100 %"), (0.9999, "> 99 %"), (0.994, "99 %"), (1.004, "100 %"), (math.nan, "–")]
)
def test_a_share_that_is_not_zero_never_reads_as_zero(share: float, text: str) -> None:
    assert formatting.percent(share) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(41, "0:41"), (59.6, "1:00"), (723, "12:03"), (7500, "2:05:00"), (273_600, "3 d 4 h"), (-1, "–"), (math.inf, "–")]
)
def test_durations(seconds: float, text: str) -> None:
    assert formatting.duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0.2 s ago"), (41, "41 s ago"), (720, "12 min ago"), (11_000, "3 h ago"), (432_000, "5 d ago"), (-5, "0.0 s ago")]
)
def test_ages(seconds: float, text: str) -> None:
    assert formatting.age(seconds) == text


@pytest.mark.parametrize(("count", "text"), [(512, "512 B"), (1331, "1.3 KiB"), (125_608, "123 KiB"), (46_758_048, "44.6 MiB"), (1023, "1.0 KiB")])
def test_amounts_of_memory(count: float, text: str) -> None:
    assert formatting.size(count) == text


@given(st.text(max_size=200), st.integers(-2, 60), st.sampled_from(["start", "end"]))
def test_a_cut_text_never_takes_more_cells_than_there_are(text: str, width: int, keep: str) -> None:
    cut = format.ellipsis(text, width, keep=keep)
    assert cell_len(cut) <= max(0, width)
    assert cut == text or width <= 0 or "…" in cut or len(text) > 4 * width + 8


def test_the_end_of_a_dotted_name_is_kept() -> None:
    assert format.ellipsis("block1.conv.weight", 12, keep="end") == "…conv.weight"
    assert format.ellipsis("模型模型模型", 5) == "模型…"


@pytest.mark.parametrize(("done", "whole", "text"), [(0, 10, "0 %"), (1999, 2000, "99 %"), (10, 10, "100 %"), (31, 20, "100 %"), (3, 0, "–")])
def test_progress_is_complete_at_the_end_alone_and_never_above(done: int, whole: int, text: str) -> None:
    assert formatting.progress(done, whole) == text


@pytest.mark.parametrize(("value", "digits", "text"), [(0.98891, 4, "0.9889"), (0.99996, 4, "0.9999"), (0.996, 2, "0.99"), (1.0, 4, "1.0000"), (1.00004, 4, "1.0000"), (-1.0, 4, "-1.0000")])
def test_a_share_under_1_never_reads_as_1(value: float, digits: int, text: str) -> None:
    assert formatting.share(value, digits) == text
