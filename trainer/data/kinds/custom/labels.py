"""What stands beside an input: numbers of classes, values, masks; whatever is wrong with them is said."""

from __future__ import annotations

import torch
from torch import Tensor

from gradtop.trainer.data.nested import ModelInputs, inputs_text, take_rows
from gradtop.trainer.data.targets import VALUES, TargetKind
from gradtop.trainer.runtime.errors import UserError

WHOLE = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def check_masks(pictures: ModelInputs, masks: Tensor, name: str) -> None:
    """Raises UserError where they are not of the size of the pictures."""
    picture, mask = take_rows(pictures, 0), masks[0]
    if not isinstance(picture, Tensor) or picture.dim() != 3:
        raise UserError(f"{name}: an input is {inputs_text(picture, like_text)}; task.kind = segmentation takes pictures, (channels, height, width)")
    if mask.shape != picture.shape[1:]:
        raise UserError(f"{name}: a mask is {like_text(mask)}, and its picture {like_text(picture)}; a mask must be height×width, with the number of a class for each pixel")


def count_classes(labels: Tensor, ignored: int | None) -> int:
    counted = labels if ignored is None else labels[labels != ignored]
    return 1 + int(counted.max()) if counted.numel() else 0


def class_numbers(labels: Tensor, title: str) -> Tensor:
    if labels.dtype not in WHOLE:
        floats = "; for numbers to predict set task.kind = regression" if labels.dtype in FLOATS else ""
        raise UserError(f"{title} has labels of {dtype_name(labels.dtype)}; integers are expected, the numbers of the classes{floats}")
    return labels.long()


def numbers_to_predict(labels: Tensor, title: str, kind: TargetKind) -> Tensor:
    if labels.dtype not in (*WHOLE, *FLOATS, torch.bool):
        raise UserError(f"{title} has targets of {dtype_name(labels.dtype)}; numbers are expected")
    values = labels.float()
    wrong = ~values.isfinite() if kind == VALUES else (values != 0) & (values != 1)
    if bool(wrong.any()):
        what = "not finite" if kind == VALUES else "neither 0 nor 1"
        where = f"; the first is that of sample {int(wrong.reshape(len(wrong), -1).any(1).nonzero()[0])}" if " sample " not in title else ""
        raise UserError(f"{title} has targets that are {what}{where}; {'remove NaN and infinity' if kind == VALUES else 'give 1 for each label that a sample has, else 0'}")
    return values


def like_text(tensor: Tensor) -> str:
    return f"{dtype_name(tensor.dtype)} {'×'.join(map(str, tensor.shape)) or 'number'}"


def dtype_name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
