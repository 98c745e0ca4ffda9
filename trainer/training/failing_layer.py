"""Which layer of a model an error came from."""

from __future__ import annotations

import traceback

from torch import nn

LONGEST = 120


def failing_layer(model: nn.Module, error: BaseException) -> str:
    """The innermost module of the model whose method raised it; "" where that is the model itself, or none of it."""
    names = {module: name for name, module in model.named_modules()}
    at = [found for frame, _ in traceback.walk_tb(error.__traceback__) if isinstance(found := frame.f_locals.get("self"), nn.Module) and found in names]
    if not at or not names[at[-1]]:
        return ""
    kind = type(at[-1]).__name__
    told = kind if [*at[-1].children()] else repr(at[-1])  # with the sizes of a layer
    fits = len(told) <= LONGEST and "\n" not in told
    return f"{names[at[-1]]}, {told if fits else kind}"
