"""From a run directory to a session: everything that the config names, built, and put where a checkpoint left it."""

from __future__ import annotations

import contextlib
import math
import os
import random
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, Protocol

import torch
from torch import nn
from torch.optim import Optimizer

from gradtop.trainer.checkpoint.encoding import decoded
from gradtop.trainer.checkpoint.writer import CheckpointWriter
from gradtop.trainer.config import (
    Config,
    ConfigProblems,
    TrainingConfig,
    load_config,
)
from gradtop.trainer.config.load import to_toml
from gradtop.trainer.config.validate import validate
from gradtop.trainer.data.augment import augmentation
from gradtop.trainer.data.dataset import Source, TrainingBatches, counts_epochs
from gradtop.trainer.data.load import load_data
from gradtop.trainer.data.sampling import draw_of, draw_text
from gradtop.trainer.job import PROFILE
from gradtop.trainer.metrics import LOSS, UNCOUNTED, expected_headline
from gradtop.trainer.models.build import build_model
from gradtop.trainer.models.description import describe
from gradtop.trainer.models.initialise import initialise as initialise_weights
from gradtop.trainer.models.pruned import PRUNING, apply_shapes, masks_in, shapes_in
from gradtop.trainer.monitor import Monitor
from gradtop.trainer.optim.lr_scheduler import build_schedule
from gradtop.trainer.optim.optimizer import build_optimizer
from gradtop.trainer.record import EventKind, Run, effective, read_meta
from gradtop.trainer.record.streams.registry import SAMPLES_PER_S
from gradtop.trainer.runtime.context import RunContext
from gradtop.trainer.runtime.device import check_precision, choose_device
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.runtime.progress import Stopwatch
from gradtop.trainer.runtime.threads import default_threads, threads_of_environment, use_threads
from gradtop.trainer.tasks.build import build_task
from gradtop.trainer.training import fork
from gradtop.trainer.training.check import blank_inputs, check_fit, check_kind, check_metrics, check_smoothing
from gradtop.trainer.training.check_metrics import check_own_metrics
from gradtop.trainer.training.check_tensors import check_tensors, check_trains, densify_gradients, lazy_parameters
from gradtop.trainer.training.crowding import crowding
from gradtop.trainer.training.default_threads import suited_threads
from gradtop.trainer.training.edited import Edits, edits_since
from gradtop.trainer.training.evaluate import evaluation_batch
from gradtop.trainer.training.freeze import check_freeze, fixed_names, freeze, keep_statistics
from gradtop.trainer.training.gauges import gauges
from gradtop.trainer.training.live import repeat_changes
from gradtop.trainer.training.nonfinite_guard import NonFiniteGuard
from gradtop.trainer.training.resume import newest_state, put_back
from gradtop.trainer.training.session import Session
from gradtop.trainer.training.state import DEFAULT_THREADS, ENCODING
from gradtop.trainer.training.step import Compute
from gradtop.trainer.training.text_sampler import check_prompt
from gradtop.trainer.training.thread_tuning import ThreadTuner
from gradtop.trainer.training.weight_mask import WeightMask

NO_SHAPES: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class TrainingParts:
    """What a configuration names, on its device. `per_epoch` are optimizer steps; `threads` what `training.threads = 0` stands for; `fixed`
    the parameters that the model itself has frozen; `notes` what was done to the weights.
    """

    device: torch.device
    source: Source
    model: nn.Module
    optimizer: Optimizer
    batches: TrainingBatches
    compute: Compute
    fixed: frozenset[str]
    per_epoch: int
    threads: int
    notes: Sequence[str]


def read_valid_config(run: Run) -> Config:
    """What run.toml says. Raises UserError with all that is wrong with it."""
    try:
        return load_config(run.config)
    except (ConfigProblems, OSError) as error:
        raise UserError(str(error)) from error


def prepare(context: RunContext) -> Session:
    """Raises UserError with a sentence for whatever the user can put right."""
    run, writer, progress, control = context.run, context.writer, context.progress, context.control
    config = read_valid_config(run)
    if not context.resume:  # known before the data are: what is shown of a run that fails there
        progress.update(headline=LOSS if config.task.own_metrics else expected_headline(config.task.labels(config.data.inputs)))
    if run.checkpoints.is_symlink():
        raise UserError(f"{run.checkpoints} is a link, through which no checkpoint is written; move the whole run directory, and link that instead")
    state, edits = newest_state(run, writer) if context.resume else None, Edits()
    origin = None if state else fork.read_origin(run)
    if state:
        config = with_changes(config, decoded(state["changes"]))
        edits = edits_since(config, state)
        config = with_changes(config, edits.old)
    training = config.training
    # What a checkpoint brings needs no file that may have gone since.
    pruned = state or origin or {}
    parts = build_parts(run, writer, config, initialise=not (state or origin), shapes=shapes_in(pruned), encoding=pruned.get(ENCODING))
    # A resume keeps what the run has, a fork what it is to keep.
    mask = WeightMask(parts.model, masks_in(pruned) if state or training.keep_pruned else {}, shapes_in(pruned)) if PRUNING in pruned else None
    parts.compute.mask = mask
    device, model, optimizer, source, per_epoch = parts.device, parts.model, parts.optimizer, parts.source, parts.per_epoch
    step = state["step"] if state else fork.first_step(origin, per_epoch) if origin else 0
    session = Session(
        run=run,
        config=config,
        device=device,
        source=source,
        model=model,
        optimizer=optimizer,
        schedule=_build_schedule(config, optimizer, per_epoch),
        batches=parts.batches,
        validation=source.validation(evaluation_batch(config, source.info), device),
        compute=parts.compute,
        writer=writer,
        progress=progress,
        control=control,
        guard=NonFiniteGuard(model, optimizer, device, scaled=training.precision == "fp16"),
        monitor=Monitor(
            model, config.monitor, writer, device, first_step=step + 1, steps_per_epoch=per_epoch, name=config.model.label
        ),
        checkpoint_writer=CheckpointWriter(run, writer, training.keep_checkpoints, lambda warning: progress.update(warning=warning)),
        stopwatch=Stopwatch(),
        fixed=parts.fixed,
        # An older version kept no record of them, and had all.
        default_threads=int(state.get(DEFAULT_THREADS) or default_threads()) if state else parts.threads,
    )
    use_threads(training.threads or session.default_threads)
    # A run that is to be repeated to the last bit must not depend on what else a machine does.
    if device.type == "cpu" and not training.deterministic and not threads_of_environment():
        session.thread_tuner = ThreadTuner(session.default_threads, pace=lambda: session.monitor.latest[SAMPLES_PER_S] or math.nan, clock=time.monotonic)
    if state is None:
        check_own_metrics(config, model, source, parts.compute.task, device)
    if state:
        control.last_set = state.get("last_set") or ""
        # Now, as the user's classes are imported.
        put_back(session, decoded(state), edits)
    elif origin:
        taken = fork.take_over(session, decoded(origin))
        if mask is not None:
            fork.take_mask(session, mask, masks_in(origin), taken)
        progress.update(began=session.step)
        writer.event(EventKind.FORKED, step=session.step, kept=taken.kept, dropped=taken.dropped, all_weights=taken.all_weights)
        _log(f"forked at step {session.step}: keeps {', '.join(taken.kept)}{'; drops ' if taken.dropped else ''}{'; '.join(taken.dropped)}")
    if state is None and (changes := repeat_changes(session, "")):
        writer.event(EventKind.RESUMED, step=session.step, changes=changes)
    for sentence in parts.notes:
        _log(f"weights: {sentence}")
        writer.event(EventKind.INIT, message=sentence)
    # What was found in the data holds for whoever goes on with the run.
    session.changes |= source.survey.settings
    progress.gauges = partial(gauges, session)
    control.commands = {PROFILE: session.profile_steps}
    progress.update(
        device=str(device),
        model=config.model.kind,
        parameters=describe(model).total,
        tokens_per_sample=source.tokens_per_sample,
        headline=parts.compute.task.headline,
        threads=torch.get_num_threads(),
        masked=mask.masked if mask is not None else 0,
        changes=dict(session.changes),
    )
    return session


class Told(Protocol):
    """Who hears of what is noticed, as the writer of a run."""

    def event(self, kind: str, /, **fields: object) -> None: ...


def build_parts(run: Run, told: Told, config: Config, *, initialise: bool, shapes: Mapping[str, Any] = NO_SHAPES, encoding: Any = None) -> TrainingParts:
    """Load the data and build the model and its optimizer on the device; `initialise` gives the weights that `[init]` names, `shapes` what
    the removal of channels has left of modules, `encoding` how the data of a checkpoint were encoded.

    Sets the seeds, threads and numerics of the process. Raises UserError with a sentence for whatever the user can put right.
    """
    training = config.training
    device = choose_device(training.device)
    check_precision(training.precision, device)
    set_numerics(training)
    share = read_meta(run).most_threads
    use_threads(training.threads or share)
    if device.type == "cpu" and (crowded := crowding(run)):
        told.event(EventKind.WARNING, message=crowded)

    seed_generators(training.seed)
    source = load_data(config.data, seed=training.seed, context=config.model.window, wanted=config.task.wanted, saved=decoded(encoding))
    _tell_of_data(source, told)
    check_kind(config, source.info)
    check_smoothing(config, source.info)
    task = build_task(config.task, training.metrics, source)
    check_metrics(config, source, task)
    check_prompt(config, source)
    model = build_model(config.model, source.info)
    if lazy_parameters(model):
        # A batch tells their shapes, before anything asks for these.
        check_fit(config, model, source, task, torch.device("cpu"))
    try:
        apply_shapes(model, shapes)
    except ValueError as error:
        raise UserError(f"the checkpoint is of a model whose channels were removed, and the code of the model has changed since: {error}; put back what was there") from error
    check_tensors(model)
    notes = initialise_weights(config.init, model) if initialise else []
    notes += densify_gradients(model)
    model.to(device)
    if training.channels_last:
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    tried = check_fit(config, model, source, task, device)
    threads = suited_threads(model, training.batch_size, lambda: blank_inputs(config, source.info) if tried is None else tried, task, device)
    threads = min(threads, share or threads)
    use_threads(training.threads or threads)
    check_tensors(model)
    check_trains(config, model, device)
    fixed = fixed_names(model)
    check_freeze(config.freeze, model, fixed)
    freeze(config.freeze, model, 1, fixed)  # what trains decides what is measured
    optimizer = build_optimizer(config.optimizer, model, device)
    batches = source.training(training.batch_size, seed=training.seed, device=device)
    batches.draw = draw_of(config.data, source, config.task.wanted.ignored)
    if not counts_epochs(batches):
        if not training.steps:
            raise UserError("the training set has no length, so that there are no epochs: set training.steps, the optimizer steps to train for (training.evaluate_every says how often to evaluate)")
        batches.per_epoch = (training.evaluate_every or UNCOUNTED) * training.accumulate
    if batches.draw is not None:
        told.event(EventKind.DATA, message=draw_text(config.data, source))
    if training.compile:
        model.compile()
    compute = Compute(model, optimizer, device, training, task)
    return TrainingParts(device, source, model, optimizer, batches, compute, fixed, -(-batches.per_epoch // training.accumulate), threads, notes)


def build_to_measure(run: Run, told: Told, config: Config) -> TrainingParts:
    """As a training of this run would begin: with the weights of the checkpoint that it starts from, if there is one, else initial ones.

    Images are varied as in training. Raises UserError.
    """
    state = fork.read_origin(run)
    parts = build_parts(run, told, config, initialise=state is None, shapes=shapes_in(state or {}), encoding=(state or {}).get(ENCODING))
    if state is not None:
        if config.training.keep_pruned and PRUNING in state:
            parts.compute.mask = WeightMask(parts.model, masks_in(state), shapes_in(state))
        taken = fork.TransferredState()
        state = decoded(state)
        fork.take_weights(parts.model, state["model"], taken)
        parts.compute.task.inherit(state.get("task") or {})
        taken_over = f"{', '.join(taken.kept)} of the checkpoint of step {state['step']}"
        if taken.dropped:
            taken_over += f"; dropped: {'; '.join(taken.dropped)}"
        told.event(EventKind.INIT, message=taken_over)
    for sentence in parts.notes:
        told.event(EventKind.INIT, message=sentence)
    augment = parts.compute.augment = augmentation(config.augment, parts.source, seed=config.training.seed, ignored=config.task.wanted.ignored)
    # What varies images wants them as they are stored.
    parts.batches.prepare = parts.source.prepare if augment is None else None
    parts.compute.label_smoothing = config.training.label_smoothing
    parts.model.train()
    keep_statistics(config.freeze, parts.model)
    return parts


def _tell_of_data(source: Source, told: Told) -> None:
    """What a look at the data has found, and what cannot be read of it, now and while training."""
    for note in source.survey.notes:
        told.event(EventKind.DATA, message=note)
    for absence in source.survey.absent:
        told.event(EventKind.ABSENT, **absence._asdict())
    if source.reading is not None:
        source.reading.tell = lambda left_out: told.event(EventKind.LEFT_OUT, **asdict(left_out))
        source.reading.say()


def seed_generators(seed: int) -> None:
    """Every generator that training may draw from, so that its seed alone decides a run."""
    if torch.backends.cuda.is_built() or torch.backends.mps.is_built():
        torch.manual_seed(seed)
    else:
        # What torch does beside that for devices that there are not takes 2 ms.
        torch.default_generator.manual_seed(seed)
    random.seed(seed)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed(seed)


def with_changes(config: Config, changes: Mapping[str, object]) -> Config:
    """The configuration with what was changed while the run trained."""
    try:
        return validate(effective(to_toml(config), changes))
    except ConfigProblems as error:
        raise UserError(f"what the checkpoint says was changed does not fit run.toml: {error}") from error


def set_numerics(training: TrainingConfig) -> None:
    """Settings of the process: a worker trains one run."""
    use_threads(training.threads)
    torch.set_float32_matmul_precision("high" if training.tf32 else "highest")
    torch.backends.cudnn.allow_tf32 = training.tf32
    if training.deterministic:
        # cuBLAS reads it when its first handle is made.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(training.deterministic)


def _build_schedule(config: Config, optimizer: Optimizer, per_epoch: int) -> torch.optim.lr_scheduler.LRScheduler:
    training = config.training
    steps = training.steps or training.epochs * per_epoch
    return build_schedule(config.schedule, optimizer, total_steps=steps, steps_per_epoch=per_epoch)


def _log(message: str) -> None:
    # Standard output is worker.log, which may lie on a full disk.
    with contextlib.suppress(OSError):
        print(message, flush=True)
