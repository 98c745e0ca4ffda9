"""Runs whose streams are written by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from gradtop.trainer.analysis.findings import Finding, Report, report
from gradtop.trainer.record import Run, RunReader, RunState, SegmentWriter, Status, new_run, write_status
from gradtop.trainer.record.streams.registry import EVALS, STEPS, columns_of


class Written:
    """A run; each call adds to what it recorded."""

    def __init__(self, folder: Path, config: str = "") -> None:
        self.run: Run = new_run(folder, config, {"name": "quiet-heron"}, name="quiet-heron")
        self.says(state=RunState.DONE)

    def says(self, **fields: object) -> None:
        self.status = replace(getattr(self, "status", Status()), **fields)  # type: ignore[arg-type]
        write_status(self.run, self.status)

    def stream(self, name: str, columns: Mapping[str, Sequence[float]], *, every: int = 1, seconds: float = 0.01) -> None:
        """Records of a declared stream at steps `every` apart; a column that is not given is not measured."""
        declared = columns_of(name)
        writer = SegmentWriter(self.run, name, declared)
        length = len(next(iter(columns.values())))
        for row in range(length):
            step = every * (row + 1)
            writer.append(step, 1e9 + seconds * step, [columns[each.name][row] if each.name in columns else float("nan") for each in declared])
        writer.close()

    def steps(self, losses: Sequence[float], **columns: Sequence[float]) -> Written:
        self.stream(STEPS, {"loss": losses, "lr": [1e-3] * len(losses), "grad_norm": [5.0] * len(losses), **columns})
        self.says(step=len(losses), steps=len(losses))
        return self

    def evals(self, losses: Sequence[float], *, every: int = 10, accuracy: Sequence[float] | None = None) -> Written:
        self.stream(EVALS, {"epoch": range(1, len(losses) + 1), "loss": losses, "accuracy": accuracy or [0.5] * len(losses)}, every=every)
        return self

    @property
    def report(self) -> Report:
        reader = RunReader(self.run)
        reader.refresh()
        return report(reader)

    @property
    def names(self) -> list[str]:
        """Of what is wrong now, the worst first."""
        return [finding.name for finding in self.report.present]

    def finding(self, name: str) -> Finding:
        """The one finding of this name; raises ValueError where there is none or another."""
        (found,) = (each for each in self.report.findings if each.name == name)
        return found
