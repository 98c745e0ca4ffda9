"""Masks in a column of images, beside that of their pictures: looked through once, before training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset

from gradtop.trainer.data.dataset import Source, Survey
from gradtop.trainer.data.kinds.custom.loader import CustomSource, source_of
from gradtop.trainer.data.kinds.hf import SavedDataset
from gradtop.trainer.data.kinds.hf.columns import ChosenColumns, choose_columns
from gradtop.trainer.data.kinds.hf.opening import OpenedSplits, fingerprint_of
from gradtop.trainer.data.kinds.hf.samples import SavedRows, file_of, lacking_value, undecoded
from gradtop.trainer.data.kinds.image_folder.images import Unopenable, check_decoder, open_image, upright_size
from gradtop.trainer.data.kinds.image_folder.masks import class_values, label_table, mask_values, read_mask
from gradtop.trainer.data.normalise import IMAGENET, Normalise
from gradtop.trainer.data.prepared import prepared
from gradtop.trainer.data.splitting import set_rows_apart
from gradtop.trainer.data.targets import WantedTargets, unlabeled_text
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.runtime.preparing import one_by_one


class MaskedRows(TorchDataset[tuple[Tensor, Tensor]]):
    """Pictures and masks, read when they are asked for; `values` are those of the classes in the masks, in order."""

    def __init__(self, rows: Any, columns: ChosenColumns, config: SavedDataset, values: Sequence[int], ignored: int | None, where: str) -> None:
        self.classes = [str(value) for value in values]
        self._pictures = SavedRows(rows, columns, config, torch.zeros(len(rows)), (), where)
        self._masks = undecoded(rows, [columns.target], [columns.target])
        self._column, self._where, self._size = columns.target, where, config.image_size
        self._unknown = min(-1, (ignored or 0) - 1)
        self._table = label_table(values, ignored, self._unknown)

    def __len__(self) -> int:
        return len(self._masks)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        picture, _ = self._pictures[index]
        mask = self._masks[index][self._column]
        if mask is None:
            raise lacking_value(self._where, index, self._column)
        try:
            return picture, read_mask(file_of(mask), self._size, self._table, self._unknown)
        except Unopenable as error:
            raise _unusable_row(self._where, index, self._column, error) from None


def load_masked_rows(config: SavedDataset, opened: OpenedSplits, root: Path, *, seed: int, wanted: WantedTargets) -> Source:
    """Raises UserError, also where a mask has another size than its picture, or a value that is no class."""
    where = f"data.root: {root}"
    columns = choose_columns(opened.training.features, config, str(root), masks=True)
    check_decoder()
    whole = _looked_through(opened.training, columns, where)
    if opened.validation is None:
        rows = [some.tolist() for some in set_rows_apart(torch.arange(len(whole)), None, config.validation, seed, where)]
        parts, found = [opened.training.select(some) for some in rows], [[whole[row] for row in some] for some in rows]
    else:
        opened.check_validation(columns.types, where)
        parts, found = [opened.training, opened.validation], [whole, _looked_through(opened.validation, columns, f"{where}, validation")]
    named = {f"of row {row}": each for row, each in enumerate(whole)}
    if opened.validation is not None:
        named |= {f"of validation row {row}": each for row, each in enumerate(found[1])}
    values = class_values(named, config.mask_values, wanted.ignored)
    notes = [f"{root}: input {columns.inputs[0]} (image), target {columns.target} (mask)", *opened.notes]
    for name, part in zip(("training", "validation"), found, strict=True):
        if unlabeled := sum({*each} <= {wanted.ignored} for each in part):
            notes.append(unlabeled_text(f"{root}: the masks for {name}", unlabeled, len(part), wanted.ignored))
    if opened.test is not None and len(opened.test) and all(name in opened.test.features for name in columns.types):
        parts.append(opened.test)
        notes.append(opened.test_note(root))
    sets = [MaskedRows(part, columns, config, values, wanted.ignored, where) for part in parts]
    source = source_of(sets, where, config, wanted)
    return replace(source, digest=opened.digest, survey=Survey(notes), prepare=Normalise(*IMAGENET)) if isinstance(source, CustomSource) else source


def _looked_through(rows: Any, columns: ChosenColumns, where: str) -> list[list[int]]:
    """The values in the mask of each row. Raises UserError."""
    names = [columns.inputs[0], columns.target]

    def look() -> dict[str, Any]:
        stored = undecoded(rows, names, names)
        return {"values": [_look_at(stored[index], names, index, where) for index in one_by_one("looking through the masks", range(len(rows)), len(rows))]}

    values: list[list[int]] = prepared("mask-rows", [fingerprint_of(rows), *names], look)["values"]
    return values


def _look_at(row: Any, names: Sequence[str], index: int, where: str) -> list[int]:
    if lacking := [name for name in names if row[name] is None]:
        raise lacking_value(where, index, lacking[0])
    reads = names[0]
    try:
        with open_image(file_of(row[reads])) as image:
            wanted = upright_size(image)
        reads = names[1]
        size, values = mask_values(file_of(row[reads]))
    except Unopenable as error:
        raise _unusable_row(where, index, reads, error) from None
    if size != wanted:
        raise UserError(f"{where}, row {index}: the mask in column {names[1]} is {size[0]}×{size[1]} pixels, and its picture {wanted[0]}×{wanted[1]}; they must be of one size")
    return values


def _unusable_row(where: str, index: int, column: str, error: Unopenable) -> UserError:
    return UserError(f"{where}, row {index}: the image in column {column} cannot be read ({error}); remove such rows with Dataset.select")
