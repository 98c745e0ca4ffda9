"""The task that the data tell."""

from __future__ import annotations

from typing import ClassVar, Literal

from gradtop.trainer.declare import setting
from gradtop.trainer.tasks.kinds import TaskConfig


class AutoTask(TaskConfig):
    kind: Literal["auto"] = setting("auto", help="By the data: language_model where a sample has several labels, as a text has, else classification.", effect="fork")

    builder: ClassVar = "gradtop.trainer.tasks.kinds.classification.classifier:build_plain"
