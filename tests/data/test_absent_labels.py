"""Labels that no training sample has are said before a training of several labels."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset, TensorDataset

from gradtop.trainer.data.kinds.custom import CustomData
from gradtop.trainer.data.kinds.custom.loader import source_of
from gradtop.trainer.data.targets import LABEL_SETS, WantedTargets

WANTED = WantedTargets(kind=LABEL_SETS)
TARGETS = torch.tensor([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]])


class OneByOne(Dataset[tuple[Tensor, Tensor]]):
    def __len__(self) -> int:
        return len(TARGETS)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return torch.ones(2), TARGETS[index]


@pytest.mark.parametrize("given", [TensorDataset(torch.ones(3, 2), TARGETS), OneByOne()])
def test_labels_that_never_occur_are_named_and_rows_without_any_are_not(given: Dataset[tuple[Tensor, Tensor]]) -> None:
    source = source_of((given, given), "mine", CustomData(workers=0), WANTED)
    assert source.survey.notes == ["no training sample has label 1, 3: nothing is learned of them"]
    full = TensorDataset(torch.ones(1, 2), torch.ones(1, 4))
    assert source_of((full, given), "mine", CustomData(workers=0), WANTED).survey.notes == []
