"""Samples that are drawn by weight."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import Dataset as TorchDataset
from torch.utils.data import TensorDataset

from gradtop.trainer.config import ConfigProblems, CustomData
from gradtop.trainer.config.validate import validate
from gradtop.trainer.data.batches import Batches
from gradtop.trainer.data.dataset import Source
from gradtop.trainer.data.load import load_data
from gradtop.trainer.data.sampling import WeightedDraw, draw_of
from gradtop.trainer.record.data_facts import read_data_facts
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.runtime.worker import work
from tests.training.runs import SignalAtLook, differences, events, finished, tiny_run, trained

COUNTS = (90, 9, 1)
LABELS = torch.tensor([number for number, count in enumerate(COUNTS) for _ in range(count)])
INPUTS = torch.arange(100.0).unsqueeze(1)
_given: Any = None


def give() -> Any:
    return _given


class OneByOne(TorchDataset[Any]):
    """`targets` are what it says of its labels."""

    def __init__(self, targets: Any = None) -> None:
        self.classes = ["a", "b", "c"]
        self.targets = targets
        self.asked = 0

    def __len__(self) -> int:
        return 1000

    def __getitem__(self, index: int) -> Any:
        self.asked += 1
        return INPUTS[index % 100], int(LABELS[index % 100])


def of(given: Any, sampler: str) -> tuple[CustomData, Source]:
    global _given  # noqa: PLW0603 - what the callable gives is named by a text
    _given = given
    config = CustomData(target=f"{__name__}:give", sampler=sampler)  # type: ignore[arg-type]
    return config, load_data(config, seed=0)


def weighted(weights: Any) -> TensorDataset:
    samples = TensorDataset(INPUTS, LABELS)
    samples.weights = weights  # type: ignore[attr-defined]
    return samples


def test_samples_come_as_often_as_their_weights_say() -> None:
    weights = torch.tensor([0.0, 1, 2, 0, 5, 0])
    draw = WeightedDraw(weights)
    counts = torch.bincount(torch.cat([draw(0, epoch) for epoch in range(10_000)]), minlength=6)
    assert counts.sum() == 60_000
    assert counts[weights == 0].tolist() == [0, 0, 0]
    for place in (1, 2, 4):
        share = float(weights[place]) / 8
        # Five standard deviations of a binomial distribution.
        assert abs(float(counts[place]) - 60_000 * share) < 5 * math.sqrt(60_000 * share * (1 - share))


def test_seed_and_epoch_alone_decide_what_is_drawn() -> None:
    draw, again = WeightedDraw(torch.ones(50)), WeightedDraw(torch.ones(50))
    draw(3, 0)
    assert torch.equal(draw(3, 1), again(3, 1))
    assert not torch.equal(draw(3, 1), draw(3, 2))
    assert not torch.equal(draw(3, 1), draw(4, 1))


def test_balanced_classes_come_equally_often() -> None:
    config, source = of(((INPUTS, LABELS), (INPUTS, LABELS)), "balanced")
    draw = draw_of(config, source)
    assert draw is not None
    drawn = Counter(label for epoch in range(300) for label in LABELS[draw(0, epoch)].tolist())
    assert all(abs(drawn[label] - 10_000) < 5 * math.sqrt(30_000 * 2 / 9) for label in range(3))


def test_a_label_that_is_ignored_is_not_drawn() -> None:
    labels = torch.where(LABELS == 1, 255, LABELS // 2)
    config, source = of(((INPUTS, LABELS // 2), (INPUTS, LABELS // 2)), "balanced")
    object.__setattr__(source, "train_labels", labels)
    draw = draw_of(config, source, 255)
    assert draw is not None
    assert {*labels[draw(0, 0)].tolist()} == {0, 1}


def test_batches_are_made_of_what_is_drawn_also_from_the_middle_of_an_epoch() -> None:
    batches = Batches(INPUTS, LABELS, 8, seed=5)
    batches.draw = WeightedDraw(torch.arange(100.0))
    whole = [inputs for inputs, _ in batches.epoch(2)]
    assert torch.equal(torch.cat(whole).flatten().long(), batches.draw(5, 2))
    assert all(torch.equal(one, other) for one, (other, _) in zip(whole[3:], batches.epoch(2, skip=3), strict=True))


def test_a_set_that_says_its_targets_is_not_read_for_them_unless_they_are_wrong() -> None:
    right, wrong = OneByOne(LABELS.repeat(10).tolist()), OneByOne([0] * 1000)
    for samples, asked in ((right, 1000), (wrong, 1256)):
        _, source = of((samples, OneByOne()), "balanced")
        assert source.labels is not None
        assert source.labels.tolist() == LABELS.repeat(10).tolist()
        assert (samples.asked < asked) == (samples is right)


def test_the_weights_of_the_training_set_are_what_it_is_drawn_by() -> None:
    weights = torch.zeros(100)
    weights[7] = 3
    config, source = of((weighted(weights.tolist()), TensorDataset(INPUTS, LABELS)), "weighted")
    draw = draw_of(config, source)
    assert draw is not None
    assert {*draw(0, 0).tolist()} == {7}


@pytest.mark.parametrize(
    ("weights", "sentence"),
    [
        ([1.0] * 99, "99 weights for 100 samples"),
        ([1.0] * 99 + [-1.0], "the weight of sample 99 is -1"),
        ([float("nan")] + [1.0] * 99, "the weight of sample 0 is nan"),
        ([0.0] * 100, "only weights of 0"),
        ("heavy", "weights of str"),
    ],
)
def test_weights_that_are_none_are_refused(weights: Any, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        of((weighted(weights), TensorDataset(INPUTS, LABELS)), "weighted")


def test_without_weights_or_classes_it_is_said_what_is_missing() -> None:
    config, source = of(((INPUTS, LABELS), (INPUTS, LABELS)), "weighted")
    with pytest.raises(UserError, match="requires a weight for each training sample: an attribute `weights`"):
        draw_of(config, source)
    tokens = torch.randint(3, (100, 5))
    config, source = of(((tokens, tokens), (tokens, tokens)), "balanced")
    with pytest.raises(UserError, match="requires one class for each training sample"):
        draw_of(config, source)


@pytest.mark.parametrize(
    ("task", "sentence"), [({"kind": "regression"}, "balanced requires one class"), ({"kind": "classification", "balanced": True}, "balances the classes already")]
)
def test_a_task_that_it_does_not_go_with_is_refused(task: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigProblems, match=sentence):
        validate({"data": {"kind": "custom", "sampler": "balanced"}, "task": task})


def test_a_resumed_run_draws_on_as_if_nothing_had_been(tmp_path: Path) -> None:
    runs = [tiny_run(tmp_path / name) for name in ("whole", "stopped")]
    for run in runs:
        run.config.write_text(run.config.read_text().replace('kind = "fake"', 'kind = "fake"\nsampler = "balanced"'))
    whole, stopped = runs
    assert work(whole) == 0
    for looks in (3, 6):
        assert work(stopped, resume=looks > 3, signals=SignalAtLook(looks)) == 0
    assert work(stopped, resume=True) == 0
    assert not differences(finished(whole), finished(stopped))
    assert "each class equally often, 60 in an epoch (data.sampler = balanced)" in str(events(whole, "data")[0]["message"])


def test_the_best_constant_prediction_is_that_of_what_is_drawn(tmp_path: Path) -> None:
    run = tiny_run(tmp_path)
    text = run.config.read_text().replace("samples = 60", "samples = 6000")
    run.config.write_text(text.replace('kind = "fake"', 'kind = "fake"\nsampler = "balanced"'))
    trained(run)
    facts = read_data_facts(run)
    assert facts.chance == pytest.approx(math.log(3), abs=1e-3)
    assert facts.class_counts == (2000, 2000, 2000)
