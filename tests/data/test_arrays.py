"""NumPy arrays and data frames as custom data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from gradtop.trainer.config import CustomData
from gradtop.trainer.data.dataset import Dataset
from gradtop.trainer.data.load import load_data
from gradtop.trainer.data.targets import ONE_CLASS, VALUES, WantedTargets
from gradtop.trainer.runtime.errors import UserError

_given: Any = None


def give() -> Any:
    return _given


def of(training: Any, validation: Any = None, wanted: WantedTargets = ONE_CLASS) -> Dataset:
    global _given  # noqa: PLW0603 - what the callable gives is named by a text
    _given = (training, training if validation is None else validation)
    source = load_data(CustomData(target=f"{__name__}:give"), seed=0, wanted=wanted)
    assert isinstance(source, Dataset)
    return source


LABELS = np.arange(6) % 3


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f4", "uint16", "uint32"])
def test_arrays_are_what_their_numbers_are(dtype: str) -> None:
    numbers = np.arange(24).reshape(6, 4).astype(dtype)
    source = of((numbers, LABELS))
    assert source.train_images.tolist() == numbers.tolist()
    assert source.train_labels.tolist() == LABELS.tolist()
    assert source.info.classes == 3


def test_an_array_that_runs_backwards_and_one_that_cannot_be_written_are_taken(recwarn: pytest.WarningsRecorder) -> None:
    numbers = np.arange(24, dtype=np.float32).reshape(6, 4)
    frozen = numbers.copy()
    frozen.flags.writeable = False
    assert of((numbers[::-1], LABELS), (frozen, LABELS)).train_images.tolist() == numbers[::-1].tolist()
    assert not [each for each in recwarn if "writable" in str(each.message)]


def test_targets_that_are_floats_are_predicted_as_values() -> None:
    source = of((np.ones((6, 2)), np.linspace(0, 1, 6)), wanted=WantedTargets(VALUES))
    assert source.info.targets == 1
    assert source.train_labels.flatten().tolist() == pytest.approx(np.linspace(0, 1, 6).tolist())


def test_a_frame_has_a_column_for_each_input_and_a_series_is_the_target() -> None:
    import pandas as pd

    frame = pd.DataFrame({"age": [1, 2, 3, 4], "height": [0.5, 0.25, 2.0, 4.0], "new": [True, False, True, False], "old": pd.array([1, 2, 3, 4], dtype="Int64")})
    target = pd.Series([0, 1, 1, 0], index=[9, 8, 7, 6])
    source = of((frame, target))
    assert source.train_images.dtype == torch.float32
    assert source.train_images.tolist() == [[1, 0.5, 1, 1], [2, 0.25, 0, 2], [3, 2, 1, 3], [4, 4, 0, 4]]
    assert source.train_labels.tolist() == [0, 1, 1, 0]
    assert of((frame, target.to_frame("class"))).train_labels.tolist() == [0, 1, 1, 0]


def test_columns_that_are_no_numbers_or_lack_some_are_named() -> None:
    import pandas as pd

    target = pd.Series([0, 1, 1])
    for column, sentence in (
        (["a", "b", "c"], r"the training set, column town has values of type .*; numbers are expected"),
        ([1.0, float("nan"), 2.0], r"the training set, column town has no finite value in row 1"),
        (pd.array([1, 2, None], dtype="Int64"), r"the training set, column town has no finite value in row 2"),
    ):
        with pytest.raises(UserError, match=sentence):
            of((pd.DataFrame({"town": column}), target))
    twice = pd.DataFrame([[1, 2], [3, 4], [5, 6]], columns=["town", "town"])
    with pytest.raises(UserError, match="column town is there 2 times"):
        of((twice, target))


def test_words_as_an_array_are_refused() -> None:
    with pytest.raises(UserError, match=r"has values of type <U1; numbers are expected"):
        of((np.ones((3, 2)), np.array(["a", "b", "c"])))
