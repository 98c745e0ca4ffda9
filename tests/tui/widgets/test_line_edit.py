from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from gradtop.tui.widgets.line_edit import _KEYS, LineEdit


def typed(edit: LineEdit, *keys: str) -> LineEdit:
    for key in keys:
        assert edit.press(key, key if len(key) == 1 else None)
    return edit


def test_typing_into_a_selected_text_replaces_it() -> None:
    edit = typed(LineEdit("1e-3", 4, selected=True), "3", "e", "-", "4")
    assert (edit.text, edit.caret, edit.selected) == ("3e-4", 4, False)


def test_moving_in_a_selected_text_keeps_it() -> None:
    edit = typed(LineEdit("1e-3", 4, selected=True), "left", "backspace", "+")
    assert (edit.text, edit.caret) == ("1e+3", 3)


@pytest.mark.parametrize("key", ["backspace", "delete", "ctrl+w", "ctrl+u", "ctrl+k"])
def test_deleting_in_a_selected_text_deletes_all_of_it(key: str) -> None:
    assert typed(LineEdit("0.9, 0.999", 10, selected=True), key).text == ""


@pytest.mark.parametrize(
    ("keys", "text", "caret"),
    [
        (("backspace",), "16, 3", 5),
        (("home", "delete"), "6, 32", 0),
        (("left", "left", "x"), "16, x32", 5),
        (("ctrl+w",), "16, ", 4),
        (("ctrl+w", "ctrl+w"), "", 0),
        (("ctrl+left", "ctrl+u"), "32", 0),
        (("ctrl+left", "ctrl+k"), "16, ", 4),
        (("home", "ctrl+right", "x"), "16x, 32", 3),
        (("ctrl+a", "ctrl+e", "!"), "16, 32!", 7),
        (("home", "left", "backspace"), "16, 32", 0),
        (("end", "right", "delete"), "16, 32", 6),
    ],
)
def test_the_keys_of_every_shell(keys: tuple[str, ...], text: str, caret: int) -> None:
    edit = typed(LineEdit("16, 32", 6), *keys)
    assert (edit.text, edit.caret) == (text, caret)


def test_keys_that_are_for_others_are_not_taken() -> None:
    edit = LineEdit("1", 1)
    assert not edit.press("ctrl+s", None)
    assert not edit.press("escape", "\x1b")
    assert not edit.press("f1", None)
    assert edit.text == "1"


def test_of_what_is_pasted_one_line_is_taken_without_control_characters() -> None:
    edit = LineEdit("ab", 1)
    edit.insert("1\x1b[31m\t2\nsecond line")
    assert edit.text == "a1[31m2b"


def test_a_long_text_moves_so_that_the_caret_is_seen() -> None:
    edit = LineEdit("0123456789", 10)
    assert edit.view(5) == ("6789", 4)
    edit.home()
    assert edit.view(5) == ("01234", 0)


@given(st.text(max_size=20), st.lists(st.sampled_from([*_KEYS, "a", "1", "漢"]), max_size=30), st.integers(1, 12))
def test_whatever_is_pressed_the_caret_stands_in_the_text_and_is_seen(text: str, keys: list[str], width: int) -> None:
    edit = LineEdit(text, len(text), selected=True)
    for key in keys:
        edit.press(key, key if len(key) == 1 else None)
        assert 0 <= edit.caret <= len(edit.text)
        shown, caret = edit.view(width)
        assert cell_len(shown) <= width
        assert 0 <= caret < width
