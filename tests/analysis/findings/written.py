"""Runs whose streams are written by hand."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from gradtop.trainer.analysis.findings import Finding, Report, report
from gradtop.trainer.record import Column, Run, RunReader, RunState, SegmentWriter, Status, new_run, write_status
from gradtop.trainer.record.data_facts import FACTS
from gradtop.trainer.record.streams.registry import (
    ACTIVATIONS,
    DEAD,
    EVALS,
    GRAD_NORM,
    LAYERS,
    LR,
    MODULES,
    SATURATED,
    STD,
    STEPS,
    UPDATE_RATIO,
    WEIGHT_NORM,
    columns_of,
    of_parameter,
)

CONFIG = '[optimizer]\nkind = "sgd"\nlr = 1e-3\n'
LN10 = math.log(10)


class Written:
    """A run; each call adds to what it recorded."""

    def __init__(self, folder: Path, config: str = CONFIG) -> None:
        self.run: Run = new_run(folder, config, {"name": "quiet-heron"}, name="quiet-heron")
        self.status = Status()
        self.says(state=RunState.DONE)

    def says(self, **fields: object) -> Written:
        self.status = self.status._replace(**fields)  # type: ignore[arg-type]
        write_status(self.run, self.status)
        return self

    def knows(self, **facts: object) -> Written:
        """Facts about the data."""
        self.run.data.write_text(json.dumps({FACTS: facts}))
        return self

    def stream(self, name: str, columns: Mapping[str, Sequence[float]], steps: Sequence[int] | range, *, extra: Mapping[str, object] | None = None) -> Written:
        """Records at these steps, a hundredth of a second each; a declared column that is not given is not measured."""
        declared = columns_of(name) if extra is None else [kind._replace(name=each) for each in columns for kind in columns_of(name) if each.startswith(f"{kind.name}/")]
        writer = SegmentWriter(self.run, name, [Column(each.name, each.unit, each.sparse) for each in declared], extra=extra or {})
        for row, step in enumerate(steps):
            writer.append(step, 1e9 + 0.01 * step, [columns[each.name][row] if each.name in columns else math.nan for each in declared])
        writer.close()
        return self

    def steps(self, losses: Sequence[float], *, planned: int = 0, **columns: Sequence[float]) -> Written:
        count = len(losses)
        self.stream(STEPS, {"loss": losses, LR: [1e-3] * count, GRAD_NORM: [5.0] * count, **columns}, range(1, count + 1))
        return self.says(step=count, steps=planned or count)

    def evals(self, losses: Sequence[float], *, every: int = 10, accuracy: Sequence[float] | None = None) -> Written:
        count = len(losses)
        columns = {"epoch": range(1, count + 1), "loss": losses, "accuracy": accuracy or [0.5] * count}
        return self.stream(EVALS, columns, range(every, every * count + 1, every))

    def layers(self, measured: Mapping[str, Mapping[str, Sequence[float]]], steps: Sequence[int], size: int = 64) -> Written:
        """By parameter its gradient norms, weight norms and update:weight ratios; those that are not given are healthy."""
        columns: dict[str, Sequence[float]] = {}
        for name, given in measured.items():
            for column, usual in ((GRAD_NORM, 1.0), (WEIGHT_NORM, 8.0), (UPDATE_RATIO, 1e-3)):
                columns[of_parameter(column, name)] = given.get(column) or [usual * (1 + 0.01 * at) for at in range(len(steps))]
        table = [{"name": name, "shape": [size, size], "count": size * size, "trainable": True} for name in measured]
        return self.stream(LAYERS, columns, steps, extra={"parameters": table})

    def activations(self, measured: Mapping[str, Mapping[str, Sequence[float]]], steps: Sequence[int], kind: str = "Linear") -> Written:
        """By module its standard deviations and shares; what is not given is not measured."""
        columns: dict[str, Sequence[float]] = {}
        for name, given in measured.items():
            for column in (STD, DEAD, SATURATED):
                columns[of_parameter(column, name)] = given.get(column) or [math.nan] * len(steps)
        return self.stream(ACTIVATIONS, columns, steps, extra={MODULES: [{"name": name, "kind": kind} for name in measured]})

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


def falling(steps: int, *, start: float = LN10, end: float = 0.1, noise: float = 0.1, seed: int = 0) -> list[float]:
    """Training losses of a healthy run."""
    drawn = random.Random(seed)
    return [(end + (start - end) * math.exp(-6 * step / steps)) * math.exp(drawn.gauss(0, noise)) for step in range(steps)]


def around(level: float, steps: int, *, noise: float = 0.02, seed: int = 1) -> list[float]:
    """Losses that stand still."""
    drawn = random.Random(seed)
    return [level * math.exp(drawn.gauss(0, noise)) for _ in range(steps)]
