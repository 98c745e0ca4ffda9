"""What the command says of a quantization run, and what it refuses; the work itself is done by a fork of the torch server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from gradtop.trainer.jobs.quantize.measure import measure
from gradtop.trainer.launch import create_run, find_checkpoint
from gradtop.trainer.launch.run_config import changed_config
from gradtop.trainer.record import Run
from gradtop.trainer.runtime.worker import work
from tests.cli.conftest import Gradtop, Starts
from tests.training.runs import tiny_run
from tests.tui.quantize_fixture import quantize_run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    made = tiny_run(tmp_path / "runs")
    assert work(made) == 0
    return made


def test_a_run_is_quantized_one_method_is_written_and_evaluated(gradtop: Gradtop, running_server: int, run: Run) -> None:
    said = gradtop("quantize", "last", "--methods", "weight_int8,dynamic_int8_torch", "--batch-sizes", "1,4", "--compiled", "false", "--name", "swift-otter", "--json")
    assert (said.code, said.err) == (0, "")
    found = json.loads(said.out)
    assert [(each["method"], each["error"]) for each in found["trials"]] == [("", ""), ("weight_int8", ""), ("dynamic_int8_torch", "")]
    assert [time["batch"] for time in found["trials"][2]["latencies"]] == [1, 4]
    assert (found["state"], found["checkpoint"], found["layers"][0]["kind"]) == ("done", None, "Linear")
    assert found["verdict"].startswith('"75 % smaller" ')
    written = gradtop("quantize", "swift-otter", "--write", "weight_int8")
    assert written.out == f"quantized: weight_int8, written to {found['path']}/checkpoints/step-000016.pt\n"
    evaluated = json.loads(gradtop("eval", "swift-otter", "--json").out)
    assert evaluated["as_recorded"] is True
    assert evaluated["recorded"] == {name: evaluated["metrics"][name] for name in ("loss", "accuracy")}
    parent = json.loads(gradtop("eval", run.id, "--json").out)
    assert evaluated["before"] == {"run": run.id, "name": parent["name"], "step": parent["step"], "metrics": parent["metrics"]}
    *_, head, loss, accuracy, _, _, recorded, before = gradtop("eval", "swift-otter").out.splitlines()
    assert head.split() == ["metric", "value", "before", "change"]
    assert float(accuracy.split()[3]) == pytest.approx(evaluated["metrics"]["accuracy"] - parent["metrics"]["accuracy"], abs=1e-3)
    assert float(loss.split()[4]) == pytest.approx(evaluated["metrics"]["loss"] - parent["metrics"]["loss"], rel=0.1)
    assert (recorded, before) == ("as recorded when it was written", f"before: {parent['name']}, step 16")
    assert evaluated["metrics"]["loss"] == pytest.approx(found["trials"][1]["loss"], rel=1e-4)
    shown = gradtop("show", "swift-otter").out
    assert "quantized: weight_int8: checkpoints/step-000016.pt; evaluate it: gradtop eval" in shown
    assert "by torch.ao" in shown
    refused = gradtop("fork", "swift-otter")
    sentence = "swift-otter is a quantization run, whose checkpoint holds integers, which do not train on; fork the run whose weights it took"
    assert (refused.code, refused.err) == (2, f"gradtop: {sentence}\n")
    tested = gradtop("lr-range", "swift-otter", "--steps", "20", "--json")
    assert tested.code == 0, tested.err
    assert json.loads(tested.out)["state"] == "done"
    for job in ("quantize", "prune"):
        again = gradtop(job, "swift-otter")
        assert (again.code, again.err) == (2, "gradtop: swift-otter is a quantization run, whose checkpoint holds integers; name the run that trained instead\n")
    given = gradtop("quantize", run.id, "--checkpoint", f"{found['path']}/checkpoints/step-000016.pt", "--name", "calm-otter")
    assert (given.code, "is quantized (weight_int8); name the run that trained instead" in given.err + given.out) == (1, True), given.err


def test_a_plot_has_the_verdict_each_method_and_a_bar_as_long_as_each_layer_is_exact(gradtop: Gradtop, tmp_path: Path) -> None:
    made = quantize_run(tmp_path / "runs")
    said = gradtop("plot", made.id, "--width", "80")
    assert (said.code, said.err) == (0, "")
    rows = [" ".join(line.split()) for line in said.out.splitlines()]
    assert any(row.startswith('"75 % smaller" holds') for row in rows)
    assert any(row.startswith("weight_int4 ") and row.endswith("83 % smaller 0.35 × 0.50 × 0.65 ×") for row in rows), rows
    assert "dynamic_int8 torchao is not installed here: pip install 'gradtop[quantize]'" in rows
    start = rows.index("signal to quantization noise of outputs by layer, dynamic_int8_torch")
    bars = [row.split()[-1] for row in rows[start + 1 : start + 12]]
    # 40 dB and less by 1 from layer to layer; 60 dB are as long as there is room.
    room = 80 - len("blocks.0.linear") - 10 - 2
    assert [len(bar) for bar in bars] == [round((40 - place) / 60 * room) for place in range(11)]
    assert set("".join(bars)) == {"▆"}


def quantized_run(run: Run, method: str, name: str) -> tuple[Run, dict[str, torch.Tensor]]:
    """A quantization run with the checkpoint of a method, and the float weights that its integers stand for."""
    path = find_checkpoint(run).path
    _, config, changes = changed_config(run, ["quantize.batch_sizes=1"], job="quantize")
    made = create_run(run.path.parent, config, name=name, parent=run, checkpoint=path, changes=changes)
    measure(made, {"write": method})
    state = torch.load(find_checkpoint(made).path, weights_only=True)
    stored = state["quantization"]["tensors"]
    return made, {**state["model"], **{key: stored[key]["values"].float() * stored[key]["scales"] for key in stored}}


def test_a_quantized_checkpoint_predicts_as_a_model_with_its_weights(gradtop: Gradtop, running_server: int, run: Run, tmp_path: Path) -> None:
    quantized, weights = quantized_run(run, "weight_int8", "swift-otter")
    assert {key for key in weights if key.endswith("weight")} == {"linear1.weight", "head.weight"}
    Image.new("L", (4, 4), 200).save(tmp_path / "grey.png")

    def probabilities(run: Run) -> list[float]:
        said = gradtop("predict", run.id, "grey.png", "--json")
        assert (said.code, said.err) == (0, "")
        return [each["probability"] for each in json.loads(said.out)["predictions"][0]["top"]]

    found, before = probabilities(quantized), probabilities(run)
    path = find_checkpoint(run).path
    state = torch.load(path, weights_only=True)
    torch.save({**state, "model": weights}, path)
    assert found == pytest.approx(probabilities(run), abs=1e-7)
    assert found != pytest.approx(before, abs=1e-7)


def test_the_parameters_and_exports_of_a_quantized_checkpoint_say_that_they_are_float(gradtop: Gradtop, running_server: int, run: Run) -> None:
    quantized, weights = quantized_run(run, "dynamic_int8_torch", "swift-otter")
    counted = json.loads(gradtop("params", "swift-otter", "--checkpoint", "last", "--json").out)
    assert (counted["total"], counted["quantized"], {row["dtype"] for row in counted["rows"]}) == (16 * 8 + 8 + 8 * 3 + 3, "dynamic_int8_torch", {"float32"})
    assert "quantized (dynamic_int8_torch): the checkpoint holds integers" in gradtop("params", "swift-otter", "--checkpoint", "best").out
    assert "quantized" not in gradtop("params", run.id, "--checkpoint", "last").out
    said = gradtop("export", "swift-otter", "--model", "safetensors")
    assert (said.code, said.err) == (
        0,
        "the weights are float32 with the values of dynamic_int8_torch: the file is as large as that of a float model; the rounding of activations is not in the file\n",
    )
    exported = load_file(quantized.path / "export" / "safetensors" / "model.safetensors")
    assert exported.keys() == weights.keys()
    assert all(torch.equal(exported[key], weights[key]) for key in weights)


def test_a_quantized_checkpoint_that_was_tampered_with_is_refused_with_a_sentence(gradtop: Gradtop, running_server: int, run: Run, tmp_path: Path) -> None:
    quantized, _ = quantized_run(run, "weight_int8", "swift-otter")
    Image.new("L", (4, 4)).save(tmp_path / "grey.png")
    path = find_checkpoint(quantized).path
    state = torch.load(path, weights_only=True)
    state["quantization"]["tensors"]["head.weight"]["shape"] = [10**9, 10**9]
    torch.save(state, path)
    for words in (("eval", "swift-otter"), ("predict", "swift-otter", "grey.png"), ("params", "swift-otter", "--checkpoint", "last"), ("export", "swift-otter", "--model", "safetensors")):
        said = gradtop(*words)
        assert (said.code, said.out) == (2, ""), words
        assert said.err.startswith("gradtop: ")
        assert "the quantized weights in the checkpoint cannot be read: it is damaged" in said.err
        assert len(said.err.splitlines()) == 1
    assert not (quantized.path / "export").exists()


def test_what_cannot_be_quantized_is_said_before_anything_starts(gradtop: Gradtop, starts: Starts, tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "runs")
    said = gradtop("quantize", "last")
    assert (said.code, f"{run.id} has no checkpoint yet. Write one: gradtop checkpoint {run.id}" in said.err) == (2, True)
    assert work(run) == 0
    refused = {
        ("--methods", "int3"): "'int3' is not one of dynamic_int8, dynamic_int8_torch",
        ("--batch-sizes", "0"): "quantize.batch_sizes",
        ("--batch-sizes", "4,4"): "names a size twice",
        ("--write", "int3"): "'int3' is not one of dynamic_int8",
        ("--compiled", "maybe"): "quantize.compiled",
        ("--checkpoint", "99"): "has no checkpoint '99'",
    }
    for words, sentence in refused.items():
        said = gradtop("quantize", "last", *words)
        assert (said.code, sentence in said.err) == (2, True), said.err
    assert starts.started == []
    assert len(list((tmp_path / "runs").iterdir())) == 1
