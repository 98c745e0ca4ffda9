"""Next-token prediction."""

from __future__ import annotations

from typing import ClassVar, Literal

from gradtop.trainer.declare import setting
from gradtop.trainer.metrics import CHARACTERS, TOKENS
from gradtop.trainer.tasks.kinds import TaskConfig


class LanguageModelTask(TaskConfig):
    kind: Literal["language_model"] = setting("language_model", help="Cross-entropy of each token of a sequence; perplexity.", effect="fork")

    inputs: ClassVar = "characters"
    builder: ClassVar = "gradtop.trainer.tasks.kinds.classification.classifier:build_language_model"

    def labels(self, inputs: str) -> str:
        return {"characters": CHARACTERS}.get(inputs, TOKENS)
