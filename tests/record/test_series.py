"""Curves of a few hundred bins tell the truth about a million records, and cost what is new."""

from __future__ import annotations

import gc
import math
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from gradtop.trainer.record import EMPTY_SERIES, Column, SegmentWriter, StreamReader
from gradtop.trainer.record.streams.reader import KEPT, WINDOWS
from gradtop.trainer.record.streams.series import Envelope
from tests.record.support import INF, NAN, assert_exact, curve, make_run, read, write_segment

SIZES = st.sampled_from([1, 63, 64, 65, 200, 4095, 4096, 4097, 9000, 20_000])
SEEDS = st.integers(0, 10**6)


@examples(max_examples=40)
@given(seed=SEEDS, records=SIZES, bins=st.sampled_from([1, 2, 7, 200]), sparse=st.booleans())
def test_every_bin_equals_a_look_at_each_record(
    tmp_path_factory: pytest.TempPathFactory, *, seed: int, records: int, bins: int, sparse: bool
) -> None:
    run = make_run(tmp_path_factory.mktemp("series"))
    rows = curve(seed, records)
    write_segment(run, rows, sparse=sparse)
    assert_exact(read(run).series("v0", bins=bins), rows, sparse=sparse, bins=bins)


@examples(max_examples=25)
@given(seed=SEEDS, records=SIZES, bins=st.sampled_from([2, 50, 200]), sparse=st.booleans(), pieces=st.lists(st.integers(1, 3000), max_size=8))
def test_a_curve_that_grew_equals_one_read_at_once(
    tmp_path_factory: pytest.TempPathFactory, *, seed: int, records: int, bins: int, sparse: bool, pieces: list[int]
) -> None:
    run = make_run(tmp_path_factory.mktemp("series"))
    rows = curve(seed, records)
    writer = SegmentWriter(run, "steps", [Column("v0", sparse=sparse)])
    reader, done = StreamReader(run, "steps"), 0
    for piece in [*pieces, records]:
        writer.append_many(rows[done : done + piece])
        done = min(records, done + piece)
        reader.refresh()
        assert_exact(reader.series("v0", bins=bins), rows[:done], sparse=sparse, bins=bins)
        assert_exact(reader.series("v0", bins=bins, first=0, last=rows[-1][0]), rows[:done], sparse=sparse, bins=bins)
    writer.close()


@examples(max_examples=40)
@given(seed=SEEDS, records=SIZES, low=st.floats(-0.2, 1.2), high=st.floats(-0.2, 1.2), bins=st.sampled_from([3, 200]))
def test_a_range_holds_the_records_of_its_steps_alone(
    tmp_path_factory: pytest.TempPathFactory, *, seed: int, records: int, low: float, high: float, bins: int
) -> None:
    run = make_run(tmp_path_factory.mktemp("series"))
    rows = curve(seed, records)
    write_segment(run, rows)
    first, last = round(low * rows[-1][0]), round(high * rows[-1][0])
    inside = [row for row in rows if first <= row[0] <= last]
    assert_exact(read(run).series("v0", bins=bins, first=first, last=last), inside, sparse=False, bins=bins)
    since = [row for row in rows if first <= row[0]]
    assert_exact(read(run).series("v0", bins=bins, first=first), since, sparse=False, bins=bins)


@examples(max_examples=30)
@given(seed=SEEDS, records=SIZES, again=st.lists(st.tuples(st.floats(0, 1), SIZES), min_size=1, max_size=3))
def test_what_a_resumed_process_does_anew_replaces_what_was_there(
    tmp_path_factory: pytest.TempPathFactory, *, seed: int, records: int, again: list[tuple[float, int]]
) -> None:
    run = make_run(tmp_path_factory.mktemp("series"))
    rows = curve(seed, records)
    write_segment(run, rows)
    watching = read(run)
    watching.series("v0", bins=100)
    for share, more in again:
        first = int(share * rows[-1][0])
        rows = [row for row in rows if row[0] < first] + (new := curve(seed + more, more, start=first))
        write_segment(run, new, first_step=first)
        watching.refresh()
        for reader in (watching, read(run)):
            assert reader.count == len(rows)
            assert [row[0] for row in reader.rows()] == [row[0] for row in rows]
            assert_exact(reader.series("v0", bins=100), rows, sparse=False, bins=100)


def test_a_resumed_process_that_has_written_nothing_yet_already_hides_what_it_will_do_anew(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    write_segment(run, [(step, 0.0, step) for step in range(100)])
    write_segment(run, [], first_step=40)
    assert [row[0] for row in read(run).rows()] == list(range(40))


def test_a_spike_of_one_record_in_a_hundred_thousand_is_seen(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    write_segment(run, [(step, 0.0, 1e6 if step == 54_321 else 1.0) for step in range(100_000)])
    series = read(run).series("v0", bins=100)
    peak = max(range(len(series.x)), key=lambda number: series.high[number])
    assert series.high[peak] == 1e6
    assert series.x[peak] <= 54_321 <= series.x_last[peak]
    assert series.low[peak] == 1.0


def test_values_that_are_not_finite_are_counted_and_those_not_measured_are_not(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    rows = [(float(step), 0.0, {3: NAN, 70: INF, 5000: -INF}.get(step, 1.0)) for step in range(10_000)]
    write_segment(run, rows)
    write_segment(run, rows, stream="rare", sparse=True)
    assert sum(read(run).series("v0", bins=2).nonfinite) == 3
    assert sum(read(run, "rare").series("v0", bins=2).nonfinite) == 2
    assert sum(read(run, "rare").series("v0", bins=2).finite) == 9997


def test_a_column_measured_every_tenth_step_has_no_gaps_between(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    write_segment(run, [(step, 0.0, 1.0 if step % 10 == 0 else NAN) for step in range(1000)], sparse=True)
    series = read(run).series("v0", bins=1000)
    assert list(series.x) == list(range(0, 1000, 10))
    assert list(series.mean) == [1.0] * 100


def test_without_new_records_the_same_curve_is_given_again(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    write_segment(run, [(step, 0.0, 1.0) for step in range(1000)])
    reader = read(run)
    assert reader.series("v0") is reader.series("v0")
    assert reader.series("v0", first=0, last=2000) is reader.series("v0", first=0, last=2000)


def test_curves_that_nobody_asks_for_any_more_are_forgotten(tmp_path: Path) -> None:
    """Of an axis that grows with the run, each end is another curve: a screen that stays open must not keep them all."""
    run = make_run(tmp_path)
    write_segment(run, [(step, 0.0, 1.0) for step in range(1000)])
    reader = read(run)

    def living() -> int:
        gc.collect()
        return sum(type(each) is Envelope for each in gc.get_objects())  # no class of another is asked what it is

    before = living()
    always = reader.series("v0", bins=200)
    for last in range(1000, 1400):
        reader.series("v0", bins=400, first=0, last=last)
        assert reader.series("v0", bins=200) is always
    assert living() - before <= 1 + max(2, WINDOWS // 400)
    for bins in range(400, 800):
        reader.series("v0", bins=bins)
    assert living() - before <= KEPT / 400 + 1
    with_more = reader.series("v0", bins=2 * KEPT)
    assert reader.series("v0", bins=2 * KEPT) is with_more
    assert living() - before == 1


def test_a_curve_that_nobody_asked_for_in_a_minute_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path)
    write_segment(run, [(step, 0.0, 1.0) for step in range(1000)])
    reader, now = read(run), 0.0
    monkeypatch.setattr("gradtop.trainer.record.streams.reader.time.monotonic", lambda: now)
    old, kept = (reader.series("v0", bins=bins) for bins in (10, 20))
    now = 50.0
    assert reader.series("v0", bins=20) is kept
    now = 100.0
    reader.series("v0", bins=30)
    assert reader.series("v0", bins=20) is kept
    assert reader.series("v0", bins=10) is not old


def test_a_new_record_costs_one_read_whatever_came_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path)
    writer = SegmentWriter(run, "steps", [Column("v0")])
    writer.append_many([(step, 0.0, 1.0) for step in range(100_000)])
    reader = read(run)
    for last in (None, 200_000):
        reader.series("v0", first=0, last=last)
    asked: list[int] = []
    pread = os.pread

    def counted(descriptor: int, size: int, offset: int) -> bytes:
        asked.append(size)
        return pread(descriptor, size, offset)

    writer.append(100_000, 0.0, [2.0])
    monkeypatch.setattr(os, "pread", counted)
    assert reader.refresh()
    for last in (None, 200_000):
        assert reader.series("v0", first=0, last=last).last == 100_000
    assert sum(asked) <= 4 * 24
    writer.close()


def sizes_read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Of every read from now on."""
    sizes: list[int] = []
    pread = os.pread

    def counted(descriptor: int, size: int, offset: int) -> bytes:
        sizes.append(size)
        return pread(descriptor, size, offset)

    monkeypatch.setattr(os, "pread", counted)
    return sizes


def test_a_million_records_are_binned_without_reading_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path)
    writer = SegmentWriter(run, "steps", [Column("v0")])
    for start in range(0, 1_000_000, 10_000):
        writer.append_many([(step, 0.0, 1.0) for step in range(start, start + 10_000)])
    writer.close()
    reader = read(run)
    asked = sizes_read(monkeypatch)
    assert sum(reader.series("v0", bins=200).finite) == 1_000_000
    assert sum(asked) < 100_000


def test_a_hundred_thousand_records_in_a_thousand_bins_are_read_from_the_rollup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path)
    write_segment(run, [(step, 0.0, 1.0) for step in range(100_000)])
    reader = read(run)
    asked = sizes_read(monkeypatch)
    assert sum(reader.series("v0", bins=1000).finite) == 100_000
    assert sum(asked) < 200_000


@pytest.mark.parametrize("missing", ["roll", "half of roll"])
def test_a_lost_rollup_is_made_up_from_the_records(tmp_path: Path, missing: str) -> None:
    run = make_run(tmp_path)
    rows = curve(7, 20_000)
    write_segment(run, rows)
    path = run.streams / "steps.0.roll"
    if missing == "roll":
        path.unlink()
    else:
        os.truncate(path, path.stat().st_size // 2)
    assert_exact(read(run).series("v0", bins=20), rows, sparse=False, bins=20)


def test_a_rollup_ahead_of_the_records_is_trusted_no_further_than_they_reach(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    rows = curve(8, 20_000)
    write_segment(run, rows)
    os.truncate(run.streams / "steps.0.bin", 9_000 * 24 + 5)
    assert_exact(read(run).series("v0", bins=20), rows[:9_000], sparse=False, bins=20)


def test_a_rollup_of_zeros_is_not_believed(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    rows = curve(9, 20_000)
    write_segment(run, rows)
    path = run.streams / "steps.0.roll"
    path.write_bytes(bytes(path.stat().st_size))
    assert_exact(read(run).series("v0", bins=20), rows, sparse=False, bins=20)


def test_several_columns_at_once_are_what_each_alone_is(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    write_segment(run, [(step, 0.0, step % 7, -step, NAN if step % 3 else 1.0) for step in range(9_000)])
    names = ["v2", "v0", "none", "v1"]
    together = read(run).series_of(names, bins=30)
    assert [series == EMPTY_SERIES for series in together] == [False, False, True, False]
    for name, series in zip(names, together, strict=True):
        alone = read(run).series(name, bins=30)
        assert (list(alone.low), list(alone.high)) == pytest.approx((list(series.low), list(series.high)), nan_ok=True)
        assert list(alone.nonfinite) == list(series.nonfinite)


def test_columns_that_a_later_segment_adds_or_drops_keep_what_they_have(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    for first, names in ((0, ["a", "b"]), (100, ["b", "c"])):
        writer = SegmentWriter(run, "layers", [Column(name) for name in names], first_step=first)
        writer.append_many([(step, 0.0, 1.0, 2.0) for step in range(first, first + 100)])
        writer.close()
    reader = read(run, "layers")
    assert [column.name for column in reader.columns] == ["b", "c"]
    assert [(s.first, s.last, sum(s.finite)) for s in reader.series_of(["a", "b", "c"])] == [(0, 99, 100), (0, 199, 200), (100, 199, 100)]
    oldest = reader.tail(200)[0]
    assert oldest["b"] == 2.0
    assert math.isnan(oldest["c"])
    assert reader.last() == {"step": 199.0, "time": 0.0, "b": 1.0, "c": 2.0}


@pytest.mark.parametrize(("first", "last", "bins"), [(NAN, 1, 5), (0, INF, 5), (5, 1, 5), (None, None, 0), (-INF, None, 5)])
def test_a_senseless_range_is_an_empty_curve(tmp_path: Path, first: float | None, last: float | None, bins: int) -> None:
    run = make_run(tmp_path)
    write_segment(run, [(step, 0.0, 1.0) for step in range(10)])
    assert read(run).series("v0", first=first, last=last, bins=bins) == EMPTY_SERIES


def test_a_range_that_begins_after_the_newest_record_fills_when_it_is_reached(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    writer = SegmentWriter(run, "steps", [Column("v0")])
    writer.append_many([(step, 0.0, 1.0) for step in range(10)])
    reader = read(run)
    assert reader.series("v0", first=20, last=40) == EMPTY_SERIES
    writer.append_many([(step, 0.0, 1.0) for step in range(10, 60)])
    reader.refresh()
    series = reader.series("v0", first=20, last=40)
    assert (series.first, series.last, sum(series.finite)) == (20, 40, 21)
    writer.close()


def test_the_newest_finite_value_is_found_however_far_back(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    write_segment(run, [(step, 0.0, 5.0 if step == 17 else NAN) for step in range(9_000)], sparse=True)
    assert read(run).last_finite("v0") == (17.0, 5.0)
    (run.streams / "steps.0.roll").unlink()
    assert read(run).last_finite("v0") == (17.0, 5.0)
    assert read(run).last_finite("v1") is None
    assert read(run).last_finite("step") == (8999.0, 8999.0)
