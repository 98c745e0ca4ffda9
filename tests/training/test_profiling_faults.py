"""What goes wrong while steps are profiled costs the profile alone."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch

from gradtop.trainer.analysis.profiling import __main__ as summary
from gradtop.trainer.record import read_status
from gradtop.trainer.record.profiles import Profile, list_profiles
from gradtop.trainer.runtime.worker import work
from gradtop.trainer.training.phases import ignore
from gradtop.trainer.training.profiling.collector import Collector
from gradtop.trainer.training.profiling.stages import Stage
from gradtop.trainer.training.session import Session
from tests.disk import mounted, occupy
from tests.training.profiles import answers, asked, profiler_enabled
from tests.training.runs import SignalAtLook, events, tiny_run, trained


@pytest.mark.parametrize("method", ["count_begin", "begin", "step", "enter", "end", "rest"])
def test_whatever_fails_in_the_profiler_costs_no_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("Profiler is already enabled on this thread\nC++ stack")

    monkeypatch.setattr(Collector, method, fails)
    run = tiny_run(tmp_path, epochs=6)
    session = trained(run, asked(5))
    (told,) = events(run, "profile")
    assert told["reason"] == "RuntimeError: Profiler is already enabled on this thread"
    assert not list_profiles(run)
    assert session.step == 48
    assert session.compute.enter is ignore
    assert not profiler_enabled()
    assert not any(module._forward_hooks for module in session.model.modules())


def test_another_profiler_that_is_active_is_left_alone(tmp_path: Path) -> None:
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as others:
        run = tiny_run(tmp_path, epochs=6)
        trained(run, asked(5))
        assert profiler_enabled()
    assert list(others.key_averages())
    (answer,) = answers(run)
    assert (answer["ok"], answer["reason"]) == (False, "another profiler is active in this process; end it first")


def test_a_profiler_that_user_code_begins_meanwhile_keeps_its_steps(tmp_path: Path) -> None:
    others: list[torch.profiler.profile] = []

    def user_code(session: Session) -> None:
        asked(5)(session)
        begin = session.profiler._prepare

        def first_another(plan: Any, collector: Any) -> None:
            if plan.stage is Stage.COUNT and not others:
                others.append(torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]))
                others[0].start()
            begin(plan, collector)

        session.profiler._prepare = first_another  # type: ignore[method-assign]

    run = tiny_run(tmp_path, epochs=6)
    trained(run, user_code)
    others[0].stop()
    assert "aten::addmm" in {row.key for row in others[0].key_averages()}
    (told,) = events(run, "profile")
    assert told["reason"] == "another profiler is active in this process; end it first"


def test_a_torch_without_kineto_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.profiler, "kineto_available", lambda: False)
    run = tiny_run(tmp_path, epochs=1)
    trained(run, asked(1))
    (answer,) = answers(run)
    assert answer["ok"] is False
    assert "without Kineto" in answer["reason"]


def test_a_full_disk_costs_the_profile_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with mounted(tmp_path, "3m") as disk:
        run = tiny_run(disk, epochs=20)
        (run.path / "profiles").mkdir(0o700)
        end = Collector.end

        def full(self: Collector, path: Path) -> None:
            ballast = occupy(disk)
            try:
                end(self, path)
            finally:
                ballast.unlink()

        monkeypatch.setattr(Collector, "end", full)
        session = trained(run, asked(10))
        assert session.step == 160
        (told,) = events(run, "profile")
        assert "the disk has" in told["reason"]
        assert not list_profiles(run)
        assert not list(run.path.rglob(".profile*"))


def test_a_trace_that_was_written_in_part_makes_no_profile(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    run, raw = tiny_run(tmp_path), tmp_path / "raw"
    raw.write_text('{"traceEvents": [{"ph": "X", "na')
    monkeypatch.setattr("sys.stdin", StringIO('{"profile": {}, "counted": []}'))
    assert summary.main([str(run.path), str(raw)]) == 1
    assert "is the disk full?" in capsys.readouterr().out
    assert not list_profiles(run)
    assert not raw.exists()


def test_a_trace_that_is_too_large_is_not_kept_and_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summary, "LARGEST_TRACE", 100)
    run, raw = tiny_run(tmp_path), tmp_path / "raw"
    raw.write_text('{"traceEvents": [' + ",".join(f'{{"ph": "X", "name": "{each * 7919}"}}' for each in range(200)) + "]}")
    found = summary.completed(run, raw, Profile(step=1, steps=1), [0])
    assert (found.trace, found.trace_bytes) == ("", 0)
    assert "was not kept" in found.notes[0]
    assert not list(run.profiles.iterdir())


def test_a_kill_leaves_a_run_that_resumes_and_no_half_profile(tmp_path: Path) -> None:
    """As after kill -9: what was being written has a temporary name, and is no profile."""
    run = tiny_run(tmp_path, epochs=3)
    assert work(run, signals=SignalAtLook(5)) == 0
    run.profiles.mkdir(mode=0o700)
    (run.profiles / ".step-000003.json.1.0123abcd.tmp").write_text('{"format": 1')
    (run.profiles / "step-000002.trace.json.gz").write_bytes(b"\x1f\x8b")
    assert not list_profiles(run)
    assert work(run, resume=True) == 0
    assert read_status(run).state == "done"
