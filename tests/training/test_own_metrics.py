"""`training.metrics` of task.kind = custom: from the outputs and targets that the callable returns beside the loss."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from gradtop.trainer.checkpoint import format as checkpoint
from gradtop.trainer.inference.evaluation import evaluate_checkpoint
from gradtop.trainer.launch import find_checkpoint
from gradtop.trainer.record import new_run, read_status
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.runtime.worker import work
from gradtop.trainer.tasks.kinds.custom.returned import Returned, ReturnedMeter
from gradtop.trainer.tasks.task import AddedMetrics, Score
from gradtop.tui.cli.main import main
from tests.support import Later
from tests.training.nested_project import Reader, parts
from tests.training.own_task_configs import AUTOENCODER, NESTED, PROJECT, own_task_config
from tests.training.runs import rows

sklearn = Later("sklearn.metrics")


def measured(outputs: Tensor, targets: Tensor, *names: str, own: Score | None = None) -> Score:
    """In batches of several sizes."""
    meter = ReturnedMeter(AddedMetrics(names), "my:loss")
    for rows_, labels in zip(outputs.split([7, 20, len(outputs) - 27]), targets.split([7, 20, len(outputs) - 27]), strict=True):
        meter.add(Returned({}, rows_, labels))
    return meter.result(own or Score(1.0))


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape)))


def labels_of(classes: int, *shape: int) -> Tensor:
    return torch.randint(classes, shape, generator=torch.Generator().manual_seed(classes))


def test_of_one_class_for_each_sample() -> None:
    outputs, targets = drawn(40, 4), labels_of(4, 40)
    targets[3] = -1  # of no class
    found = measured(outputs, targets, "accuracy", "f1", "auroc")
    outputs, targets = outputs[targets >= 0], targets[targets >= 0]
    predicted, often = outputs.argmax(1), int(targets.mode().values)
    assert found.accuracy == pytest.approx(sklearn.accuracy_score(targets, predicted))
    assert found.further == pytest.approx({"f1": sklearn.f1_score(targets, predicted, average="macro"), "auroc": sklearn.roc_auc_score(targets, outputs.softmax(1), multi_class="ovr")})
    assert found.baselines == pytest.approx({
        "accuracy": (targets == often).float().mean().item(), "f1": sklearn.f1_score(targets, [often] * 39, average="macro"), "auroc": 0.5,
    })  # fmt: skip


def test_of_tokens() -> None:
    outputs, targets = drawn(40, 5, 6), labels_of(6, 40, 5)
    targets[:, 4] = -100
    found = measured(outputs, targets, "perplexity")
    assert found.further == pytest.approx({"perplexity": math.exp(torch.nn.functional.cross_entropy(outputs.flatten(0, 1), targets.flatten()).item())}, rel=1e-5)


def test_of_pixels() -> None:
    outputs, targets = drawn(40, 3, 2, 2), labels_of(3, 40, 2, 2)
    found = measured(outputs, targets, "mean_iou")
    assert found.further == pytest.approx({"mean_iou": sklearn.jaccard_score(targets.flatten(), outputs.argmax(1).flatten(), average="macro")})


@pytest.mark.parametrize("targets", [labels_of(2, 40, 3), labels_of(2, 40, 3).float()])
def test_of_several_labels_for_each_sample(targets: Tensor) -> None:
    outputs = drawn(40, 3)
    found = measured(outputs, targets, "average_precision", "auroc")
    assert found.further == pytest.approx({"average_precision": sklearn.average_precision_score(targets, outputs), "auroc": sklearn.roc_auc_score(targets, outputs)})
    assert found.baselines == pytest.approx({"average_precision": targets.float().mean().item(), "auroc": 0.5})


def test_of_numbers() -> None:
    outputs, targets = drawn(40, 1), drawn(40)
    found = measured(outputs, targets, "r2", "mape")
    assert found.further == pytest.approx({"r2": sklearn.r2_score(targets, outputs), "mape": sklearn.mean_absolute_percentage_error(targets, outputs)}, rel=1e-4)
    assert not found.baselines  # of what mean, only the code of the user knows


def test_what_the_callable_computes_itself_stands() -> None:
    found = measured(drawn(40, 4), labels_of(4, 40), "f1", "accuracy", own=Score(1.0, 0.25, {"f1": 0.5}))
    assert (found.accuracy, found.further, found.baselines) == (0.25, {"f1": 0.5}, {})


@pytest.mark.parametrize(
    ("outputs", "targets", "name", "said"),
    [
        (None, None, "f1", "f1 is computed from outputs and targets, and my:loss returns none; have it return"),
        (drawn(4, 3), labels_of(3, 5), "f1", "my:loss returns outputs of 4×3 float32 and targets of 5 int64; outputs"),
        (drawn(4, 3), labels_of(3, 4), "mae", "mae requires numbers as targets, and these data have labels of samples (by what my:loss returns)"),
        (drawn(4, 3), labels_of(3, 4), "top3_accuracy", "top3_accuracy requires at least 4 classes, and these data have 3"),
        (drawn(4, 3), labels_of(3, 4) + 3, "f1", "my:loss returns the target "),
        (drawn(4, 3), drawn(4, 3), "auroc", "my:loss returns targets other than 0 and 1"),
    ],
)
def test_what_metrics_cannot_be_computed_from(outputs: Tensor | None, targets: Tensor | None, name: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        ReturnedMeter(AddedMetrics((name,)), "my:loss").add(Returned({}, outputs, targets))
    assert str(caught.value).startswith(f"training.metrics: {said}")


def test_a_run_records_them_and_is_judged_by_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of what a model of Hugging Face's returns, the logits are the outputs."""
    run = new_run(tmp_path, own_task_config(f"{NESTED}:reader", f"{NESTED}:encoded", f"{PROJECT}:own_loss", training='metrics = ["f1", "auroc", "tests.tasks.metrics.mine:error_rate"]\nmonitor = "auroc"\n'), {})
    assert work(run) == 0, read_status(run).error
    status = read_status(run)
    assert (status.monitor, status.monitor_mode, status.headline) == ("auroc", "max", "auroc")
    assert status.best == max(value for _, value in rows(run, "evals", "auroc"))
    model = Reader()
    model.load_state_dict(checkpoint.load(find_checkpoint(run).path)["model"])
    words, mask, of, labels = parts(1)
    with torch.no_grad():
        logits = model.eval()(words, mask, (of,), labels=labels).logits
    predicted = logits.argmax(1)
    wanted = [sklearn.f1_score(labels, predicted, average="macro"), sklearn.roc_auc_score(labels, logits.softmax(1), multi_class="ovr"), (predicted != labels).float().mean().item()]
    assert list(rows(run, "evals", "f1", "auroc", "error_rate")[-1][1:]) == pytest.approx(wanted, abs=1e-6)
    assert status.baselines["auroc"] == 0.5
    assert evaluate_checkpoint(run, find_checkpoint(run).path)["as_recorded"]
    assert main(["show", str(run.path)]) == 0
    assert "AUROC" in capsys.readouterr().out


def test_a_callable_that_returns_no_outputs_is_told_of_before_training(tmp_path: Path) -> None:
    run = new_run(tmp_path, AUTOENCODER + 'metrics = ["r2"]\n', {})
    assert work(run) == 1
    assert read_status(run).step == 0
    assert read_status(run).error.startswith(f"training.metrics: r2 is computed from outputs and targets, and {PROJECT}:reconstruction returns none; have it return")
