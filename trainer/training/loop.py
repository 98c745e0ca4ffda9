"""The training loop."""

from __future__ import annotations

import contextlib
import time
from itertools import islice

from torch.nn.utils import clip_grad_value_, clip_grads_with_norm_, get_total_norm

from gradtop.trainer.runtime.control import Stop
from gradtop.trainer.training.ending import check_monitored, checkpoint_where_stopped, end
from gradtop.trainer.training.evaluate import evaluate
from gradtop.trainer.training.phases import BETWEEN, LOADING, MONITORING, OPTIMIZER
from gradtop.trainer.training.session import HyperparametersChanged, Session
from gradtop.trainer.training.thread_tuning import tune_threads


def train(session: Session) -> None:
    """Train to the last step. Raises Stop when asked to end before, NonFinite before a step would spoil the weights, UserError
    where what was trained cannot be kept.
    """
    session.begin()
    try:
        while not session.finished:
            if session.evaluation_due:
                close_epoch(session)
            else:
                with contextlib.suppress(HyperparametersChanged):
                    train_epoch(session)
        end(session)
    except Stop as asked:
        # A disk without room is no reason not to stop.
        asked.unsaved = checkpoint_where_stopped(session)
        raise


def train_epoch(session: Session) -> None:
    """Train to the end of the epoch at hand, from wherever in it training stands, or until something was changed."""
    # First, as it may be the epoch in which other parameters train.
    session.enter_epoch()
    compute, optimizer, schedule, parameters = session.compute, session.optimizer, session.schedule, session.parameters
    guard, monitor, control = session.guard, session.monitor, session.control
    clip, clip_value = session.clip, session.clip_value
    every = session.accuracy_every
    accumulate = session.accumulate
    batches, clock = session.epoch_batches(), time.perf_counter
    for step in range(session.step + 1, session.next_pause + 1):
        # Before the batches are drawn, as drawing them may take random numbers, of which a checkpoint must know nothing yet.
        if control.due():
            session.checkpoint_writer.check()
            if control.obey(session):
                # What was changed may stand in any of the names above, or in the batches that lie ready.
                return
            session.end_wait()
            if not session.profiler.busy:
                tune_threads(session)
            session.data_record.complete_when_ready(compute.label_smoothing)
            compute.want_plain()
        compute.enter(LOADING)
        asked = clock()
        group = tuple(islice(batches, accumulate))
        waited = clock() - asked
        compute.enter(OPTIMIZER)
        # What zero_grad(set_to_none=True) does, without its 8 µs of bookkeeping; and not sooner: freed before the batch is
        # gathered, memory on the CPU goes back to the system and must be fetched again, which costs a ResNet18 4 % of a step.
        for parameter in parameters:
            parameter.grad = None
        compute.counts_right = step % every == 0
        loss = compute.backward(group, session.step * accumulate)
        compute.enter(OPTIMIZER)
        compute.unscale()
        compute.enter(MONITORING)
        monitor.after_backward(step)
        compute.enter(OPTIMIZER)
        norm = get_total_norm([parameter.grad for parameter in parameters if parameter.grad is not None]) if clip else None
        norm = guard.check(step, loss, norm, compute.overflows)
        if norm is not None:
            clip_grads_with_norm_(parameters, clip, norm)
        elif clip_value:
            clip_grad_value_(parameters, clip_value)
        learning_rate = optimizer.param_groups[0]["lr"]
        compute.update()
        schedule.step()
        compute.enter(MONITORING)
        samples = sum([len(targets) for _, targets in group])
        monitor.after_step(step, loss, learning_rate, norm, clip, samples, waited, compute.take_plain(), compute.take_accuracy())
        session.step = step
        compute.enter(BETWEEN)


def close_epoch(session: Session) -> None:
    """Evaluate, say how the epoch went, keep a checkpoint; of a language model, have it write something."""
    session.end_wait()
    session.begin_evaluation()
    compute = session.compute
    score = evaluate(
        compute.evaluated,
        lambda inputs: compute.forward(inputs, compute.evaluated),
        session.data_record.watch_validation(session.validation),
        compute.task,
        measure=compute.forward_pass.measure,
        between=lambda: session.control.obey(session) if session.control.due() else None,
    )
    check_monitored(session, score)
    session.record_score(score)
    session.keep_checkpoint_if_due()
    session.text_sampler.sample_if_due()
