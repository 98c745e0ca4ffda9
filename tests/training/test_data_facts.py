"""What data.json says of the data, as a worker has found it out."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from gradtop.trainer.data.overlap import overlap
from gradtop.trainer.record import Run
from gradtop.trainer.record.data_facts import DataFacts, read_data_facts
from gradtop.trainer.tasks.kinds.classification import labels
from gradtop.trainer.tasks.kinds.classification.labels import count_labels, least_cross_entropy
from gradtop.trainer.training.data_facts import batch_share, spread_of
from tests.training.runs import tiny_run, trained

CUSTOM = '\n[data]\nkind = "custom"\ntarget = "tests.training.project:{}"\narguments = {{ {} }}\n'


def of_custom(folder: Path, target: str, arguments: str, *sections: str) -> Run:
    run = tiny_run(folder, *sections)
    before, _, rest = run.config.read_text().partition("[data]")
    _, _, rest = rest.partition("\n\n")
    run.config.write_text(before + CUSTOM.format(target, arguments) + rest)
    return run


def test_of_labels_in_memory_every_one_is_counted(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, "label_smoothing = 0.1")
    session = trained(run)
    facts = read_data_facts(run)
    assert (facts.class_counts, facts.counted, facts.sampled) == ((20, 20, 20), 60, False)
    assert facts.constant_loss == pytest.approx(math.log(3))
    assert facts.constant_training_loss == pytest.approx(math.log(3))
    first = torch.cat([inputs for (inputs, _), _ in zip(session.batches.epoch(0), range(4), strict=False)])
    assert facts.input_mean == facts.model_input_mean == pytest.approx(first.mean().item(), abs=1e-6)
    assert facts.input_std == pytest.approx(first.std(correction=0).item(), abs=1e-6)
    # It stands beside what the data are recognised by, which came with the first checkpoint.
    assert json.loads(run.data.read_text())["data"] == {"classes": 3}


def test_stored_bytes_and_what_the_model_receives_are_told_apart(tmp_path: Path) -> None:
    plain = of_custom(tmp_path / "plain", "numbers_of", "count = 64")
    augmented = of_custom(tmp_path / "augmented", "numbers_of", "count = 64", "[augment]\nflip = 0.5")
    for run in (plain, augmented):
        trained(run)
        facts = read_data_facts(run)
        assert facts.input_mean == pytest.approx(3.0, abs=0.2)
        assert facts.input_std == pytest.approx(2.0, abs=0.2)
        assert facts.model_input_mean == pytest.approx(0.0, abs=0.1)
        assert facts.class_counts == (32, 32)


def test_labels_that_come_one_by_one_are_those_of_the_first_batches(tmp_path: Path) -> None:
    run = of_custom(tmp_path, "singles", "count = 70")
    trained(run)
    facts = read_data_facts(run)
    assert (sum(facts.class_counts), facts.counted, facts.sampled) == (70, 70, True)
    assert facts.constant_loss == pytest.approx(math.log(3), abs=1e-3)


def test_of_very_many_labels_some_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels, "MOST_LABELS", 100)
    counts, counted, sampled = count_labels(torch.arange(1000) % 10 - 1, 10)
    assert sampled
    assert sum(counts) == counted <= 100
    assert count_labels(None, 3) == ([], 0, False)
    assert count_labels(torch.tensor([0, 2, -100, 2]), 4) == ([1, 0, 2, 0], 3, False)


def test_the_entropy_is_the_loss_of_the_best_constant() -> None:
    assert least_cross_entropy([0.5, 0.5, 0.0]) == pytest.approx(math.log(2))
    assert least_cross_entropy([]) is None


def test_a_text_has_the_entropy_of_its_characters(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, epochs=1)
    text = tmp_path / "text.txt"
    text.write_text("ab" * 300 + "c" * 60)
    run.config.write_text(f'[model]\nkind = "language_model"\ncontext = 16\nhidden_size = 8\nnum_heads = 1\nnum_layers = 1\n[data]\nkind = "text"\nfile = "{text}"\n[training]\nepochs = 1\nbatch_size = 8\ndevice = "cpu"\n')
    trained(run)
    facts = read_data_facts(run)
    counts = facts.class_counts
    assert facts == DataFacts(class_counts=counts, counted=sum(counts), constant_loss=facts.constant_loss)
    assert facts.constant_loss == pytest.approx(least_cross_entropy([count / sum(counts) for count in counts]))


def test_samples_for_validation_are_looked_for_among_those_of_training() -> None:
    draw = torch.Generator().manual_seed(0)
    training, others = (torch.randint(0, 256, (count, 1, 5, 5), generator=draw, dtype=torch.uint8) for count in (20_000, 500))
    assert overlap(training, others) == 0
    assert overlap(training, torch.cat([others, training[7_000:7_500]])) == pytest.approx(0.5, abs=0.1)
    assert overlap(training[:100], training[:50].float()) == 1
    assert overlap(torch.zeros(20_000, 25), torch.zeros(500, 25)) is None  # all alike
    few = torch.randint(0, 4, (2_000, 6), generator=draw)
    assert overlap(few, few[:500]) is None  # often the same by chance


def test_a_table_of_a_few_measured_columns_is_looked_through_too() -> None:
    training, others = (torch.randn(800, 4, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    assert overlap(training, training) == 1
    assert overlap(training, others) == 0
    assert overlap(torch.cat([training, training[:5]]), torch.cat([others[:100], training[:100]])) == pytest.approx(0.5, abs=0.1)


def test_inputs_for_validation_are_told_of_as_the_model_receives_them(tmp_path: Path) -> None:
    run = of_custom(tmp_path, "numbers_of", "count = 64")
    session = trained(run)
    facts = read_data_facts(run)
    (inputs, _), *_ = session.validation
    assert isinstance(inputs, torch.Tensor)
    assert facts.val_input_mean == pytest.approx(inputs.mean().item(), abs=1e-5)
    assert facts.val_input_std == pytest.approx(inputs.std(correction=0).item(), abs=1e-5)
    assert facts.val_input_spread == pytest.approx((inputs - inputs.median()).abs().quantile(0.95).item(), abs=1e-5)


def test_of_batches_of_one_class_each_the_share_is_told() -> None:
    labels = torch.arange(640) // 64
    assert batch_share(labels.tolist(), [16] * 40, range(10)) == 1
    mixed = labels[torch.randperm(640, generator=torch.Generator().manual_seed(0))].tolist()
    assert batch_share(mixed, [16] * 40, range(10)) == pytest.approx(0.23, abs=0.05)
    assert batch_share(mixed, [4] * 160, range(10)) is None
    assert batch_share(mixed, [64] * 10, range(10)) is None
    assert batch_share([3, *[-100] * 31] * 20, [32] * 20, {3}) is None  # almost all are ignored


def test_a_few_huge_values_do_not_widen_the_spread() -> None:
    drawn = torch.randn(4, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    usual = spread_of(drawn)
    assert usual == pytest.approx(1.96, abs=0.05)
    drawn.view(-1)[:1000] = 1e9
    assert spread_of(drawn) == pytest.approx(usual.item(), abs=0.05)
    assert spread_of(torch.zeros(0)).isnan()
