"""A process that is forked before there is a run for it, so that it has done by then what each process has to do for itself."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import traceback
from collections.abc import Mapping
from typing import Any

from gradtop.trainer.launch.forking import set_title
from gradtop.trainer.server.child import Child, become_process

LONGEST = 1 << 16  # bytes of what it is given
READY = b"."


class Spare:
    """The server's side: which process it is, in what surroundings it was forked, and how it is given a job."""

    def __init__(self, pid: int, link: socket.socket, process: Mapping[str, Any]) -> None:
        self.pid = pid
        self._link = link
        self._process = process
        self._ready = False
        link.setblocking(False)

    def fits(self, process: Mapping[str, Any]) -> bool:
        """Whether it is ready for a job of a client with these surroundings; the directory it takes on with the job."""
        if not self._ready:
            with contextlib.suppress(OSError):
                self._ready = self._link.recv(1) == READY
        return self._ready and self.has(process)

    def has(self, process: Mapping[str, Any]) -> bool:
        """Whether these are the surroundings it was forked in."""
        return _surroundings(process) == _surroundings(self._process)

    def give(self, client: socket.socket, kind: str, request: Mapping[str, Any]) -> bool:
        """Hand over a job and its client; False where that fails, as of a process that has gone."""
        process = request.get("process") or {}
        message = json.dumps({"kind": kind, "arguments": request.get("arguments") or {}, "cwd": process.get("cwd")}).encode()
        if len(message) > LONGEST:
            return False
        try:
            sent = socket.send_fds(self._link, [message], [client.fileno()])
        except OSError:
            return False
        self._link.close()
        return sent == len(message)

    def end(self) -> None:
        """It ends by itself when it hears that nobody will give it anything."""
        self._link.close()


class SpareProcess:
    """The forked process: becomes what the client's process would be, computes a first step, and waits for its job."""

    def __init__(self, link: socket.socket, process: Mapping[str, Any]) -> None:
        self._link = link
        self._process = process

    def run(self) -> int:
        """Returns the exit code of the job; ends here where none comes."""
        from gradtop.trainer.server.preload import first_step

        become_process(self._process)
        try:
            first_step()
        except Exception:  # noqa: BLE001 - what is wrong with this torch is reported by the job that fails of it
            traceback.print_exc()
        given = self._wait()
        if given is None:
            os._exit(0)
        message, client = given
        if cwd := message.get("cwd"):
            with contextlib.suppress(OSError):
                os.chdir(cwd)
        return Child(client, message["kind"], message["arguments"], self._process).work()

    def _wait(self) -> tuple[dict[str, Any], socket.socket] | None:
        try:
            self._link.sendall(READY)
            set_title("gradtop: ready for the next run")
            message, descriptors, _, _ = socket.recv_fds(self._link, LONGEST, 1)
        except OSError:
            return None
        self._link.close()
        return (json.loads(message), socket.socket(fileno=descriptors[0])) if descriptors else None


def _surroundings(process: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in process.items() if name != "cwd"}
