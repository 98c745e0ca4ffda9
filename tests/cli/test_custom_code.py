"""Commands that look never run what a run names, and those that train ask before they run custom code that was not started here."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from gradtop.trainer import launch
from gradtop.trainer.checkpoint.format import FORMAT
from gradtop.trainer.config import apply_overrides, dump_config, parse_config
from gradtop.trainer.launch import answers, custom_code
from gradtop.trainer.record import Run, Status, append_event, effective, list_runs, new_run, read_meta, write_status
from gradtop.trainer.record.meta import change_meta
from gradtop.trainer.server.requests import ANSWERS, answer
from tests.cli.conftest import Gradtop, Starts

CONFIG = '[data]\nkind = "fake"\n\n[training]\nepochs = 2\n'
CODE = 'kind = "custom"\ntarget = "os:mkdir"\narguments = {path = "code-was-run"}\n'
MODEL = f"[model]\n{CODE}\n{CONFIG}"


@pytest.fixture(autouse=True)
def of_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was started in this process; answers come from it, and not from one that a torch server forks."""
    monkeypatch.setattr(custom_code, "_started", set())

    def asked(kind: str, arguments: Mapping[str, Any], **_: object) -> dict[str, Any]:
        return answers._checked(answer(ANSWERS[kind], arguments))

    monkeypatch.setattr(answers, "request_answer", asked)
    monkeypatch.setattr("gradtop.trainer.launch.requests.request_answer", asked)


def foreign(folder: Path, text: str = MODEL, name: str = "foreign") -> Run:
    """A run that somebody else has made, with a checkpoint that can be read."""
    run = new_run(folder / "runs", text, {}, name=name)
    write_status(run, Status(state="stopped", step=3))  # type: ignore[arg-type]
    torch.save({"format": FORMAT, "step": 3, "model": {"weight": torch.zeros(1)}}, run.checkpoints / "step-000003.pt")
    (run.checkpoints / "step-000003.json").write_text(json.dumps({"step": 3, "epoch": 1}))
    append_event(run, "start")
    return run


@pytest.mark.parametrize("command", ["params {0}", "params {0}/run.toml", "params {0}/run.toml optimizer.lr=1", "schedule {0}", "show {0}", "ls", "plot {0}", "diff {0} {0}"])
@pytest.mark.parametrize("table", ["model", "data"])
def test_a_command_that_looks_runs_nothing_that_the_run_names(gradtop: Gradtop, tmp_path: Path, command: str, table: str) -> None:
    text = MODEL if table == "model" else f"[data]\n{CODE}"
    run = foreign(tmp_path, text)

    said = gradtop(*command.format(run.path).split())

    assert not (tmp_path / "code-was-run").exists()
    if command.startswith("params"):
        assert said.code == 2
        assert said.err.startswith(f"gradtop: {table}.target = os:mkdir with ")
        assert "looking at a run does not import it" in said.err


def test_a_file_that_the_user_names_is_built(gradtop: Gradtop, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(MODEL)

    said = gradtop("params", "mine.toml")

    assert (tmp_path / "code-was-run").exists()
    assert "not a torch.nn.Module" in said.err


@pytest.mark.parametrize("command", ["rerun {0}", "fork {0} training.epochs=9", "resume {0}", "lr-range {0}", "train {0}/run.toml", "rerun {0} optimizer.lr=3e-4 --queue"])
def test_a_command_that_trains_names_unknown_code_and_starts_it_only_with_yes(gradtop: Gradtop, starts: Starts, tmp_path: Path, command: str) -> None:
    run = foreign(tmp_path)
    words = command.format(run.path).split()

    said = gradtop(*words)
    assert said.code == 2
    assert said.err == (
        'gradtop: the run names custom code that you have not started here before: model.target = os:mkdir with {"path": "code-was-run"}. '
        "Read that code; to run it, add --yes\n"
    )
    assert (starts.started, list_runs(run.path.parent)) == ([], [run])
    if "--queue" in words:
        return
    assert gradtop(*words, "--yes", "--detach").code == 0
    assert len(starts.started) == 1
    # From then on it is known.
    assert gradtop("rerun", run.path, "--detach").code == 0


def test_at_a_terminal_the_user_is_asked(gradtop: Gradtop, starts: Starts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = foreign(tmp_path)
    answers = iter(["\n", "n\n", "y\n"])
    monkeypatch.setattr("gradtop.tui.cli.consent.at_terminal", lambda: True)
    monkeypatch.setattr(sys, "stdin", type("Typed", (), {"readline": lambda _: next(answers), "isatty": lambda _: True})())

    for code in (2, 2, 0):
        assert gradtop("rerun", run.path, "--detach").code == code
    assert len(starts.started) == 1


def test_what_the_user_typed_over_a_run_of_their_own_is_not_asked_about(gradtop: Gradtop, starts: Starts, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(MODEL)
    assert gradtop("train", "mine.toml", "--detach", "--name", "mine").code == 0
    assert gradtop("rerun", "mine", 'model.arguments={path="other"}', "--detach").code == 0

    assert len(starts.started) == 2
    assert read_meta(starts.started[1][0]).parent == starts.started[0][0].id
    gradtop("params", starts.started[0][0].config, 'model.arguments={path="third"}')
    assert (tmp_path / "third").is_dir()


def test_code_that_stands_in_the_checks_of_a_foreign_run_is_asked_about_when_the_rest_is_changed(gradtop: Gradtop, starts: Starts, tmp_path: Path) -> None:
    run = foreign(tmp_path)

    assert gradtop("rerun", run.path, 'model.arguments={path="other"}', "--detach").code == 2
    assert starts.started == []


@pytest.mark.parametrize("changes", [{"model.kind": "custom", "model.target": "os:mkdir"}, {"model.target": "os:mkdir"}, {"data.kind": "custom"}])
def test_a_status_that_claims_a_live_change_of_code_changes_none(changes: dict[str, object]) -> None:
    tables = {"model": {"kind": "custom", "target": "mine:build"}, "data": {"kind": "fake"}}

    assert effective(tables, changes) == tables


def test_the_worker_is_started_for_no_run_of_unknown_code(tmp_path: Path) -> None:
    run = foreign(tmp_path)

    for start in (launch.start_worker, launch.queue_worker):
        with pytest.raises(custom_code.UnknownCode):
            start(run)


def test_what_is_known_is_kept_by_the_user_and_holds_for_one_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = apply_overrides(parse_config(CONFIG), ["model.kind=custom", "model.target=mine:build", "model.arguments={width=3}"])
    run = launch.create_run(tmp_path / "runs", config)
    copy = new_run(tmp_path / "copies", dump_config(config), {})
    monkeypatch.setattr(custom_code, "_started", set())  # as another process begins

    for each in (run, copy):
        custom_code.require_started(custom_code.code_of_run(each))
    other = tmp_path / "elsewhere"
    other.mkdir()
    monkeypatch.chdir(other)
    # The run's own worker imports it from where it was started; one that does not say where, from here.
    custom_code.require_started(custom_code.code_of_run(run))
    with pytest.raises(custom_code.UnknownCode):
        custom_code.require_started(custom_code.code_of_run(copy))


@pytest.mark.parametrize("command", ["resume {0}", "rerun {0}", "fork {0} training.epochs=9", "lr-range {0}"])
def test_a_foreign_run_that_names_known_code_in_another_directory_is_asked_about(gradtop: Gradtop, starts: Starts, tmp_path: Path, command: str) -> None:
    (tmp_path / "mine.toml").write_text(MODEL)
    assert gradtop("train", "mine.toml", "--detach").code == 0
    run = foreign(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    change_meta(run, cwd=str(elsewhere))

    said = gradtop(*command.format(run.path).split(), "--detach")

    assert said.code == 2
    assert f"model.target = os:mkdir in {elsewhere} with " in said.err
    assert len(starts.started) == 1


@pytest.mark.parametrize("directory", ["x" * 300, "\0", "gone", "mine.toml"])
def test_a_directory_that_cannot_be_entered_hides_no_code(gradtop: Gradtop, starts: Starts, tmp_path: Path, directory: str) -> None:
    (tmp_path / "mine.toml").touch()
    run = foreign(tmp_path)
    change_meta(run, cwd=directory)

    assert "model.target = os:mkdir with " in gradtop("resume", run.path, "--detach").err
    assert starts.started == []


def test_a_run_that_claims_a_known_directory_is_asked_about_where_it_is_trained_from_here(
    gradtop: Gradtop, starts: Starts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.toml").write_text(MODEL)
    assert gradtop("train", "mine.toml", "--detach").code == 0
    run = foreign(tmp_path)
    change_meta(run, cwd=str(tmp_path))
    monkeypatch.chdir(run.path)

    assert gradtop("train", "run.toml", "--detach").code == 2
    assert gradtop("params", "run.toml").err.startswith("gradtop: model.target = os:mkdir with ")
    assert len(starts.started) == 1
    assert not list(tmp_path.rglob("code-was-run"))


@pytest.mark.parametrize("table", ['[model]\nkind = "custom"', "[model]\narguments = {}", 'model = {"targ\\u0065t" = "os:mkdir"}', "[data]\ntarget = 3"])
def test_code_is_found_however_it_is_written(tmp_path: Path, table: str) -> None:
    run = foreign(tmp_path, table)

    assert len(custom_code.code_of_run(run)) == 1


def test_a_state_directory_that_cannot_be_written_stops_no_training(gradtop: Gradtop, starts: Starts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    (tmp_path / "mine.toml").write_text(MODEL)

    assert gradtop("train", "mine.toml", "--detach").code == 0
    assert len(starts.started) == 1
