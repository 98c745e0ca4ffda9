"""Asks a search for something, whether it runs or has ended: it is resumed for what goes on from there."""

from __future__ import annotations

import time
from collections.abc import Mapping

from gradtop.trainer.record import Run, RunReader, clean, send
from gradtop.trainer.record.control import wait_for_answer
from gradtop.trainer.record.events import Event
from gradtop.trainer.record.status import is_alive
from gradtop.trainer.record.typed import typed

ANSWERS_WITHIN = 10.0  # seconds
GOES_WITHIN = 5.0  # seconds from a search's last record to the end of its process
LOOK_EVERY = 0.02
ATTEMPTS = 3
RESUMES = frozenset({"add_trial", "extend"})  # commands that make one that has ended go on


def ask(search: Run, command: str, arguments: Mapping[str, object], *, server: bool = True) -> Event:
    """The answer to a command that was carried out. Raises OSError with a sentence where it was not."""
    reader = RunReader(search)
    for attempt in range(1, ATTEMPTS + 1):
        reader.refresh()
        if not reader.state.is_alive:
            _resume(reader, command, server=server)
        answer = wait_for_answer(search, send(search, command, **arguments), ANSWERS_WITHIN)
        name = clean(reader.meta.name or search.id, 100)
        if answer is None:
            reader.refresh()
            why = "the command stays in its inbox and is carried out when it can be" if reader.state.is_alive else f"its worker is gone; resume it: gradtop resume {typed(search)}"
            raise OSError(f"{name} has not answered within {ANSWERS_WITHIN:g} s: {why}")
        if answer.get("ok") is True:
            return answer
        reader.refresh()
        if not answer.get("unheard") or reader.status.not_resumed or command not in RESUMES or attempt == ATTEMPTS:
            break  # else it ended at this very moment, and is resumed
    raise OSError(f"{name}: {clean(str((answer or {}).get('reason', 'refused')))}")


def _resume(reader: RunReader, command: str, *, server: bool) -> None:
    from gradtop.trainer.launch import start_worker

    name = clean(reader.meta.name or reader.run.id, 100)
    if command not in RESUMES:
        raise OSError(f"{name} does not run: it has no trial to stop")
    until = time.monotonic() + GOES_WITHIN
    while is_alive(reader.status) and time.monotonic() < until:
        time.sleep(LOOK_EVERY)
    try:
        start_worker(reader.run, resume=True, server=server)
    except OSError as error:
        raise OSError(f"{name} could not be resumed: {clean(str(error))}") from error
