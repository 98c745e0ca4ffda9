"""Classes and labels that a part of the data has no sample of are said before a training."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset, TensorDataset

from gradtop.trainer.data.absent import CLASS, LABEL, TRAINING, VALIDATION, Absence
from gradtop.trainer.data.kinds.custom import CustomData
from gradtop.trainer.data.kinds.custom.loader import source_of
from gradtop.trainer.data.kinds.table import TableData
from gradtop.trainer.data.kinds.table.loader import load
from gradtop.trainer.data.targets import CLASSES, LABEL_SETS, WantedTargets

WANTED = WantedTargets(kind=LABEL_SETS)
CLASSES_WANTED = WantedTargets(kind=CLASSES)
TARGETS = torch.tensor([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]])


class OneByOne(Dataset[tuple[Tensor, Tensor]]):
    def __len__(self) -> int:
        return len(TARGETS)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return torch.ones(2), TARGETS[index]


@pytest.mark.parametrize("given", [TensorDataset(torch.ones(3, 2), TARGETS), OneByOne()])
def test_labels_that_never_occur_are_named_and_rows_without_any_are_not(given: Dataset[tuple[Tensor, Tensor]]) -> None:
    source = source_of((given, given), "mine", CustomData(workers=0), WANTED)
    assert source.survey.absent == [Absence(TRAINING, LABEL, ["1", "3"], 2)]
    full = TensorDataset(torch.ones(1, 2), torch.ones(1, 4))
    assert source_of((full, given), "mine", CustomData(workers=0), WANTED).survey.absent == []


class Named(Dataset[tuple[Tensor, Tensor]]):
    """Reads one by one, and names its classes."""

    classes = ("ant", "bee", "cow")

    def __init__(self, labels: list[int]) -> None:
        self.labels = labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return torch.ones(2), torch.tensor(self.labels[index])


def test_classes_that_a_part_lacks_are_named_or_numbered() -> None:
    survey = source_of((Named([0, 1, 1, 0]), Named([0, 2])), "mine", CustomData(workers=0), CLASSES_WANTED).survey
    assert survey.absent == [Absence(TRAINING, CLASS, ["cow"], 1), Absence(VALIDATION, CLASS, ["bee"], 1)]
    training, validation = (TensorDataset(torch.ones(len(labels), 2), torch.tensor(labels)) for labels in ([0, 1, 2, 3], [3, 3]))
    survey = source_of((training, validation), "mine", CustomData(workers=0), CLASSES_WANTED).survey
    assert survey.absent == [Absence(VALIDATION, CLASS, ["0", "1", "2"], 3)]
    assert source_of((training, training), "mine", CustomData(workers=0), CLASSES_WANTED).survey.absent == []


def test_nothing_is_said_of_a_part_of_whose_labels_only_some_were_looked_at() -> None:
    many = Named([1 if row == 7 else 2 * (row % 2) for row in range(3000)])
    source = source_of((many, Named([0, 1, 2])), "mine", CustomData(workers=0), CLASSES_WANTED)
    assert source.survey.absent == []
    assert source.survey.unread == {TRAINING}


def test_a_class_that_the_validation_file_of_a_table_lacks_is_named(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("size,kind\n" + "".join(f"{row / 7},{['ant', 'bee', 'cow'][row % 3]}\n" for row in range(30)))
    (tmp_path / "val.csv").write_text("size,kind\n0.5,ant\n0.6,cow\n0.7,ant\n")
    config = TableData(file=str(tmp_path / "train.csv"), validation_file=str(tmp_path / "val.csv"), target=("kind",))
    assert load(config, seed=0, wanted=CLASSES_WANTED).survey.absent == [Absence(VALIDATION, CLASS, ["bee"], 1)]
