"""The task that the data tell."""

from __future__ import annotations

from typing import ClassVar, Literal

from gradtop.trainer.data.targets import WantedTargets
from gradtop.trainer.declare import setting
from gradtop.trainer.tasks.kinds import TaskConfig


class AutoTask(TaskConfig):
    kind: Literal["auto"] = setting("auto", help="By the data: language_model where a sample has several labels, as a text has, regression for numbers of a table, else classification.", effect="fork")

    builder: ClassVar = "gradtop.trainer.tasks.kinds.auto.builder:build"

    @property
    def wanted(self) -> WantedTargets:
        return WantedTargets(self.targets, open=True)
