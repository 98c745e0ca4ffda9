"""Trainings on samples of several tensors, with models that return what Hugging Face's do."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional

from gradtop.trainer.checkpoint import format as checkpoint
from gradtop.trainer.inference.evaluation import evaluate_checkpoint
from gradtop.trainer.inference.export.model import export_model
from gradtop.trainer.inference.prediction import predict
from gradtop.trainer.jobs.prune.measure import measure as prune
from gradtop.trainer.jobs.quantize.measure import measure as quantize
from gradtop.trainer.launch import create_run, find_checkpoint
from gradtop.trainer.launch.custom_code import code_of_run, remember
from gradtop.trainer.launch.run_config import changed_config
from gradtop.trainer.record import Run, new_run, read_status
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.runtime.worker import work
from gradtop.trainer.server.config_check import check_config
from gradtop.trainer.training.build import read_valid_config
from tests.training import nested_project
from tests.training.nested_project import Reader, parts
from tests.training.runs import check_alike, every_checkpoint, rows, stop_and_resume

CONFIG = """
[model]
kind = "custom"
target = "tests.training.nested_project:{model}"
{arguments}

[data]
kind = "custom"
target = "tests.training.nested_project:{data}"

[training]
epochs = 3
batch_size = 16
device = "cpu"
threads = 1
seed = 2
"""


def of(folder: Path, model: str = "reader", data: str = "encoded", arguments: str = "") -> Run:
    return new_run(folder, CONFIG.format(model=model, data=data, arguments=arguments), {})


def job_of(run: Run, job: str, *words: str) -> Run:
    remember(code_of_run(run))
    _, config, changes = changed_config(run, words, job=job)
    return create_run(run.path.parent, config, parent=run, checkpoint=find_checkpoint(run).path, changes=changes)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    made = of(tmp_path_factory.mktemp("nested"))
    with every_checkpoint():
        assert work(made) == 0, read_status(made).error
    return made


def reader_of(run: Run) -> Reader:
    model = Reader()
    model.load_state_dict(checkpoint.load(find_checkpoint(run).path)["model"])
    return model.eval()


@torch.no_grad()
def test_the_recorded_loss_is_that_of_plain_pytorch(run: Run) -> None:
    words, mask, vectors, labels = parts(1)
    loss = functional.cross_entropy(reader_of(run)(words, mask, (vectors,)).logits, labels).item()
    step, recorded = rows(run, "evals", "loss")[-1]
    assert step == 9
    assert recorded == pytest.approx(loss, rel=1e-5)
    answer = evaluate_checkpoint(run, find_checkpoint(run).path)
    assert answer["as_recorded"]


def test_a_resume_is_bit_equal(run: Run, tmp_path: Path) -> None:
    parted = of(tmp_path)
    with every_checkpoint():
        stop_and_resume(parted, 2, 4)
    check_alike(run, parted)


@pytest.mark.parametrize(("model", "data", "arguments"), [("pair", "triples", ""), ("reader", "in_memory", 'arguments = {returns = "dict"}'), ("reader", "encoded", 'arguments = {returns = "tuple"}')])
def test_tuples_and_dicts_of_every_kind_train(tmp_path: Path, model: str, data: str, arguments: str) -> None:
    run = of(tmp_path, model, data, arguments)
    assert work(run) == 0, read_status(run).error
    assert read_status(run).metrics


def test_a_model_that_returns_no_outputs_is_told_of(tmp_path: Path) -> None:
    run = of(tmp_path, arguments='arguments = {returns = "nothing"}')
    assert work(run) == 1
    assert read_status(run).error.startswith("the model returns a dict of loss, name, in which there are no outputs")


def test_a_model_of_ours_takes_one_tensor(tmp_path: Path) -> None:
    text = CONFIG.format(model="", data="triples", arguments="").replace('kind = "custom"\ntarget = "tests.training.nested_project:"', 'kind = "mlp"')
    run = new_run(tmp_path, text, {})
    assert work(run) == 1
    assert "model.kind = mlp takes one tensor, and tests.training.nested_project:triples returns samples of several; set model.kind = custom" in read_status(run).error


def test_what_is_exported_gives_the_outputs_of_the_model(run: Run, tmp_path: Path) -> None:
    facts = {}
    tuples = of(tmp_path / "tuples", "pair", "triples")
    assert work(tuples) == 0
    for to, of_run in (("safetensors", run), ("pt2", tuples)):
        (tmp_path / to).touch()
        facts[to] = export_model(of_run, find_checkpoint(of_run).path, to, tmp_path / to)
        assert facts[to]["deviation"] <= 1e-6
    assert torch.equal(load_file(tmp_path / "safetensors")["head.weight"], reader_of(run).head.weight)
    assert facts["safetensors"]["structure"] == "{input_ids: 32×5 int64, attention_mask: 32×5 bool, more: (32×4 float32)}"
    with (tmp_path / "pt2").open("rb") as file:
        program = torch.export.load(file).module()
    words, _, vectors, _ = parts(1)
    assert program(words[:3], vectors[:3]).shape == (3, nested_project.CLASSES)
    with pytest.raises(UserError, match=r"--model onnx takes models of one tensor, and an input of this one is \(.*\); use --model pt2 or safetensors"):
        export_model(tuples, find_checkpoint(tuples).path, "onnx", tmp_path / "pt2")


def test_a_program_of_a_model_that_returns_an_object_returns_its_logits(run: Run, tmp_path: Path) -> None:
    (tmp_path / "pt2").touch()
    assert export_model(run, find_checkpoint(run).path, "pt2", tmp_path / "pt2")["deviation"] <= 1e-6
    program = torch.export.load(tmp_path / "pt2").module()
    words, present, vectors, _ = parts(1)
    given = {"input_ids": words[:3], "attention_mask": present[:3], "more": (vectors[:3],)}
    with torch.no_grad():
        torch.testing.assert_close(program(**given), reader_of(run).eval()(**given).logits)


def test_predict_says_what_it_takes(run: Run) -> None:
    with pytest.raises(UserError, match="predict takes pictures for a classifier"):
        predict(run, find_checkpoint(run).path, ["a.png"], {})


@torch.no_grad()
def test_samples_of_its_own_data_are_predicted_beside_their_targets(run: Run) -> None:
    words, mask, vectors, labels = parts(1)
    wanted = reader_of(run)(words, mask, (vectors,)).logits.softmax(1)
    answer = predict(run, find_checkpoint(run).path, [], {"data": "validation", "index": [40, 3], "top": 2})
    assert [each["index"] for each in answer["predictions"]] == [40, 3]
    for each in answer["predictions"]:
        row = wanted[each["index"]]
        assert [one["class"] for one in each["top"]] == row.argsort(descending=True)[:2].tolist()
        assert each["top"][0]["probability"] == pytest.approx(row.max().item(), rel=1e-5)
        assert each["target"] == {"class": int(labels[each["index"]]), "name": None}
    trained_on = predict(run, find_checkpoint(run).path, [], {"data": "train"})["predictions"]
    assert [each["target"]["class"] for each in trained_on] == parts(0)[3].tolist()
    with pytest.raises(UserError, match="--index 48: the validation data have 48 samples, from 0 to 47"):
        predict(run, find_checkpoint(run).path, [], {"data": "validation", "index": [48]})
    with pytest.raises(UserError, match="--data test: these data hold out no test set"):
        predict(run, find_checkpoint(run).path, [], {"data": "test"})


def test_it_is_pruned_and_quantized(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradtop.trainer.jobs.prune.measure.SECONDS", 0.001)
    monkeypatch.setattr("gradtop.trainer.jobs.quantize.measure.timing.SECONDS", 0.001)
    pruning = job_of(run, "prune")
    assert prune(pruning, {})["output"] == "head"
    words, mask, vectors, labels = parts(1)
    model = reader_of(run)
    torch.nn.utils.prune.l1_unstructured(model.head, "weight", 0.5)
    torch.nn.utils.prune.remove(model.head, "weight")
    with torch.no_grad():
        loss = functional.cross_entropy(model(words, mask, (vectors,)).logits, labels).item()
    assert prune(pruning, {"method": "layer_l1", "amount": 0.5})["loss"] == pytest.approx(loss, rel=1e-5)
    found = quantize(job_of(run, "quantize", "quantize.compiled=false"), {"method": "weight_int8"})
    assert [layer["name"] for layer in found["trial"]["layers"]] == ["head"]


def test_check_tells_the_structure(run: Run, tmp_path: Path) -> None:
    about = check_config(read_valid_config(run), tmp_path, lambda _: None)
    assert about["batch"]["structure"] == "{input_ids: 16×5 int64, attention_mask: 16×5 bool, more: (16×4 float32)}"
    assert about["batch"]["inputs"] == [16, 5]
    assert about["memory"]["per_sample"] > 5 * 8 + 5 + 4 * 4
