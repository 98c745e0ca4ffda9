"""Classes that no sample is of, in data whose labels nothing but a pass over them tells."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, WeightedRandomSampler

from gradtop.trainer.analysis.event_text import described
from gradtop.trainer.record import EventKind, EventReader, Run, new_run
from gradtop.trainer.runtime.worker import work
from tests.ill import found_in
from tests.training.runs import events

Sample = tuple[Tensor, int]
NAMES = ["ant", "bee", "cow"]
ROWS = 600  # more than are looked at before training
CONFIG = """
[model]
kind = "mlp"
hidden = [4]

[data]
kind = "custom"
target = "tests.training.test_absent_classes:{how}"

[training]
{length}
batch_size = 20
device = "cpu"
"""


class Rows(Dataset[Sample]):
    classes = NAMES

    def __init__(self, labels: list[int]) -> None:
        self.labels = labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Sample:
        return torch.randn(2), self.labels[index]


class Flow(IterableDataset[Sample]):
    classes = NAMES

    def __init__(self, labels: list[int]) -> None:
        self.labels = labels

    def __iter__(self) -> Iterator[Sample]:
        return ((torch.randn(2), label) for label in self.labels)


ALL = [1 if row == 7 else 2 * (row % 2) for row in range(ROWS)]  # one bee, which is not among those looked at
LACKING = [2 * (row % 2) for row in range(ROWS)]


def complete() -> tuple[Any, Any]:
    return Rows(ALL), Rows(ALL)


def rows() -> tuple[Any, Any]:
    return Rows(LACKING), Rows(ALL)


def flows() -> tuple[Any, Any]:
    return Flow(ALL), Flow([0, 0, 1])


def lacking_flows() -> tuple[Any, Any]:
    return Flow(LACKING), Flow([0, 1, 2])


def loaders() -> tuple[Any, Any]:
    drawn = WeightedRandomSampler([float(label != 1) for label in ALL], ROWS)
    return DataLoader(Rows(ALL), 20, sampler=drawn), DataLoader(Rows([1, 1, 2]), 2)


EPOCHS, STEPS = "epochs = 2", "steps = 20\nevaluate_every = 10"


def trained(folder: Path, how: str, length: str) -> Run:
    run = new_run(folder, CONFIG.format(how=how, length=length), {})
    assert work(run) == 0
    return run


@pytest.mark.parametrize(
    ("how", "length", "said"),
    [
        ("complete", EPOCHS, []),
        ("rows", EPOCHS, ["no training sample is of class bee: nothing is learned of it"]),
        ("flows", STEPS, ["no validation sample is of class cow: accuracy is that of the other classes"]),
        ("lacking_flows", STEPS, ["none of 200 training samples so far is of class bee"]),
        ("loaders", EPOCHS, ["no validation sample is of class ant: accuracy is that of the other classes", "none of 600 training samples so far is of class bee"]),
    ],
)
def test_they_are_named_once_known(tmp_path: Path, how: str, length: str, said: list[str]) -> None:
    run = trained(tmp_path, how, length)
    found = events(run, EventKind.ABSENT)
    assert [described(event)[0] for event in found] == [f"data: {sentence}" for sentence in said]
    found_of = [each.sentence for each in found_in(run).present if each.name == "absent-class"]
    assert found_of == [sentence for sentence in said if " training sample" in sentence]


def test_a_part_that_is_read_whole_before_training_is_told_of_before_it(tmp_path: Path) -> None:
    run = trained(tmp_path, "few", EPOCHS)
    kinds = [event["kind"] for event in EventReader(run).refresh() if event["kind"] in {EventKind.ABSENT, EventKind.START}]
    assert kinds == [EventKind.ABSENT, EventKind.START]


def few() -> tuple[Any, Any]:
    return Rows([0, 2] * 20), Rows([0, 1, 2])
