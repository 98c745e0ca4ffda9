"""Training in a process of its own, an epoch at a time: `python -m tests.bench.lane WAY[,WAY] FILE [KEY=VALUE …]`.

So each way trains as it does for a user: ours, `watched` or `bare` of monitoring, in the environment of a worker, the `plain`
loop in that of a script. Two ways that differ by a hundredth share a process: where its memory lies makes as much.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import torch

from gradtop.trainer.config import Config, dump_config, load_config
from gradtop.trainer.record import Inbox, Status, StreamWriter, new_run
from gradtop.trainer.runtime.context import RunContext
from gradtop.trainer.runtime.control import Control
from gradtop.trainer.runtime.device import choose_device
from gradtop.trainer.runtime.progress import Progress
from gradtop.trainer.runtime.signals import Signals
from gradtop.trainer.training.build import prepare
from gradtop.trainer.training.loop import train_epoch
from tests.bench.plain import Epoch, plain
from tests.bench.sandbox import sandboxed


class Lane:
    """The side that measures. Raises RuntimeError where the other side ends."""

    def __init__(self, ways: Sequence[str], file: Path, changes: Sequence[str], env: Mapping[str, str]) -> None:
        command = [sys.executable, "-m", "tests.bench.lane", ",".join(ways), str(file), *changes]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, text=True)
        self._answer()

    def epoch(self, way: str) -> float:
        """Have an epoch trained in one of its ways; the seconds that it took."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{way}\n")
        self._process.stdin.flush()
        return float(self._answer())

    def close(self) -> None:
        # The end of its input ends it.
        self._process.communicate()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._process.args!r} ended with {self._process.wait()}")
        return line


def main(ways: str, file: str, *changes: str) -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what is printed is no answer
    answer(map(str.strip, sys.stdin), lambda seconds: print(seconds, file=answers), ways.split(","), Path(file), changes)


def answer(questions: Iterable[str], reply: Callable[[float], object], ways: Sequence[str], file: Path, changes: Sequence[str]) -> None:
    """Be ready, in the seconds that it took, and train an epoch in the way that each question names."""
    begin = time.perf_counter()
    config = load_config(file, changes)
    device = choose_device(config.training.device)
    with ExitStack() as stack:
        epochs = {way: plain(config, device) if way == "plain" else stack.enter_context(ours(config, way)) for way in ways}
        reply(time.perf_counter() - begin)
        for way in questions:
            begin = time.perf_counter()
            epochs[way]()
            if device.type == "cuda":
                torch.cuda.synchronize()
            reply(time.perf_counter() - begin)


@contextmanager
def ours(config: Config, way: str) -> Iterator[Epoch]:
    """A run as the worker makes it, its streams and its system sampler included."""
    monitor = config.monitor.model_copy(update={"enabled": way == "watched"})
    config = config.model_copy(update={"monitor": monitor})
    with sandboxed() as sandbox:
        run = new_run(sandbox.runs, dump_config(config), {})
        writer = StreamWriter(run)
        session = prepare(RunContext(run, False, writer, Progress(Status(), writer), Control(Inbox(run), writer, Signals())))
        session.begin()
        yield partial(train_epoch, session)
        session.close(at_once=True)
        writer.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
