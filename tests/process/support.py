"""Real workers, and what may be waited for."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gradtop.trainer.launch.server_address import server_name
from gradtop.trainer.launch.worker_environment import worker_environment
from gradtop.trainer.record import Run, RunReader, RunState, Status, list_runs, new_run, read_status
from gradtop.trainer.record.state import ACTIVE
from gradtop.trainer.server.__main__ import IDLE
from tests.process import zygote
from tests.support import wait_until

ROOT = Path(__file__).parents[2]
GRADTOP = Path(sys.executable).with_name("gradtop")

CONFIG = """
[model]
kind = "mlp"
hidden = [8]
dropout = 0.25

[data]
kind = "fake"
samples = 200
classes = 3
image_size = 4
channels = 1

[optimizer]
kind = "adamw"
lr = 1e-3

[training]
epochs = {epochs}
batch_size = 8
device = "cpu"
seed = 3
"""
FOREVER = 8_000  # epochs of 25 steps: a minute
PATIENT = 10  # how nice a run is that lets others go first


class Process:
    """A process that need not be a child of ours."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._end = os.pidfd_open(pid)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Of a process that has ended, nothing."""
        if self._end < 0:
            return
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._end, number)

    def ends_within(self, seconds: float) -> bool:
        return bool(select.select([self._end], [], [], seconds)[0])

    @property
    def alive(self) -> bool:
        return not self.ends_within(0.0)

    def close(self) -> None:
        """May be called again."""
        if self._end >= 0:
            self.kill()
            os.close(self._end)
            self._end = -1


class Worker(Process):
    """One that the zygote forked."""

    def __init__(self, zygote: Zygote, pid: int) -> None:
        super().__init__(pid)
        self._zygote = zygote
        self._code: int | None = None

    def wait(self, timeout: float = 60.0) -> int:
        """The exit code; negative for a signal."""
        if self._code is None:
            assert self.ends_within(timeout), f"the worker still runs after {timeout:g} s"
            self._code = self._zygote.ask(wait=self.pid)
        return self._code


class Zygote:
    """Forks workers that need not import PyTorch. The process that does it is shared with all that are given the same folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._link: socket.socket | None = None
        self._heard = b""

    def ask(self, **request: object) -> int:
        self._link = self._link or self._connected()
        self._link.sendall(json.dumps(request).encode() + b"\n")
        while b"\n" not in self._heard:
            data = self._link.recv(1 << 10)
            assert data, (self._folder / "zygote.log").read_text()
            self._heard += data
        line, _, self._heard = self._heard.partition(b"\n")
        return int(line)

    def _connected(self) -> socket.socket:
        """Started where it does not run yet: while the lock is held, it neither ends nor does another one begin."""
        link = socket.socket(socket.AF_UNIX)
        folder = os.open(self._folder, os.O_PATH | os.O_DIRECTORY)
        with (self._folder / zygote.LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                link.connect(f"/proc/self/fd/{folder}/{zygote.SOCKET}")
            except OSError:
                self._begin()
                link.connect(f"/proc/self/fd/{folder}/{zygote.SOCKET}")
        os.close(folder)
        return link

    def _begin(self) -> None:
        (self._folder / zygote.SOCKET).unlink(missing_ok=True)
        env = {**os.environ, "OMP_NUM_THREADS": "1"}
        with (self._folder / "zygote.log").open("wb") as log:
            command = [sys.executable, "-m", "tests.process.zygote", str(self._folder)]
            subprocess.run(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, check=True)

    def start(
        self,
        run: Run,
        *options: str,
        witness: Path | None = None,
        log: Path | None = None,
        unprivileged: bool = False,
        dies_at: int = 0,
        dies_at_step: int = 0,
        open_files: int = 0,
    ) -> Worker:
        pid = self.ask(
            arguments=[str(run.path), *options],
            log=str(log or run.log),
            witness=str(witness or ""),
            unprivileged=unprivileged,
            dies_at=dies_at,
            dies_at_step=dies_at_step,
            env=dict(os.environ),
            open_files=open_files,
        )
        return Worker(self, pid)

    def start_server(self, *, idle: float = IDLE) -> None:
        """As `launch.server.start_server` does, of a server that need not import PyTorch."""
        env = worker_environment()
        assert self.ask(serve=server_name(env), idle=idle, env=env) == 0

    def close(self) -> None:
        if self._link is not None:
            self._link.close()


def witnessed(witness: Path) -> Iterator[dict[str, Any]]:
    """What a killed worker said it had written; the last line may be torn, and then nothing was said."""
    for line in witness.read_text().splitlines(keepends=True) if witness.exists() else []:
        if line.endswith("\n"):
            yield json.loads(line)


def make_run(runs: Path, *sections: str, epochs: int = FOREVER, config: str = CONFIG, name: str | None = None) -> Run:
    return new_run(runs, "\n".join([config.format(epochs=epochs), *sections]), {}, name=name)


def acting_run(runs: Path, moment: str, action: str, *, epochs: int = 4) -> Run:
    """A run whose model does that at that moment (`moments.Acting`), once in all runs below this folder."""
    return custom_run(runs, "acting", f'moment = "{moment}", action = "{action}", fuse = "{runs / f"{moment} {action}"}"', epochs=epochs)


def resting_run(runs: Path) -> Run:
    """A run that only has to go on while something else is waited for: a fifth of the processor, and as many steps a second."""
    return custom_run(runs, "resting")


def custom_run(runs: Path, model: str, arguments: str = "", *, epochs: int = FOREVER) -> Run:
    """A run of a model of `moments`."""
    tables = CONFIG.format(epochs=epochs)
    return new_run(runs, f'[model]\nkind = "custom"\ntarget = "tests.process.moments:{model}"\narguments = {{{arguments}}}\n' + tables[tables.index("[data]") :], {})


def state_of(run: Run) -> str:
    """As a screen that opens now would show it."""
    reader = RunReader(run)
    reader.refresh()
    return reader.state


def wait_for_state(run: Run, *states: str, timeout: float = 60.0) -> None:
    def there() -> bool:
        found = state_of(run)
        assert found in states or found in {"created", *ACTIVE}, f"{found}: {read_status(run).error}"
        return found in states

    wait_until(there, timeout, f"{' or '.join(states)}, it is {state_of(run)}")


def wait_for_step(run: Run, step: int, timeout: float = 60.0) -> Status:
    """Until the run has trained that far."""

    def there() -> bool:
        status = read_status(run)
        assert status.step >= step or status.state in {"created", *ACTIVE}, f"{status.state}: {status.error}"
        return status.step >= step

    wait_until(there, timeout, f"step {step}")
    return read_status(run)


def let_others_go_first(run: Run) -> None:
    """Have a run that is only to go on, for as long as a test takes, train with a tenth of what another process has that wants the same core."""
    pid = read_status(run).pid
    assert os.getsid(pid) == pid
    with contextlib.suppress(OSError):  # where the scheduler has no groups
        os.setpriority(os.PRIO_PROCESS, pid, PATIENT)
        # Each session is a group, and groups share alike however nice their processes are.
        Path(f"/proc/{pid}/autogroup").write_text(str(PATIENT), encoding="ascii")


def wait_for_run(runs: Path, timeout: float = 60.0) -> Run:
    """The newest run, as soon as there is one."""
    wait_until(lambda: list_runs(runs), timeout, "a run")
    return list_runs(runs)[0]


def worker_of(run: Run, timeout: float = 60.0) -> Process:
    """The process that trains, or has: while a run starts, another one may hold it and then hand it over."""

    def found() -> int:
        status = read_status(run)
        return 0 if status.state in {RunState.CREATED, RunState.QUEUED, RunState.STARTING} else status.pid

    return Process(wait_until(found, timeout, "a process that trains"))


def threads_of(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def stat_of(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name: state, parent, group, session, terminal, …"""
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
