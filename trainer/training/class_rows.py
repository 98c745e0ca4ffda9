"""The outputs of a model by the names of their classes, where a fork's data number these otherwise than the checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from gradtop.trainer.data.nested import ModelInputs, first_tensor, tensors_in
from gradtop.trainer.metrics import CHARACTERS, TEXT_TOKENS, TOKENS
from gradtop.trainer.models.calling import call_model, outputs_of
from gradtop.trainer.models.matching import several
from gradtop.trainer.runtime.errors import UserError

if TYPE_CHECKING:
    from gradtop.trainer.checkpoint.format import State
    from gradtop.trainer.training.session import Session

CLASS_NAMES = "class_names"  # in a checkpoint
NOUNS = {CHARACTERS: "character", TOKENS: "token", TEXT_TOKENS: "token"}


def numbered_names(session: Session) -> list[str]:
    """What each class of the data, or character of a text, is called, in the order of their numbers; empty where nothing names them."""
    names, classes = list(session.class_names), session.source.info.classes
    if session.source.tokens_per_sample and len(names) == classes - 1:
        names.append("\ufffd")  # what the training text lacks
    return names if len(names) == classes else []


def names_in(state: State) -> list[str]:
    """The same of a checkpoint."""
    found = state.get("found") or {}
    # Of older checkpoints those of folders are known.
    names = state.get(CLASS_NAMES) or (found.get("train") or {}).get("folders") or []
    return [str(name) for name in names] if len(names) == (found.get("data") or {}).get("classes") else []


def by_class_name(session: Session, state: State, kept: list[str], dropped: list[str]) -> State:
    """The state with the rows of the output layer, and of an embedding of classes, where the session's data number these; says in `kept` and
    `dropped` what becomes of them.

    Rows of new classes are as the model of the session has them. Without the moments of the optimizer for these layers. Raises UserError where
    the output layer cannot be told.
    """
    before, now = names_in(state), numbered_names(session)
    if not before or not now or before == now or len(set(before)) < len(before) or len(set(now)) < len(now):
        return state
    inputs, targets = next(iter(session.source.validation(2, session.device)))
    layers = layers_of_classes(session.model, inputs, len(now))
    if not layers:
        raise UserError(
            f"the classes of the data ({_told(now)}) are not those of the checkpoint ({_told(before)}), and which layer's outputs are classes "
            "cannot be told; put the classes back, or start from the beginning with gradtop rerun"
        )
    noun = NOUNS.get(session.compute.task.labels(targets), "class")
    known = {name: number for number, name in enumerate(before)}
    rows = [known.get(name) for name in now]
    common, new = ([name for name in now if (name in known) == wanted] for wanted in (True, False))
    gone = [name for name in before if name not in set(now)]
    if common:
        kept.append(f"the outputs of {_count(common, noun)}, by name ({_told(common)})")
    if gone:
        dropped.append(f"the outputs of {_count(gone, noun)} ({_told(gone)}), which the data do not have")
    if new:
        dropped.append(f"{_told(new)}, new among the {noun}{'es' if noun == 'class' else 's'}: {'its' if len(new) == 1 else 'their'} outputs begin anew")
    fresh = session.model.state_dict()
    moved = {f"{layer}.{part}" for layer in layers for part in ("weight", "bias")} & fresh.keys()
    changed: dict[str, Any] = {**state, "model": _moved(state["model"], fresh, moved, rows), "optimizer": _without(state["optimizer"], moved)}
    if "ema" in state:
        changed["ema"] = _moved(state["ema"], {f"module.{name}": value for name, value in fresh.items()}, {f"module.{name}" for name in moved}, rows)
    return changed


@torch.no_grad()
def layers_of_classes(model: nn.Module, inputs: ModelInputs, classes: int) -> list[str]:
    """The names of the layer with a row of weights for each class whose outputs are those of the model, and of embeddings of the inputs; empty where
    there is no such layer, or several.
    """
    seen: dict[str, Tensor] = {}
    places = {each.data_ptr() for each in tensors_in(inputs)}
    device = first_tensor(inputs).device
    embeddings: list[str] = []

    def watch(name: str, module: nn.Module) -> RemovableHandle:
        def keep(_module: nn.Module, given: tuple[Any, ...], outputs: Any) -> None:
            if isinstance(module, nn.Embedding):
                if given and isinstance(given[0], Tensor) and given[0].data_ptr() in places:
                    embeddings.append(name)
            elif isinstance(outputs, Tensor):
                seen[name] = outputs

        return module.register_forward_hook(keep)

    layers = {name: module for name, module in model.named_modules() if isinstance(weight := getattr(module, "weight", None), Tensor) and weight.dim() > 1 and len(weight) == classes}
    handles = [watch(name, module) for name, module in layers.items()]
    training = model.training
    try:
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            outputs = outputs_of(call_model(model.eval().forward, inputs))  # not by a call of the module, which may be compiled
    finally:
        model.train(training)
        for handle in handles:
            handle.remove()
    # The same values at the same place, also where the model has flattened them.
    found = [name for name, each in seen.items() if each.data_ptr() == outputs.data_ptr() and each.numel() == outputs.numel()]
    return [*found, *embeddings] if len(found) == 1 else []


def _moved(saved: Mapping[str, Any], fresh: Mapping[str, Tensor], names: set[str], rows: Sequence[int | None]) -> dict[str, Any]:
    def moved(old: Tensor, own: Tensor) -> Tensor:
        made = own.detach().clone()
        for place, row in enumerate(rows):
            if row is not None:
                made[place] = old[row].to(made)
        return made

    return {name: moved(value, fresh[name]) if name in names and value.shape[1:] == fresh[name].shape[1:] else value for name, value in saved.items()}


def _without(optimizer: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    """The state dict of an optimizer without the moments of these parameters."""
    numbers = {number for group in optimizer["param_groups"] for number, name in zip(group["params"], group.get("param_names", ()), strict=False) if name in names}
    return {**optimizer, "state": {number: moments for number, moments in optimizer["state"].items() if number not in numbers}}


def _count(names: Sequence[str], noun: str) -> str:
    return f"{len(names)} {noun}{'' if len(names) == 1 else 'es' if noun == 'class' else 's'}"


def _told(names: Sequence[str]) -> str:
    return several([name if name.isprintable() and name.strip() else repr(name) for name in names])
