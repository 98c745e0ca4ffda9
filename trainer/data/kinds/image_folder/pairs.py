"""Which pictures and masks lie in a folder, and belong together by their names. Opens none, and imports no torch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gradtop.trainer.data.kinds.image_folder import listing
from gradtop.trainer.data.kinds.image_folder.listing import (
    TESTING,
    TRAINING,
    VALIDATION,
    File,
    by_part,
    files_in,
    folders_in,
    name_hash,
    part_name,
)
from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.runtime.errors import UserError

PICTURES, MASKS = "images", "masks"
LOSSY = (".jpg", ".jpeg", ".jfif", ".webp")


class MaskPair(NamedTuple):
    """A picture and the mask of its pixels."""

    picture: File
    mask: File

    @property
    def wrong(self) -> str:
        """Why it cannot be read, as far as the directory entries tell."""
        return self.picture.wrong or (f"its mask {self.mask.path}: {self.mask.wrong}" if self.mask.wrong else "")


class PairPlace(NamedTuple):
    """A folder of pictures, and that of their masks."""

    pictures: Path
    masks: Path


@dataclass
class Pairs:
    """Sorted by the names of the pictures; `notes` are to be said once."""

    training: list[MaskPair]
    validation: list[MaskPair]
    notes: list[str] = field(default_factory=list)
    test: PairPlace | None = None  # held out: none of its files is looked at


def list_pairs(root: Path, share: float) -> Pairs:
    """The split that the folder has, or that share for validation. Raises UserError where it lies otherwise than expected."""
    if not root.is_dir():
        raise UserError(f"data.root: {root} is {'not a directory' if root.exists() else 'missing'}; a folder with the folders {PICTURES} and {MASKS} is expected")
    training, validation, test = places_in(root)
    found = Pairs([], [], test=test)
    if test is not None:
        where = f"{test.pictures.name} in {test.pictures.parent}" if part_name(test.pictures.name) in TESTING else f"{test.pictures.parent.name} in {root}"
        found.notes.append(f"{where} is a test set: it is evaluated once, at the end, by the best weights, and training does not look at it")
    found.training = pairs_in(training, found.notes)
    if validation is not None:
        found.validation = pairs_in(validation, found.notes)
        return found
    if len(found.training) < 2:
        raise UserError(f"data.root: {training.pictures} has a single picture, and one for training and one for validation are expected")
    count = min(max(round(share * len(found.training)), 1), len(found.training) - 1)
    apart = set(sorted(found.training, key=lambda pair: name_hash(pair.picture))[:count])
    found.validation = [pair for pair in found.training if pair in apart]
    found.training = [pair for pair in found.training if pair not in apart]
    return found


def places_in(root: Path) -> tuple[PairPlace, PairPlace | None, PairPlace | None]:
    """Where the pictures and masks of training, of validation and of a test set are: images and masks, each with train, val and test in it or without; or these, each with both."""
    folders = by_part(folders_in(root))
    if PICTURES in folders and MASKS in folders:
        inner = [by_part(folders_in(folders[each])) for each in (PICTURES, MASKS)]
        splits = [[next((place[name] for name in names if name in place), None) for place in inner] for names in (TRAINING, VALIDATION, TESTING)]
        if splits[0][0] is None:
            return PairPlace(folders[PICTURES], folders[MASKS]), None, None
        made = [PairPlace(pictures, masks) if pictures is not None and masks is not None else None for pictures, masks in splits]
        if made[0] is None or (made[1] is None and any(splits[1])):
            lacking = splits[0 if made[0] is None else 1]
            alone = next(each for each in lacking if each is not None)
            raise UserError(f"data.root: {alone} has no folder of the same name in {folders[MASKS if lacking[0] is not None else PICTURES]}; add it")
        return made[0], made[1], made[2]
    training, validation, test = (next((place for name in names if name in folders and (place := _place(folders[name])) is not None), None) for names in (TRAINING, VALIDATION, TESTING))
    if training is None:
        there = f"there are {listing.several(sorted(folder.name for folder in folders.values()))}" if folders else "there are no folders in it"
        raise UserError(f"data.root: {root} needs a folder {PICTURES} and beside it a folder {MASKS}, or train and val with both in each; {there}")
    return training, validation, test


def _place(folder: Path) -> PairPlace | None:
    inside = {each.name.casefold(): each for each in folders_in(folder)}
    return PairPlace(inside[PICTURES], inside[MASKS]) if PICTURES in inside and MASKS in inside else None


def pairs_in(place: PairPlace, notes: list[str]) -> list[MaskPair]:
    """Each picture with the mask of the same name, whatever ends it. Raises UserError where one has none, or several."""
    pictures, masks = (_by_stem(folder, what) for folder, what in ((place.pictures, "pictures"), (place.masks, "masks")))
    if not pictures:
        raise UserError(f"data.root: {place.pictures} holds no images")
    if lacking := sorted(stem for stem in pictures if stem not in masks):
        more = "" if len(lacking) == 1 else f", nor {len(lacking) - 1:,} more pictures"
        raise UserError(f"data.root: {pictures[lacking[0]].path} has no mask{more}; {place.masks / lacking[0]}.png is expected")
    if left := len(masks.keys() - pictures.keys()):
        notes.append(f"{left:,} mask{'s' if left > 1 else ''} in {place.masks} {'belong' if left > 1 else 'belongs'} to no picture in {place.pictures}")
    return [MaskPair(pictures[stem], masks[stem]) for stem in sorted(pictures)]


def _by_stem(folder: Path, what: str) -> dict[str, File]:
    beyond, found = len(os.fspath(folder)) + 1, dict[str, File]()
    for file in sorted(files_in(folder)):
        stem = os.path.splitext(file.path[beyond:])[0]  # noqa: PTH122 - a Path takes as long as all the rest
        if stem in found:
            raise UserError(f"data.root: {found[stem].path} and {file.path} have the same name, so that {what} cannot be told apart; keep one of them")
        found[stem] = file
    return found


def check_lossless(pairs: Sequence[MaskPair]) -> None:
    """Raises UserError where a mask is of a format that changes its values."""
    for pair in pairs:
        if pair.mask.path.lower().endswith(LOSSY):
            raise UserError(f"data.root: {pair.mask.path} is of a format that changes values; masks must be lossless, such as PNG")
