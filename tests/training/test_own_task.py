"""task.kind = custom: what a callable returns is trained on, charted and monitored."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

from gradtop.trainer.checkpoint import format as checkpoint
from gradtop.trainer.config import ConfigProblems
from gradtop.trainer.config.validate import validate
from gradtop.trainer.inference.evaluation import evaluate_checkpoint
from gradtop.trainer.inference.export.model import export_model
from gradtop.trainer.inference.prediction import predict
from gradtop.trainer.jobs.batch_size.measure import measure as batch_sizes
from gradtop.trainer.jobs.init_comparison.measure import measure as init_losses
from gradtop.trainer.jobs.prune.measure import measure as prune
from gradtop.trainer.jobs.speed.measure import measure as speed
from gradtop.trainer.launch import create_run, find_checkpoint
from gradtop.trainer.launch.custom_code import code_of, code_of_run, remember
from gradtop.trainer.launch.run_config import changed_config
from gradtop.trainer.record import Run, new_run, read_status
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.runtime.worker import work
from gradtop.trainer.server.config_check import check_config
from gradtop.trainer.training.build import read_valid_config
from gradtop.tui.cli.check import lines
from gradtop.tui.cli.main import main
from tests.training.nested_project import Reader, parts
from tests.training.own_task_configs import AUTOENCODER, NESTED, PROJECT, READER, TRAINING, own_task_config
from tests.training.own_task_project import Autoencoder, contrastive, vectors
from tests.training.runs import check_alike, events, every_checkpoint, rows, stop_and_resume


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    made = new_run(tmp_path_factory.mktemp("own"), READER, {})
    with every_checkpoint():
        assert work(made) == 0, read_status(made).error
    return made


def job_of(run: Run, job: str, *words: str) -> Run:
    remember(code_of_run(run))
    _, text, changes = changed_config(run, words, job=job)
    return create_run(run.path.parent, text, parent=run, checkpoint=find_checkpoint(run).path, changes=changes)


@torch.no_grad()
def expected(run: Run) -> dict[str, float]:
    model = Reader()
    model.load_state_dict(checkpoint.load(find_checkpoint(run).path)["model"])
    words, mask, of, labels = parts(1)
    found = model.eval()(words, mask, (of,), labels=labels)
    return {
        "loss": 0.5 * functional.cross_entropy(found.logits, labels).item(),
        "accuracy": (found.logits.argmax(1) == labels).float().mean().item(),
        "hidden_norm": found.hidden.norm(dim=1).mean().item(),
        "share_of_zeros": (labels == 0).float().mean().item(),
    }


def test_what_it_returns_is_recorded_as_plain_pytorch_computes_it(run: Run) -> None:
    wanted = expected(run)
    step, *values = rows(run, "evals", *wanted)[-1]
    assert step == 9
    assert values == pytest.approx(list(wanted.values()), rel=1e-5)
    status = read_status(run)
    assert (status.headline, status.monitor, status.monitor_mode) == ("hidden_norm", "hidden_norm", "max")
    assert status.best == max(value for _, value in rows(run, "evals", "hidden_norm"))
    assert events(run, "epoch")[-1]["metrics"].keys() == {"hidden_norm", "share_of_zeros"}
    answer = evaluate_checkpoint(run, find_checkpoint(run).path)
    assert answer["as_recorded"]
    assert list(answer["metrics"]) == ["loss", "accuracy", "hidden_norm", "share_of_zeros"]


def test_the_mean_is_weighted_by_the_size_of_a_batch(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradtop.trainer.inference.evaluation.evaluation_batch", lambda *_: 7)  # the last one has 6
    answer = evaluate_checkpoint(run, find_checkpoint(run).path)
    assert answer["metrics"] == pytest.approx(expected(run), rel=1e-5)


def test_a_resume_is_bit_equal(run: Run, tmp_path: Path) -> None:
    parted = new_run(tmp_path, READER, {})
    with every_checkpoint():
        stop_and_resume(parted, 2, 4)
    check_alike(run, parted, "hidden_norm")
    assert rows(run, "evals", "accuracy", "share_of_zeros") == rows(parted, "evals", "accuracy", "share_of_zeros")


@pytest.mark.parametrize("command", ["show", "ls", "lineage", "plot", "events", "watch"])
def test_commands_know_what_is_charted(run: Run, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    named = ["--runs", str(run.path.parent)]
    words = {"plot": [run.id, "hidden_norm"], "ls": ["--columns", "name,hidden_norm,best"]}.get(command, [run.id])
    assert main([command, *words, *named]) == 0
    assert "hidden" in capsys.readouterr().out


def test_programs_know_what_is_charted(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    named = ["--runs", str(run.path.parent)]
    main(["ls", "--json", run.id, *named])
    (found,) = json.loads(capsys.readouterr().out)
    assert found["metrics"].keys() == {"hidden_norm", "share_of_zeros"}
    assert main(["wait", run.id, "--until", "hidden_norm>0", *named]) == 0
    assert main(["wait", run.id, "--until", "hidden norm>0", *named]) == 2
    assert main(["export", run.id, "--to", "csv", "--output", str(run.path / "csv"), *named]) == 0
    assert "hidden_norm" in (run.path / "csv" / "evals.csv").read_text().splitlines()[0]


def test_samples_without_a_target_are_given_as_they_are(tmp_path: Path) -> None:
    run = new_run(tmp_path, AUTOENCODER, {})
    assert work(run) == 0, read_status(run).error
    model = Autoencoder()
    model.load_state_dict(checkpoint.load(find_checkpoint(run).path)["model"])
    _, validation = vectors()
    with torch.no_grad():
        assert rows(run, "evals", "loss")[-1][1] == pytest.approx(functional.mse_loss(model(validation), validation).item(), rel=1e-5)
    assert read_status(run).headline == "loss"


def test_tuples_of_three_are_given_as_they_are(tmp_path: Path) -> None:
    run = new_run(tmp_path, own_task_config(f"{PROJECT}:autoencoder", f"{PROJECT}:pairs", f"{PROJECT}:contrastive", "{margin = 0.5}"), {})
    assert work(run) == 0, read_status(run).error
    model = Autoencoder()
    model.load_state_dict(checkpoint.load(find_checkpoint(run).path)["model"])
    _, second = vectors()
    with torch.no_grad():
        loss = contrastive(model, (second, second * 2, torch.arange(15) % 2), margin=0.5).item()
    assert rows(run, "evals", "loss")[-1][1] == pytest.approx(loss, rel=1e-5)


def test_what_a_model_computes_by_itself_is_the_loss(tmp_path: Path) -> None:
    run = new_run(tmp_path, own_task_config(f"{NESTED}:reader", f"{NESTED}:encoded", f"{PROJECT}:own_loss"), {})
    assert work(run) == 0, read_status(run).error
    assert [value for _, value in rows(run, "evals", "loss")][-1] == pytest.approx(2 * expected(run)["loss"], rel=1e-5)


def test_data_and_models_of_gradtop_are_given_with_their_labels(tmp_path: Path) -> None:
    text = f'[model]\nkind = "mlp"\nhidden = [8]\n\n[data]\nkind = "fake"\nsamples = 60\nclasses = 3\nimage_size = 4\nchannels = 1\n\n[task]\nkind = "custom"\ntarget = "{PROJECT}:cross_entropy"\n{TRAINING}precision = "bf16"\n'
    run = new_run(tmp_path, text, {})
    assert work(run) == 0, read_status(run).error
    assert all(0 < value < 1 for _, value in rows(run, "evals", "top"))


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("raises", "wrong raised RuntimeError: the weather"),
        ("only in training", "wrong raised RuntimeError: not in training"),
        ("exits", "wrong raised SystemExit: 3"),
        ("a vector", "loss is a tensor of 2 float32; one number is expected, such as a mean over the batch"),
        ("no loss", "returns a dict of distance; a key loss is expected"),
        ("losses", "a key loss is expected: a training has one model, one loss and one optimizer; several of them, such as those of a GAN, need a loop of their own: write a script"),
        ("a pair", "returns tuple; the loss is expected, a tensor with one number, or a dict with a key loss: a training has one model, one loss"),
        ("a number", "loss is float; a tensor is expected, which knows how it was computed"),
        ("detached", "depends on no parameter that trains"),
        ("a name", "returns 'a b', which cannot be the name of a metric"),
        ("a column", "returns 'grad_norm', which cannot be the name of a metric"),
        ("a text", "note is str; a number is expected"),
        ("nothing", "returns NoneType; the loss is expected"),
    ],
)
def test_what_is_no_loss_is_told_of_before_training(tmp_path: Path, how: str, said: str) -> None:
    run = new_run(tmp_path, own_task_config(f"{PROJECT}:autoencoder", f"{PROJECT}:vectors", f"{PROJECT}:wrong", f'{{how = "{how}"}}'), {})
    assert work(run) == 1
    error = read_status(run).error
    assert f"task.target: {PROJECT}:wrong" in error or "the loss that" in error
    assert said in error
    assert read_status(run).step == 0


def test_what_raises_while_training_ends_it_with_a_sentence_and_leaves_what_was_trained(tmp_path: Path) -> None:
    run = new_run(tmp_path, own_task_config(f"{PROJECT}:autoencoder", f"{PROJECT}:vectors", f"{PROJECT}:breaking", "{steps = 5}"), {})
    assert work(run) == 1
    status = read_status(run)
    # One of the calls is that before training.
    assert (status.step, status.error) == (3, f"task.target: {PROJECT}:breaking raised KeyError: 'words' (the traceback is in worker.log)")
    assert find_checkpoint(run).path.name == "step-000002.pt"


def test_a_search_by_what_is_charted_needs_its_direction() -> None:
    tables = {"job": "search", "task": {"kind": "custom", "target": "a.b:c"}}
    search = {"objectives": ["distance"], "space": {"optimizer.lr": "log(1e-4, 1e-1)"}, "trials": 2}
    assert validate({**tables, "search": {**search, "directions": ["max"]}})
    with pytest.raises(ConfigProblems, match=r"search\.directions: must have min or max for distance, of which only its code knows which is better"):
        validate({**tables, "search": search})


def test_a_group_of_batches_is_as_one_large_batch(tmp_path: Path) -> None:
    losses = []
    for batch_size, accumulate in ((16, 1), (8, 2)):
        text = AUTOENCODER.replace("batch_size = 16", f"batch_size = {batch_size}\naccumulate = {accumulate}")
        run = new_run(tmp_path / str(accumulate), text, {})
        assert work(run) == 0, read_status(run).error
        losses.append([loss for _, loss in rows(run, "steps", "loss")])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_a_metric_that_is_not_returned_cannot_be_monitored(tmp_path: Path) -> None:
    run = new_run(tmp_path, READER.replace('monitor = "hidden_norm"', 'monitor = "hidden"'), {})
    assert work(run) == 1
    assert read_status(run).error == (
        f"training.monitor = hidden, and {PROJECT}:charted returns loss, accuracy, hidden_norm, share_of_zeros; set it to one of these, have the callable return it, or name it in training.metrics"
    )


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"training": {"monitor": "own"}}, "training.monitor_mode: must be min or max where training.monitor is own"),
        ({"training": {"label_smoothing": 0.1}}, "training.label_smoothing: requires classes; task.kind is custom"),
        ({"augment": {"mixup": 0.2}}, "augment.mixup: requires classes; task.kind is custom"),
    ],
)
def test_what_cannot_be_combined(tables: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigProblems, match=said.replace(".", r"\.")):
        validate({"task": {"kind": "custom", "target": "a.b:c"}, **tables})


def test_it_is_code_that_is_asked_about() -> None:
    (code,) = code_of({"task": {"kind": "custom", "target": "a.b:c", "arguments": {"margin": 1}}})
    assert (code.key, code.target, code.arguments) == ("task.target", "a.b:c", '{"margin": 1}')


def test_jobs_that_measure_a_training_take_it(run: Run) -> None:
    assert batch_sizes(job_of(run, "batch_size"), {"batch_size": 8, "steps": 1, "warmup": 0})["fits"]
    found = speed(job_of(run, "speed"), {"changes": {}, "first_steps": 2, "seconds": 0.01})
    assert math.isfinite(found["loss"])
    assert init_losses(job_of(run, "init_comparison"), {})["weights"]
    assert prune(job_of(run, "prune"), {})["output"] == "head"
    about = check_config(read_valid_config(run), run.path.parent, lambda _: None)
    assert about["model"]["outputs"] == []
    assert about["loss"]["samples"] == 16
    said = dict(lines({**about, "problems": []}))
    assert "classes" not in said
    assert said["first batch"].startswith("{input_ids: 16×5 int64, attention_mask: 16×5 bool, more: (16×4 float32)}; the first one: 0 to 6")


def test_what_needs_to_know_the_outputs_says_so(run: Run, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="predict cannot say what the outputs mean"):
        predict(run, find_checkpoint(run).path, ["a.png"], {})
    pairs = new_run(tmp_path, own_task_config(f"{PROJECT}:autoencoder", f"{PROJECT}:pairs", f"{PROJECT}:contrastive"), {})
    assert work(pairs) == 0
    with pytest.raises(UserError, match="the model cannot be called with the inputs of a sample alone"):
        export_model(pairs, find_checkpoint(pairs).path, "safetensors", tmp_path / "a")


def test_several_models_are_a_script(tmp_path: Path) -> None:
    run = new_run(tmp_path, own_task_config(f"{PROJECT}:several_models", f"{PROJECT}:vectors", f"{PROJECT}:reconstruction"), {})
    assert work(run) == 1
    assert read_status(run).error.endswith("returns tuple, not a torch.nn.Module: a training has one model, one loss and one optimizer; several of them, such as those of a GAN, need a loop of their own: write a script")
