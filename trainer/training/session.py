"""One run in the hands of one worker: what its config names, and where training stands."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler

from gradtop.trainer.checkpoint.encoding import encoded
from gradtop.trainer.checkpoint.generators import Generators
from gradtop.trainer.checkpoint.sidecar import Saved, path_of
from gradtop.trainer.checkpoint.writer import CheckpointWriter
from gradtop.trainer.config import Config
from gradtop.trainer.data.augment import augmentation
from gradtop.trainer.data.dataset import Source, TrainingBatches, counts_epochs
from gradtop.trainer.data.loading import Reading
from gradtop.trainer.data.readers import Wait
from gradtop.trainer.monitor import Monitor
from gradtop.trainer.record import EventKind, Run, RunState, StreamWriter
from gradtop.trainer.record.classification import BEST, MOST_CLASSES, NEWEST, Classification, drop_later, text_of
from gradtop.trainer.runtime.control import Applied, Control
from gradtop.trainer.runtime.errors import NonFinite
from gradtop.trainer.runtime.progress import Progress, Stopwatch
from gradtop.trainer.tasks.task import Score
from gradtop.trainer.training import live
from gradtop.trainer.training.data_record import DataRecord
from gradtop.trainer.training.evaluation_stream import EvaluationStream
from gradtop.trainer.training.freeze import freeze, keep_statistics
from gradtop.trainer.training.lr_plan import PublishedPlan
from gradtop.trainer.training.nonfinite_guard import NonFiniteGuard
from gradtop.trainer.training.profiling.step_profiler import StepProfiler
from gradtop.trainer.training.scores import Scores
from gradtop.trainer.training.stale_statistics import stale_statistics
from gradtop.trainer.training.standing import Standing
from gradtop.trainer.training.state import training_state
from gradtop.trainer.training.step import Batch, Compute
from gradtop.trainer.training.text_sampler import TextSampler
from gradtop.trainer.training.thread_tuning import ThreadTuner
from gradtop.trainer.training.unseen_classes import UnseenClasses

WARN_AFTER = 30.0  # seconds without a batch
FROZEN_NAMED = 3  # frozen parameters that an event names


class HyperparametersChanged(Exception):
    """Before the batch had come: the epoch is to be entered anew."""


@dataclass
class Session(Standing):
    """The parts of a training; `step` counts the optimizer steps that are done. `config` is run.toml with what was changed live."""

    run: Run
    config: Config
    device: torch.device
    source: Source
    model: nn.Module
    optimizer: torch.optim.Optimizer
    schedule: LRScheduler
    batches: TrainingBatches
    validation: Iterable[Batch]
    compute: Compute
    writer: StreamWriter
    progress: Progress
    control: Control
    guard: NonFiniteGuard
    monitor: Monitor
    checkpoint_writer: CheckpointWriter
    stopwatch: Stopwatch
    step: int = 0
    evaluated: int = 0
    scores: Scores = field(default_factory=Scores)
    generators: Generators = field(default_factory=Generators)
    changes: dict[str, Any] = field(default_factory=dict)
    fixed: frozenset[str] = frozenset()  # parameters that the model itself has frozen
    default_threads: int = 0  # what training.threads = 0 stands for
    thread_tuner: ThreadTuner | None = None  # on a CPU

    def __post_init__(self) -> None:
        if isinstance(reading := getattr(self.source, "reading", None), Reading):
            reading.meanwhile, reading.warn = self.wait_for_data, self.warn
        self.scores.monitored = self.config.training.best
        self.kept = -1  # the step of the newest checkpoint
        self._waited = ""  # what was said of a batch that does not come
        self._noted: set[str] = set()  # what was said of metrics
        self.text_sampler = TextSampler(self)
        self.profiler = StepProfiler(self.run, self.writer, self.compute, self.device, compiled=self.config.training.compile)
        self.data_record = DataRecord(self.run, self.source, self.batches, self.compute.task)
        self.monitor.chance = self.data_record.chance
        self._frozen = sorted(name for name, parameter in self.model.named_parameters() if not parameter.requires_grad)
        self.accumulate = self.config.training.accumulate
        self.per_epoch = -(-self.batches.per_epoch // self.accumulate)
        self.counts_epochs = counts_epochs(self.batches)
        # Of data without epochs it has set their length.
        self.evaluate_every = self.config.training.evaluate_every if self.counts_epochs else 0
        self.unseen_classes = UnseenClasses(self.source, self.batches, tell=lambda absence: self.writer.event(EventKind.ABSENT, step=self.step, **absence._asdict()))
        self._knows_statistics = False  # of batch norms, from the first evaluation on
        self.lr_plan = PublishedPlan(self.writer, self.per_epoch)
        self.take_settings()

    def take_settings(self) -> None:
        """Have ready what the loop needs of the config, as it stands now."""
        training = self.config.training
        self.steps = self.steps_of(self.config)
        self.clip, self.clip_value = training.clip, training.clip_value
        self.parameters = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self.compute.label_smoothing = training.label_smoothing
        self.compute.augment = augmentation(self.config.augment, self.source, seed=training.seed, ignored=self.config.task.wanted.ignored)
        # What varies images wants them as they are stored.
        self.batches.prepare = self.source.prepare if self.compute.augment is None else None
        self.checkpoint_writer.keep = training.keep_checkpoints

    def steps_of(self, config: Config) -> int:
        """The optimizer steps of a whole training of this configuration."""
        return config.training.steps or config.training.epochs * self.per_epoch

    # How it starts

    def begin(self) -> None:
        """Raises UserError where the model keeps what no checkpoint could hold."""
        encoded({"model": self.model.state_dict()}, copy=False)
        self.stopwatch.go()
        self.progress.update(state=RunState.TRAINING)
        if not self.step:
            training = self.config.training
            epochs = 0 if training.steps else training.epochs
            self.writer.event(EventKind.START, steps=self.steps, epochs=epochs, per_epoch=self.per_epoch if self.counts_epochs else 0, device=str(self.device))
            if self._frozen:
                self._record_frozen()
        with contextlib.suppress(OSError):
            drop_later(self.run, self.evaluated)
        self.evaluations = EvaluationStream(self.writer, first_step=self.evaluated + 1, newest=self.scores.newest)
        self.monitor.begin()
        self.lr_plan.publish(self.config, self.steps, after=self.step)

    def enter_epoch(self) -> None:
        """Before the steps of an epoch, and again after a change in it: what trains, and in which mode."""
        self.profiler.rest()
        self.freeze()
        self.model.train()
        keep_statistics(self.config.freeze, self.model)
        self.monitor.before_steps(self.step + 1)

    def freeze(self, *, announced: bool = False) -> None:
        """Freeze and unfreeze as the epoch at hand wants it; `announced` where an earlier process has told of it."""
        frozen = freeze(self.config.freeze, self.model, self.epoch + 1, self.fixed)
        if frozen != self._frozen:
            before, self._frozen = self._frozen, frozen
            self.parameters = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
            self.monitor.model_changed(self.step + 1)
            if announced:
                return
            if before or frozen:
                self._record_frozen()

    def _record_frozen(self) -> None:
        self.writer.event(EventKind.FREEZE, step=self.step, frozen=self._frozen[:FROZEN_NAMED], count=len(self._frozen))

    # What control asks for

    def wait_for_data(self, wait: Wait) -> None:
        """Called while a batch does not come: obeys, and says so when it takes long. Raises Stop, EndNow or HyperparametersChanged."""
        if self.control.due() and self.control.obey(self) and not self.evaluation_due:
            raise HyperparametersChanged
        if wait.seconds >= WARN_AFTER and not self._waited:
            self._waited = str(wait)
            self.warn(self._waited)

    def end_wait(self) -> None:
        """Called where no batch is waited for: the one that was said not to come has come."""
        if self._waited and self.progress.status.warning == self._waited:
            self.progress.update(warning="")
        self._waited = ""

    def warn(self, message: str) -> None:
        """Among the events, and on the screens until something else is wrong."""
        self.writer.event(EventKind.WARNING, step=self.step, message=message)
        self.progress.update(warning=message)

    def note(self, notes: Sequence[str]) -> None:
        """Warn of what metrics could not measure: of the same once."""
        for note in notes:
            if note not in self._noted:
                self._noted.add(note)
                self.warn(note)

    def pause(self) -> None:
        self.profiler.rest()
        self.stopwatch.halt()
        self.monitor.flush()
        self.progress.update(state=RunState.PAUSED)

    def unpause(self) -> None:
        self.stopwatch.go()
        self.progress.update(state=RunState.TRAINING)

    def checkpoint_now(self) -> str:
        self.keep_checkpoint()
        if error := self.checkpoint_writer.finish():
            raise error
        return path_of(self.run.checkpoints, self.step).name

    def profile_steps(self, arguments: Mapping[str, object]) -> Mapping[str, object]:
        """Profile the next steps; returns fields of the answer. Raises ValueError with a sentence."""
        return self.profiler.request(arguments, step=self.step, left=self.last_step - self.step)._asdict()

    def set_live(self, changes: Mapping[str, object], *, confirmed: bool = True) -> Applied:
        return live.set_live(self, changes, confirmed=confirmed)

    # What the end of an epoch leaves behind

    def settle(self) -> None:
        """Wait for the device and make sure that the weights are good. Raises NonFinite."""
        self.guard.settle(self.step)

    def begin_evaluation(self) -> None:
        """Raises NonFinite where there is nothing good to evaluate."""
        self.profiler.rest()
        self.monitor.before_evaluation()
        self.settle()
        # A resume begins one anew that was not finished, which must find the random numbers that this one finds.
        self.generators.hold()

    def epoch_batches(self) -> Iterator[Batch]:
        """What is left of the epoch at hand; the first batches are looked at as they pass."""
        at = self.position * self.accumulate
        return self.unseen_classes.watch(self.data_record.watch(self.batches.epoch(self.epoch, skip=at)), at=at)

    def record_score(self, score: Score) -> None:
        """Raises NonFinite where the score is not finite because a weight is not."""
        epoch = self.epoch_told
        self.evaluated = self.step
        self._look_at_statistics()
        self.data_record.validated()
        classes, notes, score = score.classes, score.notes, replace(score, classes=None, notes=(), faults={})
        self.note(notes)
        if classes is not None:
            self.unseen_classes.evaluated(classes.support, self.class_names)
        self.generators.release()
        best = self.scores.record(score, epoch)
        if evaluated := getattr(self.schedule, "evaluated", None):
            # The weights behind a loss that is not finite are of no use, whatever the metric.
            evaluated(self.scores.rank(score) if math.isfinite(score.loss) else math.inf)
        self.evaluations.record(self.step, epoch, score)
        if classes is not None and classes.classes <= MOST_CLASSES:
            self._keep_classes(classes._replace(step=self.step, epoch=epoch, names=self.class_names), best=best)
        self.monitor.collect()
        self.writer.event(
            EventKind.EPOCH,
            epoch=epoch,
            epochs=self.epochs_told,
            step=self.step,
            **self.monitor.epoch_means.take(),
            **({"skipped": skipped} if (skipped := self.guard.take_skipped()) else {}),
            val_loss=score.loss,
            val_accuracy=score.known_accuracy,
            **({"metrics": score.further} if score.further else {}),
            best=best,
            monitor=self.scores.monitored.name,
        )
        if not math.isfinite(score.loss):
            self.guard.check_weights(self.step)

    def _look_at_statistics(self) -> None:
        """Once: say which batch norms do not keep the statistics that evaluations need."""
        if not self._knows_statistics:
            self._knows_statistics = True
            if (stale := stale_statistics(self.model)) is not None:
                self.writer.event(EventKind.STATISTICS, step=self.step, **stale)

    def _keep_classes(self, classes: Classification, *, best: bool) -> None:
        for name in (NEWEST, BEST) if best else (NEWEST,):
            self.writer.replace(name, partial(text_of, classes))

    @cached_property
    def class_names(self) -> Sequence[str]:
        """In the order of their numbers; empty where the data name none."""
        return (self.config.data.class_names or self.source.fingerprint().classes)[: self.source.info.classes]

    def keep_checkpoint_if_due(self) -> None:
        """After an epoch: at the configured cadence, but not more often than the checkpoint writer likes; the best and the last always."""
        due = self.epoch % max(self.config.training.checkpoint_every, 1) == 0 and not self.checkpoint_writer.rests
        if due or self.scores.newest is self.scores.best or self.finished:
            self.keep_checkpoint()

    def keep_checkpoint(self) -> None:
        """Hand the state after this step to the checkpoint writer. Raises NonFinite rather than keep spoilt weights."""
        self.settle()
        if self.guard.streak:
            self.guard.check_weights(self.step)
        self.monitor.flush()
        score, monitored = self.scores.newest if self.evaluated == self.step else None, self.scores.monitored
        saved = Saved(
            step=self.step,
            epoch=self.epoch if self.counts_epochs else 0,
            val_loss=score.loss if score else None,
            val_accuracy=score.known_accuracy if score else None,
            best=score is not None and score is self.scores.best,
            time=time.time(),
            monitor=monitored.name,
            monitor_mode=monitored.mode,
            score=score.of(monitored.name) if score else None,
        )
        self.checkpoint_writer.submit(training_state(self), saved)
        self.kept = self.step

    # How it ends

    def write_black_box(self, error: NonFinite) -> None:
        self.writer.event(EventKind.BLACK_BOX, **self.monitor.black_box(error.step, error.what))

    def close(self, *, at_once: bool) -> None:
        """Finish what is being written, checkpoints only where there is time for them."""
        self.stopwatch.halt()
        if (end_reading := getattr(self.batches, "close", None)) is not None:
            # Its processes have inherited the lock on the run.
            end_reading()
        self.profiler.close(at_once=at_once)
        self.monitor.close()
        if not at_once:
            self.checkpoint_writer.close()
            self.lr_plan.finish(timeout=2.0)
