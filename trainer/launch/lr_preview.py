"""Asks a process that has PyTorch what learning rates a configuration plans; the screen keeps it open."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any

from gradtop.trainer.launch.worker_environment import environment

IMPORTING = 60.0  # PyTorch, cold, on a slow file system
ANSWERING = 30.0
MODULE = "gradtop.trainer.optim.preview"


@dataclass(frozen=True, slots=True)
class Planned:
    """The learning rates of a run: (step, lr), counted from 1; the steps after which it turns; `problem` where there are none."""

    points: tuple[tuple[int, float], ...] = ()
    turns: tuple[int, ...] = ()
    steps: int = 0
    steps_per_epoch: int = 0
    problem: str = ""


class Preview:
    """Started by the first question, anew where it has died; it ends with this process or with `close`. Any thread may ask."""

    def __init__(self, *, importing: float = IMPORTING, answering: float = ANSWERING) -> None:
        self._importing, self._answering = importing, answering
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._heard = b""
        self._asked = 0
        self._closed = False

    def plan(self, tables: Mapping[str, Any], *, steps_per_epoch: int = 0) -> Planned:
        """What is planned; waits for it. A problem is an answer too: nothing is raised."""
        with self._lock:
            if self._closed:
                return Planned(problem="the preview is closed")
            self._asked += 1
            question = {"id": self._asked, "tables": tables, "steps_per_epoch": steps_per_epoch}
            for _ in range(2):
                # A process that has died while nobody asked is only found out by asking it.
                answer = self._ask(question)
                if answer is not None:
                    return _planned(answer)
            return Planned(problem="the process that plans the schedule does not answer; gradtop doctor tells what is wrong with PyTorch")

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._end()

    def _ask(self, question: Mapping[str, Any]) -> dict[str, Any] | None:
        try:
            questions, answers, patience = self._running()
            questions.write(json.dumps(question).encode() + b"\n")
            questions.flush()
            answer = self._answer(answers, question["id"], time.monotonic() + patience)
        except OSError:
            answer = None
        if answer is None:
            self._end()
        return answer

    def _running(self) -> tuple[IO[bytes], IO[bytes], float]:
        """Where to ask, where it answers, and how long to wait. Raises OSError."""
        process, patience = self._process, self._answering
        if process is None or process.poll() is not None:
            self._end()
            process, patience = self._start(), self._importing + self._answering
        if process.stdin is None or process.stdout is None:
            raise BrokenPipeError
        return process.stdin, process.stdout, patience

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-P", "-W", "ignore", "-m", MODULE]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment(), start_new_session=True
        )
        return self._process

    def _answer(self, answers: IO[bytes], identity: object, until: float) -> dict[str, Any] | None:
        """The answer with that id; None where none comes in time, or the process ends."""
        while True:
            line, newline, rest = self._heard.partition(b"\n")
            if newline:
                self._heard = rest
                with contextlib.suppress(ValueError):
                    found = json.loads(line)
                    if isinstance(found, dict) and found.get("id") == identity:
                        return found
                continue
            if not select.select([answers], [], [], max(until - time.monotonic(), 0.0))[0]:
                return None
            said = os.read(answers.fileno(), 1 << 16)
            if not said:
                return None
            self._heard += said

    def _end(self) -> None:
        process, self._process, self._heard = self._process, None, b""
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()


def _planned(answer: Mapping[str, Any]) -> Planned:
    if "problem" in answer:
        return Planned(problem=str(answer["problem"]))
    points = tuple((int(step), float(lr)) for step, lr in answer["points"])
    return Planned(points, tuple(answer["turns"]), int(answer["steps"]), int(answer["steps_per_epoch"]))
