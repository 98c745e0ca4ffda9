"""A test set that is held out: no training looks at it, and it is evaluated once at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from gradtop.trainer.data.dataset import Source

# The fields of a source that then hold the test set in place of the validation set; called when it is wanted, and not before.
HeldOut = Callable[[], Mapping[str, Any]]


def has_held_out(source: Source) -> bool:
    return getattr(source, "held_out", None) is not None


def with_held_out(source: Source) -> Source | None:
    """The same data with the test set in place of that for validation; None where none is held out. Raises UserError where it cannot be read."""
    held_out: HeldOut | None = getattr(source, "held_out", None)
    return replace(source, **held_out()) if held_out is not None else None  # type: ignore[type-var]
