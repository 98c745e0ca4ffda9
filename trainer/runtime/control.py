"""Carries out control commands and signals between steps."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from gradtop.trainer.record import Command, EventKind, Inbox, StreamWriter
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.runtime.signals import EndNow, Signals

LOOK_EVERY = 0.1


class Stop(Exception):
    """Raised to end training after the current step, normally with a checkpoint; `unsaved` says why there is none.

    The message is the name of the signal, if one caused it.
    """

    unsaved = ""


@dataclass(frozen=True)
class Applied:
    """Live hyperparameters by full key, as they were and as they are from the next step on.

    `consequences`: what the change does at once beside that, as fields of the answer.
    """

    old: Mapping[str, object]
    new: Mapping[str, object]
    consequences: Mapping[str, object] = field(default_factory=dict)


class Unconfirmed(Exception):
    """A live change that would end training or make the learning rate jump, and was not confirmed; nothing was changed."""

    def __init__(self, changes: Applied) -> None:
        super().__init__("to be confirmed")
        self.changes = changes


@dataclass(frozen=True)
class EndRequest:
    """The source of a request to end the run, "" for none; `at_once` skips the checkpoint."""

    by: str = ""
    at_once: bool = False


class Controllable(Protocol):
    """What `Control` pauses, continues, saves and changes: the session of a job."""

    @property
    def step(self) -> int: ...

    def pause(self) -> None: ...

    def unpause(self) -> None: ...

    def checkpoint_now(self) -> str:
        """Write a checkpoint and wait for it; returns its file name. Raises OSError."""

    def set_live(self, changes: Mapping[str, object], *, confirmed: bool = True) -> Applied:
        """Change live hyperparameters, all or none. Raises ValueError with a sentence; Unconfirmed."""


class Control:
    """Polls the inbox at most every 100 ms with one stat; the training loop checks `due` in each step and calls `obey`."""

    def __init__(
        self,
        inbox: Inbox,
        writer: StreamWriter,
        signals: Signals,
        *,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._inbox = inbox
        self._writer = writer
        self._signals = signals
        self._clock = clock
        self._wait = wait
        self._next_look = 0.0
        self._paused = False
        self._stopping = False
        self._unreachable = ""
        self._changed = False
        # What a job obeys beside what all do, by name: takes the arguments, returns fields of the answer, raises ValueError to refuse.
        self.commands: Mapping[str, Callable[[Mapping[str, object]], Mapping[str, object]]] = {}
        self.last_set = ""  # the command that changed hyperparameters last; a checkpoint remembers it
        self.looks = 0  # how often the job came to look at the inbox
        self._claimed: set[str] = set()
        self._claiming = threading.Lock()
        self._beside = Inbox(inbox.run)
        self._asked = EndRequest()
        self._over = False
        self._saves = True

    @property
    def signal(self) -> str:
        """The signal that requested the end of the job, "" for none."""
        return self._signals.name if self._signals.received else ""

    def begin(self, *, saves: bool = True) -> None:
        """Mark the start of the job; until its first poll there is nothing to save. Raises EndNow.

        `saves`: whether the job writes a checkpoint when it is stopped.
        """
        self._saves = saves
        self._signals.expect_nothing_to_save()

    def give_up(self, why: str) -> None:
        """Stop polling because the run directory is gone. Thread-safe."""
        self._unreachable = why

    def ends(self) -> None:
        """Mark the end of the job; later requests to stop have no effect."""
        self._signals.nothing_to_save = False
        self._over = True

    def refuse(self, why: str) -> None:
        """Reject all commands in the inbox, for example a stop meant for an earlier worker."""
        for command in self._new():
            self._answer(command, False, reason=why, unheard=True)

    def due(self) -> bool:
        return self._signals.received > 0 or self._clock() >= self._next_look

    def obey(self, run: Controllable) -> bool:
        """Carry out pending commands and block while paused; returns whether hyperparameters changed. Raises Stop, EndNow for a kill, UserError where the run is gone."""
        self._changed = False
        self._look(run)
        if self._paused:
            run.pause()
            self._wait_for_the_end_of_the_pause(run)
            run.unpause()
        return self._changed

    def _wait_for_the_end_of_the_pause(self, run: Controllable) -> None:
        while self._paused:
            self._wait(LOOK_EVERY / 2)
            if self.due():
                self._look(run)

    def _look(self, run: Controllable) -> None:
        self._next_look = self._clock() + LOOK_EVERY
        self.looks += 1
        self._signals.nothing_to_save = False
        if self._unreachable:
            raise UserError(self._unreachable)
        for command in self._new():
            self._apply(command, run)
        if self._stopping or self._signals.received:
            self._paused = False
            raise Stop("" if self._stopping else self._signals.name)

    def overhear(self, step: int) -> EndRequest:
        """Handle stop and kill for a job that does not poll. Called from one other thread."""
        nothing = self._signals.nothing_to_save
        for command in self._beside.poll():
            wanted = command.name == "kill" or (command.name == "stop" and not self._over)
            if wanted and self._claim(command):
                self._answer(command, True, step=step, **(self._unsaved() if command.name == "stop" else {}))
                self._stopping = True
                self._asked = EndRequest(f"the command {command.name}", at_once=nothing or command.name == "kill")
        if not self._asked.by and self._signals.received:
            return EndRequest(self._signals.name, at_once=nothing)
        return self._asked

    def _unsaved(self) -> dict[str, object]:
        """What the answer to a stop says of the checkpoint."""
        return {} if self._saves and not self._signals.nothing_to_save else {"unsaved": True}

    def _new(self) -> list[Command]:
        return [command for command in self._inbox.poll() if self._claim(command)]

    def _claim(self, command: Command) -> bool:
        """A directory that has become read-only keeps the file of a command that was answered."""
        with self._claiming:
            fresh = command.id not in self._claimed
            self._claimed.add(command.id)
            return fresh

    def _apply(self, command: Command, run: Controllable) -> None:
        match command.name:
            case "pause":
                self._answer(command, True, step=run.step)
                self._paused = True
            case "continue":
                self._answer(command, True, step=run.step, was_paused=self._paused)
                self._paused = False
            case "stop":
                self._answer(command, True, step=run.step, **self._unsaved())
                self._stopping = True
            case "kill":
                self._answer(command, True, step=run.step)
                raise EndNow("ended by the command kill")
            case "checkpoint":
                self._checkpoint(command, run)
            case "set":
                changes = command.arguments.get("changes")
                if isinstance(changes, Mapping) and changes:
                    self._set(command, run, changes, confirmed=command.arguments.get("confirmed") is True)
                else:
                    self._answer(command, False, reason="set requires changes, such as optimizer.lr=1e-3")
            case name if name in self.commands:
                self._carry_out(command, run)
            case name:
                self._answer(command, False, reason=f"unknown command {name!r}")

    def _carry_out(self, command: Command, run: Controllable) -> None:
        try:
            self._answer(command, True, step=run.step, **self.commands[command.name](command.arguments))
        except ValueError as error:
            self._answer(command, False, reason=str(error))

    def _checkpoint(self, command: Command, run: Controllable) -> None:
        try:
            self._answer(command, True, step=run.step, path=run.checkpoint_now())
        except OSError as error:
            self._answer(command, False, reason=f"checkpoint of step {run.step} not written: {error.strerror or error}")
        except ValueError as error:
            self._answer(command, False, reason=str(error))

    def _set(self, command: Command, run: Controllable, changes: Mapping[str, object], *, confirmed: bool) -> None:
        try:
            applied = run.set_live(changes, confirmed=confirmed)
        except ValueError as error:
            self._answer(command, False, reason=str(error))
        except Unconfirmed as unconfirmed:
            self._answer(command, False, step=run.step, unconfirmed=True, **unconfirmed.changes.consequences)
        else:
            self._changed = True
            self.last_set = command.id
            self._answer(command, True, step=run.step, changes=applied.new, old=applied.old, **applied.consequences)

    def _answer(self, command: Command, ok: bool, **fields: object) -> None:
        self._writer.event(EventKind.COMMAND, id=command.id, command=command.name, ok=ok, **fields)
        self._inbox.done(command)
