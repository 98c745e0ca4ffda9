from __future__ import annotations

import math
import os
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from gradtop.trainer.record import Column, Run, RunReader, SegmentWriter, append_event, new_run
from gradtop.tui.reading.poll import ReadContext
from gradtop.tui.screens.weights import data as weights
from gradtop.tui.screens.weights.data import (
    Histogram,
    WeightsPart,
    WeightsView,
    movement,
    parameters,
    read_weights,
    span,
)
from gradtop.tui.screens.weights.text import axis, history_lines, ridge, thinned
from gradtop.tui.widgets.binning import rebinned

BINS = 8
COLUMNS = ("parameter", "low", "high", "mean", "std", "min", "max", "zeros", "count", *(f"b{n}" for n in range(BINS)))
NAMES = ("stem.weight", "stem.bias", "head.weight")


class Stream:
    """A stream of histograms in a run, written record by record; the mean is the step, so that a record is known by it."""

    def __init__(self, tmp_path: Path, *, names: Sequence[str] = NAMES, run: Run | None = None, first_step: int = 0) -> None:
        self.run = run or new_run(tmp_path / "runs", "", {"name": "quiet-heron"})
        columns = [Column(name) for name in COLUMNS]
        self.writer = SegmentWriter(self.run, "histograms", columns, rollup=False, extra={"parameters": list(names)}, first_step=first_step)
        self.names = list(names)

    def put(self, step: int, name: str, *, low: float = -1.0, high: float = 1.0, bins: Sequence[float] = (1,) * BINS) -> None:
        self.writer.append(step, 1000.0 + step, [self.names.index(name), low, high, step, 1.0, low, high, 0.25, sum(bins), *bins])

    def put_set(self, step: int) -> None:
        for name in self.names:
            self.put(step, name)

    def source(self, tmp_path: Path) -> ReadContext:
        source = ReadContext(tmp_path / "runs", time.time)
        source.run = RunReader(self.run)
        refresh(source)
        return source


def refresh(source: ReadContext) -> None:
    assert source.run is not None
    source.run.refresh()
    source.run.stream("histograms").refresh()


def histogram(bins: Sequence[float], *, low: float = 0.0, high: float = 1.0, mean: float = 0.5, std: float = 0.1, step: float = 0.0) -> Histogram:
    return Histogram(step, 0.0, low, high, mean, std, low, high, 0.0, sum(bins), tuple(bins))


@pytest.fixture
def stream(tmp_path: Path) -> Stream:
    return Stream(tmp_path)


def test_the_newest_record_of_the_chosen_parameter_is_found_among_those_of_others(tmp_path: Path, stream: Stream) -> None:
    for step in (0, 100, 200):
        stream.put_set(step)
    for step in range(201, 400):
        stream.put(step, "stem.weight")
    source = stream.source(tmp_path)
    part = read_weights(source, WeightsView("head.weight"))
    assert part.now is not None
    assert (part.chosen, part.now.step, part.now.zeros, part.now.bins) == ("head.weight", 200.0, 0.25, (1.0,) * BINS)
    assert read_weights(source, WeightsView("stem.weight")).now.step == 399  # type: ignore[union-attr]


def test_a_parameter_that_is_unknown_or_not_chosen_is_the_first_one(tmp_path: Path, stream: Stream) -> None:
    stream.put_set(0)
    for view in (WeightsView(), WeightsView("no.such")):
        assert read_weights(stream.source(tmp_path), view).chosen == "stem.weight"


def test_what_is_appended_is_seen_and_the_earlier_ones_stay_the_same(tmp_path: Path, stream: Stream) -> None:
    for step in range(0, 1001, 50):
        stream.put_set(step)
    source = stream.source(tmp_path)
    before = read_weights(source, WeightsView("stem.bias"))
    assert [h.step for h in before.earlier] == [0, 200, 400, 600, 800]
    stream.put(1013, "stem.bias")
    refresh(source)
    after = read_weights(source, WeightsView("stem.bias"))
    assert after.now is not None
    assert after.now.step == 1013
    assert [h.step for h in after.earlier] == [0, 200, 400, 600, 800]
    assert all(one is other for one, other in zip(before.earlier, after.earlier, strict=True))


def test_where_sets_were_thinned_the_next_one_stands_for_the_step(tmp_path: Path, stream: Stream) -> None:
    for step in (0, 500, 1000):
        stream.put_set(step)
    part = read_weights(stream.source(tmp_path), WeightsView("head.weight"))
    assert [h.step for h in part.earlier] == [0, 500]


def test_a_set_that_is_torn_or_half_written_gives_what_is_whole(tmp_path: Path, stream: Stream) -> None:
    stream.put_set(0)
    stream.put(100, "stem.weight")
    with (stream.run.streams / "histograms.0.bin").open("ab") as file:
        file.write(b"\x01" * 50)
    source = stream.source(tmp_path)
    assert read_weights(source, WeightsView("stem.weight")).now.step == 100  # type: ignore[union-attr]
    assert read_weights(source, WeightsView("head.weight")).now.step == 0  # type: ignore[union-attr]


def test_a_resumed_process_takes_over_from_its_first_step_and_may_number_parameters_otherwise(tmp_path: Path, stream: Stream) -> None:
    for step in (0, 100, 200):
        stream.put_set(step)
    again = Stream(tmp_path, names=NAMES[::-1], run=stream.run, first_step=150)
    again.put(160, "stem.weight")
    part = read_weights(stream.source(tmp_path), WeightsView("stem.weight"))
    assert part.now is not None
    assert part.now.step == 160
    assert [h.step for h in part.earlier] == [0, 100]
    assert read_weights(stream.source(tmp_path), WeightsView("head.weight")).now.step == 100  # type: ignore[union-attr]


def test_one_search_reads_a_bounded_part_and_the_ends_of_epochs_help_it(
    tmp_path: Path, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream.put_set(0)
    rows = [[step, 0.0, 0.0, -1.0, 1.0, float(step), 1.0, -1.0, 1.0, 0.0, 8.0, *([1.0] * BINS)] for step in range(1, 5000)]
    stream.writer.append_many(rows[:3000])
    stream.put_set(3001)
    stream.writer.append_many([[row[0] + 2, *row[1:]] for row in rows[3000:]])
    append_event(stream.run, "epoch", epoch=1, step=3001)
    monkeypatch.setattr(weights, "LOOK", 100 * stream.writer.size)
    read = 0
    pread = os.pread

    def counted(descriptor: int, size: int, offset: int) -> bytes:
        nonlocal read
        read += size
        return pread(descriptor, size, offset)

    source = stream.source(tmp_path)
    monkeypatch.setattr(os, "pread", counted)
    part = read_weights(source, WeightsView("head.weight"))
    assert part.now is not None
    assert part.now.step == 3001
    assert part.earlier[0].step == 0
    assert read < 1500 * stream.writer.size
    read = 0
    stream.put(6000, "stem.weight")
    refresh(source)
    again = read_weights(source, WeightsView("head.weight"))
    assert again.now is part.now
    assert read < 5 * stream.writer.size


def test_what_is_not_finite_has_no_bins_and_breaks_nothing(tmp_path: Path, stream: Stream) -> None:
    stream.put(0, "stem.weight")
    stream.put(100, "stem.weight", low=math.nan, high=math.inf)
    stream.put(200, "stem.bias", bins=(math.nan,) * BINS)
    part = read_weights(stream.source(tmp_path), WeightsView("stem.weight"))
    assert part.now is not None
    assert part.now.bins == ()
    assert read_weights(stream.source(tmp_path), WeightsView("stem.bias")).now.bins == ()  # type: ignore[union-attr]
    assert history_lines(part, 80, 10)


def test_a_run_without_histograms_has_no_picture_and_says_whether_one_will_come(tmp_path: Path) -> None:
    run = new_run(tmp_path / "runs", "[monitor]\nenabled = false\n", {})
    source = ReadContext(tmp_path / "runs", time.time)
    source.run = RunReader(run)
    source.run.refresh()
    assert read_weights(source, WeightsView()) == WeightsPart(measured=False)
    source.run = None
    assert read_weights(source, WeightsView()) == WeightsPart()


def test_names_and_shapes_that_are_none_are_left_out_and_hostile_ones_are_cleaned() -> None:
    found = parameters(["a\x1b[31m", 3, "a\x1b[31m", "b"], [{"name": "b", "shape": [2, "x", 3]}, "nonsense", {"name": ["b"]}])
    assert [(each.name, each.shown, each.shape) for each in found] == [("a\x1b[31m", "a", ()), ("b", "b", (2, 0, 3))]
    assert parameters(None, "nonsense") == ()
    assert [each.name for each in parameters(None, [{"name": "w", "shape": [1]}])] == ["w"]


def test_counts_keep_their_sum_in_other_bins() -> None:
    bins = rebinned(histogram([1, 2, 3, 4]), -0.5, 1.5, 16)
    assert sum(bins) == pytest.approx(10)
    assert bins[:4] == [0, 0, 0, 0] == bins[12:]
    assert bins[4:6] == pytest.approx([0.5, 0.5])


def test_a_range_of_no_width_goes_whole_into_its_bin() -> None:
    bins = rebinned(histogram([0, 0, 7, 0], low=0.5, high=0.5), 0.0, 1.0, 10)
    assert (sum(bins), bins[5]) == (7, 7)
    assert rebinned(histogram([1, 1]), 1.0, 1.0, 4) == [0.0] * 4
    assert rebinned(histogram([]), 0.0, 1.0, 4) == [0.0] * 4


def test_the_common_range_leaves_out_what_has_none() -> None:
    assert span([histogram([1], low=-2, high=0), histogram([], low=-9, high=9), histogram([1], low=-1, high=3)]) == (-2, 3)
    assert span([histogram([])]) is None


@pytest.mark.parametrize(
    ("first", "now", "words"),
    [
        ((0.0, 0.1), (0.05, 0.1), ("moved up by 0.5 std", "unchanged")),
        ((0.0, 0.1), (-0.2, 0.2), ("moved down by 1 std", "2 × as wide")),
        ((0.0, 0.1), (0.0, 0.05), ("unchanged", "0.5 × as wide")),
        ((1.0, 0.0), (1.0, 0.0), ("unchanged", "unchanged")),
        ((0.0, 0.0), (0.1, 0.1), ("moved up by 1 std", "")),
        ((0.0, 0.1), (math.nan, math.nan), ("", "")),
    ],
)
def test_how_it_moved_is_said_in_words(first: tuple[float, float], now: tuple[float, float], words: tuple[str, str]) -> None:
    said = movement(histogram([1], mean=first[0], std=first[1]), histogram([1], mean=now[0], std=now[1]))
    assert tuple(word for _what, _figures, word in said) == words


def test_ridges_have_ink_for_all_that_is_not_zero_and_leave_a_gap_above() -> None:
    assert ridge([0, 1, 1000], 1) == [" ▁▇"]
    assert ridge([0, 1000], 2) == [" ▅", " █"]
    assert ridge([0, 0], 1) == ["  "]


def test_the_first_and_the_last_ridge_stay_when_there_is_little_room() -> None:
    all_of_them = [histogram([1], step=step) for step in range(7)]
    assert [h.step for h in thinned(all_of_them, 3)] == [0, 3, 6]
    assert [h.step for h in thinned(all_of_them, 1)] == [6]
    assert thinned(all_of_them, 9) == all_of_them


@pytest.mark.parametrize("size", [(20, 1), (24, 3), (58, 9), (78, 12), (200, 60)])
def test_the_history_fits_its_pane(size: tuple[int, int]) -> None:
    earlier = tuple(histogram([1, 5, 1], step=step, low=-step, high=1) for step in range(0, 5000, 700))
    lines = history_lines(WeightsPart(now=histogram([1, 2, 3], step=5000), earlier=earlier), *size)
    assert len(lines) <= max(2, size[1])


def test_constant_weights_have_a_history_too() -> None:
    constant = histogram([5, 0, 0], low=1.0, high=1.0, mean=1.0, std=0.0)
    lines = history_lines(WeightsPart(now=constant, earlier=(constant,)), 80, 12)
    assert "█" in "".join(text for line in lines for text, _tone in line)


def test_the_axis_marks_its_ends_and_zero() -> None:
    assert axis(-1.0, 1.0, 21).split() == ["-1.0", "0", "1.0"]
    assert axis(-1.0, 1.0, 21).index(" 0 ") == 9
    assert len(axis(-1.0, 1.0, 8)) == 8
