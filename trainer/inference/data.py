"""The data that a trained model is used on: those of its run, or others of the same kind."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from gradtop.trainer.config import Config
from gradtop.trainer.data.dataset import Source
from gradtop.trainer.data.held_out import with_held_out
from gradtop.trainer.data.kinds.table.loader import TableSource, read_rows
from gradtop.trainer.data.kinds.text.loader import TextSource, encode_file
from gradtop.trainer.data.load import load_data
from gradtop.trainer.data.loading import LoadedParts, Reading
from gradtop.trainer.data.outlined import outlined
from gradtop.trainer.models.matching import several
from gradtop.trainer.runtime.errors import UserError

if TYPE_CHECKING:
    from gradtop.trainer.inference.trained import TrainedState

VALIDATION, TRAINING, TEST = "validation", "train", "test"
# The fields of the sources that hold the samples of each part.
PARTS = {"val_images": "train_images", "val_labels": "train_labels", "val": "train", "validation_part": "training_part"}
COLOURS = 3  # channels of a picture as it is read
# What a pixel of each colour gives to its grey, as in ITU-R BT.601.
LUMA = (0.299, 0.587, 0.114)


def load_source(state: TrainedState) -> Source:
    """The data of a run, encoded as its checkpoint has it. Raises UserError."""
    config = state.config
    return load_data(config.data, seed=config.training.seed, context=config.model.window, wanted=config.task.wanted, saved=state.encoding)


def with_training_part(source: Source) -> Source:
    """The same data with the samples for training in place of those for validation. Raises UserError."""
    changes = {validation: getattr(source, training) for validation, training in PARTS.items() if hasattr(source, validation)}
    if not changes:
        raise UserError("--data train: these data cannot be evaluated on their training part; leave it out")
    return replace(source, **changes)  # type: ignore[type-var]


def with_test_set(source: Source) -> Source:
    """The same data with the held-out test set in place of those for validation. Raises UserError where there is none."""
    found = with_held_out(source)
    if found is None:
        raise UserError("--data test: these data hold out no test set; one is a folder or split test beside train, data.test, data.test_file, of mnist and the like data.validation, or the third set of data of your own")
    return found


def with_samples_of(source: Source, path: Path, config: Config, names: Sequence[str]) -> Source:
    """The same data with the samples of a file or folder in place of those for validation: all of them, numbered as the model numbers them.

    A text for a language model; a table for one of a table; for a classifier of pictures a folder with one folder of images for each class. Raises UserError.
    """
    if not path.exists():
        raise UserError(f"--data {path}: there is no such file or folder")
    if isinstance(source, TableSource):
        inputs, labels = read_rows(path.absolute(), source.encoding, "--data", targets=True)
        return replace(source, val_images=inputs, val_labels=labels)  # type: ignore[arg-type]
    if isinstance(source, TextSource):
        return replace(source, validation_part=encode_file(path, source.encoding))
    return PictureFolder(source, path, config, names)  # type: ignore[return-value]


class PictureFolder:
    """The images of a folder, as a source that has nothing for training."""

    def __init__(self, source: Source, root: Path, config: Config, names: Sequence[str]) -> None:
        from gradtop.trainer.data.kinds.image_folder.listing import find_images
        from gradtop.trainer.data.kinds.image_folder.loader import ImageFiles

        self.info, self.tokens_per_sample = source.info, 0
        self._prepare = PicturePrepare(source)
        if not root.is_dir():
            raise UserError(f"--data {root} is a file; a folder with one folder of images for each class is expected")
        if not names:
            raise UserError(f"--data {root}: the data of the run name no classes, so that no folder can be told to be one; use --data validation or train")
        try:
            found = find_images(root, empty=True)
        except UserError as error:
            raise UserError(str(error).replace("data.root:", "--data:")) from error
        if strange := [name for name in found if name not in names]:
            raise UserError(f"--data {root} has {several(strange)}, which {'is' if len(strange) == 1 else 'are'} not among the classes of the model: {several(names)}")
        self.files = ImageFiles({name: found.get(name, []) for name in names}, "evaluation", source.info.size, pixel_range(config))
        self._reading = Reading(getattr(config.data, "workers", 0), samples=len(self.files))

    def validation(self, batch_size: int, device: torch.device) -> LoadedParts:
        return LoadedParts(self.files, self._reading, batch_size, device, self._prepare)


class PicturePrepare:
    """Makes pictures, (batch, 3, size, size) uint8, inputs of a model, as those for validation are: their channels, their scale, normalised.

    Raises UserError where the model takes no pictures.
    """

    def __init__(self, source: Source) -> None:
        info, tones = source.info, source.tones
        if info.channels not in (1, COLOURS) or info.size < 2 or tones is None:
            shape = f"{info.channels}×{info.size}×{info.size}" if info.size > 1 else f"vectors of {info.channels} values" if info.size else "no square images"
            raise UserError(f"pictures cannot be read for this model: its inputs are {shape}, and square images of 1 or 3 channels are expected")
        self._channels, self._prepare = info.channels, source.prepare
        black, white = (tone.float() for tone in tones)
        self._scale, self._black = ((white - black) / 255, black)
        self._bytes = bool((black == 0).all() and (white == 255).all())

    def __call__(self, pictures: Tensor) -> Tensor:
        images = grey(pictures) if self._channels == 1 else pictures
        if not self._bytes:
            images = images.float().mul_(self._scale.to(images.device)).add_(self._black.to(images.device))
        return self._prepare(images) if self._prepare is not None else images.float()


def grey(pictures: Tensor) -> Tensor:
    """(batch, 1, size, size) uint8; what is grey already keeps its values."""
    weights = torch.tensor(LUMA, device=pictures.device).view(1, COLOURS, 1, 1)
    return (pictures.float() * weights).sum(1, keepdim=True).round_().clamp_(0, 255).to(torch.uint8)


def pixel_range(config: Config) -> Any:
    """The scale of images of more than 8 bits, as the training found it; None where it needed none."""
    from gradtop.trainer.data.kinds.image_folder.images import PixelRange

    black, white = (float(getattr(config.data, name, 0.0)) for name in ("black", "white"))
    return PixelRange(black, white) if white > black else None


def class_names(state: TrainedState, source: Source) -> tuple[str, ...]:
    """In the order of their numbers, as the checkpoint, the declaration or the data name them; empty where nothing names them."""
    data = state.config.data
    if data.class_names or data.inputs == "characters":
        return data.class_names
    return state.class_names or tuple(source.fingerprint().classes)


def source_or_outline(state: TrainedState) -> tuple[Source, UserError | None]:
    """The data of the run, or where they cannot be had their outline, and why. Raises UserError where there is neither."""
    try:
        return load_source(state), None
    except UserError as error:
        if (shape := outline(state)) is None:
            raise
        return shape, error


def outline(state: TrainedState) -> Source | None:
    """Data of the same shape without any sample, where the checkpoint and the configuration tell all that a model must know of them."""
    data, classes = state.config.data, (state.found.get("data") or {}).get("classes")
    module, _, name = data.outline.partition(":")
    if not module:
        return outlined(state.encoding)
    if not isinstance(classes, int) or (data.keeps_encoding and not state.encoding):
        return None
    saved = {"saved": state.encoding} if data.keeps_encoding else {}
    made: Source | None = getattr(importlib.import_module(module), name)(data, classes, **saved)
    return made
