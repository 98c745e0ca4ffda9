"""Which run is meant, and what to type for one."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from gradtop.trainer.record import Run, find_run, rename_run
from gradtop.trainer.record.meta import change_meta
from gradtop.tui.cli.locate import reference, shown
from tests.cli.conftest import Gradtop
from tests.tui.runs_fixture import fake_run


@pytest.mark.parametrize("word", ["last", "brave-otter", "brave", "ID", "PATH", "./runs/ID"])
def test_a_run_is_named_by_last_a_name_a_prefix_an_id_or_a_path(gradtop: Gradtop, runs: Path, word: str) -> None:
    run = find_run(runs, "brave-otter")
    said = gradtop("show", word.replace("PATH", str(run.path)).replace("ID", run.id), "--json")
    assert said.code == 0
    assert json.loads(said.out)["id"] == run.id


@pytest.mark.parametrize("command", ["show", "plot", "stop", "resume", "rerun", "watch", "params", "export --to csv"])
@pytest.mark.usefixtures("runs")
def test_a_run_that_is_not_there_is_said_with_what_there_is(gradtop: Gradtop, command: str) -> None:
    said = gradtop(*command.split(), "nobody")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("gradtop: No run 'nobody' in ")
    assert "brave-otter, tidy-wren, amber-finch" in said.err


def test_a_prefix_of_several_runs_is_said_with_their_ids(gradtop: Gradtop, runs: Path) -> None:
    fake_run(runs, "amber-fox", steps=0)
    said = gradtop("show", "amber")
    assert said.code == 2
    assert "'amber' is ambiguous: it matches 2 runs: " in said.err
    assert "-amber-fox" in said.err


def test_a_path_without_a_run_and_a_place_without_runs_are_said(gradtop: Gradtop, tmp_path: Path) -> None:
    said = gradtop("show", tmp_path)
    assert said.code == 2
    assert "no run in this directory" in said.err
    said = gradtop("show", "last")
    assert said.code == 2
    assert "No runs in" in said.err
    assert "gradtop train" in said.err


def test_a_runs_directory_that_is_a_file_is_said(gradtop: Gradtop, tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    for command in ("ls", "show last", "watch"):
        said = gradtop(*command.split())
        assert said.code == 2
        assert said.err.endswith("runs: Not a directory\n")


def test_a_runs_directory_that_cannot_be_read_is_not_taken_for_an_empty_one(gradtop: Gradtop, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: object) -> None:  # as for anybody but root, who runs the tests in a container
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path and str(path))

    monkeypatch.setattr("os.scandir", refuse)
    for command in ("ls", "ls --json", "watch", "train x.toml"):
        said = gradtop(*command.split())
        assert (said.code, said.out) == (2, "")
    assert gradtop("ls").err == f"gradtop: {runs}: Permission denied\n"


def test_the_variable_says_where_the_runs_are_and_the_option_overrules_it(gradtop: Gradtop, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = runs.parent / "other place"
    fake_run(other, "quiet-heron", steps=0)
    monkeypatch.setenv("GRADTOP_RUNS", str(other))
    assert "quiet-heron" in gradtop("ls").out
    assert "amber-finch" in gradtop("ls", "--runs", runs).out


def test_what_to_type_is_the_name_where_it_is_enough(runs: Path) -> None:
    run = find_run(runs, "amber-finch")
    assert reference(run, runs) == "amber-finch"
    change_meta(run, name="tidy-wren")  # as runs may be that were copied here
    assert reference(run, runs) == run.id


@pytest.mark.parametrize("name", ["two words", "$(reboot)", "-n", "a'b", "*"])
def test_a_name_that_a_shell_would_read_otherwise_gives_way_to_the_id(runs: Path, name: str) -> None:
    run = find_run(runs, "amber-finch")
    rename_run(run, name)
    assert reference(run, runs) == run.id


def test_what_to_type_tells_where_a_run_lies_elsewhere(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = runs.parent / "else where"
    elsewhere.mkdir()
    run = Run(runs / find_run(runs, "amber-finch").id)
    assert reference(run, elsewhere) == str(run.path)
    monkeypatch.chdir(elsewhere)
    assert reference(run, runs) == f"amber-finch --runs {runs}"
    spaced, _ = fake_run(elsewhere, "quiet-heron", steps=0)
    assert reference(spaced, elsewhere) == f"quiet-heron --runs '{elsewhere}'"


@pytest.mark.parametrize(
    ("words", "state", "named"),
    [
        ("eval quiet-heron", "training", "gradtop checkpoint ID"),
        ("eval quiet-heron", "stopped", "gradtop rerun ID"),
        ("show nobody", "stopped", "gradtop ls"),
        ("search quiet-heron --extend 2", "stopped", "gradtop search ID"),
        ("sensitivity quiet-heron --search quiet-heron", "stopped", "gradtop ls job:search"),
        ("clean --failed", "failed", "gradtop clean --trash"),
    ],
)
def test_a_command_that_is_named_works_as_written_where_the_runs_are_elsewhere(gradtop: Gradtop, tmp_path: Path, words: str, state: str, named: str) -> None:
    there = tmp_path / "an other place"
    run, _ = fake_run(there, "quiet-heron", state=state, steps=5)
    said = gradtop(*words.split(), "--runs", there)
    assert f"{named.replace('ID', run.id)} --runs '{there}'" in said.out + said.err


def test_the_first_command_of_an_empty_directory_is_named_with_it(gradtop: Gradtop, tmp_path: Path) -> None:
    assert gradtop("ls", "--runs", tmp_path / "new").err == f"No runs in new yet. Start one: gradtop new digits && gradtop train digits.toml --runs {tmp_path / 'new'}\n"


def test_paths_are_shown_from_the_working_directory(tmp_path: Path) -> None:
    assert shown(tmp_path / "runs" / "x") == "runs/x"
    assert shown(Path("/etc/hosts")) == "/etc/hosts"
    assert "\x1b" not in shown(tmp_path / "\x1b[2J")


@pytest.mark.parametrize("command", ["ls", "show brave-otter", "resume brave-otter", "rerun brave-otter", "watch", "train mine.toml", "doctor", "schedule mine.toml"])
def test_a_current_directory_that_was_deleted_is_named(gradtop: Gradtop, runs: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    leave(runs.parent, monkeypatch)
    said = gradtop(*command.split())
    assert said.code == 2
    assert said.err.startswith("gradtop: the current directory was deleted, ")


@pytest.mark.parametrize("command", ["ls", "show {0}", "export {0} --to csv", "tag {0} kept"])
def test_absolute_paths_lead_there_from_a_directory_that_was_deleted(gradtop: Gradtop, runs: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    path = find_run(runs, "brave-otter").path
    leave(runs.parent, monkeypatch)
    said = gradtop(*command.format(path).split(), "--runs", runs)
    assert said.code == 0
    assert "deleted" not in said.err


def leave(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in a directory that is not there any more."""
    monkeypatch.delenv("GRADTOP_RUNS", raising=False)
    gone = folder / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
