"""What the command says of a quantization run, and what it refuses; the work itself is done by a fork of the torch server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gradtop.trainer.record import Run
from gradtop.trainer.runtime.worker import work
from tests.cli.conftest import Gradtop, Starts
from tests.training.runs import tiny_run


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
    assert evaluated["metrics"]["loss"] == pytest.approx(found["trials"][1]["loss"], rel=1e-4)
    shown = gradtop("show", "swift-otter").out
    assert "quantized: weight_int8: checkpoints/step-000016.pt; evaluate it: gradtop eval" in shown
    assert "by torch.ao" in shown
    refused = gradtop("fork", "swift-otter")
    assert (refused.code, "quantization run" in refused.err) == (2, True), refused.err
    again = gradtop("quantize", "swift-otter")
    assert (again.code, "is quantized (weight_int8); name the run that trained instead" in again.err + again.out) == (1, True), again.err


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
