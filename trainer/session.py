"""One run in the hands of one worker: what its config names, and where training stands."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.lr_scheduler import LRScheduler

from trainer import checkpoint, live
from trainer.batches import Batches
from trainer.checkpoint import Saved, State
from trainer.config import Config
from trainer.errors import NonFinite
from trainer.evaluation import Score
from trainer.guard import Guard
from trainer.keeper import Keeper
from trainer.monitor import Monitor, SystemSampler
from trainer.plan import Plan
from trainer.progress import Progress, Stopwatch
from trainer.record import Run, StreamWriter
from trainer.steering import Applied, Steering


@dataclass
class Session:
    """The parts of a training; `step` counts the optimizer steps that are done."""

    run: Run
    config: Config
    device: torch.device
    model: nn.Module
    optimizer: torch.optim.Optimizer
    schedule: LRScheduler
    batches: Batches
    validation: tuple[Tensor, Tensor]
    writer: StreamWriter
    progress: Progress
    steering: Steering
    guard: Guard
    monitor: Monitor
    sampler: SystemSampler
    keeper: Keeper
    stopwatch: Stopwatch
    step: int = 0
    evaluated: int = 0
    best: Score | None = None
    best_accuracy: float | None = None
    newest: Score | None = None
    changes: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        training = self.config.training
        self.steps = training.epochs * self.batches.per_epoch
        self.parameters = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        # No gradients are kept in an evaluation: several batches fit where one fits in training.
        self.evaluation_batch = max(4 * training.batch_size, 256)
        self._plan: Plan | None = None
        self.clip = training.clip or 0.0
        self._smoothing = training.label_smoothing
        self._autocast = training.precision == "bf16"

    # Where training stands

    @property
    def epoch(self) -> int:
        """Epochs whose steps are all done."""
        return self.step // self.batches.per_epoch

    @property
    def position(self) -> int:
        """Steps done in the epoch at hand."""
        return self.step % self.batches.per_epoch

    @property
    def evaluation_due(self) -> bool:
        return self.position == 0 and self.evaluated < self.step

    @property
    def finished(self) -> bool:
        return self.step >= self.steps and not self.evaluation_due

    # What a step computes

    def forward(self, images: Tensor) -> Tensor:
        if self._autocast:
            with torch.autocast(self.device.type, torch.bfloat16):
                return self.model(images).float()  # type: ignore[no-any-return]
        return self.model(images)  # type: ignore[no-any-return]

    def loss(self, images: Tensor, labels: Tensor) -> Tensor:
        return functional.cross_entropy(self.forward(images), labels, label_smoothing=self._smoothing)

    # How it starts

    def begin(self) -> None:
        self.stopwatch.go()
        self.progress.update(state="training")
        if not self.step:
            self.writer.event("start", message=f"{self.config.training.epochs} epochs of {self.batches.per_epoch} steps on {self.device}")
        self.sampler.start()
        self.write_plan()

    # What steering asks for

    def pause(self) -> None:
        self.stopwatch.halt()
        self.monitor.flush()
        self.progress.update(state="paused")

    def go_on(self) -> None:
        self.stopwatch.go()
        self.progress.update(state="training")

    def checkpoint_now(self) -> str:
        self.keep_checkpoint()
        if error := self.keeper.finish():
            raise error
        return f"checkpoint {checkpoint.path_of(self.run.checkpoints, self.step).name}"

    def set_live(self, changes: Mapping[str, object]) -> Applied:
        new = live.checked(changes)
        old = {key: self.changes.get(key, self.config.optimizer.lr) for key in new}
        for key, value in new.items():
            live.scale_learning_rate(self.optimizer, self.schedule, value / old[key])
        self.changes.update(new)
        self.write_plan()
        said = [f"{key} {old[key]:g} → {value:g}" for key, value in new.items()]
        return Applied(f"{', '.join(said)} from step {self.step + 1} on; the schedule is scaled by it", old, new)

    # What the end of an epoch leaves behind

    def settle(self) -> None:
        """Wait for the device and make sure that the weights are good. Raises NonFinite."""
        self.guard.settle(self.step)

    def record_score(self, score: Score) -> None:
        self.evaluated, self.newest = self.step, score
        best = math.isfinite(score.loss) and (self.best is None or score.loss < self.best.loss)
        if best:
            self.best = score
        self.best_accuracy = max(score.accuracy, self.best_accuracy or 0.0)
        self.writer.put("evals", self.step, time.time(), (self.epoch, score.loss, score.accuracy))
        self.writer.event(
            "epoch", epoch=self.epoch, step=self.step, val_loss=score.loss, val_accuracy=score.accuracy, best=best
        )

    def keep_checkpoint_if_due(self) -> None:
        """After an epoch: at the configured cadence, but not more often than the keeper likes; the best and the last always."""
        due = self.epoch % max(self.config.training.checkpoint_every, 1) == 0 and not self.keeper.rests
        if due or self.newest is self.best or self.finished:
            self.keep_checkpoint()

    def keep_checkpoint(self) -> None:
        """Hand the state after this step to the keeper. Raises NonFinite rather than keep spoilt weights."""
        self.settle()
        self.monitor.flush()
        score = self.newest if self.evaluated == self.step else None
        saved = Saved(
            step=self.step,
            epoch=self.epoch,
            val_loss=score.loss if score else None,
            val_accuracy=score.accuracy if score else None,
            best=score is not None and score is self.best,
            time=time.time(),
        )
        self.keeper.submit(self.state(), saved)

    def state(self) -> State:
        """A copy of all that a resume needs to go on as if nothing had been."""
        state: State = checkpoint.detached(
            {
                "step": self.step,
                "epoch": self.epoch,
                "evaluated": self.evaluated,
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "schedule": self.schedule.state_dict(),
                "newest": vars(self.newest) if self.newest else None,
                "best": vars(self.best) if self.best else None,
                "best_accuracy": self.best_accuracy,
                "changes": dict(self.changes),
                "random": checkpoint.random_states(),
                "seconds": self.stopwatch.seconds,
            }
        )
        return state

    # What a person sees, and how it ends

    def gauges(self) -> dict[str, object]:
        """What changes from step to step, for the status; called from the heartbeat's thread."""
        latest = self.monitor.latest
        return {
            "epoch": min(self.epoch + 1, self.config.training.epochs),
            "step": self.step,
            "seconds": self.stopwatch.seconds,
            **{name: latest.get(name) for name in ("loss", "grad_norm", "lr")},
            "samples_per_s": latest.get("samples_per_s") or 0.0,
            "val_loss": self.newest.loss if self.newest else None,
            "val_accuracy": self.newest.accuracy if self.newest else None,
            "best_val_loss": self.best.loss if self.best else None,
            "best_val_accuracy": self.best_accuracy,
        }

    def write_plan(self) -> None:
        """Publish the learning rates to come, beside the training: stepping through a long schedule takes a while."""
        if self._plan is not None:
            self._plan.cancel()
        factor = self.changes.get(live.LEARNING_RATE, self.config.optimizer.lr) / self.config.optimizer.lr
        per_epoch = self.batches.per_epoch
        self._plan = Plan(self.writer, self.config, self.steps, per_epoch, factor=factor, after=self.step)
        self._plan.start()

    def write_black_box(self, error: NonFinite) -> None:
        self.writer.event("black_box", **self.monitor.black_box(error.step, error.what))

    def close(self, *, at_once: bool) -> None:
        """Finish what is being written, checkpoints only where there is time for them."""
        self.stopwatch.halt()
        self.sampler.close()
        self.monitor.close()
        if not at_once:
            self.keeper.close()
            if self._plan is not None:
                self._plan.finish(timeout=2.0)
