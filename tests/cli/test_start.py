"""train, resume and rerun: what is made, what is refused, and what is said when the worker does not come or fails at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gradtop.trainer.config import dump_config, load_config, parse_config
from gradtop.trainer.launch import create_run
from gradtop.trainer.record import RecordedChange, Run, RunState, Status, find_run, list_runs, read_meta, write_status
from gradtop.tui.cli import home, start
from tests.cli.conftest import Gradtop, Starts
from tests.tui.runs_fixture import living_run

CONFIG = '[data]\nkind = "fake"\n\n[training]\nepochs = 2\n'


@pytest.fixture
def parent(runs: Path) -> Run:
    """A run that is done, of a configuration that can be trained."""
    run = find_run(runs, "amber-finch")
    run.config.write_text(dump_config(parse_config(CONFIG)))
    return run


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "my.toml"
    path.write_text(CONFIG)
    return path


def failing(run: Run) -> None:
    write_status(run, Status(state=RunState.FAILED, error="cuda:7 is not there; this machine has no GPU: training.device=cpu"))


def test_train_makes_a_run_of_the_file_and_the_changes_and_follows_it(gradtop: Gradtop, starts: Starts, config: Path, tmp_path: Path) -> None:
    said = gradtop("train", config, "optimizer.lr=5e-4", "--name", "quiet-heron")
    ((run, resume),) = starts.started
    assert said.code == 0
    assert said.out.splitlines() == [f"quiet-heron started in the background: runs/{run.id}", "quiet-heron is done after 0:00."]
    made = load_config(run.config)
    assert (made.optimizer.lr, made.training.epochs, resume) == (5e-4, 2, False)
    assert read_meta(run).name == "quiet-heron"
    assert read_meta(run).changes == (RecordedChange("optimizer.lr", 1e-3, 5e-4),)
    assert "overrides     optimizer.lr 1e-3 → 5e-4" in gradtop("show", "quiet-heron").out
    assert run.path.parent == tmp_path / "runs"


def test_train_detached_returns_at_once_and_says_how_to_look(gradtop: Gradtop, starts: Starts, config: Path) -> None:
    starts.becomes = lambda run: None
    said = gradtop("train", config, "--detach", "--name", "quiet-heron", "--runs", "there")
    where = f"quiet-heron --runs {Path('there').absolute()}"
    assert said.code == 0
    assert said.out.splitlines()[1:] == [f"Status: gradtop show {where} · watch: gradtop watch {where} · stop: gradtop stop {where}"]


@pytest.mark.parametrize("option", ["", "--watch"])
def test_a_worker_that_fails_at_once_is_one_sentence_and_exit_code_1(gradtop: Gradtop, starts: Starts, config: Path, option: str) -> None:
    starts.becomes = failing
    said = gradtop("train", config, "--name", "quiet-heron", *option.split())
    ((run, _),) = starts.started
    assert said.code == 1
    assert said.err.splitlines() == [
        "gradtop: quiet-heron failed: cuda:7 is not there; this machine has no GPU: training.device=cpu",
        f"The worker's log: runs/{run.id}/worker.log",
    ]


def test_what_starts_a_run_tells_of_it_as_json(gradtop: Gradtop, starts: Starts, config: Path, tmp_path: Path) -> None:
    starts.becomes = lambda run: write_status(run, Status(state=RunState.DONE, step=90, epoch=2, best=0.25))
    said = gradtop("train", config, "--json", "--name", "base")
    found = json.loads(said.out)
    assert (said.code, said.err) == (0, "")
    assert (found["schema"], found["name"], found["state"], found["step"], found["best"], found["error"]) == (1, "base", "done", 90, 0.25, "")
    again = json.loads(gradtop("rerun", "base", "--json", "--detach").out)
    assert set(again) == {"schema", "id", "name", "path"}
    assert Path(again["path"]).is_dir()
    starts.becomes = lambda run: write_status(run, Status(state=RunState.FAILED, error="boom"))
    said = gradtop("train", config, "--json")
    assert (said.code, json.loads(said.out)["error"]) == (1, "boom")
    known = len(list((tmp_path / "runs").iterdir()))
    for words in (["train", config], ["rerun", "base"], ["resume", "base"]):
        refused = gradtop(*words, "--json", "--watch")
        assert (refused.code, refused.out, refused.err) == (2, "", "gradtop: --json cannot be combined with --watch\n")
    assert len(list((tmp_path / "runs").iterdir())) == known


@pytest.mark.parametrize("option", ["", "--watch", "--detach"])
def test_a_worker_that_does_not_start_is_one_sentence_and_exit_code_1(gradtop: Gradtop, starts: Starts, config: Path, option: str) -> None:
    def refuse(run: Run) -> None:
        raise OSError("the worker could not be started: No module named trainer")

    starts.becomes = refuse
    said = gradtop("train", config, *option.split())
    ((run, _),) = starts.started
    assert (said.code, said.out) == (1, "")
    assert said.err.splitlines()[0] == f"gradtop: {run.id} did not start: the worker could not be started: No module named trainer"


def test_ctrl_c_while_the_worker_starts_says_that_it_goes_on(gradtop: Gradtop, starts: Starts, config: Path) -> None:
    def interrupt(run: Run) -> None:
        raise KeyboardInterrupt

    starts.becomes = interrupt
    said = gradtop("train", config, "--name", "quiet-heron")
    assert said.code == 130
    assert said.out == "quiet-heron continues in the background. Watch: gradtop watch quiet-heron · stop: gradtop stop quiet-heron\n"


def test_after_the_screen_is_left_a_failed_run_is_said_and_a_living_one_is_not(
    gradtop: Gradtop, starts: Starts, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []

    def open_screen(run: Run | None, runs: Path, *, server: bool, mode: str) -> int:
        opened.append((server, mode))
        return 0

    monkeypatch.setattr(home, "open_screen", open_screen)
    monkeypatch.setattr(start, "has_screen", lambda: True)
    starts.becomes = failing
    said = gradtop("train", config, "--watch", "--no-server")
    assert (said.code, said.out) == (1, "")
    assert "failed: cuda:7 is not there" in said.err
    starts.becomes = lambda run: None
    assert gradtop("train", config, "--watch") == gradtop("rerun", "last", "--watch")
    assert opened == [(server, "overview") for server in (False, True, True)]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["zzz.toml"], "there is no file zzz.toml. Available: broken.toml, my.toml, wrong.toml, "),
        (["myy.toml"], "there is no file myy.toml; did you mean my.toml?"),
        (["."], ". is a directory; a configuration is a TOML file, such as configs/digits.toml"),
        (["my.toml", "optimizer.lr"], "'optimizer.lr' is not KEY=VALUE"),
        (["my.toml", "optimizer.lrr=1"], "optimizer.lrr: unknown key; did you mean lr?"),
        (["my.toml", "optimizer.lr=-1", "training.epochs=many"], "training.epochs: "),
        (["my.toml", "--name", "last"], "A name has 1 to 60 printable characters, no slash, and is not 'last'."),
        (["my.toml", "--name", "../up"], "A name has 1 to 60 printable characters"),
        (["my.toml", "--name", ""], "A name has 1 to 60 printable characters"),
        (["broken.toml"], "broken.toml:1: is not TOML"),
        (["wrong.toml"], "wrong.toml:2: training.epoch: unknown key"),
        (["my.toml", "--runs", "my.toml"], "my.toml: Not a directory"),
        (["my.toml", "--runs", "/proc/runs"], "/proc/runs: the run directory cannot be created"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else None,
)
def test_train_refuses_a_mistake_and_makes_nothing(
    gradtop: Gradtop, starts: Starts, config: Path, tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    (tmp_path / "broken.toml").write_text("[training")
    (tmp_path / "wrong.toml").write_text("[training]\nepoch = 3\n[optimizer]\nlr = true\n")
    before = sorted(tmp_path.iterdir())
    said = gradtop("train", *arguments)
    assert (said.code, said.out) == (2, "")
    assert sentence in said.err
    assert all(line.startswith("gradtop: ") for line in said.err.splitlines())
    assert sorted(tmp_path.iterdir()) == before
    assert starts.started == []


def test_all_that_is_wrong_with_a_file_is_said_at_once(gradtop: Gradtop, tmp_path: Path) -> None:
    (tmp_path / "wrong.toml").write_text("[training]\nepoch = 3\n[optimizer]\nlr = true\n")
    said = gradtop("train", "wrong.toml", "data.kind=digit")
    assert len(said.err.splitlines()) == 3


def test_rerun_makes_a_run_beside_its_parent_and_remembers_what_changed(gradtop: Gradtop, starts: Starts, parent: Run, tmp_path: Path) -> None:
    there = tmp_path / "there"
    parent.path.parent.rename(there)
    parent = find_run(there, "amber-finch")
    assert gradtop("rerun", parent.path, "optimizer.lr=5e-4", "--name", "one").code == 0
    assert gradtop("rerun", "amber-finch", "--runs", "there", "--name", "two").code == 0
    assert gradtop("rerun", parent.path, "--runs", "here", "--name", "three").code == 0
    one, two, three = (run for run, _resume in starts.started)
    assert [run.path.parent.name for run in (one, two, three)] == ["there", "there", "here"]
    assert {read_meta(run).parent for run in (one, two, three)} == {parent.id}
    assert [(change.key, change.old, change.new) for change in read_meta(one).changes] == [("optimizer.lr", 1e-3, 5e-4)]
    assert read_meta(two).changes == ()
    assert load_config(two.config) == load_config(parent.config)


def test_rerun_refuses_what_train_refuses(gradtop: Gradtop, starts: Starts, parent: Run) -> None:
    count = len(list_runs(parent.path.parent))
    for arguments, sentence in ((["optimizer.lrr=1"], "did you mean lr?"), (["--name", "a/b"], "no slash")):
        said = gradtop("rerun", "amber", *arguments)
        assert said.code == 2
        assert sentence in said.err
    parent.config.write_text("[training")
    assert "run.toml:1: is not TOML" in gradtop("rerun", "amber").err
    parent.config.unlink()
    assert "run.toml: does not exist" in gradtop("rerun", "amber").err
    assert len(list_runs(parent.path.parent)) == count
    assert starts.started == []


def test_resume_goes_on_from_a_checkpoint(gradtop: Gradtop, starts: Starts, runs: Path) -> None:
    said = gradtop("resume", "tidy-wren")
    assert said.code == 0
    assert said.out.startswith("tidy-wren resumed in the background: runs/")
    assert starts.started == [(find_run(runs, "tidy-wren"), True)]


def test_resume_without_a_checkpoint_starts_from_the_beginning_and_says_so(gradtop: Gradtop, starts: Starts, runs: Path) -> None:
    said = gradtop("resume", "brave")
    assert said.out.startswith("brave-otter has no checkpoint; it starts from the beginning.\n")
    assert starts.started == [(find_run(runs, "brave"), False)]


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ("training", "is already training; watch it: gradtop watch quiet-heron"),
        ("paused", "is already paused; watch it: gradtop watch quiet-heron"),
        ("silent", "is already silent; watch it: gradtop watch quiet-heron"),
        ("done", "is done; to train for more epochs, fork it: gradtop fork quiet-heron training.epochs=…"),
    ],
)
def test_resume_refuses_a_run_that_lives_or_is_done(gradtop: Gradtop, starts: Starts, tmp_path: Path, state: str, sentence: str) -> None:
    living_run(tmp_path / "runs", state=state, steps=20)
    said = gradtop("resume", "quiet-heron")
    assert (said.code, said.out, said.err) == (2, "", f"gradtop: quiet-heron {sentence}\n")
    assert starts.started == []


def test_a_measurement_that_is_done_is_started_again_and_not_forked_for_more_epochs(gradtop: Gradtop, starts: Starts, tmp_path: Path) -> None:
    run = create_run(tmp_path / "runs", parse_config("", job="speed"), name="quick-hare")
    write_status(run, Status(state=RunState.DONE))
    assert gradtop("resume", "quick-hare").err == "gradtop: quick-hare is done; to measure again, start it again: gradtop rerun quick-hare\n"
    assert starts.started == []


def test_resume_refuses_a_run_without_a_configuration(gradtop: Gradtop, starts: Starts, runs: Path) -> None:
    find_run(runs, "tidy-wren").config.unlink()
    assert gradtop("resume", "tidy-wren").err == "gradtop: tidy-wren cannot be resumed: run.toml is missing\n"
    assert starts.started == []
