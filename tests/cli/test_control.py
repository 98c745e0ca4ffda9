"""pause, continue, checkpoint, stop and set: what is sent, what is answered, and what is said where nothing answers."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from gradtop.trainer.record import Inbox, Run, find_run
from gradtop.tui.cli import control
from tests.cli.conftest import Gradtop
from tests.cli.fake_worker import FakeWorker
from tests.tui.runs_fixture import Grower, fake_run, living_run


@pytest.fixture
def living(tmp_path: Path) -> tuple[Run, Grower]:
    """A run that this process trains, as far as anybody can see."""
    run, grower = living_run(tmp_path / "runs")
    return run, grower


@pytest.mark.parametrize("command", ["pause", "continue", "checkpoint", "stop"])
def test_the_command_reaches_the_worker_and_its_answer_is_printed(gradtop: Gradtop, living: tuple[Run, Grower], command: str) -> None:
    with FakeWorker(*living) as worker:
        said = gradtop(command, "quiet-heron")
    assert (said.code, said.out, said.err) == (0, f"quiet-heron: {command} it is\n", "")
    assert worker.seen == [(command, {})]


@pytest.mark.parametrize("words", [["pause", "last"], ["continue", "last"], ["checkpoint", "last"], ["stop", "last"], ["kill", "last", "--yes"], ["set", "last", "lr=3e-4"]], ids=lambda each: each[0])
def test_the_answer_is_printed_as_json(gradtop: Gradtop, living: tuple[Run, Grower], words: list[str]) -> None:
    with FakeWorker(*living):
        said = gradtop(*words, "--json")
    assert said.code == 0
    found = json.loads(said.out)
    answer = found.pop("answer")
    assert found.pop("state") in {"training", "paused", "stopped"}  # it follows the reply a moment later
    assert (answer["command"], answer["ok"]) == (words[0], True)
    run = living[0]
    about = {"schema": 1, "id": run.id, "name": "quiet-heron", "path": str(run.path)}
    assert found == {**about, "command": words[0], "text": f"{words[0]} it is"}


def test_kill_asks_and_is_sent_where_that_is_confirmed(gradtop: Gradtop, living: tuple[Run, Grower]) -> None:
    with FakeWorker(*living) as worker:
        asked = gradtop("kill", "quiet-heron")
        said = gradtop("kill", "quiet-heron", "--yes")
    assert (asked.code, asked.out) == (2, "")
    assert asked.err == (
        "gradtop: quiet-heron will end without a checkpoint; it can be resumed from its last checkpoint (step 171); to end it, add --yes\n"
    )
    assert (said.code, said.out, said.err) == (0, "quiet-heron: kill it is\n", "")
    assert worker.seen == [("kill", {})]


@pytest.mark.parametrize(("typed", "sent"), [("3e-4", 3e-4), (".5", 0.5), ("5.", 5.0), ("1", 1)])
def test_set_sends_the_value_as_it_was_meant(gradtop: Gradtop, living: tuple[Run, Grower], typed: str, sent: object) -> None:
    with FakeWorker(*living) as worker:
        assert gradtop("set", "last", f"lr={typed}").code == 0
    ((name, arguments),) = worker.seen
    assert name == "set"
    assert arguments == {"changes": {"optimizer.lr": sent}}


def test_set_takes_several_changes_and_the_dotted_path(gradtop: Gradtop, living: tuple[Run, Grower]) -> None:
    with FakeWorker(*living) as worker:
        gradtop("set", "last", "optimizer.lr = 1e-3", "training.clip=2")
    assert worker.seen == [("set", {"changes": {"optimizer.lr": 1e-3, "training.clip": 2}})]


def test_a_refusal_is_the_users_mistake(gradtop: Gradtop, living: tuple[Run, Grower]) -> None:
    with FakeWorker(*living, answer=lambda name: (False, "optimizer.lr must be a number above 0, not -1")):
        said = gradtop("set", "last", "lr=1")
    # What a change would do is said before it is sent.
    assert (said.code, said.out) == (2, "quiet-heron: learning rate now 1e-3 → 1 (scaled): the whole schedule is scaled, its warm-up included\n")
    assert said.err == "gradtop: quiet-heron: optimizer.lr must be a number above 0, not -1\n"


def test_nothing_is_said_of_a_learning_rate_that_is_the_same(gradtop: Gradtop, living: tuple[Run, Grower]) -> None:
    with FakeWorker(*living, answer=lambda name: (False, "no change: optimizer.lr is already 1e-3")):
        said = gradtop("set", "last", "lr=1e-3")
    assert (said.code, said.out, said.err) == (2, "", "gradtop: quiet-heron: no change: optimizer.lr is already 1e-3\n")


def test_an_answer_that_does_not_come_in_time_is_said_and_the_command_waits(gradtop: Gradtop, living: tuple[Run, Grower]) -> None:
    said = gradtop("pause", "last", "--timeout", "0.05")
    assert (said.code, said.out) == (1, "")
    assert said.err == "gradtop: quiet-heron did not reply within 0.05 s; the command stays in its inbox.\n"
    assert [command.name for command in Inbox(living[0]).poll()] == ["pause"]


def test_a_long_wait_is_said_while_it_lasts(gradtop: Gradtop, living: tuple[Run, Grower], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "SAY_AFTER", 0.0)
    monkeypatch.setattr(control, "LOOK_EVERY", 0.01)
    said = gradtop("stop", "last", "--timeout", "0.2")
    assert said.code == 1
    first, last = said.err.splitlines()
    assert re.fullmatch(r"gradtop: quiet-heron has not replied yet, its last heartbeat was (\d+\.\d s|\d+ (s|min|h|d)) ago; waiting for 0 s more\.", first)
    assert "did not reply within 0.2 s" in last


@pytest.mark.parametrize("command", ["stop", "checkpoint", "kill"])
def test_a_run_whose_status_cannot_be_read_is_not_said_to_be_deleted(gradtop: Gradtop, living: tuple[Run, Grower], command: str) -> None:
    living[0].status.unlink()
    living[0].status.mkdir()
    said = gradtop(command, "last")
    sentence = f"cannot {command} quiet-heron, as nobody can tell whether it lives: status.json cannot be read: it is not a regular file"
    assert (said.code, said.out, said.err) == (2, "", f"gradtop: {sentence}\n")


@pytest.mark.parametrize(("state", "words"), [("done", "is done"), ("died", "has died"), ("failed", "has failed")])
def test_a_run_that_ends_before_it_answers_is_not_waited_for(
    gradtop: Gradtop, living: tuple[Run, Grower], monkeypatch: pytest.MonkeyPatch, state: str, words: str
) -> None:
    from gradtop.trainer import record

    def send(run: Run, command: str, **arguments: object) -> str:
        living[1].status("training" if state == "died" else state, pid=1 << 22)
        return "an id"

    monkeypatch.setattr(record, "send", send)
    said = gradtop("stop", "last", "--timeout", "600")
    assert (said.code, said.err) == (1, f"gradtop: quiet-heron {words} and did not reply.\n")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("amber-finch", "cannot pause amber-finch: it is done; start a new run with its settings: gradtop rerun amber-finch"),
        ("tidy-wren", "cannot pause tidy-wren: it was stopped; continue from its last checkpoint (step 343): gradtop resume tidy-wren"),
        ("brave-otter", "cannot pause brave-otter: it has failed; continue from the beginning, as it has no checkpoint: gradtop resume brave-otter"),
    ],
)
def test_a_run_that_has_ended_is_not_sent_anything(gradtop: Gradtop, runs: Path, name: str, sentence: str) -> None:
    said = gradtop("pause", name)
    assert (said.code, said.out, said.err) == (2, "", f"gradtop: {sentence}\n")
    assert Inbox(find_run(runs, name)).poll() == []


def test_set_on_a_dead_run_says_how_to_go_on(gradtop: Gradtop, tmp_path: Path) -> None:
    run, _ = fake_run(tmp_path / "runs", "grey-lynx", state="died", steps=20)
    said = gradtop("set", "grey-lynx", "lr=1e-3")
    assert said.code == 2
    assert said.err == "gradtop: cannot set grey-lynx: it has died; continue from the beginning, as it has no checkpoint: gradtop resume grey-lynx\n"
    assert list(run.control.iterdir()) == []


def test_a_run_that_no_worker_has_begun_is_said(gradtop: Gradtop, tmp_path: Path) -> None:
    fake_run(tmp_path / "runs", "new-moth", state="created", steps=0)
    assert gradtop("stop", "last").err == "gradtop: cannot stop new-moth: it has not been started; start it: gradtop resume new-moth\n"


def test_a_run_elsewhere_is_steered_and_named_with_its_place(gradtop: Gradtop, tmp_path: Path) -> None:
    fake_run(tmp_path / "there", "grey-lynx", state="died", steps=20)
    assert "gradtop resume grey-lynx --runs " in gradtop("stop", "last", "--runs", "there").err
    run, grower = living_run(tmp_path / "there", steps=20)
    with FakeWorker(run, grower):
        assert gradtop("pause", run.path).out == "quiet-heron: pause it is\n"


def test_several_runs_are_asked_before_the_first_reply_is_waited_for(gradtop: Gradtop, living: tuple[Run, Grower], tmp_path: Path) -> None:
    other = living_run(tmp_path / "runs", "brave-otter")

    def refuse(name: str) -> tuple[bool, str]:
        return False, f"{name} is not for me"

    with FakeWorker(*living) as worker, FakeWorker(*other, refuse) as second:
        said = gradtop("pause", "brave-otter", "quiet-heron", "brave-otter")
    assert (said.code, said.out) == (2, "quiet-heron: pause it is\n")
    assert said.err == "gradtop: brave-otter: pause is not for me\n"
    assert [worker.seen, second.seen] == [[("pause", {})], [("pause", {})]]
    with FakeWorker(*living), FakeWorker(*other):
        said = gradtop("checkpoint", "brave-otter", "quiet-heron", "--json")
    assert [json.loads(line)["name"] for line in said.out.splitlines()] == ["brave-otter", "quiet-heron"]


@pytest.mark.parametrize("words", [["stop"], ["kill", "--yes"]], ids=lambda each: each[0])
def test_where_one_of_several_runs_has_ended_none_is_asked(gradtop: Gradtop, living: tuple[Run, Grower], tmp_path: Path, words: list[str]) -> None:
    living_run(tmp_path / "runs", "tidy-wren", state="stopped")
    said = gradtop(*words, "quiet-heron", "tidy-wren")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"gradtop: cannot {words[0]} tidy-wren: it was stopped")
    assert not list(living[0].control.glob("*"))


def test_several_runs_are_killed_together_after_one_question(gradtop: Gradtop, living: tuple[Run, Grower], tmp_path: Path) -> None:
    other = living_run(tmp_path / "runs", "brave-otter")

    def refuse(name: str) -> tuple[bool, str]:
        return False, f"{name} is not for me"

    with FakeWorker(*living) as worker, FakeWorker(*other, refuse) as second:
        asked = gradtop("kill", "quiet-heron", "brave-otter")
        said = gradtop("kill", "brave-otter", "quiet-heron", "--yes")
    end = "will end without a checkpoint; it can be resumed from its last checkpoint (step 171)"
    assert (asked.code, asked.out, asked.err) == (2, "", f"gradtop: quiet-heron {end}; brave-otter {end}; to end them, add --yes\n")
    assert (said.code, said.out, said.err) == (2, "quiet-heron: kill it is\n", "gradtop: brave-otter: kill is not for me\n")
    assert [worker.seen, second.seen] == [[("kill", {})], [("kill", {})]]
    with FakeWorker(*living), FakeWorker(*other):
        said = gradtop("kill", "brave-otter", "quiet-heron", "--yes", "--json")
    assert [json.loads(line)["name"] for line in said.out.splitlines()] == ["brave-otter", "quiet-heron"]
