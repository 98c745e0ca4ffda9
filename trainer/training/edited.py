"""A resume of a run whose run.toml was edited since its checkpoint: what takes effect, and what would only seem to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gradtop.trainer.analysis.formatting import setting_text
from gradtop.trainer.checkpoint.encoding import decoded
from gradtop.trainer.config import Change, Config, ConfigProblems, diff_config
from gradtop.trainer.config.load import to_toml
from gradtop.trainer.config.validate import validate
from gradtop.trainer.record import effective

if TYPE_CHECKING:
    from gradtop.trainer.checkpoint.format import State

# Optimizer and schedule go on as the checkpoint has them, whatever else is configured.
RESTORED = ("optimizer.", "schedule.")


@dataclass(frozen=True)
class Edits:
    """`old` and `new` values of settings that can change live, by key: the new ones are set once the checkpoint is back. `others` apply
    as they stand, and `ineffective` ones could not."""

    old: Mapping[str, Any] = field(default_factory=dict)
    new: Mapping[str, Any] = field(default_factory=dict)
    others: tuple[str, ...] = ()
    ineffective: tuple[str, ...] = ()


def edits_since(config: Config, state: State) -> Edits:
    """How the configuration, with the live changes of the checkpoint, differs from that which the checkpoint was made with."""
    before = state.get("config")
    if not before:
        return Edits()
    try:
        was = validate(effective(to_toml(validate(decoded(before))), decoded(state["changes"])))
    except ConfigProblems:
        return Edits()  # of another version, whose settings are others
    changes = diff_config(was, config)
    live = [change for change in changes if change.effect == "live" and change.old is not None]
    rest = [change for change in changes if change not in live]
    return Edits(
        {change.key: change.old for change in live},
        {change.key: change.new for change in live},
        tuple(_text(change) for change in rest if not change.key.startswith(RESTORED)),
        tuple(_text(change) for change in rest if change.key.startswith(RESTORED)),
    )


def _text(change: Change) -> str:
    return f"{change.key} {setting_text(change.old)} → {setting_text(change.new)}"
