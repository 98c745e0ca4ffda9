"""Which weights a fork keeps, found by a process that builds its model; asked before anything is started."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradtop.trainer.config import Config
from gradtop.trainer.config.fork_preview import UNKNOWN, Consequences
from gradtop.trainer.config.load import to_toml


@dataclass(frozen=True, slots=True)
class ForkWeights:
    """`nothing` is a sentence that refuses the fork, where it would keep none."""

    consequences: Consequences
    nothing: str = ""


GENERAL = ForkWeights(UNKNOWN)


def fork_weights(config: Config, checkpoint: Path, answer: Callable[[str, Mapping[str, Any]], dict[str, Any]]) -> ForkWeights:
    """What `answer` (as `request_answer`) tells of a fork from the checkpoint that trains as `config`; general words where it cannot."""
    try:
        found = answer("fork_weights", {"tables": to_toml(config), "checkpoint": str(checkpoint)})
    except OSError:
        # Code that was not started here before, or data that are not there: the worker tells.
        return GENERAL
    return ForkWeights(Consequences(tuple(found["kept"]), tuple(found["dropped"])), found["nothing"])
