"""plot: curves in the terminal, and into a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradtop.trainer.record import Column, SegmentWriter, new_run
from tests.cli.conftest import Gradtop
from tests.tui.runs_fixture import NOW


def test_plot_draws_one_chart_for_the_losses_and_one_for_each_other_metric(gradtop: Gradtop, runs: Path) -> None:
    losses, accuracies = gradtop("plot", "amber").out.split("\n\n")
    assert losses.splitlines()[0] == "amber-finch  loss and val_loss"
    assert losses.splitlines()[-2].startswith("⠒⠒ loss  last ")
    assert losses.splitlines()[-1].startswith("•• val_loss  last ")
    assert accuracies.splitlines()[0] == "amber-finch  accuracy"
    out = gradtop("plot", "amber", "grad_norm/head.weight", "cpu", "--log").out
    assert out.startswith("amber-finch  grad_norm/head.weight, logarithmic\n")
    assert "\n\namber-finch  cpu [%], logarithmic\n" in out


@pytest.mark.parametrize(("width", "height"), [(30, 8), (80, 12), (333, 40)])
def test_a_plot_has_exactly_the_size_asked_for_and_no_escape_sequences(gradtop: Gradtop, runs: Path, width: int, height: int) -> None:
    title, *picture, legend = gradtop("plot", "amber", "loss", "--width", width, "--height", height).out.splitlines()
    assert len(picture) == height
    assert max(map(len, picture)) == width
    assert "\x1b" not in title + "".join(picture) + legend


def test_a_plot_says_the_newest_value_and_the_true_extremes_whatever_its_width(gradtop: Gradtop, tmp_path: Path) -> None:
    run = new_run(tmp_path / "runs", "", {}, name="heron")
    writer = SegmentWriter(run, "steps", [Column("loss")])
    writer.append_many([(step, NOW, 7.5 if step == 5000 else 1.25 if step == 9999 else 1.0) for step in range(10_000)])
    writer.close()
    for width in (40, 160):
        assert gradtop("plot", "heron", "--width", width).out.splitlines()[-1] == "⠒⠒ loss  last 1.25  min 1  max 7.5"
    assert gradtop("plot", "heron", "--until", 100).out.splitlines()[-1] == "⠒⠒ loss  min 1  max 1"
    assert gradtop("plot", "heron", "--from", 20_000).out == "heron  loss\nnothing recorded in this range\n"


def test_values_that_are_not_finite_are_marked_and_counted(gradtop: Gradtop, tmp_path: Path) -> None:
    run = new_run(tmp_path / "runs", "", {}, name="heron")
    writer = SegmentWriter(run, "steps", [Column("loss"), Column("bad"), Column("huge")])
    writer.append_many([(step, NOW, float("nan") if step == 50 else 1e-3 * step, float("inf"), (-1) ** step * 1e308) for step in range(1, 101)])
    writer.close()
    *picture, legend = gradtop("plot", "heron", "loss", "--width", 60).out.splitlines()
    assert "1 not finite" in legend
    assert "×" in picture[-3]
    assert gradtop("plot", "heron", "bad").out == "heron  bad\nno finite value in this range\n"
    assert "max 1e308" in gradtop("plot", "heron", "huge").out


def test_only_what_has_a_value_is_named_as_recorded(gradtop: Gradtop, tmp_path: Path) -> None:
    """Streams have columns that a run may never fill."""
    writer = SegmentWriter(new_run(tmp_path / "runs", "", {}, name="heron"), "steps", [Column("loss"), Column("gpu_use")])
    writer.append_many([(step, NOW, 1.0, float("nan")) for step in range(1, 101)])
    writer.close()
    assert gradtop("plot", "heron", "zzz").err == "gradtop: the run has recorded no zzz; there are: loss\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("los", "the run has recorded no los; did you mean loss"),
        ("zzz", "the run has recorded no zzz; there are: loss, lr, grad_norm, clipped, samples_per_s, val_loss, accuracy, cpu, memory\n"),
        ("--width 10", "width must be 30 to 1000 columns, height 8 to 1000 lines"),
        ("--height 100000", "width must be 30 to 1000 columns"),
        ("--output /nowhere/x.txt", "/nowhere/x.txt: No such file or directory"),
        ("--output /dev/full", "No space left on device"),
    ],
)
@pytest.mark.usefixtures("runs")
def test_a_plot_that_cannot_be_is_said(gradtop: Gradtop, arguments: str, sentence: str) -> None:
    said = gradtop("plot", "amber", *arguments.split())
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("gradtop: ")
    assert sentence in said.err


def test_a_plot_is_written_into_a_file(gradtop: Gradtop, runs: Path, tmp_path: Path) -> None:
    said = gradtop("plot", "amber", "loss", "--output", "curves.txt")
    assert said.out == "curves.txt\n"
    assert (tmp_path / "curves.txt").read_text(encoding="utf-8") == gradtop("plot", "amber", "loss").out
