"""Something to steer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gradtop.trainer.runtime.control import Applied


@dataclass
class Toy:
    """A training that only notes what was done to it."""

    step: int = 12
    done: list[str] = field(default_factory=list)

    def pause(self) -> None:
        self.done.append("pause")

    def unpause(self) -> None:
        self.done.append("go on")

    def checkpoint_now(self) -> str:
        raise OSError(28, "No space left on device")

    def set_live(self, changes: Mapping[str, object], *, confirmed: bool = True) -> Applied:
        if "optimizer.lr" not in changes:
            raise ValueError("that cannot be changed")
        self.done.append(f"set {dict(changes)}")
        return Applied({"optimizer.lr": 1.0}, changes)
