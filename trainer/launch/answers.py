"""Asking a process that has imported PyTorch: one that the torch server forks, or a new one."""

from __future__ import annotations

import contextlib
import json
import math
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from gradtop.trainer.launch.server import IMPORTS, MODULE, Refused, connect_or_start
from gradtop.trainer.launch.worker_environment import worker_environment

ANSWERS = 60.0  # seconds
ONCE = (sys.executable, "-P", "-W", "ignore", "-m", MODULE, "--once")


class ProcessEnded(Refused):
    """The process that was to answer ended before: by a signal, 0 for none, perhaps because the kernel ran out of memory."""

    def __init__(self, number: int, code: int, *, memory: bool) -> None:
        self.signal, self.memory = number, memory
        how = f"was killed by {signal.Signals(number).name}" if number else f"ended with exit code {code}"
        super().__init__(f"the process {how} without a reply{', as memory ran out' if memory else ''}")


class ConfigurationRefused(Refused):
    """What is wrong with the configuration that was sent: file, key and what was expected, a line each."""

    @property
    def problems(self) -> list[str]:
        return str(self).splitlines()


class Closable(Protocol):
    """What is asked, and may be cancelled from any thread."""

    def close(self) -> None: ...


class Alone:
    """A process of its own that answers one request."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.closed = False
        self._process = process

    def close(self) -> None:
        self.closed = True
        self._process.kill()


def request_answer(
    kind: str,
    arguments: Mapping[str, Any],
    *,
    server: bool = True,
    seconds: float = ANSWERS,
    opened: Callable[[Closable], object] = lambda _: None,
    meanwhile: Callable[[], object] = lambda: None,
) -> dict[str, Any]:
    """What a process that has PyTorch answers within so many seconds. Where there is no server one is started; where none can be had,
    or without `server`, a new process imports PyTorch for this answer alone.

    `opened` is given what another thread may close to cancel; `meanwhile` is called while the server works. Raises OSError with a sentence.
    """
    if not server:
        return answer_alone(kind, arguments, seconds=seconds, opened=opened)
    try:
        connection = connect_or_start()
    except OSError:
        return answer_alone(kind, arguments, seconds=seconds, opened=opened)
    with connection:
        opened(connection)
        try:
            connection.send(kind, arguments)
            meanwhile()
            connection.wait_for_fork()
        except Refused:
            raise
        except OSError:
            if connection.closed:
                raise Refused("cancelled") from None
            return answer_alone(kind, arguments, seconds=seconds, opened=opened)
        try:
            answer = connection.receive(seconds)
        except TimeoutError:
            raise TimeoutError(f"no reply within {seconds:g} s") from None
        except (OSError, ValueError):
            answer = None
        if connection.closed:
            raise Refused("cancelled")
    if answer is None:
        raise Refused("the process ended without a reply")
    return _checked(answer)


def request_work(kind: str, arguments: Mapping[str, Any], *, server: bool = True, progress: Callable[[Mapping[str, Any]], object] = lambda _: None) -> dict[str, Any]:
    """As `request_answer`, for what takes as long as it takes: `progress` is given what is told meanwhile. An exception, Ctrl+C too, ends it.

    Raises OSError with a sentence, ProcessEnded where the process was killed.
    """
    connection = None
    if server:
        with contextlib.suppress(OSError):
            connection = connect_or_start()
    if connection is None:
        return _work_alone(kind, arguments, progress)
    with connection:
        try:
            connection.send(kind, arguments)
            connection.wait_for_fork()
        except Refused:
            raise
        except OSError:
            return _work_alone(kind, arguments, progress)
        while True:
            try:
                answer = connection.receive(math.inf)
            except (OSError, ValueError):
                answer = None
            if answer is None:
                raise Refused("the process ended without a reply")
            if "progress" not in answer:
                return _checked(answer)
            progress(answer["progress"])


def _work_alone(kind: str, arguments: Mapping[str, Any], progress: Callable[[Mapping[str, Any]], object]) -> dict[str, Any]:
    question = json.dumps({"kind": kind, "arguments": arguments})
    with tempfile.TemporaryFile() as complaints, subprocess.Popen(ONCE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints, env=worker_environment()) as process:
        assert process.stdin is not None  # noqa: S101 - as was asked for
        assert process.stdout is not None  # noqa: S101
        try:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(question.encode())
                process.stdin.close()
            for line in process.stdout:
                answer = _parsed(line)
                if "progress" not in answer:
                    return _checked(answer)
                progress(answer["progress"])
            process.wait()
        finally:
            process.kill()
        if process.returncode < 0:
            raise ProcessEnded(-process.returncode, 0, memory=False)
        complaints.seek(0)
        raise _silent(process.returncode, complaints.read())


def _parsed(line: bytes) -> dict[str, Any]:
    answer = json.loads(line)
    if not isinstance(answer, dict):
        raise Refused(str(answer))
    return answer


def _silent(code: int, complaints: bytes) -> Refused:
    """What a process without an answer has left on standard error."""
    last = next((line for line in reversed(complaints.decode(errors="replace").splitlines()) if line.strip()), f"exit code {code}")
    return Refused(f"the process ended without a reply: {last}; gradtop doctor checks PyTorch")


def answer_alone(
    kind: str, arguments: Mapping[str, Any], *, seconds: float = ANSWERS, opened: Callable[[Closable], object] = lambda _: None
) -> dict[str, Any]:
    """The answer of a new process, which imports PyTorch for it. Raises OSError with a sentence."""
    question = json.dumps({"kind": kind, "arguments": arguments})
    with subprocess.Popen(ONCE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=worker_environment()) as process:
        alone = Alone(process)
        opened(alone)
        try:
            said, complaints = process.communicate(question.encode(), timeout=IMPORTS + seconds)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"no reply within {IMPORTS + seconds:g} s") from None
        finally:
            process.kill()
    if alone.closed:
        raise Refused("cancelled")
    try:
        answer = json.loads(said or b"-")
    except ValueError:
        if process.returncode < 0:
            raise ProcessEnded(-process.returncode, 0, memory=False) from None
        raise _silent(process.returncode, complaints) from None
    if not isinstance(answer, dict):
        raise Refused(str(answer))
    return _checked(answer)


def _checked(answer: dict[str, Any]) -> dict[str, Any]:
    if isinstance(ended := answer.get("ended"), dict):
        raise ProcessEnded(int(ended.get("signal", 0)), int(ended.get("code", 0)), memory=bool(ended.get("memory")))
    if "error" in answer:
        raise (ConfigurationRefused if answer.get("configuration") else Refused)(str(answer["error"]))
    return answer
