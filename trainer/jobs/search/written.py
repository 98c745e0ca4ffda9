"""A search as people write it on one line, made into overrides of the configuration."""

from __future__ import annotations

from typing import Any

from gradtop.trainer.jobs.search.config import Settings
from gradtop.trainer.trials.written import inline, listed, space_of


def overrides_of(line: str) -> list[str]:
    """Those of "optimizer.lr=log(1e-4, 1e-1); trials=50": settings of a search by their names, all else the space. Raises NotASpace."""
    settings, space = [], []
    for part in filter(None, map(str.strip, line.split(";"))):
        name, equals, value = part.partition("=")
        if equals and name.strip() in Settings.model_fields and name.strip() != "space":
            settings.append(f"search.{name.strip()}={listed(value) if name.strip() in {'objectives', 'directions'} else value.strip()}")
        else:
            space.append(part)
    return [*settings, space_override(space_of(space))]


def space_override(space: dict[str, Any]) -> str:
    return f"search.space={inline(space)}"
