"""Trains what run.toml says."""

from __future__ import annotations

from functools import partial

import torch

from gradtop.trainer.data.held_out import has_held_out
from gradtop.trainer.data.loading import reader_died
from gradtop.trainer.runtime.context import RunContext
from gradtop.trainer.runtime.device import explain_out_of_memory, out_of_memory
from gradtop.trainer.runtime.errors import NonFinite
from gradtop.trainer.training import loop
from gradtop.trainer.training.build import prepare
from gradtop.trainer.training.session import Session
from gradtop.trainer.training.step import explain_step_error


def start(context: RunContext) -> None:
    """Train to the end. Raises Stop, EndNow, UserError, or whatever else ends a training."""
    context.explain = explain_step_error
    session = prepare(context)
    context.explain, context.close = partial(explain_failure, session), session.close
    loop.train(session)
    if has_held_out(session.source):
        # What reads checkpoints is not waited for where a training begins.
        from gradtop.trainer.inference.test_set import evaluate_test_set

        evaluate_test_set(session)


def explain_failure(session: Session, error: Exception) -> str:
    """A sentence for the status, "" where there is none; a non-finite value leaves its black box among the events."""
    if isinstance(error, NonFinite):
        session.write_black_box(error)
    if sentence := explain_step_error(error) or reader_died(error):
        return sentence
    if names := [name for name, parameter in session.model.named_parameters() if parameter.grad is not None and parameter.grad.layout != torch.strided]:
        return f"the gradient of {names[0]} is sparse, and is neither checked nor clipped so; compute it without sparse=True"
    return explain_out_of_memory(str(session.device), session.batches.batch_size) if out_of_memory(error) else ""
