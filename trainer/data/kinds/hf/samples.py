"""Rows of a memory-mapped data set as samples: read one by one, but for the targets."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

from gradtop.trainer.data.kinds.custom.labelled import LabelledSamples
from gradtop.trainer.data.kinds.hf import SavedDataset
from gradtop.trainer.data.kinds.hf.columns import ChosenColumns, ColumnType, type_of
from gradtop.trainer.data.kinds.image_folder.images import PixelRange, Unopenable, WithoutScale, read_picture
from gradtop.trainer.runtime.errors import UserError

CHANNELS = (1, 3)  # that stand last in an image of arrays, where they do not stand first


class SavedRows(LabelledSamples):
    """`rows` is a `datasets.Dataset`; `targets` has those of all rows, `classes` the names of these, where there are any."""

    def __init__(self, rows: Any, columns: ChosenColumns, config: SavedDataset, targets: Tensor, classes: Sequence[str], where: str) -> None:
        self.targets = targets
        self.classes = list(classes) or None
        self._columns = columns
        self._size = config.image_size
        self._scale = PixelRange(config.black, config.white) if config.white > config.black else None
        self._where = where
        self._dtype = _dtype_of(rows.features[columns.inputs[0]], columns.types[columns.inputs[0]])
        self._rows = undecoded(rows, [name for name in columns.inputs if columns.types[name] == "image"], list(columns.inputs))

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        row = self._rows[index]
        for name in self._columns.inputs:
            if row[name] is None:
                raise lacking_value(self._where, index, name)
        first = self._columns.inputs[0]
        kind = self._columns.types[first]
        if kind == "image":
            return self._picture(row[first], index), self.targets[index]
        if "sequence" not in kind:
            return torch.tensor([float(row[name]) for name in self._columns.inputs]), self.targets[index]
        try:
            values = torch.tensor(row[first], dtype=self._dtype)
        except (TypeError, ValueError):
            raise UserError(f"{self._where}, row {index}: column {first} has sequences of different lengths, or without some values; pad them") from None
        return _image_of(values), self.targets[index]

    def _picture(self, image: Mapping[str, Any], index: int) -> Tensor:
        try:
            return read_picture(file_of(image), self._size, self._scale)
        except WithoutScale:
            raise UserError(
                f"{self._where}, row {index}: the image in column {self._columns.inputs[0]} has more than 8 bits per channel, and what is black and what white in it "
                "is not known; set data.black and data.white, such as 0 and 65535"
            ) from None
        except Unopenable as error:
            name = self._columns.inputs[0]
            raise UserError(f"{self._where}, row {index}: the image in column {name} cannot be read ({error}); remove such rows with Dataset.select") from None


def read_column(rows: Any, name: str, where: str) -> Tensor | list[str]:
    """All values of a column of numbers, booleans or sequences, or its words. Raises UserError where some are missing or of different lengths."""
    values = rows.select_columns([name]).with_format("numpy")[:][name]
    words = [None if value is None else str(value) for value in values] if values.dtype.kind in "OUST" else None
    if words is not None and values.ndim == 1 and all(isinstance(value, str) for value in values):
        return [word for word in words if word is not None]
    if values.dtype.kind == "O":
        lacking = next((row for row, value in enumerate(values) if value is None), None)
        if lacking is not None:
            raise lacking_value(where, lacking, name)
        raise UserError(f"{where}: column {name} has sequences of different lengths; pad them")
    # Where some are missing, whole numbers come as floats.
    if values.dtype.kind == "f" and type_of(rows.features[name]) not in {"float", "sequence of floats"}:
        raise lacking_value(where, int((values != values).argmax()), name)
    if values.dtype.kind == "f" and (wrong := ~np.isfinite(values)).any():
        row = int(wrong.reshape(len(values), -1).any(1).argmax())
        raise UserError(f"{where}, row {row}: column {name} is NaN or infinite; remove such rows with Dataset.filter")
    return torch.from_numpy(values.copy())


def lacking_value(where: str, row: int, column: str) -> UserError:
    return UserError(f"{where}, row {row}: column {column} has no value; remove such rows with Dataset.filter")


def _dtype_of(feature: Any, kind: ColumnType) -> torch.dtype:
    """Of sequences; arrays of bytes are pixels."""
    if kind == "sequence of floats":
        return torch.float32
    pixels = len(getattr(feature, "shape", ())) > 1 and str(feature.dtype) == "uint8"
    return torch.uint8 if pixels else torch.int64


def undecoded(rows: Any, images: Sequence[str], columns: Sequence[str]) -> Any:
    """These columns, with images as the bytes that are stored, which are decoded as those of a folder are."""
    import datasets

    rows = rows.select_columns(list(columns))
    for name in images:
        rows = rows.cast_column(name, datasets.Image(decode=False))
    return rows.with_format(None)


def file_of(image: Mapping[str, Any]) -> BinaryIO | str:
    """An image that is not decoded, as a file or its path."""
    return io.BytesIO(image["bytes"]) if image.get("bytes") is not None else str(image.get("path"))


def _image_of(values: Tensor) -> Tensor:
    """Of two dimensions one channel; of three with channels last, channels first."""
    if values.dim() == 2 and values.dtype != torch.int64:
        return values.unsqueeze(0)
    if values.dim() == 3 and values.shape[-1] in CHANNELS and values.shape[0] not in CHANNELS:
        return values.permute(2, 0, 1).contiguous()
    return values
