"""Live changes that end a run or make its learning rate leap: said before, made only when confirmed, and told in the answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradtop.trainer.analysis.event_text import answer_text
from gradtop.trainer.analysis.formatting import significant
from gradtop.trainer.record import Inbox, Run, StreamWriter, read_status, send
from gradtop.trainer.runtime.control import Control, Unconfirmed
from gradtop.trainer.runtime.signals import Signals
from gradtop.trainer.training.session import Session
from tests.training.live_changes import LiveChanges, train_with
from tests.training.runs import events, rows, tiny_run, trained

COSINE = '[schedule]\nkind = "cosine"\n\n[optimizer]\nkind = "sgd"\nlr = 0.1'


class AskedBefore(LiveChanges):
    """Before step `at` the commands are sent and answered, by a control as a worker has it."""

    def __init__(self, run: Run, at: int, *commands: dict[str, object]) -> None:
        super().__init__({})
        self.run, self.at, self.commands = run, at, list(commands)

    def obey(self, session: Session) -> bool:
        if session.step != self.at or not self.commands:
            return False
        for arguments in self.commands:
            send(self.run, "set", **arguments)
        self.commands = []
        return Control(Inbox(self.run), session.writer, Signals()).obey(session)


def steered(run: Run, at: int, *commands: dict[str, object]) -> list[str]:
    """The answers, in words."""

    def watch(session: Session) -> None:
        session.control = AskedBefore(run, at, *commands)  # type: ignore[assignment]

    trained(run, watch)
    return [answer_text(event) for event in events(run, "command")]


def lr_by_step(run: Run) -> dict[int, float]:
    return {int(step): lr for step, lr in rows(run, "steps", "lr")}


def test_a_change_that_ends_the_run_is_made_only_when_it_is_confirmed(tmp_path: Path) -> None:
    run, change = tiny_run(tmp_path, COSINE, epochs=4), {"training.epochs": 1}
    refused, made = steered(run, 11, {"changes": change}, {"changes": change, "confirmed": True})
    assert refused == "not changed: the run would end now, after step 11"
    assert made == "training.epochs 4 → 1 from step 12 on; the run ends now, after step 11"
    assert (read_status(run).state, read_status(run).step) == ("done", 11)


def test_a_learning_rate_that_leaps_is_said_as_the_training_then_takes_it(tmp_path: Path) -> None:
    run, change = tiny_run(tmp_path, COSINE, epochs=2), {"training.epochs": 40}
    refused, made = steered(run, 13, {"changes": change}, {"changes": change, "confirmed": True})
    lr = lr_by_step(run)
    untouched = tiny_run(tmp_path, COSINE, epochs=2)
    trained(untouched)
    (_, event) = events(run, "command")
    assert event["lr_before"] == pytest.approx(lr_by_step(untouched)[14])
    assert event["lr_after"] == pytest.approx(lr[14])
    assert lr[14] > 10 * lr[13] or lr[14] > 2 * float(str(event["lr_before"]))
    assert "the learning rate would change from " in refused
    assert "; the learning rate changes from " in made


def test_what_neither_ends_nor_leaps_needs_no_confirmation(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, COSINE, epochs=2)
    (made,) = steered(run, 3, {"changes": {"optimizer.lr": 1e-3}})
    lr = lr_by_step(run)
    assert made == f"optimizer.lr 0.1 → 1e-3 from step 4 on; the learning rate changes from {significant(100 * lr[4])} to {significant(lr[4])} (1/100)"
    constant = tiny_run(tmp_path, COSINE, epochs=2)
    (made,) = steered(constant, 13, {"changes": {"optimizer.lr": 0.5, "schedule.kind": "constant"}})
    assert "learning rate changes" not in made
    assert rows(constant, "steps", "lr")[13][1] == 0.5
    refused = tiny_run(tmp_path, COSINE, epochs=2)
    (said,) = steered(refused, 13, {"changes": {"schedule.kind": "constant"}})
    assert said.startswith("not changed: the learning rate would change from ")


def test_what_was_confirmed_once_is_made_again_without_asking(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, COSINE, epochs=2)
    session = train_with(run, {13: {"training.epochs": 40}}, stop=14)
    assert session.steps == 320
    with pytest.raises(Unconfirmed):
        session.set_live({"training.epochs": 1}, confirmed=False)
    assert isinstance(session.writer, StreamWriter)
