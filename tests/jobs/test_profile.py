"""A profile as a run of its own, as the worker takes it: what it records, obeys and leaves alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gradtop.trainer.checkpoint import format as checkpoint
from gradtop.trainer.config import parse_config
from gradtop.trainer.config.problems import ConfigProblems
from gradtop.trainer.job import find_job
from gradtop.trainer.jobs.profile import result
from gradtop.trainer.jobs.profile import work as profile_work
from gradtop.trainer.launch import create_run
from gradtop.trainer.record import Run, RunReader, RunState, Status, read_status, send
from gradtop.trainer.record.profiles import list_profiles, read_profile, trace_of
from gradtop.trainer.runtime.worker import work
from gradtop.trainer.training.profiling.collector import CannotProfile, Collector
from gradtop.trainer.training.profiling.step_profiler import StepProfiler
from tests.training.runs import TINY, SignalAtLook, events, tiny_run, trained


def profile_run(folder: Path, *changes: str, checkpoint: Path | None = None, sections: str = "") -> Run:
    return create_run(folder, parse_config(TINY.format(epochs=2) + sections, overrides=changes, job="profile"), checkpoint=checkpoint)


def opened(run: Run) -> RunReader:
    reader = RunReader(run)
    reader.refresh()
    return reader


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = profile_run(tmp_path_factory.mktemp("runs"), "profile.steps=5", "training.accumulate=2")
    assert work(run) == 0, read_status(run).error
    return run


def test_it_takes_its_steps_and_tells_where_their_time_went(ended: Run) -> None:
    status, (path,) = read_status(ended), list_profiles(ended)
    found = read_profile(path)
    assert (status.state, found.steps, found.last, status.step, status.steps) == (RunState.DONE, 5, status.step, status.step, status.step)
    assert [row.name for row in found.phases] == ["loading", "forward", "backward", "optimizer"]
    assert sum(row.profiled for row in found.phases) == pytest.approx(found.profiled)
    assert found.after == 0
    assert next(row.calls for row in found.operators if row.name == "aten::addmm") == 4  # of two layers, for two batches
    assert trace_of(path, found) is not None
    assert not list(ended.checkpoints.iterdir())


def test_commands_and_lists_tell_it(ended: Run) -> None:
    reader = opened(ended)
    told = dict(result.lines(reader))
    assert told["profiled"].endswith(" on cpu, 2 threads") or told["profiled"].endswith(" on cpu, 1 thread")
    assert told["trace"].endswith(".trace.json.gz")
    most = max(read_profile(list_profiles(ended)[0]).phases, key=lambda row: row.before).name
    assert result.headline(reader.status).startswith(f"{most} ")
    record: Any = result.record(reader)
    assert record["profile"]["steps"] == 5
    assert record["summary"] == str(list_profiles(ended)[0])
    assert result.headline(Status()) == result.headline(Status(result={"phases": {"forward": "much", "backward": -1}})) == ""
    assert find_job("profile").resumable
    (event,) = events(ended, "profile")
    assert event["path"] == list_profiles(ended)[0].name


def test_it_begins_with_the_weights_of_a_checkpoint_which_stays_as_it_is(tmp_path: Path) -> None:
    parent = tiny_run(tmp_path, epochs=1)
    trained(parent)
    weights = max(parent.checkpoints.glob("*.pt"))
    before = weights.read_bytes()
    run = profile_run(tmp_path, "profile.steps=1", checkpoint=weights)
    assert work(run) == 0
    assert any("of the checkpoint of step" in event["message"] for event in events(run, "init"))
    assert weights.read_bytes() == before
    assert checkpoint.load(weights)["step"] == 8


@pytest.mark.parametrize("steps", [0, 51, 10**9])
def test_a_number_of_steps_out_of_bounds_is_a_problem_of_the_configuration(tmp_path: Path, steps: int) -> None:
    with pytest.raises(ConfigProblems, match=r"profile\.steps"):
        profile_run(tmp_path, f"profile.steps={steps}")


def test_a_resume_before_its_end_begins_anew_and_one_after_it_measures_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = profile_run(tmp_path, "profile.steps=2")
    assert work(run, signals=SignalAtLook(4)) == 0
    assert read_status(run).state == "stopped"
    (event,) = events(run, "profile")
    assert event["reason"] == "the run ended before its steps were profiled"
    assert not list_profiles(run)

    assert work(run, resume=True) == 0
    (path,) = list_profiles(run)
    assert read_profile(path).steps == 2

    monkeypatch.setattr(profile_work, "ProfileJob", None)  # it would fail
    assert work(run, resume=True) == 0
    assert read_status(run).state == RunState.DONE


def test_a_stop_while_steps_are_recorded_keeps_these(tmp_path: Path) -> None:
    run = profile_run(tmp_path, "profile.steps=40")
    assert work(run, signals=SignalAtLook(40)) == 0
    assert read_status(run).state == "stopped"
    found = read_profile(list_profiles(run)[0])
    assert 1 <= found.steps < 40
    assert found.notes[-1] == f"{found.steps} of 40 steps were profiled, as the run ended"


def test_it_pauses_and_refuses_checkpoints_and_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = profile_run(tmp_path, "profile.steps=3")
    obey, sent = profile_work.ProfileJob.pause, []

    def pause(self: profile_work.ProfileJob) -> None:
        obey(self)
        sent.append(send(run, "continue"))

    monkeypatch.setattr(profile_work.ProfileJob, "pause", pause)
    begun = StepProfiler.request

    def request(self: StepProfiler, *arguments: Any, **named: Any) -> Any:
        # Not before the job has begun: what was sent to an earlier worker is refused.
        for command in ("pause", "checkpoint"):
            send(run, command)
        send(run, "set", changes={"optimizer.lr": 1.0})
        return begun(self, *arguments, **named)

    monkeypatch.setattr(StepProfiler, "request", request)
    assert work(run) == 0
    answers = {event["command"]: event for event in events(run, "command")}
    assert {name: event["ok"] for name, event in answers.items()} == {"pause": True, "checkpoint": False, "set": False, "continue": True}
    assert answers["checkpoint"]["reason"].startswith("a profile writes no checkpoint")
    assert read_profile(list_profiles(run)[0]).steps == 3


def test_a_profiler_that_fails_fails_the_job_with_its_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise CannotProfile("its trace would take up to 90 MB, and the disk has 3 MB left")

    monkeypatch.setattr(Collector, "end", fails)
    run = profile_run(tmp_path, "profile.steps=1")
    assert work(run) == 1
    status = read_status(run)
    assert (status.state, status.error) == (RunState.FAILED, "no profile: its trace would take up to 90 MB, and the disk has 3 MB left")
    assert not list(run.path.rglob(".profile*"))


def test_compiled_models_are_told_as_a_whole() -> None:
    import torch

    notes = Collector(torch.nn.Linear(1, 1), torch.device("cpu"), compiled=True).notes
    assert notes == ["modules are not told apart where training.compile is true"]
