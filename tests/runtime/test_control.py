from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gradtop.trainer.record import Event, EventReader, Inbox, Run, StreamWriter, new_run, send
from gradtop.trainer.runtime.control import LOOK_EVERY, Control, Stop
from gradtop.trainer.runtime.signals import EndNow, Signals
from tests.runtime.toy import Toy


@dataclass
class Clock:
    """Time moves when somebody waits; `at_wait` is what happens meanwhile."""

    now: float = 0.0
    at_wait: list[Callable[[], object]] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds
        if self.at_wait:
            self.at_wait.pop(0)()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return new_run(tmp_path, "", {})


@pytest.fixture
def writer(run: Run) -> Iterator[StreamWriter]:
    writer = StreamWriter(run)
    yield writer
    writer.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def signals() -> Signals:
    return Signals()


@pytest.fixture
def control(run: Run, writer: StreamWriter, clock: Clock, signals: Signals) -> Control:
    return Control(Inbox(run), writer, signals, clock=clock, wait=clock.wait)


def answers(run: Run, writer: StreamWriter) -> list[Event]:
    writer.flush()
    return [event for event in EventReader(run).refresh() if event["kind"] == "command"]


def test_it_looks_ten_times_a_second_and_at_once_after_a_signal(
    control: Control, clock: Clock, signals: Signals
) -> None:
    assert control.due()
    control.obey(Toy())
    assert not control.due()
    clock.now += LOOK_EVERY
    assert control.due()
    control.obey(Toy())
    signals._receive(signal.SIGTERM, None)
    assert control.due()


def test_a_stop_is_answered_and_ends_training(control: Control, run: Run, writer: StreamWriter) -> None:
    identity = send(run, "stop")

    with pytest.raises(Stop):
        control.obey(Toy())

    (answer,) = answers(run, writer)
    assert (answer["id"], answer["ok"]) == (identity, True)
    assert answer["step"] == 12


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_training_like_a_stop(control: Control, signals: Signals, number: signal.Signals) -> None:
    signals._receive(number, None)

    with pytest.raises(Stop, match=number.name):
        control.obey(Toy())


def test_a_kill_is_answered_before_it_ends_the_process(control: Control, run: Run, writer: StreamWriter) -> None:
    send(run, "kill")

    with pytest.raises(EndNow):
        control.obey(Toy())

    assert [answer["ok"] for answer in answers(run, writer)] == [True]


def test_commands_are_obeyed_while_paused_until_training_goes_on(
    control: Control, run: Run, writer: StreamWriter, clock: Clock
) -> None:
    send(run, "pause")
    clock.at_wait = [
        lambda: None,
        lambda: send(run, "set", changes={"optimizer.lr": 0.5}),
        lambda: None,
        lambda: send(run, "continue"),
    ]
    toy = Toy()

    control.obey(toy)

    assert toy.done == ["pause", "set {'optimizer.lr': 0.5}", "go on"]
    assert [answer["command"] for answer in answers(run, writer)] == ["pause", "set", "continue"]
    assert clock.now < 1


def test_a_stop_ends_a_pause(control: Control, run: Run, clock: Clock) -> None:
    send(run, "pause")
    clock.at_wait = [lambda: send(run, "stop")]

    with pytest.raises(Stop):
        control.obey(Toy())


def test_a_signal_ends_a_pause(control: Control, run: Run, clock: Clock, signals: Signals) -> None:
    send(run, "pause")
    clock.at_wait = [lambda: signals._receive(signal.SIGTERM, None)]

    with pytest.raises(Stop):
        control.obey(Toy())


@pytest.mark.parametrize(
    ("command", "arguments", "sentence"),
    [
        ("dance", {}, "unknown command 'dance'"),
        ("set", {}, "set requires changes"),
        ("set", {"changes": 3}, "set requires changes"),
        ("set", {"changes": {"model.kind": "mlp"}}, "that cannot be changed"),
        ("checkpoint", {}, "No space left on device"),
    ],
)
def test_what_cannot_be_done_is_answered_with_a_sentence(
    control: Control, run: Run, writer: StreamWriter, command: str, arguments: dict[str, object], sentence: str
) -> None:
    send(run, command, **arguments)
    toy = Toy()

    control.obey(toy)

    (answer,) = answers(run, writer)
    assert answer["ok"] is False
    assert sentence in str(answer["reason"])
    assert toy.done == []


def test_what_was_sent_to_an_earlier_worker_is_refused(control: Control, run: Run, writer: StreamWriter) -> None:
    send(run, "stop")
    control.refuse("sent before this worker took over the run; send it again")

    control.obey(Toy())

    (answer,) = answers(run, writer)
    assert answer["ok"] is False
    assert "send it again" in str(answer["reason"])


def test_a_command_whose_file_cannot_be_removed_is_obeyed_once(
    control: Control, run: Run, writer: StreamWriter, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Inbox, "done", lambda self, command: None)
    send(run, "set", changes={"optimizer.lr": 0.5})
    toy = Toy()

    for _ in range(3):
        control.obey(toy)
        clock.now += 1

    assert len(toy.done) == 1
    assert len(answers(run, writer)) == 1
