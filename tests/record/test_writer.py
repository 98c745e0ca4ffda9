"""The worker's writer: off the training thread, bounded, never raising, and honest about what it lost."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from gradtop.trainer.record import Column, EventReader, Run, RunState, Status, StreamWriter, read_status
from gradtop.trainer.record.events import append_lines
from gradtop.trainer.record.streams import writer as writer_module
from tests.record.support import COLUMNS, make_run, read
from tests.support import wait_until


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_records_of_all_streams_are_there_after_a_flush(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    writer = StreamWriter(run)
    writer.open("steps", COLUMNS, extra={"parameters": ["a"]})
    writer.open("evals", [Column("loss")])
    for step in range(1000):
        writer.put("steps", step, float(step), [1.0, 2.0])
        if step % 100 == 0:
            writer.put("evals", step, float(step), (3.0,))
    writer.put_many("steps", [(step, 0.0, 1.0, 2.0) for step in range(1000, 1100)])
    assert writer.flush()
    assert [row[0] for row in read(run).rows()] == list(range(1100))
    assert read(run).extra == {"parameters": ["a"]}
    assert read(run, "evals").count == 10
    assert (writer.dropped, writer.trouble) == (0, "")
    assert writer.close()


def test_a_stream_that_was_declared_is_there_before_its_first_record(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    writer = StreamWriter(run)
    writer.open("steps", COLUMNS)
    writer.flush()
    assert [column.name for column in read(run).columns] == ["loss", "lr"]
    writer.close()


def test_records_arrive_without_being_asked_for(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    writer = StreamWriter(run)
    writer.open("steps", COLUMNS)
    writer.put("steps", 1, 0.0, (1.0, 2.0))
    wait_until(lambda: read(run).count == 1, 60, "the record")
    writer.close()


def test_threads_that_put_at_once_lose_nothing(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    writer = StreamWriter(run, maximum=100_000)
    for name in "abcd":
        writer.open(name, [Column("v")])

    def put(name: str) -> None:
        for step in range(5000):
            writer.put(name, step, 0.0, [step])

    threads = [threading.Thread(target=put, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert writer.close()
    for name in "abcd":
        assert [row[0] for row in read(run, name).rows()] == list(range(5000))


def test_a_stream_declared_anew_goes_on_in_a_new_segment(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    writer = StreamWriter(run)
    writer.open("layers", [Column("a")])
    writer.put("layers", 1, 0.0, [1.0])
    writer.open("layers", [Column("a"), Column("b")], first_step=2)
    writer.put("layers", 2, 0.0, [1.0, 2.0])
    writer.close()
    assert sorted(path.name for path in run.streams.glob("*.bin")) == ["layers.0.bin", "layers.1.bin"]
    assert read(run, "layers").count == 2


def test_neither_writer_nor_reader_leaves_files_open(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    before = open_files()
    writer = StreamWriter(run)
    for step in range(40):
        writer.open("layers", COLUMNS, first_step=step)
        writer.put("layers", step, 0.0, [1.0, 2.0])
        writer.event("epoch")
    writer.flush()
    assert open_files() == before + 3  # the run directory, the records, their rollup
    writer.close()
    reader = read(run, "layers")
    assert sum(reader.series("loss").finite) == reader.count == 40
    assert next(iter(reader.rows()))[0] == 0.0
    reader.last_finite("lr")
    assert open_files() == before


def test_the_status_that_was_given_last_is_written_with_what_was_lost(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    writer = StreamWriter(run)
    writer.put("nowhere", 0, 0.0, [1.0])
    for step in range(100):
        writer.status(Status(state=RunState.TRAINING, step=step))
    writer.flush()
    assert read_status(run) == Status(state=RunState.TRAINING, step=99, dropped=1)
    writer.close()


def test_a_status_is_written_ten_times_a_second_at_most(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    writer, events = StreamWriter(run), EventReader(run)
    statuses = set()
    start = time.monotonic()
    for step in range(100):
        writer.status(Status(state=RunState.TRAINING, step=step))
        writer.event("tick")  # wakes the thread
        wait_until(events.refresh, 60, "the event", interval=0.0)
        statuses.add(read_status(run).step)
    assert len(statuses) <= 2 + 10 * (time.monotonic() - start)
    writer.close()
    assert read_status(run).step == 99


def test_an_event_is_written_at_once(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    writer, reader = StreamWriter(run), EventReader(run)
    before = time.time()
    writer.event("command", id="7", ok=True)
    (event,) = wait_until(reader.refresh, 60, "the event", interval=0.001)
    assert (event["kind"], event["id"], event["ok"]) == ("command", "7", True)
    assert before <= float(str(event["time"])) <= time.time()
    writer.close()


def test_of_several_contents_of_a_file_the_newest_is_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, written = make_run(tmp_path), list[str]()
    monkeypatch.setattr(writer_module, "write_atomically", lambda _root, path, text: written.append(f"{path.name} {text}"))
    writer = StreamWriter(run)
    holding = threading.Event()
    # While it writes this, all that follows waits.
    monkeypatch.setattr(writer_module, "append_lines", lambda *_: holding.wait(60))
    writer.event("command")
    wait_until(lambda: not writer._queue, 60, "the event")
    for number in range(5):
        writer.replace("one.json", f"{number}".format)
        writer.replace("other.json", f"{number}".format)
    holding.set()
    assert writer.flush()
    assert sorted(written) == ["one.json 4", "other.json 4"]
    writer.close()


def test_events_that_wait_are_appended_in_one_write_and_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, writes, holding = make_run(tmp_path), list[bytes](), threading.Event()

    def held(run: Run, lines: bytes) -> None:
        writes.append(lines)
        holding.wait(60)
        append_lines(run, lines)

    monkeypatch.setattr(writer_module, "append_lines", held)
    writer = StreamWriter(run)
    writer.event("command")
    wait_until(lambda: writes, 60, "the first event")
    for epoch in range(6):
        writer.event("epoch", epoch=epoch)
    writer.event("odd", what=Unwritable())
    holding.set()
    assert writer.flush()
    reader = EventReader(run)
    assert [event.get("epoch") for event in reader.refresh()] == [None, *range(6)]
    assert len(writes) == 2
    assert writer.dropped == 1
    writer.close()


class Unwritable:
    def __str__(self) -> str:
        raise RuntimeError("no text")


def test_the_event_of_an_epoch_comes_without_being_asked_for(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    writer, reader = StreamWriter(run), EventReader(run)
    for epoch in range(3):
        writer.event("epoch", epoch=epoch)
        wait_until(reader.refresh, 60, "the event", interval=0.001)
    writer.close()


def test_a_new_segment_comes_after_all_there_are_even_where_some_were_removed(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    for name in ("steps.3.json", "steps.4.roll", "steps.x.json", "evals.9.json"):
        (run.streams / name).write_text("{}")
    writer = StreamWriter(run)
    writer.open("steps", COLUMNS)
    writer.close()
    assert json.loads((run.streams / "steps.5.json").read_text())["stream"] == "steps"


def test_the_readme_line_of_numpy_reads_a_segment(tmp_path: Path) -> None:
    import numpy as np

    run = make_run(tmp_path)
    writer = StreamWriter(run)
    writer.open("steps", COLUMNS)
    writer.put("steps", 3, 1e9, [0.5, 0.25])
    writer.close()
    columns = json.loads((run.streams / "steps.0.json").read_text())["columns"]
    data = np.fromfile(run.streams / "steps.0.bin").reshape(-1, len(columns))
    assert [column["name"] for column in columns] == ["step", "time", "loss", "lr"]
    assert data.tolist() == [[3.0, 1e9, 0.5, 0.25]]
