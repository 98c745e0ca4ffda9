"""What the commands share that use a run's model: which checkpoint, and a process with PyTorch that does the work."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gradtop.tui.cli.consent import add_yes, agree_to
from gradtop.tui.cli.errors import UsageError
from gradtop.tui.cli.locate import add_run, chosen_run, job_of, name_of, opened
from gradtop.tui.cli.output import environment, print_in_place
from gradtop.tui.cli.start import add_no_server

if TYPE_CHECKING:
    from gradtop.trainer.record import CheckpointInfo, Run


TRIES = 3  # where checkpoints come and go faster than one is read


@dataclass(frozen=True)
class ChosenModel:
    """A run and the checkpoint of it that was asked for."""

    run: Run
    name: str
    checkpoint: CheckpointInfo

    @property
    def arguments(self) -> dict[str, Any]:
        """What the process that does the work must know."""
        return {"run": str(self.run.path), "checkpoint": str(self.checkpoint.path)}

    def about(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        """The first keys of the JSON of each of the commands."""
        return {"id": self.run.id, "name": self.name, "path": str(self.run.path), "checkpoint": str(self.checkpoint.path), "best": self.checkpoint.best, **answer}

    def text(self, answer: Mapping[str, Any]) -> str:
        """quiet-heron, step 450 (best), EMA of the weights"""
        from gradtop.trainer.analysis.formatting import number
        from gradtop.trainer.record import clean

        best = " (best)" if self.checkpoint.best else ""
        note = f", {clean(self.checkpoint.note, 100)}" if self.checkpoint.note else ""
        return f"{self.name}, step {number(answer['step'])}{best}{note}{', EMA of the weights' if answer['weights'] == 'ema' else ''}"


def add_model(parser: argparse.ArgumentParser) -> None:
    add_run(parser)
    parser.add_argument("--checkpoint", metavar="CHECKPOINT", help="best, last, a step, or a file (default: best, last where no checkpoint was evaluated)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_yes(parser)
    add_no_server(parser)


def add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", metavar="DEVICE", default="", help="such as cpu or cuda:1 (default: training.device of the run)")


def chosen_model(options: argparse.Namespace) -> ChosenModel:
    """Raises UsageError or RecordError where the run has no such checkpoint, or where its custom code is not to be run."""
    from gradtop.trainer.launch.forks import find_checkpoint, usual_checkpoint

    run = chosen_run(options)
    reader = opened(run)
    job = job_of(reader)
    if not job.has_weights:
        raise UsageError(f"{name_of(reader)} is {job.title}, which leaves no checkpoint; name a run that trained")
    checkpoint = find_checkpoint(run, options.checkpoint or usual_checkpoint(run))
    agree_to(run, options)
    return ChosenModel(run, name_of(reader), checkpoint)


def worked(kind: str, chosen: ChosenModel, arguments: Mapping[str, Any], options: argparse.Namespace) -> tuple[ChosenModel, dict[str, Any]]:
    """The answer of a process that has PyTorch, and the checkpoint that it used: a run that trains may have removed the chosen one meanwhile.

    How far it is stands on the terminal. Raises UsageError.
    """
    from gradtop.trainer.launch.answers import request_work

    line = ProgressLine()
    for left in reversed(range(TRIES)):
        try:
            return chosen, request_work(kind, {**chosen.arguments, **arguments}, server=not options.no_server, progress=line.show)
        except OSError as error:
            if not left or chosen.checkpoint.path.exists():
                raise UsageError(str(error)) from error
        finally:
            line.clear()
        chosen = chosen_model(options)
    raise AssertionError


class ProgressLine:
    """One line on standard error that is rewritten, where that is a terminal."""

    def __init__(self) -> None:
        from gradtop.tui.terminal import capabilities

        self._able = sys.stderr.isatty() and capabilities(environment(), sys.stderr).screen
        self._shown = False

    def show(self, progress: Mapping[str, Any]) -> None:
        """`doing`, and how many are `done` where that can be counted."""
        if not self._able:
            return
        from gradtop.trainer.analysis.formatting import number
        from gradtop.trainer.record import clean

        done = f": {number(progress['done'])}" if "done" in progress else ""
        of = f" of {number(progress['of'])}" if progress.get("of") else ""
        print_in_place(f"{clean(str(progress.get('doing', '')), 60)}{done}{of}", sys.stderr)
        self._shown = True

    def clear(self) -> None:
        if self._shown:
            print_in_place("", sys.stderr)
