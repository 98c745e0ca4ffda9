"""The run of a trial as the search watches it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from gradtop.trainer.config import load_config, parse_config
from gradtop.trainer.metrics import FURTHER
from gradtop.trainer.record import Status, StreamReader, StreamWriter, new_run, read_meta, write_status
from gradtop.trainer.record.streams.registry import EVALS
from gradtop.trainer.trials import trial_run
from gradtop.trainer.trials.trial_run import TrialRun, create_trial_run


def test_each_evaluation_is_read_once_however_often_it_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = new_run(tmp_path, "", {}, name="trial")
    writer = StreamWriter(run)
    writer.open(EVALS, first_step=1)
    read: list[int] = []
    rows = StreamReader.rows

    def counted(self: StreamReader, start: int = 0, stop: int | None = None) -> Iterator[tuple[float, ...]]:
        for row in rows(self, start, stop):
            read.append(int(row[0]))
            yield row

    monkeypatch.setattr(StreamReader, "rows", counted)
    watched = TrialRun(tmp_path, run.id)
    for epoch in range(1, 4):
        writer.put(EVALS, 10 * epoch, 1.0, (epoch, 1.0 / epoch, 0.5, *[math.nan] * len(FURTHER)))
        writer.flush()
        write_status(run, Status(step=10 * epoch))
        assert [(found[0], found[1], found[2]["loss"]) for found in watched.look()] == [(epoch, 10 * epoch, 1.0 / epoch)]
        assert watched.look() == watched.look(whole=True) == []
    writer.close()
    assert read == [10, 20, 30]


@pytest.mark.parametrize(("workers", "share"), [(1, 0), (2, 4), (3, 2), (20, 1)])
def test_a_trial_among_others_has_its_share_of_the_cores_and_decides_itself_how_many_it_uses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int, share: int) -> None:
    monkeypatch.setattr(trial_run, "cores", lambda: 8)
    base = parse_config("")
    search = new_run(tmp_path, "", {}, name="search")
    made = create_trial_run(search, "search", base, 3, {"optimizer.lr": 0.25}, workers=workers)
    config, meta = load_config(made.config), read_meta(made)
    assert (config.training.threads, config.optimizer.lr) == (0, 0.25)
    assert (meta.most_threads, meta.search, meta.trial) == (share, search.id, 3)
