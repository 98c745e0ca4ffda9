"""What is measured and written of a quantized checkpoint, against integers that are computed here, and the files."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from gradtop.trainer.checkpoint import format as checkpoint
from gradtop.trainer.inference.data import load_source
from gradtop.trainer.inference.evaluation import evaluate_checkpoint
from gradtop.trainer.inference.trained import open_trained, read_trained
from gradtop.trainer.jobs.quantize.measure import measure
from gradtop.trainer.jobs.quantize.measure.layers import left_alone, quantizable
from gradtop.trainer.jobs.quantize.measure.methods import by_torch
from gradtop.trainer.jobs.quantize.result import lines, read_quantize_trials
from gradtop.trainer.jobs.quantize.trial import trials_in
from gradtop.trainer.launch import create_run, find_checkpoint
from gradtop.trainer.launch.custom_code import code_of_run, remember
from gradtop.trainer.launch.run_config import changed_config
from gradtop.trainer.record import Run, RunReader, new_run
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.runtime.worker import work
from gradtop.trainer.training.fork import read_origin
from tests.documented import python_of

MODEL = """
[model]
{model}

[data]
kind = "digits"

[training]
epochs = 1
batch_size = 64
device = "cpu"
threads = 1
seed = 5
"""

MLP, CNN = 'kind = "mlp"\nhidden = [64]', 'kind = "cnn"\nchannels = [8, 8]'

LSTM = """
import torch

class Rows(torch.nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.lstm = torch.nn.LSTM(8, 16, batch_first=True)
        self.head = torch.nn.Linear(16, classes)

    def forward(self, images):
        return self.head(self.lstm(images.flatten(1)[:, :64].reshape(-1, 8, 8))[0][:, -1])

def build(classes):
    return Rows(classes)
"""

CONV_ONLY = """
import torch

def build(classes):
    return torch.nn.Sequential(torch.nn.Conv2d(1, 32, 3), torch.nn.Conv2d(32, classes, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
"""


@pytest.fixture(autouse=True)
def timed_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradtop.trainer.jobs.quantize.measure.timing.SECONDS", 0.001)


def trained(folder: Path, model: str) -> Run:
    run = new_run(folder / "runs", MODEL.format(model=model), {"cwd": str(folder)})
    assert work(run) == 0
    return run


def quantizing_of(run: Run, *words: str) -> Run:
    """As the command makes it, without a worker and without a compiler."""
    found = find_checkpoint(run, "last")
    _, config, changes = changed_config(run, ["quantize.compiled=false", "quantize.batch_sizes=1,4", *words], job="quantize")
    return create_run(run.path.parent, config, parent=run, checkpoint=found.path, changes=changes)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return trained(tmp_path_factory.mktemp("quantized"), MLP)


@pytest.fixture(scope="module")
def quantizing(run: Run) -> Run:
    return quantizing_of(run)


def custom(folder: Path, name: str, code: str) -> Run:
    (folder / f"{name}.py").write_text(code)
    run = new_run(folder / "runs", MODEL.format(model=f'kind = "custom"\ntarget = "{name}:build"'), {"cwd": str(folder)})
    remember(code_of_run(run, str(folder)))
    assert work(run) == 0
    return run


def in_integers(weight: torch.Tensor, *, high: int = 128, group: int = 0) -> torch.Tensor:
    """Symmetric, a scale for each row or group of columns: scale = max |w| / (high - 0.5)."""
    parts = weight.reshape(len(weight), -1, group or weight[0].numel())
    scale = parts.abs().amax(-1, keepdim=True) / (high - 0.5)
    return ((parts / scale).round().clamp(-high, high - 1) * scale).reshape(weight.shape)


def decibels(exact: torch.Tensor, rounded: torch.Tensor) -> float:
    return float(10 * torch.log10(exact.square().sum() / (exact - rounded).square().sum()))


def forward_mlp(weights: dict[str, torch.Tensor], inputs: torch.Tensor, dynamic: str) -> torch.Tensor:
    hidden = inputs.flatten(1)
    for layer in ("linear1", "head"):
        if dynamic == "row":
            scale = hidden.abs().amax(1, keepdim=True) / 127.5
            hidden = (hidden / scale).round().clamp(-128, 127) * scale
        elif dynamic == "tensor":
            low, high = min(float(hidden.min()), 0.0), max(float(hidden.max()), 0.0)
            scale, zero = torch.tensor((high - low) / 127), round(-low / ((high - low) / 127))
            hidden = (((hidden / scale).round() + zero).clamp(0, 127) - zero) * scale
        hidden = functional.linear(hidden, weights[f"{layer}.weight"], weights[f"{layer}.bias"])
        hidden = hidden.relu() if layer != "head" else hidden
    return hidden


@pytest.mark.parametrize(
    ("method", "high", "group", "dynamic"), [("dynamic_int8", 128, 0, "row"), ("dynamic_int8_torch", 128, 0, "tensor"), ("weight_int8", 128, 0, ""), ("weight_int4", 8, 32, "")]
)
def test_metrics_and_noise_are_those_of_integers_computed_by_hand(run: Run, quantizing: Run, method: str, high: int, group: int, dynamic: str) -> None:
    found = measure(quantizing, {"method": method})["trial"]
    opened = open_trained(read_trained(run, find_checkpoint(run).path), load_source)
    exact: dict[str, torch.Tensor] = {name: value.detach() for name, value in opened.model.state_dict().items()}
    rounded = {name: in_integers(value, high=high, group=group) if name.endswith("weight") else value for name, value in exact.items()}
    batches = list(opened.source.validation(64, torch.device("cpu")))
    loss = sum(float(functional.cross_entropy(forward_mlp(rounded, inputs, dynamic), labels, reduction="sum")) for inputs, labels in batches) / sum(len(labels) for _, labels in batches)
    # torch.ao chooses activations' scales for a batch, and the evaluation's batches are others.
    assert found["loss"] == pytest.approx(loss, rel=1e-2 if dynamic == "tensor" else 1e-4)
    noise = {each["name"]: each["weights"] for each in found["layers"]}
    assert noise == {name: pytest.approx(decibels(exact[f"{name}.weight"], rounded[f"{name}.weight"]), abs=0.1) for name in ("linear1", "head")}
    inputs = batches[0][0][:4].flatten(1)
    expected = functional.linear(inputs, exact["linear1.weight"], exact["linear1.bias"])
    outputs = {each["name"]: each["outputs"] for each in found["layers"]}["linear1"]
    if not dynamic:
        assert outputs == pytest.approx(decibels(expected, functional.linear(inputs, rounded["linear1.weight"], exact["linear1.bias"])), abs=0.2)
    assert outputs > 15
    assert [(each["batch"], each["compiled"]) for each in found["latencies"]] == [(1, None), (4, None)]
    assert found["quantized_share"] == 1.0


@pytest.mark.parametrize("method", ["dynamic_int8", "dynamic_int8_torch", "weight_int8", "weight_int4"])
def test_the_written_checkpoint_is_as_large_as_was_measured_and_evaluates_alike(run: Run, quantizing: Run, method: str, tmp_path: Path) -> None:
    found = measure(quantizing, {"method": method})["trial"]
    before = find_checkpoint(run).path.read_bytes()
    written = measure(quantizing, {"write": method})
    assert find_checkpoint(run).path.read_bytes() == before
    (info,) = RunReader(quantizing).checkpoints()
    assert (str(info.path), info.note, info.best) == (written["checkpoint"], f"quantized: {method}", True)
    evaluated = evaluate_checkpoint(quantizing, info.path)
    assert evaluated["metrics"]["loss"] == pytest.approx(found["loss"], rel=1e-4)
    assert evaluated["metrics"]["loss"] == pytest.approx(info.val_loss)
    # Read with weights_only, as plain tensors.
    state = torch.load(info.path, weights_only=True)
    path = tmp_path / "weights.pt"
    torch.save({"model": state["model"], "quantization": state["quantization"]}, path)
    assert found["file_bytes"] == pytest.approx(path.stat().st_size, abs=500)
    assert found["compressed_bytes"] == pytest.approx(len(zlib.compress(path.read_bytes(), 6)), abs=500)
    assert path.stat().st_size == pytest.approx(info.path.stat().st_size, abs=5000)
    assert state["quantization"]["tensors"]["head.weight"]["values"].element_size() == 1
    assert "optimizer" not in state


def test_a_quantized_checkpoint_trains_no_further_and_is_not_quantized_again(quantizing: Run) -> None:
    measure(quantizing, {"write": "weight_int8"})
    path = find_checkpoint(quantizing).path
    with pytest.raises(UserError, match=r"is quantized \(weight_int8\); name the run that trained instead"):
        measure(create_run(quantizing.path.parent, changed_config(quantizing, [], job="quantize")[1], parent=quantizing, checkpoint=path), {})
    _, config, changes = changed_config(quantizing, [], job="train")
    with pytest.raises(UserError, match="holds quantized weights, which do not train on"):
        read_origin(create_run(quantizing.path.parent, config, parent=quantizing, checkpoint=path, changes=changes))


def test_of_an_lstm_all_weights_are_quantized_by_torch_alone(tmp_path: Path) -> None:
    run = quantizing_of(custom(tmp_path, "rows_lstm", LSTM))
    about = measure(run, {})
    assert [(each["name"], each["kind"], each["dynamic"]) for each in about["layers"]] == [("lstm", "LSTM", True), ("head", "Linear", True)]
    both, linear = (measure(run, {"method": method})["trial"] for method in ("dynamic_int8_torch", "dynamic_int8"))
    assert ([each["name"] for each in both["layers"]], [each["name"] for each in linear["layers"]]) == (["lstm", "head"], ["head"])
    assert both["file_bytes"] < linear["file_bytes"]
    opened = read_trained(run, run.origin)
    exact = torch.cat([opened.tensors[f"lstm.weight_{kind}_l0"].flatten() for kind in ("ih", "hh")])
    rounded = torch.cat([in_integers(opened.tensors[f"lstm.weight_{kind}_l0"]).flatten() for kind in ("ih", "hh")])
    assert both["layers"][0]["weights"] == pytest.approx(decibels(exact, rounded), abs=0.1)
    measure(run, {"write": "dynamic_int8_torch"})
    evaluated = evaluate_checkpoint(run, find_checkpoint(run).path)
    assert evaluated["metrics"]["loss"] == pytest.approx(both["loss"], rel=0.05)


def test_dynamic_quantization_does_not_touch_convolutions_and_weights_alone_can_be_rounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = quantizing_of(custom(tmp_path, "only_convs", CONV_ONLY))
    monkeypatch.setattr("gradtop.trainer.launch.measuring.Measuring.answer", lambda _, question: measured_here(run, question))
    assert work(run) == 0
    reader = RunReader(run)
    reader.refresh()
    trials = {each.method: each for each in read_quantize_trials(reader)}
    assert trials["dynamic_int8"].error == trials["dynamic_int8_torch"].error == "it quantizes none of the layers of this model"
    assert trials["weight_int8"].error == ""
    assert trials["weight_int8"].compressed_bytes < 0.7 * trials[""].compressed_bytes
    assert dict(lines(reader))["verdict"].endswith(
        "do not hold: dynamic quantization does not touch this model: it has no linear layer or LSTM of its own to quantize: of its parameters 100 % in convolutions"
    )
    weight = read_trained(run, run.origin).tensors["0.weight"]
    noise = next(each.weights for each in trials["weight_int8"].layers if each.name == "0")
    assert noise == pytest.approx(decibels(weight, in_integers(weight)), abs=0.1)


def measured_here(run: Run, question: dict[str, Any]) -> dict[str, Any]:
    """In this process, where others would each import PyTorch; what is raised comes as an OSError, as from there."""
    try:
        return measure(run, question)
    except UserError as error:
        raise OSError(str(error)) from error


def test_a_run_goes_on_from_its_events_and_measures_nothing_again(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    quantizing = quantizing_of(run, "quantize.methods=weight_int8,dynamic_int8_torch", "quantize.write=weight_int8")
    asked: list[object] = []

    def answer(_: object, question: dict[str, Any]) -> dict[str, Any]:
        asked.append(question)
        if question.get("method") == "dynamic_int8_torch" and len(asked) < 5:
            raise MemoryError
        return measured_here(quantizing, question)

    monkeypatch.setattr("gradtop.trainer.launch.measuring.Measuring.answer", answer)
    assert work(quantizing) == 1
    assert [each.method for each in read_quantize_trials(RunReader(quantizing))] == ["", "weight_int8"]
    asked.clear()
    asked.extend([None] * 5)
    assert work(quantizing, resume=True) == 0
    assert asked[5:] == [{}, {"method": "dynamic_int8_torch"}, {"write": "weight_int8"}]
    reader = RunReader(quantizing)
    reader.refresh()
    assert [each.method for each in trials_in(reader.status.result["trials"])] == ["", "weight_int8", "dynamic_int8_torch"]
    said = dict(lines(reader))
    assert said["written"].startswith("quantized: weight_int8: checkpoints/step-")
    assert any(title == "method" and text.startswith("dynamic_int8_torch: ") and "by torch.ao" in text for title, text in lines(reader))


@pytest.mark.parametrize(
    ("words", "question", "said"),
    [
        (["quantize.layers=conv9"], {}, "no layer that can be quantized matches 'conv9'; there are linear1, head"),
        ([], {"write": "int3"}, "'int3' is not one of dynamic_int8"),
    ],
)
def test_what_does_not_work_is_said_in_a_sentence(run: Run, words: list[str], question: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as refused:
        measure(quantizing_of(run, *words), question)
    assert said in str(refused.value)


def test_without_torchao_the_extra_is_named_and_torch_still_measures(run: Run, quantizing: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.util import find_spec

    monkeypatch.setattr("importlib.util.find_spec", lambda name, *rest: None if name == "torchao" else find_spec(name, *rest))
    with pytest.raises(UserError, match=r"torchao is not installed here: pip install 'gradtop\[quantize\]'"):
        measure(quantizing, {"method": "weight_int8"})
    assert measure(quantizing, {})["layers"]
    with pytest.raises(UserError, match=r"weight_int8: torchao is not installed here"):
        measure(quantizing_of(run, "quantize.methods=weight_int8"), {})


def test_what_cannot_be_written_leaves_the_checkpoint_that_there_was(quantizing: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    measure(quantizing, {"write": "weight_int8"})
    before = {path.name: path.read_bytes() for path in quantizing.checkpoints.iterdir()}

    def full(_state: object, file: Any, **_options: object) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(torch, "save", full)
        with pytest.raises(UserError, match=r"cannot be written into .*No space left on device"):
            measure(quantizing, {"write": "weight_int4"})
    assert {path.name: path.read_bytes() for path in quantizing.checkpoints.iterdir()} == before


def test_a_damaged_quantized_checkpoint_is_told_in_a_sentence(quantizing: Run) -> None:
    measure(quantizing, {"write": "weight_int4"})
    path = find_checkpoint(quantizing).path
    state = checkpoint.load(path)
    state["quantization"]["tensors"]["head.weight"]["shape"] = [7, 7]
    torch.save(state, path)
    with pytest.raises(UserError, match="the quantized weights in the checkpoint cannot be read"):
        read_trained(quantizing, path)


@pytest.mark.parametrize("method", ["weight_int8", "weight_int4"])
def test_plain_pytorch_reads_the_file_as_the_documentation_says(run: Run, quantizing: Run, method: str) -> None:
    names: dict[str, Any] = {}
    exec(python_of("quantization")[0], names)  # noqa: S102 - of our documentation
    path = measure(quantizing, {"write": method})["checkpoint"]
    weights, exact = names["read_quantized"](path), read_trained(run, find_checkpoint(run).path).tensors
    assert weights.keys() == exact.keys()
    rounded = in_integers(exact["head.weight"], high=128 if method == "weight_int8" else 8, group=0 if method == "weight_int8" else 32)
    # Between two integers torchao may choose the other one.
    assert decibels(exact["head.weight"], weights["head.weight"]) == pytest.approx(decibels(exact["head.weight"], rounded), abs=0.1)
    assert torch.equal(weights["head.bias"], exact["head.bias"])


@pytest.mark.filterwarnings("ignore")  # torch.ao is deprecated; the job leaves out what it says of that
def test_a_transformer_layer_whose_linear_layers_are_those_of_torch_ao_computes_what_it_did() -> None:
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True).eval()
    inputs = torch.randn(2, 5, 16)
    with torch.no_grad():  # as in an evaluation, where it has a fast path of its own
        expected = layer(inputs)
        outputs = by_torch(layer, ["linear1", "linear2"], 1.0).model(inputs)
    assert not torch.equal(outputs, expected)
    torch.testing.assert_close(outputs, expected, atol=0.05, rtol=0.05)


def test_the_output_projection_of_an_attention_layer_counts_as_the_attention_layer() -> None:
    layer = nn.TransformerEncoderLayer(16, 2, 32)
    counts = {each["kind"]: each["parameters"] for each in left_alone(layer, quantizable(layer))}
    assert counts == {"MultiheadAttention": (3 * 16 + 16) * (16 + 1), "LayerNorm": 2 * 2 * 16}
