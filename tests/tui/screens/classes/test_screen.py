from __future__ import annotations

from pathlib import Path

import pytest

from gradtop.trainer.record import Run
from gradtop.trainer.record.classification import BEST, NEWEST, Classification, Worst, text_of
from gradtop.tui.screens.classes.data import ClassesPart, shares
from gradtop.tui.screens.classes.text import class_lines, fits, matrix_lines, title_line
from tests.tui.piloting import piloted
from tests.tui.runs_fixture import fake_run

FOUND = Classification(
    support=(20, 10, 5, 0), predicted=(19, 12, 0, 0), hits=(18, 9, 0, 0), confused=((2, 1, 3), (0, 3, 2), (1, 0, 1), (2, 4, 2)),
    worst=(Worst(7, float("nan"), 2, 4), Worst(31, 5.5, 0, 3)), step=515, epoch=3, names=("cat", "dog", "wombat", "owl"),
)  # fmt: skip


@pytest.fixture
def run(runs: Path) -> Run:
    run = fake_run(runs, steps=600)[0]
    (run.path / NEWEST).write_text(text_of(FOUND))
    (run.path / BEST).write_text(text_of(Classification((1, 1), (1, 1), (1, 1), step=172, epoch=1)))
    return run


async def test_the_page_shows_the_newest_and_the_best_evaluation(tmp_path: Path, run: Run) -> None:
    async with piloted(tmp_path, run) as screen:
        await screen.press("C")
        await screen.shows("epoch 3, the newest")
        await screen.shows("wombat")
        await screen.shows("accuracy 0.7714 · balanced accuracy 0.6000")
        await screen.shows("wombat as none")
        await screen.press("b")
        await screen.shows("epoch 1, the best by val loss")
        await screen.press("escape")
        await screen.until(lambda: screen.mode.mode == "overview", "the Overview")


async def test_a_run_without_classes_says_why(tmp_path: Path, runs: Path) -> None:
    async with piloted(tmp_path, fake_run(runs, steps=600)[0]) as screen:
        await screen.press("C")
        await screen.shows("not counted")


def test_the_title_leaves_whole_metrics_out_where_there_is_no_room() -> None:
    part = ClassesPart(FOUND)
    whole, cut = ("".join(text for text, _ in title_line(part, width)) for width in (120, 60))
    assert whole.startswith(f"{cut} · ")
    assert len(cut) <= 60


def test_the_matrix_is_in_figures_where_they_fit() -> None:
    assert fits(FOUND, 60, 10)
    assert not fits(FOUND, 25, 10)
    lines = ["".join(text for text, _ in line) for line in matrix_lines(FOUND)]
    assert lines[0].split() == ["cat", "dog", "wom…", "owl", "none"]
    assert [line.split() for line in lines[1:5]] == [["cat", "18", "·", "·", "!2", "·"], ["dog", "!1", "9", "·", "·", "·"], ["wombat", "·", "!3", "·", "·", "!2"], ["owl", *"·····"]]
    assert matrix_lines(FOUND)[3][3] == ("    ·", "faint")
    assert matrix_lines(FOUND)[3][2] == ("   !3", "error")


def test_the_classes_stand_in_the_order_of_their_accuracy_with_what_they_are_taken_for() -> None:
    lines = ["".join(text for text, _ in line).split() for line in class_lines(FOUND)]
    assert [(line[0], line[1]) for line in lines] == [("wombat", "0.0"), ("cat", "90.0"), ("dog", "90.0")]
    assert lines[0][-3:] == ["3×", "as", "dog"]


def test_a_matrix_without_room_for_each_class_has_the_largest_of_neighbours() -> None:
    cells, side = shares(FOUND, 4)
    assert (side, cells[:4], cells[8:12]) == (4, (0.9, 0.0, 0.0, 0.1), (0.0, 0.6, 0.0, 0.0))
    cells, side = shares(FOUND, 2)
    assert (side, cells) == (2, (0.9, 0.1, 0.6, 0.0))
