"""Files that end anywhere, or are not there yet: readers show what is whole and never raise."""

from __future__ import annotations

import os
import random
import shutil
import time
from pathlib import Path

from gradtop.trainer.record import (
    EventReader,
    Run,
    RunReader,
    RunState,
    SegmentWriter,
    Status,
    StreamReader,
    append_event,
    read_status,
    write_status,
)
from gradtop.trainer.record.streams.registry import Column
from tests.record.support import assert_exact, curve, make_run, read, write_segment

RECORD = 24


def test_records_end_at_any_byte(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    rows = curve(1, 130)
    write_segment(run, rows)
    path = run.streams / "steps.0.bin"
    watching = read(run)
    # 7 and a record have no divisor in common: each record is torn, and each byte of one.
    for size in (*range(path.stat().st_size, 0, -7), 0):
        os.truncate(path, size)
        for reader in (read(run), watching):
            reader.refresh()
            whole = size // RECORD
            assert reader.count == whole
            assert repr(list(reader.rows())) == repr(rows[:whole])
            assert_exact(reader.series("v0", bins=2), rows[:whole], sparse=False, bins=2)
            assert (reader.last() is None) == (whole == 0)


def test_records_that_arrive_byte_by_byte_are_taken_in_when_they_are_whole(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    rows = curve(2, 70)
    write_segment(run, rows)
    path = run.streams / "steps.0.bin"
    data = path.read_bytes()
    path.write_bytes(b"")
    reader = StreamReader(run, "steps")
    with path.open("ab", buffering=0) as file:
        for number, byte in enumerate(data, 1):
            file.write(bytes([byte]))
            news = reader.refresh()
            assert news == (number % RECORD == 0 or number == 1)
            assert reader.count == number // RECORD
    assert_exact(reader.series("v0"), rows, sparse=False, bins=200)


def test_zeros_after_the_last_record_are_no_records(tmp_path: Path) -> None:
    # What a file system leaves where a host loses power: the size was written, and the data were not.
    run = make_run(tmp_path)
    rows = curve(4, 130)
    path = run.streams / "steps.0.bin"
    for whole in (0, 1, 2, 63, 130):
        for zeros in (0, 1, 2, 7, 8, 1000):
            write_segment(run, rows)
            watching = read(run)
            os.truncate(path, whole * RECORD)
            os.truncate(path, (whole + zeros) * RECORD)
            for reader in (read(run), watching):
                reader.refresh()
                assert reader.count == whole
                assert repr(list(reader.rows())) == repr(rows[:whole])
            for file in run.streams.iterdir():
                file.unlink()


def test_the_rollup_ends_at_any_byte(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    rows = curve(3, 4096 + 200)
    write_segment(run, rows)
    path = run.streams / "steps.0.roll"
    size = path.stat().st_size
    # 3 and a number of eight bytes have no divisor in common: each byte of one.
    for end in [*range(0, 200, 3), *range(size - 500, size, 3), size - 1]:
        path.write_bytes(path.read_bytes()[:end] + bytes(max(0, end - path.stat().st_size)))
        assert_exact(read(run).series("v0", bins=1), rows, sparse=False, bins=1)


def test_a_schema_ends_at_any_byte_and_is_taken_in_when_it_is_whole(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    write_segment(run, [(0, 0.0, 1.0)])
    path = run.streams / "steps.0.json"
    data = path.read_bytes()
    watching = StreamReader(run, "steps")
    for size in range(len(data)):
        path.write_bytes(data[:size])
        assert read(run).count == 0
        watching.refresh()
        assert "steps.0.json" in watching.unreadable
        assert watching.last() is None
        assert watching.tail(3) == []
    # In place, and long after the folder last changed.
    now = time.monotonic()
    watching._stamp._monotonic = lambda: now + 10
    watching.refresh()
    path.write_bytes(data)
    assert watching.refresh()
    assert (watching.count, watching.unreadable) == (1, "")


def test_a_status_ends_at_any_byte_and_the_last_good_one_stays(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    write_status(run, Status(state=RunState.DONE, step=7, warning="wörds"))
    reader = RunReader(run)
    reader.refresh()
    data = run.status.read_bytes()
    for size in range(len(data)):
        run.status.write_bytes(data[:size])
        reader.refresh()
        assert reader.status.step == 7
        assert read_status(run) == Status(state=RunState.UNKNOWN)


def test_events_end_at_any_byte_and_what_is_whole_is_read_once(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    for number in range(3):
        append_event(run, "epoch", epoch=number, text="ü\n")
    data = run.events.read_bytes()
    for size in range(len(data) + 1):
        run.events.write_bytes(data[:size])
        reader = EventReader(run)
        first = [event["epoch"] for event in reader.refresh()]
        assert first == list(range(data[:size].count(b"\n")))
        append_event(run, "epoch", epoch=9)
        later = [event["epoch"] for event in reader.refresh()]
        # A line of which but the line feed was lost is whole after all.
        assert later in ([9], [len(first), 9])
        assert not reader.refresh()


def test_an_empty_directory_is_a_run_of_which_nothing_is_known(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    reader = RunReader(Run(tmp_path / "empty"))
    assert reader.refresh()
    assert not reader.refresh()
    assert (reader.state, reader.gone, reader.config, reader.events) == ("created", False, {}, ())
    assert set(reader.problems.values()) == {f"{name} cannot be read: it is missing" for name in ("status.json", "meta.json", "run.toml")}
    assert reader.log_tail() == []
    assert reader.checkpoints() == []
    assert not reader.stream("steps").refresh()
    assert reader.stream("steps").series("loss").finite == ()


def test_a_run_that_is_deleted_keeps_what_was_read(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    write_segment(run, [(step, 0.0, 1.0) for step in range(100)])
    append_event(run, "start")
    reader = RunReader(run)
    reader.refresh()
    steps = reader.stream("steps")
    steps.refresh()
    series = steps.series("v0")
    shutil.rmtree(run.path)
    assert reader.refresh()
    assert not reader.refresh()
    assert reader.gone
    assert len(reader.events) == 1
    assert not steps.refresh()
    assert steps.series("v0") is series
    assert steps.tail(5) == []
    assert steps.last_finite("v0") is None


def test_a_run_that_is_deleted_and_made_again_is_read_anew(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    write_segment(run, [(step, 0.0, 1.0) for step in range(100)])
    reader = read(run)
    reader.series("v0")
    for path in run.streams.iterdir():
        path.unlink()
    write_segment(run, [(step, 0.0, 2.0) for step in range(50)])
    assert reader.refresh()
    assert reader.count == 50
    assert reader.series("v0").high[0] == 2.0


def test_a_stream_that_is_deleted_and_begun_with_other_columns_is_read_anew(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    write_segment(run, [(step, 0.0, 1.0) for step in range(100)])
    reader = read(run)
    reader.series("v0")
    for path in run.streams.iterdir():
        path.unlink()
    write_segment(run, [(step, 0.0, 2.0, 3.0, 4.0) for step in range(200)])
    assert reader.refresh()
    assert reader.count == 200
    assert [column.name for column in reader.columns] == ["v0", "v1", "v2"]
    assert sum(reader.series("v0").finite) == 200
    assert reader.series("v2").high[0] == 4.0
    for path in run.streams.iterdir():
        path.unlink()
    assert reader.refresh()
    assert (reader.count, reader.last()) == (0, None)


def test_a_copy_that_is_put_in_place_of_a_file_is_followed(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    writer = SegmentWriter(run, "steps", [Column("v0")])
    mirror = make_run(tmp_path, "mirror")
    reader, events = StreamReader(mirror, "steps"), EventReader(mirror)
    seen: list[object] = []
    for number in range(5):
        writer.append(number, 0.0, [1.0])
        append_event(run, "epoch", epoch=number)
        for path in [*run.streams.iterdir(), run.events]:  # as rsync does: a new file takes the old one's name
            target = mirror.path / path.relative_to(run.path)
            shutil.copy(path, target.with_name("copy"))
            target.with_name("copy").replace(target)
        assert reader.refresh()
        assert reader.count == number + 1
        seen += [event["epoch"] for event in events.refresh()]
    assert seen == list(range(5))
    writer.close()


def test_records_of_noise_are_read_without_an_error(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    write_segment(run, curve(4, 5000))
    chance = random.Random(5)
    for name in ("steps.0.bin", "steps.0.roll"):
        path = run.streams / name
        path.write_bytes(chance.randbytes(path.stat().st_size))
    write_segment(run, curve(4, 10, start=100), first_step=100)
    reader = read(run)
    for bins in (1, 50, 200):
        assert len(reader.series("v0", bins=bins).x) <= bins
        assert len(reader.series("v0", bins=bins, first=0, last=1e6).x) <= bins
    reader.last_finite("v0")
    # Noise that nobody can place among the steps is left out.
    assert 10 <= len(list(reader.rows())) <= reader.count


def test_a_pipe_in_the_place_of_a_file_does_not_hold_the_reader_up(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    write_segment(run, curve(4, 10))
    for path in (run.status, run.meta, run.config, run.log, run.streams / "steps.0.bin", run.events):
        path.unlink(missing_ok=True)
        os.mkfifo(path)
    reader = RunReader(run)
    reader.refresh()
    assert reader.log_tail() == []
    assert not reader.stream("steps").tail(3)
