"""A search as people write it on one line, made into overrides of the configuration."""

from __future__ import annotations

from typing import Any

from gradtop.trainer.jobs.search.config import Settings
from gradtop.trainer.trials.written import inline, listed, parts_of, space_of


def search_overrides(line: str) -> list[str]:
    """Those of "optimizer.lr=log(1e-4, 1e-1); trials=50": settings of a search by their names, all else the space. Raises NotASpace."""
    found, space = parts_of(line, set(Settings.model_fields) - {"space"})
    settings = [f"search.{name}={listed(value) if name in {'objectives', 'directions'} else value}" for name, value in found]
    return [*settings, space_override(space_of(space))]


def space_override(space: dict[str, Any]) -> str:
    return f"search.space={inline(space)}"
