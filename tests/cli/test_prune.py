"""What the command says of a pruning run, and what it refuses; the work itself is done by a fork of the torch server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from gradtop.trainer.launch import find_checkpoint
from gradtop.trainer.launch.run_config import changed_config
from gradtop.trainer.record import Run, new_run, read_meta
from gradtop.trainer.runtime.worker import work
from tests.cli.conftest import Gradtop, Starts
from tests.training.runs import tiny_run
from tests.tui.prune_fixture import prune_run
from tests.tui.range_fixture import range_run

BARE = """
import torch

class Bare(torch.nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.matrix = torch.nn.Parameter(torch.zeros(16, classes))

    def forward(self, images):
        return images.flatten(1) @ self.matrix

def build(classes):
    return Bare(classes)
"""
CUSTOM = '[model]\nkind = "custom"\ntarget = "bare:build"\n\n[data]\nkind = "fake"\nsamples = 40\nclasses = 3\nimage_size = 4\nchannels = 1\n\n[training]\nepochs = 1\nbatch_size = 8\n'


@pytest.fixture
def run(tmp_path: Path) -> Run:
    made = tiny_run(tmp_path / "runs")
    assert work(made) == 0
    return made


def test_a_run_is_pruned_one_amount_is_written_and_used_as_any_checkpoint(gradtop: Gradtop, running_server: int, run: Run, tmp_path: Path) -> None:
    said = gradtop("prune", "last", "--amounts", "0.5", "--methods", "global_l1,layer_l1", "--name", "swift-otter", "--json")
    assert (said.code, said.err) == (0, "")
    found = json.loads(said.out)
    assert [(each["method"], each["amount"]) for each in found["trials"]] == [("", 0), ("global_l1", 0.5), ("layer_l1", 0.5)]
    assert found["trials"][1]["nonzero"] < found["trials"][0]["nonzero"]
    assert (found["state"], found["checkpoint"]) == ("done", None)
    said = gradtop("fork", "swift-otter")
    assert (said.code, said.err) == (2, f"gradtop: {found['id']} has no checkpoint yet. Write one: gradtop prune {found['id']} --write AMOUNT\n")
    written = gradtop("prune", "swift-otter", "--write", "layer_l1:0.5")
    assert written.out == f"pruned: layer_l1 50 %, written to {found['path']}/checkpoints/step-000016.pt\n"
    evaluated = json.loads(gradtop("eval", "swift-otter", "--json").out)
    assert evaluated["metrics"]["loss"] == pytest.approx(found["trials"][2]["loss"])
    parent = json.loads(gradtop("eval", run.id, "--json").out)
    assert evaluated["before"] == {"run": run.id, "name": parent["name"], "step": parent["step"], "metrics": parent["metrics"]}
    told = gradtop("eval", "swift-otter").out
    assert "swift-otter, step 16 (best), pruned: layer_l1 50 %" in told
    assert told.splitlines()[-1] == f"before: {parent['name']}, step 16"
    shown = gradtop("show", "swift-otter").out
    assert "pruned: layer_l1 50 %: checkpoints/step-000016.pt; train it on: gradtop fork" in shown
    assert "a mask alone makes no file smaller" in shown
    tuned = gradtop("fork", "swift-otter", "training.epochs=3", "--name", "tuned")
    assert tuned.code == 0, tuned.err
    assert "the pruning mask: 50.0 % of 152 prunable weights stay zero" in gradtop("show", "tuned").out
    assert "76 weights (" in gradtop("show", "tuned").out
    assert "a pruning mask keeps 76 of them at zero" in gradtop("params", "tuned").out
    assert json.loads(gradtop("params", "tuned", "--checkpoint", "last", "--json").out)["masked"] == 76
    exported = gradtop("export", "swift-otter", "--model", "safetensors", "--output", tmp_path / "pruned.safetensors")
    assert exported.code == 0, exported.err


def test_what_cannot_be_pruned_is_said_before_anything_starts(gradtop: Gradtop, starts: Starts, tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "runs")
    refused = {
        ("last",): f"{run.id} has no checkpoint yet. Write one: gradtop checkpoint {run.id}",
        ("nobody",): "nobody",
        ("last", "--write", "0.5"): "has no checkpoint yet",
    }
    for words, sentence in refused.items():
        said = gradtop("prune", *words)
        assert (said.code, sentence in said.err) == (2, True), said.err
    assert work(run) == 0
    known = {
        ("--amounts", "1.5"): "prune.amounts",
        ("--methods", "l3"): "'l3' is not one of global_l1, layer_l1",
        ("--write", "1.5"): "the amount is 1.5",
        ("--checkpoint", "99"): "has no checkpoint '99'. Use last, best, the path of a file, or one of the steps",
        ("model.hidden=[9]",): "model.hidden: the checkpoint is of a model that was trained otherwise",
    }
    for words, sentence in known.items():
        said = gradtop("prune", "last", *words)
        assert (said.code, sentence in said.err) == (2, True), said.err
    assert starts.started == []
    assert len(list((tmp_path / "runs").iterdir())) == 1


def test_a_run_that_does_not_train_is_refused_and_a_pruning_run_takes_no_settings_with_write(gradtop: Gradtop, run: Run, tmp_path: Path) -> None:
    _, config, _ = changed_config(run, [], job="prune")
    from gradtop.trainer.launch import create_run, find_checkpoint

    create_run(tmp_path / "runs", config, name="swift-otter", parent=run, checkpoint=find_checkpoint(run).path)
    said = gradtop("prune", "swift-otter", "--write", "0.5", "training.seed=3")
    assert "swift-otter is a pruning run already, and --write takes no settings there; leave out training.seed=3" in said.err
    range_run(tmp_path / "runs")
    said = gradtop("prune", "last")
    assert (said.code, "is a learning-rate range test, which leaves no checkpoint; name a run that trained" in said.err) == (2, True), said.err


def test_a_model_without_layers_that_can_be_pruned_fails_with_a_sentence(gradtop: Gradtop, running_server: int, tmp_path: Path) -> None:
    (tmp_path / "bare.py").write_text(BARE)
    run = new_run(tmp_path / "runs", CUSTOM, {"cwd": str(tmp_path)})
    assert gradtop("resume", "last", "--yes").code == 0
    said = gradtop("prune", run.id, "--yes")
    assert (said.code, "no convolutions and no linear layers with weights of their own" in said.err + said.out) == (1, True), said.err + said.out


def test_a_plot_names_the_command_that_trains_the_written_checkpoint_on(gradtop: Gradtop, tmp_path: Path) -> None:
    made = prune_run(tmp_path / "runs", written="pruned: global_l1 50 %")
    last = gradtop("plot", made.id).out.splitlines()[-1]
    assert last == f" written pruned: global_l1 50 %  in checkpoints/; gradtop fork {made.id} trains it on"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("prune", "--layers", "nope*"), "prune.layers: no layer of {name} matches 'nope*'; there are {layers}"),
        (("quantize", "--layers", "nope*"), "quantize.layers: no layer of {name} matches 'nope*'; there are {layers}"),
        (("prune", "--layers", "{near}x"), "prune.layers: no layer of {name} matches '{near}x'; did you mean {near}?"),
        (("fork", "training.epochs=9", "freeze.kind=pattern", "freeze.patterns=nope*"), "freeze.patterns: no parameter of {name} matches 'nope*'; there are {parameters}"),
    ],
)
def test_a_pattern_that_fits_nothing_is_refused_before_anything_is_started(gradtop: Gradtop, starts: Starts, run: Run, tmp_path: Path, words: tuple[str, ...], sentence: str) -> None:
    model = torch.load(find_checkpoint(run).path, weights_only=True)["model"]
    layers = [name.removesuffix(".weight") for name, value in model.items() if value.dim() > 1]
    parts = {"name": read_meta(run).name, "layers": ", ".join(layers), "near": layers[0], "parameters": ", ".join(list(model)[:8]) + (" …" if len(model) > 8 else "")}
    command, *others = (word.format(**parts) for word in words)
    said = gradtop(command, run.id, *others)
    assert (said.code, said.out, said.err) == (2, "", f"gradtop: {sentence.format(**parts)}\n")
    assert starts.started == []
    assert len(list((tmp_path / "runs").iterdir())) == 1
