"""One run in the hands of one worker: what its config names, and where training stands."""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler

from gradtop.trainer.checkpoint import format as checkpoint
from gradtop.trainer.checkpoint.encoding import encoded
from gradtop.trainer.checkpoint.format import Saved, State
from gradtop.trainer.checkpoint.generators import Generators
from gradtop.trainer.checkpoint.writer import CheckpointWriter, newest_text
from gradtop.trainer.config import Config, diff_config, to_tables
from gradtop.trainer.data.augment import augmentation
from gradtop.trainer.data.dataset import Source, TrainingBatches
from gradtop.trainer.data.loading import Reading
from gradtop.trainer.data.readers import Wait
from gradtop.trainer.monitor import Monitor
from gradtop.trainer.optim.lr_scheduler import advance, build_schedule, scale, take_history
from gradtop.trainer.record import EventKind, Run, RunState, StreamWriter
from gradtop.trainer.record.data_facts import FACTS, DataFacts
from gradtop.trainer.record.streams.registry import EVALS, GRAD_NORM, LOSS, LR, SAMPLES_PER_S
from gradtop.trainer.record.writing import write_atomically
from gradtop.trainer.runtime.control import Applied, Control, Unconfirmed
from gradtop.trainer.runtime.errors import NonFinite, NothingLearned, UserError
from gradtop.trainer.runtime.progress import Progress, Stopwatch
from gradtop.trainer.runtime.threads import use_threads
from gradtop.trainer.training import live
from gradtop.trainer.training.data_facts import FactFinder
from gradtop.trainer.training.evaluate import Score
from gradtop.trainer.training.freeze import check_freeze, freeze, keep_statistics
from gradtop.trainer.training.lr_plan import LrPlan
from gradtop.trainer.training.misfit import data_fingerprint
from gradtop.trainer.training.nonfinite_guard import NonFiniteGuard
from gradtop.trainer.training.scores import Scores
from gradtop.trainer.training.step import Compute
from gradtop.trainer.training.thread_tuning import ThreadTuner

WARN_AFTER = 30.0  # seconds without a batch
PLAIN_EVERY = 2.0  # seconds between two steps whose loss is also computed without label smoothing
FROZEN_NAMED = 3  # frozen parameters that an event names


class Changed(Exception):
    """Hyperparameters were changed before the batch had come: the epoch is to be entered anew."""


@dataclass
class Session:
    """The parts of a training; `step` counts the optimizer steps that are done. `config` is run.toml with what was changed live."""

    run: Run
    config: Config
    device: torch.device
    source: Source
    model: nn.Module
    optimizer: torch.optim.Optimizer
    schedule: LRScheduler
    batches: TrainingBatches
    validation: Iterable[tuple[Tensor, Tensor]]
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
    thread_tuner: ThreadTuner | None = None  # on a CPU

    def __post_init__(self) -> None:
        if isinstance(reading := getattr(self.source, "reading", None), Reading):
            reading.meanwhile, reading.warn = self.wait_for_data, self.warn
        self._plan: LrPlan | None = None
        self._kept = -1  # the step of the newest checkpoint
        self._waits_long = False
        self._plain_at = -math.inf
        self._fact_finder: FactFinder | None = FactFinder(self.source, self.batches)
        self._facts: DataFacts | None = None
        self._frozen = sorted(name for name, parameter in self.model.named_parameters() if not parameter.requires_grad)
        self.accumulate = self.config.training.accumulate
        self.per_epoch = -(-self.batches.per_epoch // self.accumulate)
        self.take_settings()

    def take_settings(self) -> None:
        """Have ready what the loop needs of the config, as it stands now."""
        training = self.config.training
        self.steps = self.steps_of(self.config)
        self.clip, self.clip_value = training.clip, training.clip_value
        self.parameters = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self.compute.label_smoothing = training.label_smoothing
        self.compute.augment = augmentation(self.config.augment, self.source, seed=training.seed)
        # What varies images wants them as they are stored.
        self.batches.prepare = self.source.prepare if self.compute.augment is None else None
        self.checkpoint_writer.keep = training.keep_checkpoints

    def steps_of(self, config: Config) -> int:
        """The optimizer steps of a whole training of this configuration."""
        return config.training.steps or config.training.epochs * self.per_epoch

    # Where training stands

    @property
    def epoch(self) -> int:
        """Epochs whose steps are all done."""
        return self.step // self.per_epoch

    @property
    def last_step(self) -> int:
        """The step that training ends with; a live change may have put that before the present one."""
        return max(self.steps, self.step)

    @property
    def epochs(self) -> int:
        return -(-self.last_step // self.per_epoch)

    @property
    def position(self) -> int:
        """Steps done in the epoch at hand."""
        return self.step % self.per_epoch

    @property
    def evaluation_due(self) -> bool:
        return self.evaluated < self.step and (self.position == 0 or self.step >= self.steps)

    @property
    def finished(self) -> bool:
        return (self.step >= self.steps or self.stopped_early) and not self.evaluation_due

    @property
    def stopped_early(self) -> bool:
        """Whether the validation loss, as of an evaluation just now, has not become better for as long as was to be waited for."""
        return self.patience_ran_out and self.evaluated == self.step

    @property
    def patience_ran_out(self) -> bool:
        return 0 < self.config.training.early_stopping <= self.scores.without_better

    @property
    def epoch_at_hand(self) -> int:
        """Counted from 1: the one that the next step belongs to; before and after its evaluation at the end, the one that closes."""
        closing = self.step > 0 and (self.evaluation_due or self.finished)
        return -(-self.step // self.per_epoch) if closing else self.epoch + 1

    # How it starts

    def begin(self) -> None:
        """Raises UserError where the model keeps what no checkpoint could hold."""
        encoded({"model": self.model.state_dict()}, copy=False)
        self.stopwatch.go()
        self.progress.update(state=RunState.TRAINING)
        if not self.step:
            training = self.config.training
            epochs = 0 if training.steps else training.epochs
            self.writer.event(EventKind.START, steps=self.steps, epochs=epochs, per_epoch=self.per_epoch, device=str(self.device))
            if self._frozen:
                self._record_frozen()
        self.writer.open(EVALS, first_step=self.evaluated + 1)
        self.monitor.begin()
        self.write_plan()

    def enter_epoch(self) -> None:
        """Before the steps of an epoch, and again after a change in it: what trains, and in which mode."""
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
        """Called while a batch does not come: obeys, and says so when it takes long. Raises Stop, EndNow or Changed."""
        if self.control.due() and self.control.obey(self) and not self.evaluation_due:
            raise Changed
        if wait.seconds < WARN_AFTER:
            self._waits_long = False
        elif not self._waits_long:
            self._waits_long = True
            self.warn(str(wait))

    def warn(self, message: str) -> None:
        """Among the events, and on the screens until something else is wrong."""
        self.writer.event(EventKind.WARNING, step=self.step, message=message)
        self.progress.update(warning=message)

    def pause(self) -> None:
        self.stopwatch.halt()
        self.monitor.flush()
        self.progress.update(state=RunState.PAUSED)

    def unpause(self) -> None:
        self.stopwatch.go()
        self.progress.update(state=RunState.TRAINING)

    def finish(self) -> None:
        """Training is done: wait for what is being written. Raises UserError where its last step is in no checkpoint."""
        # What writing takes is no part of what training took.
        self.stopwatch.halt()
        if error := self.checkpoint_writer.finish():
            raise UserError(self._unsaved(error))

    def checkpoint_at_end(self) -> str:
        """Keep the state that training was stopped in; returns a sentence where that cannot be written."""
        self.stopwatch.halt()
        try:
            self.checkpoint_now()
        except OSError as error:
            return self._unsaved(error)
        return ""

    def _unsaved(self, error: OSError) -> str:
        return f"trained to step {self.step}, but that is in no checkpoint ({error.strerror or error}): {newest_text(self.run, self.checkpoint_writer.newest)}"

    def checkpoint_now(self) -> str:
        self.keep_checkpoint()
        if error := self.checkpoint_writer.finish():
            raise error
        return checkpoint.path_of(self.run.checkpoints, self.step).name

    def set_live(self, changes: Mapping[str, object], *, confirmed: bool = True) -> Applied:
        new = live.changed(self.config, changes)
        made = diff_config(self.config, new)
        if not made:
            raise ValueError("that is what it has already")
        try:
            augmentation(new.augment, self.source, seed=new.training.seed)
            if new.freeze != self.config.freeze:
                check_freeze(new.freeze, self.model, self.fixed)
        except UserError as error:
            # What cannot be done must not end the training.
            raise ValueError(str(error)) from None
        consequences = live.consequences(self, new)
        applied = Applied(
            old={change.key: change.old for change in made},
            new={change.key: change.new for change in made},
            consequences=consequences.to_fields(),
        )
        if consequences.grave and not confirmed:
            raise Unconfirmed(applied)
        live.apply(self, new)
        for change in made:
            table, _, name = change.key.partition(".")
            if name == "kind":
                # What was changed of the kind that was is no part of the one that is, which is told whole.
                self.changes = {key: value for key, value in self.changes.items() if not key.startswith(f"{table}.")}
                self.changes |= {f"{table}.{each}": value for each, value in to_tables(new)[table].items()}
            self.changes[change.key] = change.new
        self.progress.update(changes=dict(self.changes), threads=torch.get_num_threads())
        self.write_plan()
        return applied

    def tune_threads(self) -> None:
        """Try, keep or take back another number of threads where the pace has collapsed.

        The configuration keeps its 0: a fork or a rerun of this run begins with the default on a machine that may be idle.
        """
        tuned = self.thread_tuner.look(self.config.training.threads) if self.thread_tuner is not None else None
        if tuned is None:
            return
        key = "training.threads"
        changed = tuned.threads != tuned.before
        changes, old = ({key: tuned.threads}, {key: tuned.before}) if changed else ({}, {})
        if changed:
            use_threads(tuned.threads)
            self.progress.update(threads=torch.get_num_threads())
        self.writer.event(
            EventKind.THREADS, step=self.step, threads=tuned.threads, changes=changes, old=old, pace=tuned.pace, pace_before=tuned.pace_before
        )

    def scale_learning_rate(self, factor: float) -> None:
        scale(self.optimizer, self.schedule, factor)

    def reschedule(self) -> None:
        """Build the schedule anew and put it where training stands."""
        self.take_settings()
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.optimizer.lr
            for name in ("initial_lr", "max_lr", "min_lr"):
                group.pop(name, None)
        self.schedule = self.schedule_of(self.config, self.optimizer)

    def schedule_of(self, config: Config, optimizer: torch.optim.Optimizer) -> LRScheduler:
        """The schedule of a configuration, for an optimizer with the full learning rate, where training stands."""
        steps = self.steps_of(config)
        made = build_schedule(config.schedule, optimizer, total_steps=steps, steps_per_epoch=self.per_epoch)
        # Past its end a schedule of a certain length goes nowhere.
        advance(made, min(self.step, steps))
        if type(made) is type(self.schedule):
            take_history(made, self.schedule.state_dict())
        return made

    # What the end of an epoch leaves behind

    def settle(self) -> None:
        """Wait for the device and make sure that the weights are good. Raises NonFinite."""
        self.guard.settle(self.step)

    def begin_evaluation(self) -> None:
        """Raises NonFinite where there is nothing good to evaluate."""
        self.monitor.before_evaluation()
        self.settle()
        # A resume begins one anew that was not finished, which must find the random numbers that this one finds.
        self.generators.hold()

    @cached_property
    def data_found(self) -> dict[str, dict[str, Any]]:
        """A fingerprint of the data; made with the first checkpoint, so that no first step waits for it."""
        found = data_fingerprint(self.source)
        self._write_data(found)
        return found

    def epoch_batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """What is left of the epoch at hand; the first batches are looked at as they pass."""
        batches = self.batches.epoch(self.epoch, skip=self.position * self.accumulate)
        return batches if self._fact_finder is None else self._fact_finder.watch(batches)

    def find_facts(self, *, wait: bool = False) -> None:
        """Write what is known of the data, once, when the first batches have passed."""
        if self._fact_finder is None or not (wait or self._fact_finder.ready):
            return
        self._facts = self._fact_finder.facts(self.config.training.label_smoothing)
        self._fact_finder = None
        self._write_data(self.__dict__.get("data_found", {}))

    def want_plain_loss(self) -> None:
        """Now and then also the loss without label smoothing; of mixed images there is none."""
        augment, now = self.config.augment, time.monotonic()
        if self.config.training.label_smoothing and not (augment.mixup or augment.cutmix) and now >= self._plain_at:
            self._plain_at = now + PLAIN_EVERY
            self.compute.plain_wanted = True

    def _write_data(self, found: Mapping[str, object]) -> None:
        facts = {FACTS: self._facts.record()} if self._facts is not None else {}
        with contextlib.suppress(OSError):
            write_atomically(self.run.path, self.run.data, json.dumps({**found, **facts}, indent=1))

    @property
    def described_data(self) -> str:
        """What its losses are losses of, in plain text: arguments may be of any type that TOML has."""
        return json.dumps(to_tables(self.config)["data"], default=str)

    def record_score(self, score: Score) -> None:
        """Raises NonFinite where the score is not finite because a weight is not."""
        epoch = self.epoch_at_hand
        self.evaluated = self.step
        self.generators.release()
        best = self.scores.record(score, epoch)
        if evaluated := getattr(self.schedule, "evaluated", None):
            evaluated(score.loss)
        self.writer.put(EVALS, self.step, time.time(), (epoch, score.loss, score.accuracy))
        self.monitor.collect()
        self.writer.event(
            EventKind.EPOCH,
            epoch=epoch,
            epochs=self.epochs,
            step=self.step,
            **self.monitor.epoch_means.take(),
            **({"skipped": skipped} if (skipped := self.guard.take_skipped()) else {}),
            val_loss=score.loss,
            val_accuracy=score.accuracy,
            best=best,
        )
        if not math.isfinite(score.loss):
            self.guard.check_weights(self.step)

    def end(self) -> None:
        """Training has come to its end: say so where that is an early one, and leave the checkpoint of its last step.

        Raises NothingLearned where no step has changed the weights, NonFinite where the last one that did has spoilt them.
        """
        if self.stopped_early and self.step < self.steps:
            self.writer.event(
                EventKind.EARLY_STOPPING,
                step=self.step,
                epoch=self.epoch_at_hand,
                epochs=self.epochs,
                evaluations=self.scores.without_better,
            )
        self.find_facts(wait=True)
        if self._kept != self.step:
            self.keep_checkpoint()
        if 0 < self.guard.skipped == self.step - self.progress.status.began:
            raise NothingLearned(self.guard.skipped)
        if (streak := self.guard.streak) and self.scores.newest is not None and not math.isfinite(self.scores.newest.loss):
            what = "the validation loss"
            raise NonFinite(
                self.step - streak,
                what,
                f"step {self.step - streak} has spoilt the weights: {what} is not finite, and the gradient scaler skipped each of the {streak} steps after it",
            )

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
        score = self.scores.newest if self.evaluated == self.step else None
        saved = Saved(
            step=self.step,
            epoch=self.epoch,
            val_loss=score.loss if score else None,
            val_accuracy=score.accuracy if score else None,
            best=score is not None and score is self.scores.best,
            time=time.time(),
        )
        self.checkpoint_writer.submit(self.state_dict(), saved)
        self._kept = self.step

    def parts(self) -> dict[str, Any]:
        """All that has a state of its own, by the name it has in a checkpoint; each gives and takes it (state_dict, load_state_dict)."""
        parts = {
            "model": self.model,
            "optimizer": self.optimizer,
            "schedule": self.schedule,
            "scaler": self.compute.scaler,
            "ema": self.compute.ema,
            "guard": self.guard,
            "scores": self.scores,
            "stopwatch": self.stopwatch,
            "random": self.generators,
        }
        return {name: part for name, part in parts.items() if part is not None}

    @property
    def kinds(self) -> dict[str, str]:
        """The kinds whose states are of no use to other kinds."""
        return {"optimizer": self.config.optimizer.kind, "schedule": self.config.schedule.kind}

    def state_dict(self) -> State:
        """A copy of all that a resume needs to go on as if nothing had been."""
        state: State = encoded(
            {
                "step": self.step,
                "evaluated": self.evaluated,
                "changes": self.changes,
                "last_set": self.control.last_set,
                "tuned_threads": self.thread_tuner.chosen if self.thread_tuner is not None else 0,
                **{name: part.state_dict() for name, part in self.parts().items()},
                # What is shown of a run that ends before its next step.
                "latest": {name: self.monitor.latest[name] for name in (LOSS, LR)},
                # What a fork asks for, whose configuration may be another.
                "epoch": self.epoch,
                "per_epoch": self.per_epoch,
                "epoch_means": self.monitor.epoch_means.state_dict(),
                "kinds": self.kinds,
                "data": self.described_data,
                # What tells at a resume why something does not fit.
                "config": to_tables(self.config),
                "found": self.data_found,
            }
        )
        return state

    def load_state_dict(self, state: State) -> None:
        """Put all of it where the checkpoint left it. Raises RuntimeError, ValueError or KeyError where it does not fit."""
        if state["kinds"] != self.kinds:
            raise ValueError(f"the checkpoint is of {state['kinds']}")
        self.step, self.evaluated, self.changes = state["step"], state["evaluated"], dict(state["changes"])
        self._kept = self.step
        if self.thread_tuner is not None and not self.config.training.threads and (tuned := state.get("tuned_threads", 0)):
            self.thread_tuner.chosen = tuned
            use_threads(tuned)
        # What trains decides what the optimizer has a state of.
        self.freeze(announced=not self.evaluation_due)
        for name, part in self.parts().items():
            part.load_state_dict(state[name])
        self.monitor.epoch_means.load_state_dict(state.get("epoch_means", {}))
        self.monitor.latest = {**self.monitor.latest, **state.get("latest", {})}
        self.checkpoint_writer.newest = self.step

    # What a person sees, and how it ends

    def gauges(self) -> dict[str, object]:
        """What changes from step to step, for the status; called from the heartbeat's thread."""
        latest, scores = self.monitor.latest, self.scores
        return {
            "epoch": min(self.epoch_at_hand, self.epochs),
            "epochs": self.epochs,
            "step": self.step,
            "steps": self.last_step,
            "stopped_early": scores.without_better if self.stopped_early and self.step < self.steps else 0,
            "steps_per_epoch": self.per_epoch,
            "skipped_steps": self.guard.skipped,
            "seconds": self.stopwatch.seconds,
            "loss": latest[LOSS],
            "grad_norm": latest[GRAD_NORM],
            "lr": latest[LR],
            "samples_per_s": latest[SAMPLES_PER_S] or 0.0,
            "val_loss": scores.newest.loss if scores.newest else None,
            "val_accuracy": scores.newest.accuracy if scores.newest else None,
            "best_val_loss": scores.best.loss if scores.best else None,
            "best_epoch": scores.best_epoch,
            "accuracy_at_best": scores.best.accuracy if scores.best else None,
            "best_val_accuracy": scores.best_accuracy,
            "best_accuracy_epoch": scores.best_accuracy_epoch,
            "monitoring": self.monitor.spending(),
        }

    def write_plan(self) -> None:
        """Publish the learning rates to come, where they are others than were published last."""
        if self._plan is not None:
            if self._plan.draws(self.config, self.steps):
                return
            self._plan.cancel()
        self._plan = LrPlan(self.writer, self.config, self.steps, self.per_epoch, after=self.step)
        self._plan.start()

    def write_black_box(self, error: NonFinite) -> None:
        self.writer.event(EventKind.BLACK_BOX, **self.monitor.black_box(error.step, error.what))

    def close(self, *, at_once: bool) -> None:
        """Finish what is being written, checkpoints only where there is time for them."""
        self.stopwatch.halt()
        self.monitor.close()
        if not at_once:
            self.checkpoint_writer.close()
            if self._plan is not None:
                self._plan.finish(timeout=2.0)
