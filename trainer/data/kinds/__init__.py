"""Data sets, a folder for each kind or family: its declaration, which needs no torch, and its loader."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Literal

from gradtop.trainer.data.targets import CLASSES, TargetKind
from gradtop.trainer.declare import Kind, setting
from gradtop.trainer.named_tuple import NamedTuple


class DataShape(NamedTuple):
    """What is known of a data set without opening it; `samples` are those of the training split. 0 is unknown."""

    samples: int = 0
    channels: int = 0
    size: int = 0
    classes: int = 0


class DataConfig(Kind, defer_build=True):
    """What the model is trained on."""

    package = "gradtop.trainer.data.kinds"
    # "any" is only known when it is opened.
    inputs: ClassVar[Literal["images", "characters", "vectors", "any"]] = "images"
    # What can stand beside the inputs.
    targets: ClassVar[tuple[TargetKind, ...]] = (CLASSES,)
    # In the order of their numbers, where they are known without opening it.
    class_names: ClassVar[tuple[str, ...]] = ()
    # "package.module:callable" that makes data of so many classes without any sample, (config, classes), for a model that is only used; "" where it takes the data.
    outline: ClassVar[str] = ""
    # Whether a checkpoint keeps how its samples become inputs; the builder and the outline then take that as `saved`.
    keeps_encoding: ClassVar[bool] = False

    @property
    def shape(self) -> DataShape:
        return DataShape()


def prefetch_setting() -> Any:
    return setting(2, help="Batches that each data loading process reads ahead.", unit="batches", effect="fork", ge=1, le=1_000)


def mask_values_setting() -> Any:
    return setting((), help="For segmentation: the values in the masks of the classes, in their order; empty: 0, 1, … up to the largest.", effect="fork", ge=0, lt=65_536)


def disagreeing_mask_values(values: Sequence[int]) -> Iterator[tuple[str, str]]:
    if len(set(values)) < len(values) or len(values) == 1:
        yield "mask_values", "must be two values or more, each once"


class LabeledData(DataConfig):
    """Samples that each have a class, or may have one."""

    sampler: Literal["shuffle", "balanced"] = setting("shuffle", help="Training samples of an epoch: each once (shuffle), or drawn with replacement, each class equally often (balanced).", effect="fork")
