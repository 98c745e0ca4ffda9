from __future__ import annotations

from pathlib import Path

import pytest

from gradtop.tui.screen_client.relay import ANSWERS, EQUAL, FRAME, HOLDS, LONGEST, LOW, OPENS, RETRY, Weight


@pytest.fixture
def group(tmp_path: Path) -> Path:
    file = tmp_path / "autogroup"
    file.write_bytes(b"")
    return file


def nice(group: Path) -> int:
    return int(group.read_bytes() or b"0")


def opened(group: Path) -> Weight:
    """Of a screen that has opened soon, at 0.1 s."""
    weight = Weight(str(group), 0.0)
    weight.settle(0.0)
    weight.answer(0.1, FRAME)
    return weight


def test_a_screen_that_opens_and_answers_soon_takes_what_is_left(group: Path) -> None:
    weight = opened(group)
    assert (nice(group), weight.settle(0.2)) == (LOW, None)
    group.write_bytes(b"")

    weight.ask(3.0)
    assert weight.settle(3.0) == pytest.approx(ANSWERS)
    weight.answer(3.0 + ANSWERS / 2, 10)

    assert weight.settle(3.0 + ANSWERS) is None
    assert group.read_bytes() == b"", "written although nothing changed"


def test_one_that_does_not_open_soon_weighs_as_much_as_others_until_it_has(group: Path) -> None:
    weight = Weight(str(group), 0.0)
    weight.settle(0.0)
    weight.answer(0.1, FRAME - 1)  # what it sets in the terminal before it draws

    weight.settle(OPENS)
    assert nice(group) == EQUAL
    weight.answer(OPENS + 0.3, FRAME)
    weight.settle(OPENS + 0.3 + HOLDS / 2)
    assert nice(group) == EQUAL
    weight.settle(OPENS + 0.3 + HOLDS)
    assert nice(group) == LOW


def test_a_key_that_is_not_answered_soon_is_helped(group: Path) -> None:
    weight = opened(group)
    weight.settle(0.2)

    weight.ask(3.0)
    weight.ask(3.0 + ANSWERS / 2)  # it repeats: the first one waits
    weight.settle(3.0 + ANSWERS)
    assert nice(group) == EQUAL
    weight.answer(3.2, 10)
    assert weight.settle(3.2) == pytest.approx(HOLDS)
    weight.settle(3.2 + HOLDS)
    assert nice(group) == LOW


def test_a_key_that_does_nothing_does_not_help_for_ever_and_the_next_one_is_waited_for_anew(group: Path) -> None:
    weight = opened(group)
    weight.ask(3.0)
    weight.settle(3.0 + ANSWERS)
    weight.settle(3.0 + ANSWERS + LONGEST)
    assert nice(group) == LOW

    weight.ask(9.0)
    assert weight.settle(9.0) == pytest.approx(ANSWERS)
    weight.settle(9.0 + ANSWERS)
    assert nice(group) == EQUAL


def test_a_change_that_comes_too_soon_for_the_kernel_is_made_later(group: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise BlockingIOError

    weight = Weight(str(group), 0.0)
    with monkeypatch.context() as patch:
        patch.setattr("os.write", refuse)
        assert weight.settle(0.0) == pytest.approx(RETRY)
    assert weight.settle(RETRY / 2) == pytest.approx(RETRY / 2), "tried again before its time"
    weight.settle(RETRY)
    assert nice(group) == LOW


def test_where_the_kernel_has_no_such_groups_nothing_is_waited_for(tmp_path: Path) -> None:
    weight = Weight(str(tmp_path / "missing"), 0.0)
    assert weight.settle(0.0) is None
    weight.ask(1.0)
    assert weight.settle(2.0) is None
