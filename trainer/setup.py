"""From a run directory to a session: everything that the config names, built, and put where a checkpoint left it."""

from __future__ import annotations

import random
import sys

import torch

from trainer import checkpoint, data, models, optim
from trainer.batches import Batches
from trainer.checkpoint import State
from trainer.config import Config, ConfigProblems, load_config
from trainer.device import check_precision, choose_device
from trainer.errors import UserError
from trainer.evaluation import Score
from trainer.guard import Guard
from trainer.keeper import Keeper
from trainer.monitor import Monitor, SystemSampler
from trainer.progress import Progress, Stopwatch
from trainer.record import Column, Run, StreamWriter
from trainer.session import Session
from trainer.steering import Steering

EVALS = (Column("epoch"), Column("loss"), Column("accuracy"))


def prepare(run: Run, writer: StreamWriter, progress: Progress, steering: Steering, *, resume: bool) -> Session:
    """Raises UserError with a sentence for whatever the user can put right."""
    config = _read_config(run)
    training = config.training
    device = choose_device(training.device)
    check_precision(training.precision, device)
    state = _newest_checkpoint(run, writer) if resume else None
    first_step = state["step"] + 1 if state else 1

    seed_generators(training.seed)
    dataset = data.load(config.data, seed=training.seed)
    model = models.build(config.model, dataset.info).to(device)
    optimizer = optim.build_optimizer(config.optimizer, model.parameters(), device)
    batches = Batches(
        dataset.train_images.to(device),
        dataset.train_labels.to(device),
        training.batch_size,
        seed=training.seed,
        prepare=dataset.prepare,
    )
    steps = training.epochs * batches.per_epoch
    schedule = optim.build_schedule(
        config.schedule, optimizer, total_steps=steps, steps_per_epoch=batches.per_epoch
    )
    writer.open("evals", EVALS, first_step=first_step)
    monitor = Monitor(
        model, config.monitor, writer, device, first_step=first_step, steps_per_epoch=batches.per_epoch
    )
    session = Session(
        run=run,
        config=config,
        device=device,
        model=model,
        optimizer=optimizer,
        schedule=schedule,
        batches=batches,
        validation=(dataset.val_images.to(device), dataset.val_labels.to(device)),
        writer=writer,
        progress=progress,
        steering=steering,
        guard=Guard(model, optimizer, device),
        monitor=monitor,
        sampler=SystemSampler(writer, device, step=lambda: monitor.step, first_step=first_step),
        keeper=Keeper(run, writer, training.keep_checkpoints, lambda said: progress.update(warning=said)),
        stopwatch=Stopwatch(state["seconds"] if state else 0.0),
    )
    if state:
        _put_back(session, state)
    progress.gauges = session.gauges
    progress.update(
        epochs=training.epochs,
        steps=session.steps,
        device=str(device),
        model=config.model.kind,
        parameters=models.describe(model).total,
    )
    return session


def seed_generators(seed: int) -> None:
    """Every generator that training may draw from, so that its seed alone decides a run."""
    torch.manual_seed(seed)
    random.seed(seed)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed(seed)


def _read_config(run: Run) -> Config:
    try:
        return load_config(run.config)
    except (ConfigProblems, OSError) as error:
        raise UserError(str(error)) from error


def _newest_checkpoint(run: Run, writer: StreamWriter) -> State | None:
    def skipped(message: str) -> None:
        print(message, flush=True)
        writer.event("warning", message=f"{message}; the one before it is used")

    state = checkpoint.load_newest(run.checkpoints, skipped)
    if state is None:
        writer.event("warning", message="there is no checkpoint to resume from; training starts from the beginning")
    return state


def _put_back(session: Session, state: State) -> None:
    """Put the session where the checkpoint left it. Raises UserError where it does not fit the config."""
    try:
        session.model.load_state_dict(state["model"])
        session.optimizer.load_state_dict(state["optimizer"])
        session.schedule.load_state_dict(state["schedule"])
    except (RuntimeError, ValueError, KeyError) as error:
        raise UserError(
            f"the checkpoint of step {state['step']} does not fit run.toml; put back the run.toml it was trained with"
        ) from error
    session.step = state["step"]
    session.evaluated = state["evaluated"]
    session.changes = dict(state["changes"])
    session.newest = Score(**state["newest"]) if state["newest"] else None
    session.best = Score(**state["best"]) if state["best"] else None
    session.best_accuracy = state["best_accuracy"]
    checkpoint.restore_random_states(state["random"])
    session.writer.event("resumed", step=session.step, path=checkpoint.path_of(session.run.checkpoints, session.step).name)
