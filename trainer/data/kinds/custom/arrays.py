"""NumPy arrays and data frames as tensors; neither library is imported here."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import torch
from torch import Tensor

from gradtop.trainer.runtime.errors import UserError

NUMBERS = "biuf"  # kinds of NumPy types: booleans, integers, floats
# What torch has no type for, or can do little with.
_WIDER = {"uint16": "int32", "uint32": "int64", "uint64": "int64", "float128": "float64", "longdouble": "float64"}


def as_tensors(given: Any, title: str) -> Any:
    """The same with a tensor for each array, frame and column of one, in tuples and dicts too. Raises UserError for what is not numbers."""
    if _is_frame(given):
        return _of_frame(given, title)
    if _is_array(given) or _is_column(given):
        return _of_array(given if _is_array(given) else _values_of(given), title)
    if isinstance(given, dict) and any(map(_holds_arrays, given.values())):
        return {name: as_tensors(each, title) for name, each in given.items()}
    if type(given) in {tuple, list} and any(map(_holds_arrays, given)):
        *inputs, target = given
        return (*(as_tensors(each, title) for each in inputs), as_tensors(_only_column(target) if inputs else target, title))
    return given


def _only_column(given: Any) -> Any:
    """Of a frame that has one."""
    return given[given.columns[0]] if _is_frame(given) and len(given.columns) == 1 else given


def _holds_arrays(given: Any) -> bool:
    inside = given.values() if isinstance(given, dict) else given if type(given) in {tuple, list} and len(given) <= 100 else ()
    return _is_array(given) or _is_frame(given) or _is_column(given) or any(map(_holds_arrays, inside))


def _is_array(given: Any) -> bool:
    return (numpy := sys.modules.get("numpy")) is not None and isinstance(given, numpy.ndarray)


def _is_frame(given: Any) -> bool:
    """Of pandas, polars or another library like these."""
    return hasattr(given, "to_numpy") and hasattr(given, "columns")


def _is_column(given: Any) -> bool:
    return hasattr(given, "to_numpy") and hasattr(given, "dtype")


def _of_frame(frame: Any, title: str) -> Tensor:
    names = list(frame.columns)
    if not names:
        raise UserError(f"{title} has a frame without columns")
    whole = torch.empty(len(frame), len(names))
    for place, name in enumerate(names):
        where = f"{title}, column {name}"
        values = _of_array(_values_of(frame[name]), where)
        if values.dim() != 1:
            raise UserError(f"{where} is there {values.shape[1]} times; the names of columns must differ")
        if values.is_floating_point() and bool((wrong := ~values.isfinite()).any()):
            raise UserError(f"{where} has no finite value in row {int(wrong.nonzero()[0])}; fill it in or leave the row out, or take data.kind = table, which does")
        whole[:, place] = values
    return whole


def _values_of(column: Any) -> Any:
    values = column.to_numpy()
    if values.dtype.kind not in NUMBERS and getattr(column.dtype, "kind", "O") in NUMBERS:
        # Of pandas' types that can lack a value.
        return column.to_numpy(dtype="float64", na_value=float("nan"))
    return values


def _of_array(array: Any, title: str) -> Tensor:
    if array.dtype.kind not in NUMBERS:
        raise UserError(f"{title} has values of type {array.dtype}; numbers are expected (data.kind = table takes words)")
    if not array.dtype.isnative or array.dtype.name in _WIDER:
        array = array.astype(_WIDER.get(array.dtype.name, array.dtype.newbyteorder("=")))
    if any(stride < 0 for stride in array.strides):
        array = array.copy()
    with warnings.catch_warnings():
        # An array that is only read, as of a file: nothing writes to it here.
        warnings.filterwarnings("ignore", message=".*not writable.*")
        return torch.as_tensor(array)
