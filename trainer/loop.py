"""The training loop."""

from __future__ import annotations

import contextlib

from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from trainer.evaluation import evaluate
from trainer.session import Session
from trainer.steering import Stop


def train(session: Session) -> None:
    """Train to the last step. Raises Stop when asked to end before, NonFinite before a step would spoil the weights."""
    session.begin()
    try:
        while not session.finished:
            if session.evaluation_due:
                close_epoch(session)
            else:
                train_epoch(session)
    except Stop:
        # A disk without room has been told of by the keeper, and is no reason not to stop.
        with contextlib.suppress(OSError):
            session.checkpoint_now()
        raise


def train_epoch(session: Session) -> None:
    """Train to the end of the epoch at hand, from wherever in it training stands."""
    model, optimizer, schedule, parameters = session.model, session.optimizer, session.schedule, session.parameters
    guard, monitor, steering, clip = session.guard, session.monitor, session.steering, session.clip
    model.train()
    for images, labels in session.batches.epoch(session.epoch, skip=session.position):
        if steering.due():
            steering.obey(session)
        step = session.step + 1
        loss = session.loss(images, labels)
        loss.backward()
        monitor.after_backward(step)
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        norm = get_total_norm(gradients) if clip else None
        guard.check(step, loss, norm)
        if norm is not None:
            clip_grads_with_norm_(parameters, clip, norm)
        learning_rate = optimizer.param_groups[0]["lr"]
        optimizer.step()
        schedule.step()
        # What zero_grad(set_to_none=True) does, without its 8 µs of bookkeeping.
        for parameter in parameters:
            parameter.grad = None
        monitor.after_step(step, loss.detach(), learning_rate, norm, clip, len(labels))
        session.step = step


def close_epoch(session: Session) -> None:
    """Evaluate, say how the epoch went, keep a checkpoint."""
    session.settle()
    images, labels = session.validation
    score = evaluate(
        session.model,
        session.forward,
        images,
        labels,
        session.evaluation_batch,
        prepare=session.batches.prepare,
        between=lambda: session.steering.obey(session) if session.steering.due() else None,
    )
    session.record_score(score)
    session.keep_checkpoint_if_due()
