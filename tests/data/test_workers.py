"""Custom data that processes of their own read."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset as TorchDataset

from gradtop.trainer.config import CustomData
from gradtop.trainer.data.kinds.custom.items import Items
from gradtop.trainer.data.kinds.custom.loader import CustomSource
from gradtop.trainer.data.load import load_data
from gradtop.trainer.data.targets import ONE_CLASS
from gradtop.trainer.record import Run, new_run, read_status
from gradtop.trainer.runtime.errors import TracedError, UserError
from gradtop.trainer.runtime.worker import work
from tests.training.runs import SignalAtLook, differences, finished

CPU = torch.device("cpu")
MEANT = os.getpid()


class Noisy(TorchDataset[Any]):
    """Samples with noise from each generator there is, and `at` one of them what `fault` does in another process."""

    classes = ("a", "b", "c")

    def __init__(self, count: int = 60, at: int = -1, fault: str = "") -> None:
        self._count, self._at, self._fault = count, at, fault

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Any:
        noise = torch.tensor([float(torch.rand(())), random.random(), np.random.rand()])  # noqa: NPY002 - as projects have it
        if index == self._at and os.getpid() != MEANT:
            if self._fault == "raise":
                raise KeyError("no such file")
            if self._fault == "shape":
                return noise[:2], index % 3
            if self._fault == "exit":
                raise SystemExit(3)
            if self._fault == "die":
                os._exit(7)
        return noise + index % 3, index % 3


def load(count: int = 60, at: int = -1, fault: str = "") -> tuple[Noisy, Noisy]:
    return Noisy(count, at, fault), Noisy(12)


def of(workers: int = 2, **arguments: Any) -> CustomSource:
    source = load_data(CustomData(target=f"{__name__}:load", arguments=arguments, workers=workers, prefetch=1), seed=0)
    assert isinstance(source, CustomSource)
    return source


def epoch(source: CustomSource, number: int = 0, skip: int = 0) -> list[torch.Tensor]:
    return [inputs for inputs, _ in source.training(8, seed=4, device=CPU).epoch(number, skip=skip)]


def test_what_is_random_in_a_sample_depends_on_its_place_alone() -> None:
    one, two = epoch(of(1)), epoch(of(2))
    assert all(map(torch.equal, one, two))
    assert all(map(torch.equal, one[5:], epoch(of(2), skip=5)))
    assert not torch.equal(one[0].sort(0).values, epoch(of(2), number=1)[0].sort(0).values)
    assert len(torch.cat([batch[:, 0] for batch in one]).frac().unique()) == 60


def test_validation_is_the_same_each_time() -> None:
    source = of()
    first, second = ([inputs for inputs, _ in source.validation(5, CPU)] for _ in range(2))
    assert all(map(torch.equal, first, second))


@pytest.mark.parametrize(
    ("fault", "kind", "sentence"),
    [
        ("raise", TracedError, r"^data.target: .*:load: the training set, sample 7: KeyError: 'no such file'$"),
        ("exit", TracedError, r"^data.target: .*:load: the training set, sample 7: SystemExit: 3$"),
        ("shape", UserError, r"^data.target: .*:load: the training set, sample 7 is float32 2, and others are not; .*$"),
        ("die", UserError, r"^a process that reads the data died \(.*\); where memory ran out, make data.workers smaller$"),
    ],
)
def test_what_goes_wrong_in_a_process_is_one_sentence(fault: str, kind: type[UserError], sentence: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError, match=sentence) as raised:
        epoch(of(at=7, fault=fault))
    assert type(raised.value) is kind
    # The traceback is where the worker prints.
    assert ("in __getitem__" in capfd.readouterr().err) == (kind is TracedError)


def run_in(folder: Path) -> Run:
    data = f'[data]\nkind = "custom"\ntarget = "{__name__}:load"\nworkers = 2\nsampler = "balanced"\n'
    return new_run(folder, f'{data}[model]\nkind = "mlp"\nhidden = [8]\ndropout = 0.25\n[training]\nepochs = 2\nbatch_size = 8\ndevice = "cpu"\nseed = 3\n', {})


def test_a_resumed_run_reads_the_same_with_processes(tmp_path: Path) -> None:
    whole, stopped = run_in(tmp_path / "whole"), run_in(tmp_path / "stopped")
    assert work(whole) == 0, read_status(whole).error
    for looks in (3, 6):
        assert work(stopped, resume=looks > 3, signals=SignalAtLook(looks)) == 0
    assert work(stopped, resume=True) == 0
    assert not differences(finished(whole), finished(stopped))


class Given(TorchDataset[Any]):
    """Samples that are as they are."""

    classes = ("a", "b", "c")

    def __init__(self, samples: list[Any]) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Any:
        return self.samples[index]


@pytest.mark.parametrize("kind", ["float32", "float64", "uint8 pictures", "uint8 vectors", "int32"])
@pytest.mark.parametrize("label", [int, torch.tensor, np.int64])
@pytest.mark.parametrize("array", [False, True])
def test_a_batch_that_is_looked_at_as_a_whole_is_what_its_samples_are_one_by_one(kind: str, label: Any, *, array: bool) -> None:
    shape = (3, 4, 4) if "pictures" in kind else (5,)
    dtype = getattr(torch, kind.split(maxsplit=1)[0])
    drawn = [(torch.rand(shape) * 9).to(dtype) for _ in range(6)]
    items = Items(Given([(each.numpy() if array else each, label(number % 3)) for number, each in enumerate(drawn)]), "the set", ONE_CLASS)
    items.classes = 3
    one_by_one = [items[number] for number in range(6)]
    inputs, labels = items.batch(range(6))
    assert inputs.dtype == one_by_one[0][0].dtype
    assert torch.equal(inputs, torch.stack([given for given, _ in one_by_one]))
    assert torch.equal(labels, torch.stack([target for _, target in one_by_one]))


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ((torch.full((5,), float("nan")), 1), "sample 4 has inputs that are not finite"),
        ((torch.zeros(5), 3), "sample 4 has the label 3"),
        ((torch.zeros(5), -1), "sample 4 has the label -1"),
        ((torch.zeros(4), 1), "sample 4 is float32 4, and others are not"),
        ((torch.zeros(5), 1.5), "sample 4 has labels of float32"),
        (torch.zeros(5), "sample 4 is Tensor"),
    ],
)
def test_what_is_wrong_in_a_batch_is_said_with_its_sample(bad: Any, sentence: str) -> None:
    items = Items(Given([*((torch.zeros(5), number % 3) for number in range(4)), bad, (torch.zeros(5), 0)]), "the set", ONE_CLASS)
    items.classes = 3
    items.batch(range(4))
    with pytest.raises(UserError, match=sentence):
        items.batch(range(6))


def test_inputs_whose_sum_overflows_are_finite_all_the_same() -> None:
    items = Items(Given([(torch.full((5,), 3e38), 0)] * 4), "the set", ONE_CLASS)
    assert bool(items.batch(range(4))[0].isfinite().all())
    assert bool(items.batch(range(4))[0].isfinite().all())
