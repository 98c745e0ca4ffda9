"""How a model is called, and what of that which it returns are its outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch import Tensor

from gradtop.trainer.data.nested import ModelInputs
from gradtop.trainer.runtime.errors import UserError

LOGITS = "logits"
OTHERS = ("loss",)  # of a dict, what is no output


def call_model(model: Callable[..., Any], inputs: ModelInputs) -> Any:
    """A tensor as the argument, a tuple as the arguments, a dict as keyword arguments."""
    if isinstance(inputs, Tensor):
        return model(inputs)
    return model(**inputs) if isinstance(inputs, dict) else model(*inputs)


def outputs_of(returned: Any) -> Tensor:
    """What a model returns, a tensor of it: its `logits`, else the first one, but for a `loss`. Raises UserError where there is none."""
    if isinstance(returned, Tensor):
        return returned
    logits = returned.get(LOGITS) if isinstance(returned, Mapping) else getattr(returned, LOGITS, None)
    if isinstance(logits, Tensor):
        return logits
    found = next(_tensors(returned), None)
    if found is None:
        raise UserError(f"the model returns {_kind(returned)}, in which there are no outputs; a tensor is expected, or a tuple, a dict or an object with `logits` that has one")
    return found


def _tensors(returned: Any) -> Iterator[Tensor]:
    if isinstance(returned, Tensor):
        yield returned
    elif isinstance(returned, Mapping):
        for name, each in returned.items():
            if name not in OTHERS:
                yield from _tensors(each)
    elif isinstance(returned, tuple | list):
        for each in returned:
            yield from _tensors(each)


def _kind(returned: Any) -> str:
    if isinstance(returned, Mapping):
        return f"a {type(returned).__name__} of {', '.join(map(str, list(returned)[:8])) or 'nothing'}"[:200]
    if isinstance(returned, tuple | list):
        return f"a {type(returned).__name__} of {', '.join(type(each).__name__ for each in returned[:8]) or 'nothing'}"[:200]
    return type(returned).__name__
