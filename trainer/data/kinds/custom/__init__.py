"""Data of the user's own project."""

from __future__ import annotations

from typing import ClassVar, Literal

from gradtop.trainer.data.kinds import DataConfig, prefetch_setting
from gradtop.trainer.data.targets import ANY, CLASSES, LABEL_SETS, MASKS, VALUES
from gradtop.trainer.declare import Arguments, setting, target


class CustomData(DataConfig):
    kind: Literal["custom"] = setting("custom", help="A callable of your own project that returns the training and the validation set, and a test set if there is one.", effect="fork")
    target: str = target("my_project.data:load", help="package.module:callable, called with the arguments below.", effect="fork")
    arguments: Arguments = setting({}, help="Its keyword arguments, as an inline table: {folder = 'x'}.", effect="fork")

    workers: int = setting(0, help="Data loading processes of a Dataset that is read sample by sample; 0 reads in the training process.", unit="processes", effect="fork", ge=0, le=256)
    prefetch: int = prefetch_setting()
    sampler: Literal["shuffle", "balanced", "weighted"] = setting(
        "shuffle",
        help="Training samples of an epoch: each once (shuffle), or drawn with replacement: each class equally often (balanced), or by the attribute weights of the training set (weighted).",
        effect="fork",
    )

    inputs: ClassVar = "any"
    targets: ClassVar = (CLASSES, VALUES, LABEL_SETS, MASKS, ANY)
    builder: ClassVar = "gradtop.trainer.data.kinds.custom.loader:load"
