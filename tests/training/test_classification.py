"""The metrics of a classification, against a computation in plain Python."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from gradtop.trainer.config import Cifar10, Cifar100, FashionMnist, dump_config, parse_config
from gradtop.trainer.data.kinds.downloaded import Downloaded
from gradtop.trainer.metrics import ACCURACY, BALANCED_ACCURACY, F1, LOSS, TOP5_ACCURACY
from gradtop.trainer.record import Run, new_run, read_status
from gradtop.trainer.record.classification import NEWEST, drop_later, read_classification
from gradtop.trainer.runtime.worker import work
from gradtop.trainer.tasks.kinds.classification import counts as class_counts
from gradtop.trainer.tasks.task import Score
from gradtop.trainer.training.evaluate import evaluate
from gradtop.tui.cli.main import main
from tests.data.files import mnist_files, put
from tests.training.runs import rows, stop_and_resume, tiny_run


def scored(outputs: Sequence[Sequence[float]], labels: Sequence[int], batch: int = 7) -> Score:
    """As an evaluation sees a model with these outputs."""
    table, wanted = torch.tensor(outputs), torch.tensor(labels)

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        for first in range(0, len(labels), batch):
            yield torch.arange(len(labels))[first : first + batch], wanted[first : first + batch]

    return evaluate(nn.Identity(), lambda places: table[places], batches())


def plain(outputs: Sequence[Sequence[float]], labels: Sequence[int]) -> dict[str, float]:
    """By the definitions, without torch."""
    count, right, top, losses, predicted = len(labels), 0, 0, [], []
    for row, label in zip(outputs, labels, strict=True):
        spoilt = any(math.isnan(value) for value in row)
        guess = -1 if spoilt else max(range(len(row)), key=lambda place: row[place])
        predicted.append(guess)
        right += guess == label
        top += not spoilt and label in sorted(range(len(row)), key=lambda place: -row[place])[:5]
        losses.append(math.nan if spoilt else math.log(sum(math.exp(value - max(row)) for value in row)) + max(row) - row[label])
    support, guesses = Counter(labels), Counter(predicted)
    hits = Counter(label for label, guess in zip(labels, predicted, strict=True) if label == guess)
    recalls = [hits[each] / support[each] for each in support]
    f1 = []
    for each in {*support, *guesses} - {-1}:
        true, false, missed = hits[each], guesses[each] - hits[each], support[each] - hits[each]
        f1.append(2 * true / (2 * true + false + missed))
    found = {LOSS: sum(losses) / count, ACCURACY: right / count, BALANCED_ACCURACY: sum(recalls) / len(recalls), F1: sum(f1) / len(f1)}
    return {**found, **({TOP5_ACCURACY: top / count} if len(outputs[0]) >= 10 else {})}


def drawn(classes: int, samples: int, *, spoilt: int = 0, never: int = -1) -> tuple[list[list[float]], list[int]]:
    chance = random.Random(classes * samples + spoilt)
    labels = [chance.choice([each for each in range(classes) if each != never]) for _ in range(samples)]
    outputs = [[chance.gauss(1.5 * (each == label), 1) for each in range(classes)] for label in labels]
    for row in chance.sample(outputs, spoilt):
        row[chance.randrange(classes)] = math.nan
    return outputs, labels


@pytest.mark.parametrize(
    ("classes", "samples", "spoilt", "never"),
    [(1, 5, 0, -1), (2, 40, 0, -1), (3, 50, 0, 1), (9, 80, 0, -1), (10, 200, 0, -1), (10, 150, 20, 4), (1200, 90, 3, -1)],
)
def test_the_metrics_are_those_of_a_plain_computation(classes: int, samples: int, spoilt: int, never: int) -> None:
    outputs, labels = drawn(classes, samples, spoilt=spoilt, never=never)
    score, expected = scored(outputs, labels), plain(outputs, labels)
    assert {name: score.of(name) for name in expected} == pytest.approx(expected, rel=1e-5, nan_ok=True)
    assert set(score.further) == expected.keys() - {LOSS, ACCURACY}


@pytest.mark.parametrize("few", [0, 10], ids=["a table of no class", "a table of all classes"])
def test_counts_and_worst_samples_are_those_of_each_sample(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(class_counts, "FEW", few)
    outputs, labels = drawn(10, 300, spoilt=5)
    whole = scored(outputs, labels).classes
    monkeypatch.setattr(class_counts, "FOLD", 64)  # counted in several turns
    found = scored(outputs, labels).classes
    assert found is not None
    assert whole is not None
    assert (found.support, found.hits, found.predicted, found.confused) == (whole.support, whole.hits, whole.predicted, whole.confused)
    guesses = [10 if any(map(math.isnan, row)) else max(range(10), key=lambda place, row=row: row[place]) for row in outputs]  # type: ignore[misc]
    pairs = Counter((label, guess) for label, guess in zip(labels, guesses, strict=True) if label != guess)
    assert {(label, guess): count for label, guess, count in found.confused} == pairs
    assert [count for _, _, count in found.confused] == sorted(pairs.values(), reverse=True)
    assert list(found.support) == [labels.count(each) for each in range(10)]
    assert list(found.predicted) == [guesses.count(each) for each in range(10)]
    assert len(found.worst) == 16
    assert all(math.isnan(each.loss) and each.predicted == 10 for each in found.worst[:5])
    losses = [math.log(sum(map(math.exp, row))) - row[label] for row, label in zip(outputs, labels, strict=True)]
    ranked = sorted((place for place in range(300) if not math.isnan(losses[place])), key=lambda place: -losses[place])
    assert [each.sample for each in found.worst[5:]] == ranked[:11]
    assert all((each.label, each.predicted) == (labels[each.sample], guesses[each.sample]) for each in found.worst)


@pytest.mark.parametrize("few", [0, 3], ids=["a table of no class", "a table of all classes"])
def test_labels_that_are_left_out_count_in_no_class(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(class_counts, "FEW", few)
    outputs, labels = drawn(3, 20)
    found = scored(outputs, [*labels[:-5], *[-100] * 5]).classes
    assert found is not None
    assert sum(found.support) == sum(found.predicted) == 15


def test_without_a_sample_nothing_is_known() -> None:
    score = scored([[0.0]], [])
    assert math.isnan(score.loss)
    assert math.isnan(score.accuracy)
    assert not score.further


def test_of_characters_there_are_loss_accuracy_and_perplexity() -> None:
    outputs, labels = torch.randn(2, 5, 12), torch.randint(0, 12, (2, 5))
    score = evaluate(nn.Identity(), lambda given: given, [(outputs, labels)])
    assert score.classes is None
    assert score.further.keys() <= {"perplexity", "bits_per_character"}
    assert score.further["perplexity"] == pytest.approx(math.exp(score.loss))
    assert score.accuracy == pytest.approx((outputs.argmax(2) == labels).float().mean().item())


def test_a_run_keeps_them_of_its_newest_and_its_best_evaluation_over_a_resume(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole, parted = tiny_run(tmp_path / "a", epochs=3), tiny_run(tmp_path / "b", epochs=3)
    assert work(whole) == 0
    stop_and_resume(parted, 12)
    for best in (False, True):
        found, other = (read_classification(run, best=best) for run in (whole, parted))
        assert found is not None
        assert found == other
        step, epoch, accuracy, f1 = next(row for row in rows(whole, "evals", "epoch", ACCURACY, F1) if row[0] == found.step)
        assert (epoch, accuracy) == (found.epoch, found.right / sum(found.support))
        assert f1 == found.metrics[F1]
        assert step == (read_status(whole).best_epoch * 8 if best else 24)
    status = read_status(whole)
    assert status.metrics.keys() == {BALANCED_ACCURACY, F1}
    drop_later(whole, 23)
    assert read_classification(whole) is None

    runs = ["--runs", str(tmp_path / "b")]
    assert main(["show", parted.id, *runs]) == 0
    printed = capsys.readouterr().out
    assert "lowest accuracy" in printed
    assert "balanced accuracy" in printed
    assert main(["show", parted.id, *runs, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["classes"]["newest"]["step"] == 24


def test_classes_of_a_downloaded_data_set_have_their_names(tmp_path: Path) -> None:
    put(tmp_path / "data" / "FashionMNIST" / "raw", mnist_files())
    config = parse_config(f'model.kind = "mlp"\ndata = {{ kind = "fashion_mnist", root = "{tmp_path / "data"}" }}\ntraining = {{ epochs = 1, device = "cpu" }}')
    run = new_run(tmp_path, dump_config(config), {})
    assert work(run) == 0
    found = read_classification(run)
    assert found is not None
    assert (found.name(0), found.name(9), found.name(10)) == ("T-shirt/top", "Ankle boot", "none")


@pytest.mark.parametrize("kind", [FashionMnist, Cifar10, Cifar100])
def test_there_are_as_many_names_as_classes(kind: type[Downloaded]) -> None:
    assert len(set(kind.class_names)) == kind.known_shape.classes
    if kind is Cifar100:  # numbered in the order of their names
        assert list(kind.class_names) == sorted(kind.class_names)


def test_a_file_of_any_content_is_read_as_nothing_or_as_counts_that_agree(tmp_path: Path) -> None:
    run = Run(tmp_path)
    good = {"support": [2, 1], "predicted": [1, 2], "hits": [1, 1], "confused": [[0, 1, 1]], "worst": [[0, "nan", 0, 2]], "names": ["a", "b"], "step": 8}
    for text, expected in (
        (json.dumps(good), True),
        (json.dumps({**good, "hits": [9, 1]}), False),
        (json.dumps({**good, "support": [1]}), False),
        (json.dumps({**good, "confused": [[7, 0, 1], "x", [0, 1]], "worst": [[0, 1.0, 5, 0], None], "names": 3}), True),
        ("[]", False),
        ('{"support": 1e999}', False),
    ):
        (tmp_path / NEWEST).write_text(text)
        found = read_classification(run)
        assert (found is not None) == expected
        if found is not None:
            assert [found.name(each) for each in found.worst_first()]
            assert all(found.name(label) and found.name(other) for label, other, _ in found.confused)
