"""A writer whose disk, run directory, records or listeners fail: training goes on, and what was lost is counted."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gradtop.trainer.record import Column, Run, Status, StreamWriter, read_status
from tests.record.support import COLUMNS, make_run, read
from tests.support import wait_until


def drain(pipe: int) -> None:
    try:
        while os.read(pipe, 1 << 16):
            pass
    except BlockingIOError:
        return


def drained(writer: StreamWriter, pipe: int) -> bool:
    drain(pipe)
    return writer.close(timeout=0.1)


@pytest.fixture
def blocked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Run, int]]:
    """A run whose events go into a full pipe: who writes to it waits, as for a disk that does not answer."""
    run = make_run(tmp_path)
    os.mkfifo(run.events)
    pipe = os.open(run.events, os.O_RDWR | os.O_NONBLOCK)
    try:
        while True:
            os.write(pipe, bytes(1 << 16))
    except BlockingIOError:
        pass
    # A pipe is not written to in place of a file, unless it is taken for one.
    monkeypatch.setattr("gradtop.trainer.record.events.open_to_append", lambda _run, path: os.open(path, os.O_RDWR))
    yield run, pipe
    drain(pipe)
    os.close(pipe)


@pytest.mark.parametrize(
    "put",
    [
        lambda writer: writer.put("steps", 1, 0.0, [1.0]),
        lambda writer: writer.put("steps", 1, 0.0, [1.0, "x"]),
        lambda writer: writer.put("steps", 1, 0.0, [1.0, 10**400]),
        lambda writer: writer.put("steps", 1, 0.0, None),
        lambda writer: writer.put("steps", None, 0.0, [1.0, 2.0]),
        lambda writer: writer.put("nowhere", 1, 0.0, [1.0, 2.0]),
        lambda writer: writer.put_many("nowhere", [(1, 0.0, 1.0, 2.0)]),
        lambda writer: writer.put_many("steps", [(1, 0.0, 1.0)]),
    ],
)
def test_a_record_that_does_not_fit_is_lost_alone(tmp_path: Path, put: Callable[[StreamWriter], None]) -> None:
    run = make_run(tmp_path)
    said: list[str] = []
    writer = StreamWriter(run, on_loss=said.append)
    writer.open("steps", COLUMNS)
    writer.put("steps", 0, 0.0, [1.0, 2.0])
    put(writer)
    writer.put("steps", 2, 0.0, [1.0, 2.0])
    writer.flush()
    assert [row[0] for row in read(run).rows()] == [0, 2]
    assert writer.dropped == 1
    assert said == [writer.trouble]
    writer.close()


def test_a_disk_that_does_not_answer_holds_up_neither_training_nor_the_end(blocked: tuple[Run, int]) -> None:
    run, pipe = blocked
    said: list[str] = []
    writer = StreamWriter(run, maximum=100, on_loss=said.append)
    writer.open("steps", COLUMNS)
    writer.flush()
    writer.event("epoch", epoch=1)
    assert not writer.flush(timeout=0.1)  # the thread waits for the disk
    start = time.monotonic()
    for step in range(1000):
        writer.put("steps", step, 0.0, [1.0, 2.0])
    writer.put_many("steps", [(step, 0.0, 1.0, 2.0) for step in range(1000, 1010)])
    for _ in range(1000):
        writer.event("epoch")
    writer.status(Status())
    assert time.monotonic() - start < 30  # the disk would not answer for ever
    assert writer.dropped >= 1800
    assert "slower" in writer.trouble
    start = time.monotonic()
    assert not writer.close(timeout=0.2)
    assert time.monotonic() - start < 30  # the disk would not answer for ever
    drain(pipe)
    assert wait_until(lambda: drained(writer, pipe), 60, "the writer to go on")
    assert [row[0] for row in read(run).rows()] == list(range(100))
    assert said == [writer.trouble]


def test_an_end_that_came_after_the_wait_for_it_is_known_to_who_asks_again(blocked: tuple[Run, int]) -> None:
    run, pipe = blocked
    writer = StreamWriter(run)
    writer.event("epoch", epoch=1)
    assert not writer.close(timeout=0.1)

    def has_ended() -> bool:
        drain(pipe)
        return not writer._thread.is_alive()

    wait_until(has_ended, 60, "the end of the thread")
    assert writer.close(timeout=0.1)


def test_wide_records_wait_in_smaller_numbers(blocked: tuple[Run, int]) -> None:
    run, _pipe = blocked
    writer = StreamWriter(run)
    writer.open("layers", [Column(f"v{number}") for number in range(9_998)])
    writer.flush()
    writer.event("epoch")
    writer.flush(timeout=0.1)
    for step in range(1000):
        writer.put("layers", step, 0.0, (0.0,) * 9_998)
    assert writer.dropped == 900
    writer.close(timeout=0.0)


def test_what_comes_after_the_end_is_counted_as_lost(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    writer = StreamWriter(run)
    writer.open("steps", COLUMNS)
    writer.put("steps", 0, 0.0, [1.0, 2.0])
    assert writer.close()
    writer.put("steps", 1, 0.0, [1.0, 2.0])
    writer.put_many("steps", [(2, 0.0, 1.0, 2.0)] * 3)
    writer.event("late")
    writer.open("steps", COLUMNS)
    writer.put("steps", 3, 0.0, [1.0, 2.0])
    assert writer.dropped == 6
    assert not writer.flush()
    assert read(run).count == 1


def test_a_deleted_run_costs_telemetry_and_one_made_again_is_written_to(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    said: list[str] = []
    writer = StreamWriter(run, on_loss=said.append)
    writer.open("steps", COLUMNS)
    writer.put("steps", 0, 0.0, [1.0, 2.0])
    writer.flush()
    trash = run.path.rename(run.path.with_name("trash"))
    shutil.rmtree(trash)

    def lost() -> bool:
        writer.put("steps", 1, 0.0, [1.0, 2.0])
        writer.event("epoch")
        writer.status(Status())
        writer.flush()
        return writer.dropped > 20

    wait_until(lost, 60, "the loss to be noticed")
    assert said == [writer.trouble]
    run.streams.mkdir(parents=True)

    def written() -> bool:
        writer.put("steps", 2, 0.0, [1.0, 2.0])
        return writer.flush() and read(run).count > 0

    wait_until(written, 60, "the new directory to be used")
    assert {row[0] for row in read(run).rows()} == {2.0}
    writer.close()


def test_a_segment_that_cannot_be_begun_leaves_no_litter(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    writer = StreamWriter(run)
    writer.open("steps", [Column("x" * 300)] * 2, extra={})
    writer.open("y" * 240, COLUMNS)  # its schema's temporary name is too long for the file system
    writer.put("y" * 240, 0, 0.0, [1.0, 2.0])
    writer.flush()
    assert writer.dropped == 1
    assert "too long" in writer.trouble
    assert sorted(path.name for path in run.streams.iterdir()) == ["steps.0.bin", "steps.0.json", "steps.0.roll"]
    writer.close()


def test_a_listener_that_fails_does_not_end_the_writing(tmp_path: Path) -> None:
    run = make_run(tmp_path)

    def fail(sentence: str) -> None:
        raise RuntimeError(sentence)

    writer = StreamWriter(run, on_loss=fail)
    writer.put("nowhere", 0, 0.0, [1.0])
    writer.open("steps", COLUMNS)
    writer.put("steps", 0, 0.0, [1.0, 2.0])
    assert writer.flush()
    assert read(run).count == 1
    assert writer.close()


def test_an_event_that_cannot_be_told_does_not_end_the_writing(tmp_path: Path) -> None:
    class Mute:
        def __str__(self) -> str:
            raise RuntimeError("nothing to say")

    run = make_run(tmp_path)
    writer = StreamWriter(run)
    writer.event("epoch", what=Mute())
    writer.open("steps", COLUMNS)
    writer.put("steps", 0, 0.0, [1.0, 2.0])
    assert writer.close()
    assert writer.dropped == 1
    assert read(run).count == 1


def test_what_is_written_first_after_a_move_is_written_there_and_nothing_is_said_to_be_lost(tmp_path: Path) -> None:
    """Until the next look for the run directory only what is written now shows that it was moved."""
    run = make_run(tmp_path)
    writes: list[Callable[[StreamWriter], None]] = [
        lambda writer: writer.status(Status(step=3)),
        lambda writer: writer.open("late", COLUMNS),
        lambda writer: writer.event("warning", message="text"),
        lambda writer: writer.replace("classes.json", lambda: "{}"),
    ]
    for number, first in enumerate(writes):
        lost: list[str] = []
        writer = StreamWriter(run, on_loss=lost.append)
        writer.flush()  # it has looked
        Path(run.where).rename(tmp_path / f"moved {number}")

        first(writer)

        assert writer.close()
        assert (lost, writer.dropped) == ([], 0)
        run = Run(tmp_path / f"moved {number}")
    assert read_status(run).step == 3
    assert len(list(run.streams.glob("late.*.json"))) == 1
    assert {"events.jsonl", "classes.json"} <= {path.name for path in run.path.iterdir()}
