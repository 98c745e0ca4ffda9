"""A writer that is killed at any instant has lost nothing that it was told is written."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gradtop.trainer.record import EventReader, read_status
from tests.record.support import make_run, read

WRITER = """
import sys
from gradtop.trainer.record import Column, Run, RunState, Status, StreamWriter
writer = StreamWriter(Run(sys.argv[1]), maximum=100_000)
writer.open("steps", [Column(f"v{number}") for number in range(20)], first_step=int(sys.argv[2]))
step = int(sys.argv[2])
while True:
    for _ in range(37):
        writer.put("steps", step, float(step), [float(step)] * 20)
        step += 1
    writer.event("epoch", step=step)
    writer.status(Status(state=RunState.TRAINING, step=step))
    assert writer.flush()
    print(step, flush=True)
"""


@pytest.mark.parametrize("seed", range(6))
def test_what_was_flushed_is_read_back_after_a_kill(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    run = make_run(tmp_path)
    first = 0
    for _ in range(2):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(run.path), str(first)], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            said = 0
            for _ in range(chance.randrange(1, 60)):
                said = int(process.stdout.readline())
            process.send_signal(signal.SIGKILL)
            said = max([said, *[int(line) for line in process.stdout if line.endswith("\n")]])
        reader = read(run)
        rows = list(reader.rows())
        assert len(rows) >= said
        assert [row[0] for row in rows] == list(range(len(rows)))
        assert all(set(row) == {row[0]} for row in rows)
        assert sum(reader.series("v3", bins=10).finite) == len(rows)
        events = EventReader(run).refresh()
        assert max(int(str(event["step"])) for event in events) >= said
        assert read_status(run).step >= said
        # Goes on, as from a checkpoint, before the place where it was killed.
        first = said // 2
