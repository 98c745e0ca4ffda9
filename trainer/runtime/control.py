"""Obeys the commands of the control inbox and the signals, between two steps."""

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
    """Training was asked to end after the step at hand: an ordinary ending, with a checkpoint; `unsaved` tells of one without.

    The message is the signal that asked.
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
    """A live change that nobody has confirmed yet, and that ends the training or makes the learning rate leap; nothing was changed."""

    def __init__(self, changes: Applied) -> None:
        super().__init__("to be confirmed")
        self.changes = changes


@dataclass(frozen=True)
class Asked:
    """Who asked a run to end, "" where nobody did; `at_once` without what a checkpoint would keep."""

    by: str = ""
    at_once: bool = False


class Controllable(Protocol):
    """What can be steered."""

    @property
    def step(self) -> int: ...

    def pause(self) -> None: ...

    def unpause(self) -> None: ...

    def checkpoint_now(self) -> str:
        """Write a checkpoint and wait for it; returns its file name. Raises OSError."""

    def set_live(self, changes: Mapping[str, object], *, confirmed: bool = True) -> Applied:
        """Change live hyperparameters, all or none. Raises ValueError with a sentence; Unconfirmed."""


class Control:
    """Looks for commands at most every 100 ms, with one stat; training asks `due` in each step and calls `obey`."""

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
        self.last_set = ""  # the command that changed hyperparameters last; a checkpoint remembers it
        self.looks = 0  # how often the job came to look at the inbox
        self._claimed: set[str] = set()
        self._claiming = threading.Lock()
        self._beside = Inbox(inbox.run)
        self._asked = Asked()
        self._over = False

    @property
    def signal(self) -> str:
        """The signal that has asked the job to end, "" for none."""
        return self._signals.name if self._signals.received else ""

    def begin(self) -> None:
        """The job begins: until it looks here for the first time there is nothing to save. Raises EndNow."""
        self._signals.expect_nothing_to_save()

    def give_up(self, why: str) -> None:
        """The run directory is gone: what is done from now on would be for nothing. From any thread."""
        self._unreachable = why

    def ends(self) -> None:
        """The job has ended: there is nothing left to stop."""
        self._signals.nothing_to_save = False
        self._over = True

    def refuse(self, why: str) -> None:
        """Answer what lies in the inbox without doing it, as a stop that was meant for an earlier worker of the run."""
        for command in self._new():
            self._answer(command, False, reason=why)

    def due(self) -> bool:
        return self._signals.received > 0 or self._clock() >= self._next_look

    def obey(self, run: Controllable) -> bool:
        """Do what was asked; waits here while paused. Whether hyperparameters changed. Raises Stop, EndNow for a kill, UserError where the run is gone."""
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

    def overhear(self, step: int) -> Asked:
        """What is asked of a job that does not come to look: stop and kill are answered here. To be called from one other thread."""
        nothing = self._signals.nothing_to_save
        for command in self._beside.poll():
            wanted = command.name == "kill" or (command.name == "stop" and not self._over)
            if wanted and self._claim(command):
                self._answer(command, True, step=step)
                self._stopping = True
                self._asked = Asked(f"the command {command.name}", at_once=nothing or command.name == "kill")
        if not self._asked.by and self._signals.received:
            return Asked(self._signals.name, at_once=nothing)
        return self._asked

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
                self._answer(command, True, step=run.step)
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
            case name:
                self._answer(command, False, reason=f"unknown command {name!r}")

    def _checkpoint(self, command: Command, run: Controllable) -> None:
        try:
            self._answer(command, True, step=run.step, path=run.checkpoint_now())
        except (ValueError, OSError) as error:
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
