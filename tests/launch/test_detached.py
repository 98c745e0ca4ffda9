from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.launch.support import make_run
from trainer.launch import detached, start_worker
from trainer.record import Status, process_start, read_status, this_host, write_status

ROOT = Path(__file__).parents[2]


def being_trained_by_this_process() -> Status:
    host, boot = this_host()
    return Status(state="training", pid=os.getpid(), pid_started=process_start(os.getpid()), host=host, boot=boot)


def test_an_interpreter_that_is_not_there_is_a_clear_error_and_the_run_shows_as_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")

    with pytest.raises(FileNotFoundError, match="/nowhere/python"):
        start_worker(run)

    status = read_status(run)
    assert (status.state, status.ended > 0) == ("failed", True)
    assert "/nowhere/python" in status.error


def test_an_interpreter_that_cannot_import_the_trainer_is_told_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path)
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho 'No module named \033[31mpydantic' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))

    with pytest.raises(OSError, match="could not be started: No module named pydantic"):
        start_worker(run)

    assert "No module named pydantic" in read_status(run).error


def test_a_worker_that_is_refused_says_why_and_leaves_the_run_alone(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    write_status(run, being_trained_by_this_process())

    with pytest.raises(OSError, match=rf"{run.id} is being trained by process {os.getpid()} on .*; stop that one first"):
        start_worker(run)

    assert read_status(run).state == "training"
    assert stat.S_IMODE(run.log.stat().st_mode) == 0o600


def test_a_log_that_was_there_is_added_to_and_not_quoted(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    run.log.write_text("of yesterday\n")
    write_status(run, being_trained_by_this_process())

    with pytest.raises(OSError, match="being trained"):
        start_worker(run, resume=True)

    assert run.log.read_text().startswith("of yesterday\n")
    assert detached.last_words(run.log, run.log.stat().st_size) == ""


def test_a_run_without_a_log_is_not_started(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    victim = tmp_path / "victim"
    victim.write_text("precious")
    run.log.symlink_to(victim)

    with pytest.raises(OSError, match=r"worker\.log"):
        start_worker(run)

    assert victim.read_text() == "precious"
    assert read_status(run).state == "failed"


def test_a_resume_that_cannot_start_leaves_the_run_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path)
    write_status(run, Status(state="stopped", step=7))
    monkeypatch.setattr(sys, "executable", "/nowhere/python")

    with pytest.raises(FileNotFoundError):
        start_worker(run, resume=True)

    assert (read_status(run).state, read_status(run).step) == ("stopped", 7)


def python_path(*arguments: str, cwd: Path, **env: str) -> str | None:
    """The PYTHONPATH that a process gives to its workers, which imports the trainer in the way of `arguments`."""
    code = "from trainer.launch.detached import environment; print(environment().get('PYTHONPATH'))"
    done = subprocess.run(
        [sys.executable, *arguments, "-c", code], cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True, check=True
    )
    found = done.stdout.strip()
    return None if found == "None" else found


def trainer_seen_with(path: str | None, cwd: Path) -> Path:
    env = dict(os.environ) | ({"PYTHONPATH": path} if path is not None else {})
    code = "import trainer; print(trainer.__file__)"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=cwd, env=env, capture_output=True, text=True, check=True
    )
    return Path(done.stdout.strip())


def test_an_installed_trainer_leaves_the_environment_as_it_is(tmp_path: Path) -> None:
    assert python_path("-P", cwd=tmp_path) is None
    assert python_path(cwd=tmp_path) is None
    assert python_path("-P", cwd=tmp_path, PYTHONPATH="/elsewhere") == "/elsewhere"


def test_a_trainer_that_only_the_current_directory_holds_is_given_to_the_worker(tmp_path: Path) -> None:
    """As when the command is run from a checkout that is not installed: here, another copy than the installed one."""
    copy = tmp_path / "checkout"
    copy.mkdir()
    subprocess.run(["cp", "-r", str(ROOT / "trainer"), str(copy / "trainer")], check=True)

    found = python_path(cwd=copy)

    assert found == str(copy)
    assert trainer_seen_with(found, tmp_path) == copy / "trainer" / "__init__.py"


def test_a_trainer_of_the_users_on_the_path_does_not_take_the_place_of_ours(tmp_path: Path) -> None:
    (tmp_path / "trainer.py").write_text("raise SystemExit('the wrong trainer')")
    before = os.pathsep.join([str(ROOT), str(tmp_path)])  # ours is found first by the command, as by its entry point

    code = (
        "import os, sys; import trainer\n"
        f"sys.path.remove({str(ROOT)!r}); sys.path.insert(1, {str(tmp_path)!r}); os.environ['PYTHONPATH'] = {str(tmp_path)!r}\n"
        "from trainer.launch.detached import environment; print(environment()['PYTHONPATH'])"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], env={**os.environ, "PYTHONPATH": before}, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == os.pathsep.join([str(ROOT), str(tmp_path)])
    assert trainer_seen_with(done.stdout.strip(), tmp_path) == ROOT / "trainer" / "__init__.py"
