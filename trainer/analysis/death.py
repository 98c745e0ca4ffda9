"""What is known of how a worker died."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradtop.trainer.record import Run, RunState, Status, this_host

if TYPE_CHECKING:
    from gradtop.trainer.record.death import Death

CRASHES = frozenset({"SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGTRAP", "SIGSYS"})
SUSPECTED = {"SIGBUS": "; /dev/shm full?"}


def how_it_died(run: Run, state: RunState, status: Status) -> str:
    """killed by SIGKILL; out of memory? "" where nobody has seen it, and for a run that did not die."""
    if state is not RunState.DIED:
        return ""
    from gradtop.trainer.record.death import read_death

    if (death := read_death(run, status)) is not None:
        return death_text(death)
    host, boot = (name.partition("/")[0] for name in this_host())
    before = status.boot.partition("/")[0]
    return "its host was restarted" if status.host == host and boot and before and before != boot else ""


def death_text(death: Death) -> str:
    if not death.signal:
        return f"exited with code {death.code} without saying why"
    import signal  # for a run that died only

    try:
        name = signal.Signals(death.signal).name
    except ValueError:
        name = f"signal {death.signal}"
    if name in CRASHES:
        return f"crashed with {name}{SUSPECTED.get(name, '')}"
    return f"killed by {name}{'; out of memory?' if death.memory else ''}"
