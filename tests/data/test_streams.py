"""Ready DataLoaders, iterable data sets, and collate functions."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, IterableDataset, TensorDataset, WeightedRandomSampler, get_worker_info
from torch.utils.data import Dataset as TorchDataset

from gradtop.trainer.analysis.event_text import event_line
from gradtop.trainer.config import CustomData
from gradtop.trainer.data.kinds.custom.loader import CustomSource
from gradtop.trainer.data.kinds.custom.stream import StreamBatches
from gradtop.trainer.data.load import load_data
from gradtop.trainer.record import Run, new_run, read_status
from gradtop.trainer.record.classification import read_classification
from gradtop.trainer.runtime.errors import TracedError, UserError
from gradtop.trainer.runtime.worker import work
from gradtop.trainer.training.misfit import data_fingerprint
from tests.training.runs import SignalAtLook, differences, events, finished, rows

CPU = torch.device("cpu")
LABELS = torch.arange(60) % 3
INPUTS = torch.stack([LABELS + 0.01 * number for number in range(5)], dim=1).float()


class Counting(IterableDataset[Any]):
    """Samples in order with noise, `count` in a pass, without a length; each of several processes has its share."""

    classes: tuple[str, ...] = ("a", "b", "c")

    def __init__(self, count: int = 50, fault: Callable[[int], Any] | None = None) -> None:
        self.count, self.fault = count, fault

    def __iter__(self) -> Iterator[Any]:
        info = get_worker_info()
        for number in range(info.id if info else 0, self.count, info.num_workers if info else 1):
            if self.fault is not None and number == 20:
                self.fault(number)
            yield torch.rand(4) + random.random() + number % 3, number % 3


class Lengths(TorchDataset[Any]):
    """Sequences of different lengths, which its collate function pads with zeros."""

    classes = ("a", "b")

    def __len__(self) -> int:
        return 40

    def __getitem__(self, index: int) -> Any:
        return torch.arange(1, 2 + index % 7), index % 2

    @staticmethod
    def collate(samples: list[Any]) -> Any:
        return pad_sequence([tokens for tokens, _ in samples], batch_first=True), torch.tensor([label for _, label in samples])


class Bag(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(10, 2)

    def forward(self, tokens: Tensor) -> Tensor:
        found: Tensor = self.embedding(tokens).mean(1)
        return found


def bag() -> nn.Module:
    return Bag()


SAMPLES = TensorDataset(INPUTS, LABELS)
VALIDATION = TensorDataset(torch.rand(12, 4), torch.arange(12) % 3)
GIVEN: dict[str, Callable[[], Any]] = {
    "iterable": lambda: (Counting(), VALIDATION),
    "both": lambda: (Counting(), Counting(9)),
    "loader": lambda: (DataLoader(TensorDataset(INPUTS, LABELS), batch_size=8, shuffle=True), TensorDataset(INPUTS, LABELS)),
    "generator": lambda: (DataLoader(TensorDataset(INPUTS, LABELS), batch_size=8, shuffle=True, generator=torch.Generator()), TensorDataset(INPUTS, LABELS)),
    "weighted": lambda: (DataLoader(TensorDataset(INPUTS, LABELS), batch_size=8, sampler=WeightedRandomSampler([1.1 if label == 1 else 0.1 for label in LABELS.tolist()], 60)), TensorDataset(INPUTS, LABELS)),
    "processes": lambda: (DataLoader(Counting(), batch_size=8, num_workers=2), DataLoader(VALIDATION, batch_size=5)),
    "lengths": lambda: (Lengths(), Lengths()),
}


def load(name: str) -> Any:
    return GIVEN[name]()


def of(name: str, given: Callable[[], Any] | None = None, **options: Any) -> CustomSource:
    if given is not None:
        GIVEN[name] = given
    source = load_data(CustomData(target=f"{__name__}:load", arguments={"name": name}, **options), seed=0)
    assert isinstance(source, CustomSource)
    return source


def batches_of(source: CustomSource, per_epoch: int = 0) -> StreamBatches:
    batches = source.training(8, seed=3, device=CPU)
    assert isinstance(batches, StreamBatches)
    batches.per_epoch = per_epoch or batches.per_epoch
    return batches


@pytest.mark.parametrize("name", ["loader", "generator", "weighted"])
def test_a_loader_gives_its_own_batches_by_seed_and_epoch(name: str) -> None:
    one, other = batches_of(of(name)), batches_of(of(name))
    assert (one.per_epoch, one.counts_epochs, one.batch_size) == (8, True, 8)
    list(other.epoch(0))
    torch.rand(3)
    first, again, rest, next_epoch = list(one.epoch(1)), list(other.epoch(1)), list(one.epoch(1, skip=5)), list(one.epoch(2))
    assert [len(labels) for _, labels in first] == [8] * 7 + [4]
    for mine, theirs in ((first, again), (first[5:], rest)):
        assert all(torch.equal(a, c) and torch.equal(b, d) for (a, b), (c, d) in zip(mine, theirs, strict=True))
    assert not torch.equal(torch.cat([labels for _, labels in first]), torch.cat([labels for _, labels in next_epoch]))
    assert ("weighted" in name) == (torch.cat([labels for _, labels in first]).bincount().tolist() != [20, 20, 20])


def test_a_pass_that_an_evaluation_interrupts_goes_on_where_it_stands() -> None:
    class Counted(TensorDataset):
        read = 0

        def __getitem__(self, index: Any) -> Any:
            self.read += 1
            return super().__getitem__(index)  # type: ignore[no-untyped-call]

    samples = Counted(INPUTS, LABELS)
    source = of("counted", lambda: (DataLoader(samples, batch_size=8, shuffle=True), VALIDATION))
    batches, whole = batches_of(source), batches_of(of("loader"))
    samples.read = 0
    seen = [next(batches.epoch(0, skip=place)) for place in range(batches.per_epoch)]
    assert samples.read == len(samples)
    assert all(torch.equal(a, c) and torch.equal(b, d) for (a, b), (c, d) in zip(seen, whole.epoch(0), strict=True))


@pytest.mark.parametrize("name", ["iterable", "processes"])
def test_an_iterable_goes_on_over_epochs_and_passes_and_from_any_place(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    whole = batches_of(of(name), 5)
    assert not whole.counts_epochs
    seen = [batch for epoch in range(4) for batch in whole.epoch(epoch)]
    assert len(seen) == 20
    there = batches_of(of(name), 5)
    found = [*there.epoch(2, skip=3), *there.epoch(3)]
    assert all(torch.equal(a, c) and torch.equal(b, d) for (a, b), (c, d) in zip(seen[13:], found, strict=True))
    assert "13 batches are read and left out" in capfd.readouterr().out
    for batches in (whole, there):
        batches.close()


def test_a_pass_that_does_not_fill_a_batch_is_said_once() -> None:
    said: list[str] = []
    source = of("few", lambda: (Counting(5), VALIDATION))
    assert source.reading is not None
    source.reading.warn = said.append
    batches = batches_of(source, 3)
    assert [len(labels) for epoch in range(2) for _, labels in batches.epoch(epoch)] == [5] * 6
    assert said == [f"data.target: {__name__}:load: the training set ends after 5 samples, so that a step has these and not 8, the batch size"]
    batches.close()
    source = of("enough", lambda: (Counting(12), VALIDATION))
    assert source.reading is not None
    source.reading.warn = said.append
    batches = batches_of(source, 4)
    assert [len(labels) for _, labels in batches.epoch(0)] == [8, 4, 8, 4]
    assert len(said) == 1
    batches.close()


@pytest.mark.filterwarnings("ignore:'set_vital'")
def test_a_stateful_loader_is_taken_as_any_other() -> None:
    from torchdata.stateful_dataloader import StatefulDataLoader

    one, other = (batches_of(of("stateful", lambda: (StatefulDataLoader(SAMPLES, batch_size=8, shuffle=True), SAMPLES))) for _ in range(2))
    for (a, b), (c, d) in zip(list(one.epoch(1))[3:], other.epoch(1, skip=3), strict=True):
        assert torch.equal(a, c)
        assert torch.equal(b, d)


def test_what_data_are_recognised_by_are_their_sets_and_no_open_fields() -> None:
    assert data_fingerprint(of("iterable")) == {"data": {"classes": 3}, "val": {"samples": 12}}


def test_code_of_an_iterable_takes_no_random_numbers_from_the_training() -> None:
    batches = batches_of(of("iterable"), 5)
    before = torch.default_generator.get_state(), random.getstate()
    list(batches.epoch(0))
    assert torch.equal(before[0], torch.default_generator.get_state())
    assert before[1] == random.getstate()


def fail(_number: int) -> None:
    if get_worker_info() is not None:
        raise KeyError("no such file")


def die(_number: int) -> None:
    if get_worker_info() is not None:
        os._exit(7)


def not_read(_samples: Any) -> Any:
    return {"a": torch.zeros(3)}


def broken(_samples: Any) -> Any:
    raise ValueError("bad padding")


@pytest.mark.parametrize(
    ("given", "kind", "sentence"),
    [
        (lambda: (Counting(0), VALIDATION), UserError, "the training set ends before its first batch"),
        (lambda: (VALIDATION, Counting(0)), UserError, "the validation set ends before its first batch"),
        (lambda: (DataLoader(VALIDATION, collate_fn=not_read), VALIDATION), UserError, "the training set: a batch is a dict .*; as a sample, it must be"),
        (lambda: (DataLoader(VALIDATION, collate_fn=broken), VALIDATION), TracedError, "the training set: the collate function raised ValueError: bad padding"),
        (lambda: (DataLoader(Lengths(), batch_size=8), VALIDATION), TracedError, "for samples of different lengths give the set a function `collate`"),
        (lambda: (DataLoader(Counting(fault=fail), batch_size=8, num_workers=1), VALIDATION), TracedError, "the training set, sample 21: KeyError: 'no such file'"),
        (lambda: (DataLoader(Counting(fault=die), batch_size=8, num_workers=1), VALIDATION), UserError, "a process that reads the data died"),
        (lambda: (DataLoader(Counting(), batch_size=8, num_workers=1, worker_init_fn=broken), VALIDATION), TracedError, "the training set: ValueError: bad padding"),
        (lambda: (DataLoader(TensorDataset(INPUTS, LABELS - 1), batch_size=60), VALIDATION), UserError, "has the label -1"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(given: Callable[[], Any], kind: type[UserError], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence) as raised:
        list(batches_of(of("faulty", given), 5).epoch(0))
    assert type(raised.value) is kind


def test_without_names_of_classes_an_iterable_is_refused_and_a_loader_is_read() -> None:
    class Nameless(Counting):
        classes = ()

    with pytest.raises(UserError, match="give it an attribute `classes`"):
        of("nameless", lambda: (Nameless(), VALIDATION))
    assert of("loader").info.classes == 3


def test_a_sampler_of_ours_does_not_go_with_a_loader() -> None:
    with pytest.raises(UserError, match=r"data\.sampler = balanced cannot be combined with a DataLoader"):
        of("loader", sampler="balanced")


def test_sequences_of_different_lengths_are_padded_by_the_collate_function() -> None:
    source = of("lengths")
    batches = list(source.training(8, seed=3, device=CPU).epoch(0))
    assert {tuple(inputs.shape) for inputs, _ in batches} != {(8, 7)} or len(batches) == 5
    for inputs, labels in batches:
        lengths = (inputs > 0).sum(1)
        assert inputs.shape == (len(labels), int(lengths.max()))
    assert sum(len(labels) for _, labels in source.validation(16, CPU)) == 40


TOML = """
[data]
kind = "custom"
target = "{module}:load"
arguments = {{name = "{name}"}}
[model]
{model}
[training]
{length}
batch_size = 8
device = "cpu"
seed = 3
"""


def run_of(folder: Path, name: str, length: str = "steps = 24\nevaluate_every = 7") -> Run:
    model = f'kind = "custom"\ntarget = "{__name__}:bag"' if name == "lengths" else 'kind = "mlp"\nhidden = [8]\ndropout = 0.25'
    return new_run(folder, TOML.format(module=__name__, name=name, model=model, length=length), {})


@pytest.mark.parametrize("name", ["iterable", "processes", "generator", "lengths"])
def test_a_resumed_run_goes_on_bit_for_bit(name: str, tmp_path: Path) -> None:
    whole, stopped = run_of(tmp_path / "whole", name), run_of(tmp_path / "stopped", name)
    assert work(whole) == 0, read_status(whole).error
    for looks in (4, 13):
        assert work(stopped, resume=looks > 4, signals=SignalAtLook(looks)) == 0, read_status(stopped).error
    assert work(stopped, resume=True) == 0, read_status(stopped).error
    assert not differences(finished(whole), finished(stopped))
    assert [int(row[0]) for row in rows(stopped, "evals")] == [7, 14, 21, 24]


def test_a_run_without_a_length_has_steps_and_no_epochs(tmp_path: Path) -> None:
    run = run_of(tmp_path, "both")
    assert work(run) == 0, read_status(run).error
    status = read_status(run)
    assert (status.step, status.steps, status.epoch, status.epochs, status.steps_per_epoch, status.best_epoch) == (24, 24, 0, 0, 0, 0)
    assert [event["step"] for event in events(run, "epoch")] == [7, 14, 21, 24]
    assert event_line(events(run, "epoch")[0]).text.startswith("step 7  ")
    assert (newest := read_classification(run)) is not None
    assert newest.when == "step 24"


def test_a_run_without_a_length_needs_to_be_told_how_long_it_is(tmp_path: Path) -> None:
    run = run_of(tmp_path, "iterable", length="epochs = 2")
    assert work(run) == 1
    assert "the training set has no length, so that there are no epochs: set training.steps" in read_status(run).error


def test_other_data_are_evaluated_between_the_ends_of_epochs_too(tmp_path: Path) -> None:
    run = run_of(tmp_path, "loader", length="epochs = 2\nevaluate_every = 6")
    assert work(run) == 0, read_status(run).error
    assert [(event["step"], event["epoch"]) for event in events(run, "epoch")] == [(6, 1), (12, 2), (16, 2)]
