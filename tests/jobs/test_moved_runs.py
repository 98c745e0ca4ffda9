"""Sentences of a run whose directory was moved after they were recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradtop.trainer.config import parse_config
from gradtop.trainer.launch import create_run
from gradtop.trainer.record import EventReader, Run, read_status, write_status
from gradtop.trainer.record.event_log import EventLog
from gradtop.trainer.runtime.worker import work
from tests.training.runs import TINY


def test_a_command_in_an_error_finds_the_run_where_it_was_moved_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = create_run(tmp_path / "runs", parse_config(TINY.format(epochs=2), job="lr_range"))
    assert work(run, resume=True) == 1
    there = Run(run.path.parent.rename(tmp_path / "moved away") / run.id)
    sentence = f"start it again: gradtop rerun {run.id}"
    reader = EventReader(there)
    reader.refresh()
    said = [read_status(there).error, reader.events[-1]["reason"], EventLog(there).read()[-1][1]["reason"]]
    assert all(each.endswith(f"{sentence} --runs '{there.path.parent}'") for each in said), said
    monkeypatch.setenv("GRADTOP_RUNS", str(there.path.parent))
    assert read_status(there).error.endswith(sentence)
    write_status(there, read_status(there)._replace(error=f"{sentence} --runs '{run.path.parent}'; or not"))
    assert read_status(there).error == f"{sentence}; or not"
