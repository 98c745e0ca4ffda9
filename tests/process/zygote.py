"""A process that has imported PyTorch once and forks workers from then on: the real worker, without its seconds of import.

`python -m tests.process.zygote FOLDER` listens there; all processes of a session of tests share one, which ends with the last of them.
It reads one JSON object a line and answers each with a number: `{"arguments": […], "log": …, "env": {…}, …}` with the pid of a worker with
these arguments, `{"wait": PID}` with its exit code, negative for a signal. With a witness, the worker adds a line to that
file after each write of a record that returned; an unprivileged one is bound by permissions though it may be root's. One that
dies at an operation is killed when it is about to do that file operation in the thread that writes checkpoints, counted from 1; one that
dies at a step, in the middle of that step. `open_files` is how many it may have open, 0 for as many as this process.

`{"imported": FILE}` is answered when that file names all modules that a worker finds imported, all of `gradtop.trainer` among them.
`{"serve": NAME, "idle": S, "env": {…}}` is answered with the exit code of a start of the torch server: a start without its seconds of import, too.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import io
import json
import os
import resource
import select
import signal
import socket
import sys
import threading
import traceback
import zlib
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

SOCKET, LOCK = "zygote.socket", "zygote.lock"


def main() -> None:
    folder = os.open(sys.argv[1], os.O_PATH | os.O_DIRECTORY)
    # By the descriptor: a path may be longer than the 108 bytes of an address.
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"/proc/self/fd/{folder}/{SOCKET}")
    listener.listen()
    # It belongs to none of the processes that it works for.
    if os.fork():
        os._exit(0)
    from gradtop.trainer.server.preload import preload

    # As the torch server does before it forks: a worker that begins here does nothing for the first time, and copies few pages.
    preload()
    # More threads than this one would be lost in a fork.
    assert len(list(Path("/proc/self/task").iterdir())) == 1
    clients: dict[socket.socket, bytes] = {}
    awaited: dict[int, tuple[int, socket.socket]] = {}  # by the descriptor of the worker: whoever waits for one holds up nobody else
    while True:
        looked_at: list[int | socket.socket] = [listener, *clients, *awaited]
        for ready in select.select(looked_at, [], [])[0]:
            if isinstance(ready, int):
                tell_end(*awaited.pop(ready))
                os.close(ready)
                continue
            if ready is listener:
                clients[listener.accept()[0]] = b""
                continue
            data = receive(ready)
            if not data:
                del clients[ready]
                ready.close()
                if not clients and ended(folder):
                    return
                continue
            *lines, clients[ready] = (clients[ready] + data).split(b"\n")
            for line in lines:
                request = json.loads(line)
                if "wait" in request:
                    awaited[os.pidfd_open(request["wait"])] = request["wait"], ready
                else:
                    ready.sendall(b"%d\n" % answer(request, [listener, *clients]))


def receive(client: socket.socket) -> bytes:
    try:
        return client.recv(1 << 16)
    except ConnectionResetError:  # by one that was killed
        return b""


def tell_end(pid: int, client: socket.socket) -> None:
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(OSError):  # it has gone
        client.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))


def ended(folder: int) -> bool:
    """Whether nobody is about to connect, so that the next one starts another process."""
    lock = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600, dir_fd=folder)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(SOCKET, dir_fd=folder)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True


def answer(request: dict[str, Any], mine: list[socket.socket]) -> int:
    if "imported" in request:
        return Path(request["imported"]).write_text(json.dumps(sorted(sys.modules)), encoding="utf-8")
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) if "serve" in request else child
    for each in mine:
        each.close()
    os.environ.clear()
    os.environ.update(request["env"])
    if "serve" in request:
        start_serving(request)
    be_worker(request)
    raise AssertionError("neither returns")


def start_serving(request: dict[str, Any]) -> None:
    code = 70
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for place in range(3):
            os.dup2(null, place)
        from gradtop.trainer.server.__main__ import serve

        time_models_briefly()
        code = serve(request["serve"], request["idle"])
    except SystemExit:
        raise  # a worker ends as it does without this process
    except BaseException:  # noqa: BLE001 - whatever it is, the process must not go on as this one
        traceback.print_exc()
    os._exit(code)


def time_models_briefly() -> None:
    """What measures the latency of a model takes no longer than it must: how exact it is, is nothing that a test asks a server."""
    from gradtop.trainer.inference import cost
    from gradtop.trainer.jobs.prune import measure
    from gradtop.trainer.jobs.quantize.measure import timing

    cost.WARM_SECONDS = measure.SECONDS = timing.SECONDS = 0.001


def be_worker(request: dict[str, Any]) -> None:
    code = 70
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDONLY)
        log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for descriptor, place in ((null, 0), (log, 1), (log, 2)):
            os.dup2(descriptor, place)
        if request["witness"]:
            testify(request["witness"])
        if request["unprivileged"]:
            obey_permissions()
        if request["dies_at"]:
            die_at_operation(request["dies_at"])
        if request["dies_at_step"]:
            die_at_step(request["dies_at_step"])
        if request["open_files"]:
            resource.setrlimit(resource.RLIMIT_NOFILE, (request["open_files"], request["open_files"]))
        from gradtop.trainer.__main__ import main as work

        code = work(request["arguments"])
    finally:
        sys.stdout.flush()
        os._exit(code)


def obey_permissions() -> None:
    """Give up what lets root write where no permission is given: the capabilities 1 and 2, CAP_DAC_OVERRIDE and _READ_SEARCH."""
    libc = ctypes.CDLL(None, use_errno=True)
    version_3 = (ctypes.c_uint32 * 2)(0x20080522, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable of capabilities 0 to 31; the same of 32 to 63
    assert libc.capget(version_3, sets) == 0
    for place in range(3):
        sets[place] &= ~0b110
    assert libc.capset(version_3, sets) == 0


def die_at_operation(number: int) -> None:
    """Kill this process at a call of a function in C that changes files, so that nothing of what is tested is another than it is."""
    from gradtop.trainer.checkpoint import writer

    writer.APART = 0.0
    left = number

    def watch(_frame: FrameType, event: str, function: Any) -> None:
        nonlocal left
        if threading.current_thread().name != "checkpoints":
            sys.setprofile(None)
        elif event == "c_call" and is_file_operation(function):
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    threading.setprofile(watch)


def die_at_step(number: int) -> None:
    """Kill this process in the middle of a step, before it changes a weight; checkpoints are written as often as they can be.

    Where there was one to write, the first is there: beside other load no step might be left for the thread that writes them.
    """
    from gradtop.trainer.checkpoint import writer
    from gradtop.trainer.monitor.monitor import Monitor

    writer.APART = 0.0
    after_backward, submit = Monitor.after_backward, writer.CheckpointWriter.submit
    asked: list[writer.CheckpointWriter] = []

    def noted(self: writer.CheckpointWriter, *arguments: Any) -> None:
        asked.append(self)
        submit(self, *arguments)

    def watched(self: Monitor, step: int) -> None:
        if step == number:
            if asked:
                with asked[0]._lock:
                    asked[0]._lock.wait_for(lambda: asked[0].newest)
            os.kill(os.getpid(), signal.SIGKILL)
        after_backward(self, step)

    Monitor.after_backward = watched  # type: ignore[method-assign]
    writer.CheckpointWriter.submit = noted  # type: ignore[assignment,method-assign]


def is_file_operation(function: Any) -> bool:
    name, owner = function.__name__, getattr(function, "__self__", None)
    if getattr(owner, "__name__", "") == "posix":
        return name in {"open", "fsync", "replace", "rename", "unlink", "write", "truncate"}
    return name in {"write_record", "write_end_of_file"} or (isinstance(owner, io.IOBase) and name in {"write", "flush", "close"})


def testify(path: str) -> None:
    """Wrap what writes records, so that each return is written down."""
    from gradtop.trainer.checkpoint import format as checkpoint
    from gradtop.trainer.record.streams import writer
    from gradtop.trainer.record.streams.segment_writer import SegmentWriter

    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def say(**what: object) -> None:
        os.write(file, json.dumps(what).encode() + b"\n")

    def say_events(_run: object, lines: bytes) -> None:
        for event in map(json.loads, lines.splitlines()):
            say(event=event["kind"], time=event["time"])

    append_packed = SegmentWriter.append_packed

    def append(self: SegmentWriter, data: bytes) -> None:
        offset = self._end
        append_packed(self, data)
        say(segment=self._base.name, offset=offset, length=len(data), crc=zlib.crc32(data))

    SegmentWriter.append_packed = append  # type: ignore[method-assign]
    told(writer, "append_lines", say_events)
    told(writer, "write_status", lambda run, status: say(status=status.step, state=status.state))
    told(checkpoint, "save", lambda folder, state, saved, **more: say(checkpoint=saved.step))


def told(module: Any, name: str, tell: Callable[..., None]) -> None:
    function = getattr(module, name)

    def wrapped(*arguments: Any, **more: Any) -> Any:
        result = function(*arguments, **more)
        tell(*arguments, **more)
        return result

    setattr(module, name, wrapped)


if __name__ == "__main__":
    main()
