"""Pictures with masks: looked through once, before training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from gradtop.trainer.data.dataset import DataInfo, Survey
from gradtop.trainer.data.held_out import HeldOut
from gradtop.trainer.data.kinds.image_folder import ImageFolder
from gradtop.trainer.data.kinds.image_folder.folder import PictureSource
from gradtop.trainer.data.kinds.image_folder.images import PixelRange
from gradtop.trainer.data.kinds.image_folder.masks import MaskFiles, class_values, look_at
from gradtop.trainer.data.kinds.image_folder.pairs import (
    MaskPair,
    PairPlace,
    Pairs,
    check_lossless,
    list_pairs,
    pairs_in,
)
from gradtop.trainer.data.kinds.image_folder.pixel_range import scale_of
from gradtop.trainer.data.loading import Reading
from gradtop.trainer.data.prepared import prepared, stamp_of
from gradtop.trainer.data.targets import unlabeled_text
from gradtop.trainer.home import at_home
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.runtime.preparing import one_by_one


@dataclass(frozen=True)
class MaskedFolder(PictureSource[MaskFiles]):
    """Pictures and their masks."""

    labels: None = None
    held_out: HeldOut | None = None


def load_masked(config: ImageFolder, ignored: int | None) -> MaskedFolder:
    """Lists pictures and masks, and looks through all masks once. Raises UserError where they lie otherwise than expected, or have other sizes or values."""
    root = at_home(config.root).absolute()
    pairs = list_pairs(root, config.validation)
    print(f"{root}: {len(pairs.training):,} pictures with masks for training, {len(pairs.validation):,} for validation", flush=True)
    everything = [*pairs.training, *pairs.validation]
    check_lossless(everything)
    pixels, notes, settings = scale_of(config, [pair.picture for pair in pairs.training])
    notes = [*pairs.notes, *notes]
    for note in notes:
        print(note, flush=True)
    values, wrong = looked_through(everything)
    classes = class_values(values, config.mask_values, ignored)
    reading = Reading(config.workers, samples=len(everything), prefetch=config.prefetch)
    train, val = (MaskFiles(part, name, config.image_size, classes, ignored, pixels, wrong) for part, name in ((pairs.training, "training"), (pairs.validation, "validation")))
    notes += _unlabeled(root, pairs, values, ignored)
    for files in (train, val):
        reading.leave_out(files, files.known_unreadable())
    info = DataInfo(channels=3, size=config.image_size, classes=len(classes), pixels=True)
    held_out = partial(_read_test, pairs.test, config, classes, ignored, pixels) if pairs.test is not None else None
    return MaskedFolder(train, val, info, reading, tuple(map(str, classes)), root, Survey(notes, settings), held_out=held_out)


def _read_test(place: PairPlace, config: ImageFolder, classes: Sequence[int], ignored: int | None, pixels: PixelRange | None) -> Mapping[str, Any]:
    """Raises UserError where a mask of the test set has another size than its picture, or a value that is no class."""
    pairs = pairs_in(place, [])
    check_lossless(pairs)
    values, wrong = looked_through(pairs)
    class_values(values, classes, ignored)
    reading = Reading(config.workers, samples=len(pairs), prefetch=config.prefetch)
    return {"val": MaskFiles(pairs, "testing", config.image_size, classes, ignored, pixels, wrong), "reading": reading}


def looked_through(pairs: Sequence[MaskPair]) -> tuple[dict[str, list[int]], dict[str, str]]:
    """By the path of each mask the values in it, or why it or its picture cannot be read. Raises UserError."""

    def look() -> dict[str, dict[str, object]]:
        values: dict[str, object] = {}
        wrong: dict[str, object] = {}
        for pair in one_by_one("looking through the masks", pairs, len(pairs)):
            if pair.wrong:
                continue
            found = look_at(pair)
            (wrong if isinstance(found, str) else values)[pair.mask.path] = found
        return {"values": values, "wrong": wrong}

    stamps = (stamp_of(file.path) for pair in one_by_one("listing the masks", pairs, len(pairs)) for file in pair)
    made = prepared("masks", stamps, look)
    return made["values"], made["wrong"]


def _unlabeled(root: Path, pairs: Pairs, values: Mapping[str, Sequence[int]], ignored: int | None) -> list[str]:
    """What is said of masks without a label. Raises UserError where all of a part are so."""
    notes = []
    for part, name in ((pairs.training, "training"), (pairs.validation, "validation")):
        seen = [values[pair.mask.path] for pair in part if pair.mask.path in values]
        count = sum({*each} <= {ignored} for each in seen)
        if count == len(seen):
            raise UserError(f"data.root: no pixel of the masks for {name} has a label: all are {ignored}, which is ignored (task.ignore_index)")
        if count:
            notes.append(unlabeled_text(f"{root}: the masks for {name}", count, len(seen), ignored))
    return notes
