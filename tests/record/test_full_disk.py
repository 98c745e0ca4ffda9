"""No room, or no leave to write: what is lost is counted and said once, and what comes later is in its place."""

from __future__ import annotations

import errno
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gradtop.trainer.record import Column, RunReader, RunState, Status, StreamWriter, write_status
from gradtop.trainer.record.streams.segment_writer import SegmentWriter, ShortWrite
from tests.disk import mounted, occupy
from tests.record.support import make_run, read
from tests.support import wait_until

COLUMNS = [Column(f"v{number}") for number in range(20)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path, "256k") as disk:
        yield disk


def test_a_full_disk_costs_records_and_the_next_ones_are_whole(small_disk: Path) -> None:
    run = make_run(small_disk)
    said: list[str] = []
    writer = StreamWriter(run, on_loss=said.append)
    writer.open("steps", COLUMNS)
    step, kept = 0, []
    for _ in range(3):
        for _ in range(2500):
            writer.put("steps", step, float(step), [float(step)] * 20)
            step += 1
        writer.status(Status(state=RunState.TRAINING, step=step))
        assert writer.flush()
        kept.append(read(run).count)
    assert writer.dropped == step - kept[-1] > 0
    assert said == [writer.trouble]
    assert "No space left on device" in writer.trouble
    # Make room, as a user would, elsewhere on the disk; the file goes on where its last whole record ends.
    path = run.streams / "steps.0.bin"
    assert path.stat().st_size >= kept[-1] * 176
    lost = writer.dropped
    subprocess.run(["mount", "-o", "remount,size=4m", "none", str(small_disk)], check=True)
    for _ in range(5000):
        writer.put("steps", step, float(step), [float(step)] * 20)
        step += 1
    assert writer.flush()
    assert writer.dropped == lost
    rows = list(read(run).rows())
    assert len(rows) == step - lost
    assert all(set(row) == {row[0]} for row in rows)
    series = read(run).series("v7", bins=20)
    assert sum(series.finite) == len(rows)
    assert [series.low[0], series.high[-1]] == [0.0, step - 1]
    assert (run.streams / "steps.0.roll").stat().st_size == (len(rows) // 64 + len(rows) // 4096) * 8 * 105
    assert said == [writer.trouble]
    writer.close()


def test_on_a_full_disk_the_heart_beats_on_and_tells_of_the_loss(small_disk: Path) -> None:
    run = make_run(small_disk)
    write_status(run, Status(state=RunState.TRAINING, step=1))
    writer = StreamWriter(run)
    writer.open("steps", COLUMNS)
    writer.flush()
    ballast = occupy(small_disk)
    for step in range(100):
        writer.put("steps", step, 0.0, [0.0] * 20)
    writer.flush()
    writer.status(Status(state=RunState.TRAINING, step=2, warning="a longer text than before"))
    writer.flush()
    reader = RunReader(run)
    reader.refresh()
    assert (reader.status.step, reader.status.dropped) == (2, writer.dropped)
    assert writer.dropped > 50
    ballast.unlink()
    writer.status(Status(state=RunState.DONE, step=3))
    writer.close()
    reader.refresh()
    assert (reader.status.state, reader.status.step) == ("done", 3)
    assert not [path.name for path in run.path.iterdir() if path.name.startswith(".")]


def test_a_segment_that_finds_no_room_is_begun_when_there_is_some(small_disk: Path) -> None:
    run = make_run(small_disk)
    ballast = occupy(small_disk)
    writer = StreamWriter(run)
    writer.open("steps", COLUMNS)
    writer.put("steps", 0, 0.0, [0.0] * 20)
    writer.event("start")
    writer.flush()
    assert writer.dropped == 2
    assert list(run.streams.iterdir()) == []
    ballast.unlink()

    def written() -> bool:
        writer.put("steps", 1, 0.0, [0.0] * 20)
        return writer.flush() and read(run).count > 0

    wait_until(written, 60, "the segment")
    writer.close()


def test_a_read_only_run_costs_telemetry_alone(small_disk: Path) -> None:
    run = make_run(small_disk)
    subprocess.run(["mount", "-o", "remount,ro", "none", str(small_disk)], check=True)
    said: list[str] = []
    writer = StreamWriter(run, on_loss=said.append)
    writer.open("steps", COLUMNS)
    for step in range(10):
        writer.put("steps", step, 0.0, [0.0] * 20)
    writer.event("epoch")
    writer.status(Status(state=RunState.TRAINING))
    assert writer.flush()
    assert writer.dropped == 11
    assert said == [writer.trouble]
    assert "Read-only file system" in writer.trouble
    assert writer.close()


LIMITED = """
import json, os, resource, sys
from gradtop.trainer.record import Column, Run, StreamWriter
run, said = Run(sys.argv[1]), []
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
writer = StreamWriter(run, on_loss=said.append)
writer.open("steps", [Column("v")])
writer.flush()
lost = []
for limit in (1001, 1001, 2500, 100_000):   # bytes a file may have: no multiple of a record's 24
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    for step in range(200):
        writer.put("steps", step, 0.0, [step])
    assert writer.flush()
    lost.append(writer.dropped)
assert writer.close()
print(json.dumps({"lost": lost, "said": said}))
"""


def test_a_write_cut_short_in_the_middle_of_a_record_misplaces_none(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    done = subprocess.run([sys.executable, "-c", LIMITED, str(run.path)], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["lost"] == [159, 359, 496, 496]
    assert len(found["said"]) == 1
    assert "File too large" in found["said"][0]
    # 41 records fit into 1001 bytes, 104 into 2500.
    assert [row[2] for row in read(run).rows()] == [*range(41), *range(63), *range(200)]
    assert [row[0] for row in read(run).rows()] == [row[2] for row in read(run).rows()]


def test_a_short_write_tells_how_many_records_are_safe(small_disk: Path) -> None:
    run = make_run(small_disk)
    writer = SegmentWriter(run, "steps", COLUMNS)
    with pytest.raises(ShortWrite) as caught:
        writer.append_many([(step, 0.0, *[0.0] * 20) for step in range(5000)])
    assert caught.value.errno == errno.ENOSPC
    assert 0 < caught.value.written == read(run).count < 5000
    writer.close()
    shutil.rmtree(run.path)
