"""The pruned checkpoint: that of the run, with the pruning made permanent, and with what keeps it so while it trains on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gradtop.trainer.checkpoint import format as checkpoint
from gradtop.trainer.checkpoint.encoding import decoded
from gradtop.trainer.inference.evaluation import score_of
from gradtop.trainer.inference.trained import AVERAGED, build_trained
from gradtop.trainer.inference.written import write_checkpoint
from gradtop.trainer.jobs.prune.config import REMOVAL, NoChoice, choice_of
from gradtop.trainer.jobs.prune.measure.moments import moment_models, put_moments
from gradtop.trainer.jobs.prune.measure.opened import Pruned, Pruning
from gradtop.trainer.jobs.prune.trial import choice_text
from gradtop.trainer.models.pruned import MASKS, PRUNING, SHAPES, zero_masked
from gradtop.trainer.record import Run
from gradtop.trainer.runtime.errors import UserError

MODULE = "module."  # what the weights of an EMA begin with


def write_pruned(run: Run, choice: str) -> dict[str, Any]:
    """Prune as `choice` says, METHOD:AMOUNT or AMOUNT, and write the checkpoint into `checkpoints/` of the run, in the place of an earlier one.

    Returns `checkpoint`, its path, and `note`. Raises UserError, also where it cannot be written; then nothing of it is left.
    """
    pruning = Pruning(run)
    try:
        method, amount = choice_of(choice, pruning.settings.methods)
    except NoChoice as error:
        raise UserError(f"--write {choice}: {error}") from error
    state = {key: value for key, value in decoded(checkpoint.load(run.origin)).items() if key not in {"format", "saved"}}
    moments = moment_models(state, lambda: pruning.copy().model) if method == REMOVAL else {}
    pruned = pruning.pruned(method, amount, moments.values())
    put_moments(state, moments)
    score, _ = score_of(pruned.trained, pruned.trained.source)
    return write_checkpoint(run, pruned_state(state, pruning, pruned), score, pruning.state.config.training, note=f"pruned: {choice_text(method, amount)}")


def pruned_state(state: dict[str, Any], pruning: Pruning, pruned: Pruned) -> dict[str, Any]:
    """What the checkpoint holds, with pruned weights: of the model and, where there is one, of its EMA.

    Where channels were removed of an EMA, whose weights tell which, training goes on from these.
    """
    weights = pruned.trained.model.cpu().state_dict()
    if pruning.state.weights != AVERAGED:
        state["model"] = weights
    else:
        state["ema"] = {key: weights.get(key.removeprefix(MODULE), value) for key, value in state["ema"].items()}
        if pruned.removed:
            state["model"] = weights
        else:
            trained = build_trained(replace(pruning.state, tensors=state["model"]), pruning.trained.source)
            zero_masked(trained, pruned.masks)
            state["model"] = trained.state_dict()
    state[PRUNING] = {MASKS: {name: kept.cpu() for name, kept in pruned.masks.items()}, SHAPES: pruned.shapes}
    return state
