"""`gradtop profile`: of a run that trains, in this process, and what it says to everything else."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gradtop.trainer.record import Run, RunState, Status, read_status, write_status
from gradtop.trainer.record.profiles import list_profiles
from tests.cli.conftest import Gradtop, Starts
from tests.cli.fake_worker import FakeWorker
from tests.process.support import Zygote
from tests.support import wait_until
from tests.training.runs import tiny_run
from tests.tui.runs_fixture import fake_run


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory, zygote: Zygote) -> Iterator[Run]:
    """A run that trains until the tests are done."""
    run = tiny_run(tmp_path_factory.mktemp("profiled"), epochs=100_000)
    worker = zygote.start(run)
    try:
        wait_until(lambda: read_status(run).state == RunState.TRAINING, timeout=120)
        yield run
    finally:
        worker.kill()
        worker.wait()
        worker.close()


def test_a_run_that_trains_is_profiled_as_it_runs(training: Run, gradtop: Gradtop) -> None:
    before = len(list_profiles(training))
    said = gradtop("profile", training.path, "--steps", 3)
    assert said.code == 0, said.err
    first, *rest = said.out.splitlines()
    assert "is running: steps " in first
    assert first.endswith("will be profiled")
    assert len(list_profiles(training)) == before + 1
    assert any(line.strip().startswith("phases") for line in rest)
    assert str(training.profiles) in said.out
    assert read_status(training).state == RunState.TRAINING
    shown = gradtop("show", training.path).out
    assert "profile" in shown
    assert "while profiled" in shown


def test_it_prints_one_object(training: Run, gradtop: Gradtop) -> None:
    said = gradtop("profile", training.path, "--steps", 2, "--json")
    found = json.loads(said.out)
    assert {"schema", "id", "name", "path", "state", "error", "summary", "trace", "profile"} == set(found)
    assert found["profile"]["steps"] == 2
    assert Path(found["trace"]).is_file()
    assert {"name", "calls", "self_cpu", "cpu", "self_device", "device", "self_memory", "memory"} == set(found["profile"]["operators"][0])
    detached = json.loads(gradtop("profile", training.path, "--steps", 2, "--json", "--detach").out)
    assert {"schema", "id", "name", "path", "steps", "first", "last"} == set(detached)
    wait_until(lambda: any(path.name == f"step-{detached['first']:06d}.json" for path in list_profiles(training)), timeout=60)


@pytest.mark.parametrize("steps", ["0", "-3", "51", "1000000000", "many", "1.5", "²"])
def test_a_number_of_steps_that_cannot_be_profiled_is_refused(training: Run, gradtop: Gradtop, steps: str) -> None:
    said = gradtop("profile", training.path, f"--steps={steps}")
    assert (said.code, said.out) == (2, "")
    assert said.err == f"gradtop: --steps {steps}: from 1 to 50 steps can be profiled\n"


def test_settings_cannot_be_given_to_a_run_that_trains(training: Run, gradtop: Gradtop) -> None:
    for words in (["optimizer.lr=1"], ["--queue"], ["--watch"]):
        said = gradtop("profile", training.path, *words)
        assert said.code == 2
        assert "its next steps are profiled as it runs" in said.err


def test_a_paused_run_is_profiled_when_it_continues(tmp_path: Path, gradtop: Gradtop) -> None:
    run, grower = fake_run(tmp_path / "runs", "calm-crane", state="paused", created=time.time())
    with FakeWorker(run, grower) as worker:
        said = gradtop("profile", "calm-crane")
    grower.close()
    assert said.code == 0
    assert said.out == "calm-crane is paused: profile it is when it continues\n"
    assert worker.seen == [("profile", {"steps": None})]


def test_a_run_that_ends_meanwhile_has_no_profile(tmp_path: Path, gradtop: Gradtop) -> None:
    run, grower = fake_run(tmp_path / "runs", "calm-crane", state="training", created=time.time())
    with FakeWorker(run, grower, lambda name: (grower.status("stopped") or True, name)):  # type: ignore[func-returns-value]
        said = gradtop("profile", "calm-crane")
    grower.close()
    assert said.code == 1
    assert "no profile of calm-crane" in said.err


def test_a_queued_run_is_not_profiled(tmp_path: Path, gradtop: Gradtop) -> None:
    _, grower = fake_run(tmp_path / "runs", "calm-crane", state="queued", created=time.time())
    grower.close()
    said = gradtop("profile", "calm-crane")
    assert said.code == 2
    assert "profile it when it trains, or its configuration now" in said.err


def test_of_a_configuration_and_of_a_run_that_has_ended_a_run_of_its_own_is_started(tmp_path: Path, gradtop: Gradtop, starts: Starts) -> None:
    ended = tiny_run(tmp_path / "runs")
    write_status(ended, Status(state=RunState.DONE))
    said = gradtop("profile", "last", "--steps", "7", "--detach")
    assert said.code == 0, said.err
    config = tmp_path / "small.toml"
    config.write_text('[data]\nkind = "digits"\n')
    assert gradtop("profile", config, "--detach").code == 0
    (first, _), (second, _) = starts.started
    assert "steps = 7" in first.config.read_text()
    for run in (first, second):
        assert 'job = "profile"' in run.config.read_text()
    said = gradtop("profile", config, "--steps", "51")
    assert said.code == 2
    assert "profile.steps" in said.err
    assert len(starts.started) == 2
