"""Run directories as a worker would have left them, written with gradtop.trainer.record alone: quick, seeded, without torch.

`fake_run` writes one in any state; `Grower` lets it go on, step by step.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gradtop.trainer.record import Column, Run, RunState, SegmentWriter, Status, append_event, new_run, write_status
from gradtop.trainer.record.status import process_start, this_host
from tests.tui.course import Course, Epoch, begun
from tests.tui.fake_model import BINS, MODULES, PARAMETERS, layer_table, planned

EPOCHS = 30
STEPS_PER_EPOCH = 172
NOW = 1_795_617_000.0  # 2026-11-25, so that what is shown does not depend on today
DEAD_PID = 2**22 - 3  # above pid_max's default: no process has it

CONFIG = """\
[model]
kind = "cnn"
channels = [16, 32, 64]
kernel_size = 3
stride = 1
padding = 1
dropout = 0.1

[data]
kind = "digits"

[optimizer]
kind = "adamw"
lr = {lr}
weight_decay = 0.01

[schedule]
kind = "cosine"
warmup_steps = 200
min_lr = 0.0

[training]
epochs = {epochs}
batch_size = {batch_size}
clip = 5.0
seed = 0

[monitor]
healthy_low = 1.0
healthy_high = 100.0
"""


class Grower:
    """Writes one run's records step by step; each step lasts 1/40 s of the run's own time."""

    def __init__(
        self,
        run: Run,
        *,
        epochs: int = EPOCHS,
        per_epoch: int = STEPS_PER_EPOCH,
        lr: float = 1e-3,
        seed: int = 0,
        start: float = NOW - 60,
        pace: float = 0.025,
        vanishing: str = "",
    ) -> None:
        self.run, self.lr, self.seed = run, lr, seed
        self.epochs, self.per_epoch, self.steps = epochs, per_epoch, epochs * per_epoch
        self.step, self.start, self.pace = 0, start, pace
        self.best, self.best_epoch = (math.inf, 0.0), 0
        self._course = Course(self.steps, per_epoch, lr, seed, vanishing)
        names = [name for name, _kind, _shape in PARAMETERS]
        value = Column
        self._steps = SegmentWriter(
            run,
            "steps",
            [
                value("loss"), value("lr"), value("grad_norm", sparse=True), value("clipped", sparse=True), value("samples_per_s", "1/s"),
                value("loading", sparse=True), value("plain_loss", sparse=True),
            ],
        )
        self._evals = SegmentWriter(run, "evals", [value("epoch"), value("loss"), value("accuracy")])
        columns = [value(f"{what}/{name}") for name in names for what in ("grad_norm", "weight_norm")]
        self._layers = SegmentWriter(run, "layers", columns, extra=layer_table())
        columns = [value(f"{what}/{name}", sparse=True) for name, kind in MODULES for what in ("std", *(("dead",) if kind == "ReLU" else ()))]
        modules = [{"name": name, "kind": kind} for name, kind in MODULES]
        self._activations = SegmentWriter(run, "activations", columns, extra={"modules": modules})
        bins = [value(f"b{index}") for index in range(BINS)]
        shape = [value(name) for name in ("parameter", "low", "high", "mean", "std", "min", "max", "zeros", "count")]
        self._histograms = SegmentWriter(run, "histograms", shape + bins, rollup=False, extra={"parameters": names})
        system = [value("cpu", "%"), value("memory", "B")] + [
            value(name, unit, sparse=True)
            for name, unit in (
                ("gpu_use", "%"), ("gpu_memory", "B"), ("gpu_memory_total", "B"), ("gpu_power", "W"), ("gpu_temperature", "°C"),
            )
        ]
        self._system = SegmentWriter(run, "system", system)
        self._written = {
            "steps": self._steps, "evals": self._evals, "layers": self._layers, "activations": self._activations, "histograms": self._histograms, "system": self._system,
        }
        plan = SegmentWriter(run, "plan", [value("lr")])
        plan.append_many([(step, start, planned(step, self.steps, lr)) for step in range(0, self.steps, max(1, self.steps // 500))])
        plan.close()

    def __del__(self) -> None:
        # Most tests want the run alone; ten open files for each of them are more than many systems allow.
        if hasattr(self, "_system"):
            self.close()

    @property
    def now(self) -> float:
        return self.start + self.pace * self.step

    def grow(self, steps: int = 1, *, loss: float | None = None) -> None:
        """Go on by so many steps; `loss` replaces the value of the last one."""
        if self.step == 0 and loss is None:
            self._course = begun(steps, self._course, self.seed)
        else:
            self._course.go_on(steps, loss)
        for stream, rows in self._course.rows.items():
            if rows:
                # One write for all: most of what a run took.
                self._written[stream].append_many([(step, self.start + self.pace * ended, *values) for step, ended, values in rows])
                rows.clear()
        for epoch in self._course.epochs:
            self.step = epoch.ended
            self._epoch(epoch)
        self._course.epochs.clear()
        self.step = self._course.step

    def _epoch(self, ended: Epoch) -> None:
        epoch, val, accuracy = self.step // self.per_epoch, ended.val_loss, ended.val_accuracy
        better = val < self.best[0]
        if better:
            self.best = (val, accuracy)
            self.best_epoch = epoch
        means = {"loss": ended.loss, "lr": planned(self.step - 1, self.steps, self.lr), "samples_per_s": 12400.0}
        append_event(
            self.run, "epoch", time=self.now, epoch=epoch, epochs=self.epochs, step=self.step - 1, **means, val_loss=val, val_accuracy=accuracy, best=better
        )
        path = self.run.checkpoints / f"step-{self.step - 1:06d}.pt"
        path.write_bytes(b"")
        about = {"step": self.step - 1, "epoch": epoch, "val_loss": val, "val_accuracy": accuracy, "best": better, "time": self.now}
        path.with_suffix(".json").write_text(json.dumps(about))
        append_event(self.run, "checkpoint", time=self.now, step=self.step - 1, epoch=epoch, path=path.name)

    def status(self, state: str, *, pid: int | None = None, updated: float | None = None, error: str = "", warning: str = "") -> None:
        """Write status.json for what has been grown so far."""
        host, boot = this_host()
        pid = os.getpid() if pid is None else pid
        ended = state in {"done", "stopped", "failed"}
        seen = max(0, self.step - 1)
        t = seen / self.steps
        write_status(
            self.run,
            Status(
                state=RunState(state),
                pid=pid,
                pid_started=process_start(pid) if pid == os.getpid() else 1.0,
                host=host,
                boot=boot,
                started=self.start,
                updated=self.now if updated is None else updated,
                ended=self.now if ended else 0.0,
                seconds=self.pace * self.step,
                epoch=min(self.epochs, self.step // self.per_epoch + 1) if self.step else 0,
                epochs=self.epochs,
                step=self.step,
                steps=self.steps,
                steps_per_epoch=self.per_epoch,
                device="cpu",
                model="cnn",
                parameters=sum(math.prod(shape) for _name, _kind, shape in PARAMETERS),
                samples_per_s=12400.0,
                loss=2.3 * math.exp(-9 * t) + 0.06 if self.step else None,
                grad_norm=1.1 + 9 * math.exp(-14 * t) if self.step else None,
                lr=planned(seen, self.steps, self.lr) if self.step else None,
                val_loss=self.best[0] if self.best[0] < math.inf else None,
                val_accuracy=self.best[1] if self.best[0] < math.inf else None,
                best=self.best[0] if self.best[0] < math.inf else None,
                val_loss_at_best=self.best[0] if self.best[0] < math.inf else None,
                best_loss_epoch=self.best_epoch,
                best_val_loss=self.best[0] if self.best[0] < math.inf else None,
                best_epoch=self.best_epoch,
                accuracy_at_best=self.best[1] if self.best[0] < math.inf else None,
                best_val_accuracy=self.best[1] if self.best[0] < math.inf else None,
                best_accuracy_epoch=self.best_epoch,
                error=error,
                warning=warning,
            ),
        )

    def close(self) -> None:
        for writer in self._written.values():
            writer.close()


def fake_run(
    runs: Path,
    name: str = "quiet-heron",
    *,
    state: str = "training",
    steps: int = 1204,
    parent: Run | None = None,
    changes: Sequence[tuple[str, object, object]] = (),
    error: str = "",
    created: float = NOW - 60,
    seed: int = 0,
    lr: float = 1e-3,
    batch_size: int = 64,
    log: str = "",
    epochs: int = EPOCHS,
    per_epoch: int = STEPS_PER_EPOCH,
    vanishing: str = "",
) -> tuple[Run, Grower]:
    """A run directory in any state (died and silent too), its clock ending at `created` + steps / 40."""
    text = CONFIG.format(lr=lr, epochs=epochs, batch_size=batch_size)
    if (chosen := next((new for key, _, new in changes if key == "training.seed"), None)) is not None:
        text = text.replace("\nseed = 0\n", f"\nseed = {chosen}\n")
    about: Mapping[str, object] = {
        "name": name,
        "created": created,
        "command": ["gradtop", "train", "configs/digits.toml"],
        "parent": parent.id if parent is not None else "",
        "changes": [{"key": key, "old": old, "new": new} for key, old, new in changes],
    }
    run = new_run(runs, text, about, name=name, now=created)
    grower = Grower(run, start=created, seed=seed, lr=lr, epochs=epochs, per_epoch=per_epoch, vanishing=vanishing)
    append_event(run, "start", time=created, message="training started")
    grower.grow(steps)
    lines = log or "gradtop worker on cpu\nepoch 1: loss 0.842\nepoch 2: loss 0.511\n"
    run.log.write_text(lines)
    if state == "died":
        grower.status("training", pid=DEAD_PID)
    elif state == "silent":
        grower.status("training", updated=grower.now - 120)
    else:
        grower.status(state, error=error)
    if state in {"done", "stopped", "failed"}:
        append_event(run, "end", time=grower.now, state=state, message=error)
    return run, grower


def living_run(runs: Path, name: str = "quiet-heron", *, state: str = "training", steps: int = 200, **more: Any) -> tuple[Run, Grower]:
    """A run that this process trains, by the machine's own clock. Its heartbeat is fresh for an hour, however slow the machine is."""
    now = time.time()
    run, grower = fake_run(runs, name, state=state, steps=steps, created=now - 5, **more)
    if state not in {"silent", "died", "done", "stopped", "failed"}:
        grower.status(state, updated=now + 3600)
    return run, grower
