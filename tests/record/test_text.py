"""Text of a run cannot steer a terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradtop.trainer.record import clean

ANY = st.text(st.characters(exclude_categories=()) | st.sampled_from("\x1b[]m;\x07\x9b\n\r\t\\PX^_"))


@given(ANY, st.booleans())
def test_nothing_that_acts_is_left(text: str, keep: bool) -> None:
    found = clean(text, keep_newlines=keep)
    for char in found.replace("\n", "" if keep else "\n"):
        assert unicodedata.category(char) not in {"Cc", "Cs"}
        assert unicodedata.bidirectional(char) not in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    found.encode()


@given(st.text(st.characters(categories=("L", "N", "P", "S", "Zs"))))
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert clean(text) == text


@given(ANY)
def test_what_is_clean_stays_so(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]8;;http://x\x07link\x1b]8;;\x07", "link"),
        ("\x1b]52;c;aGVsbG8=\x1b\\x", "x"),
        ("\x1bPq#0\x1b\\after", "after"),
        ("\x9b31mred", "red"),
        ("\x1b", ""),
        ("\x1b[", ""),
        ("\x1b]0;never closed\nnext", " next"),
        ("a\r\nb\rc\nd\te", "a b c d e"),
        ("\x1b\x1b[31m[2J", "[2J"),
    ],
)
def test_escape_sequences_go_with_what_they_carry(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_long_text_is_cut_with_an_ellipsis() -> None:
    assert clean("x" * 10_000, 10) == "x" * 9 + "…"
    assert clean("x" * 10, 10) == "x" * 10
    assert clean("a\nb", keep_newlines=True) == "a\nb"
