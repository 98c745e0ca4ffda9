"""What is measured and written of a pruned checkpoint of a run, against plain PyTorch and the files."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional
from torch.nn.utils import prune

from gradtop.trainer.checkpoint import format as checkpoint
from gradtop.trainer.inference.cost import latency
from gradtop.trainer.inference.data import load_source
from gradtop.trainer.inference.evaluation import evaluate_checkpoint
from gradtop.trainer.inference.trained import open_trained, read_trained
from gradtop.trainer.jobs.prune.measure import measure
from gradtop.trainer.jobs.prune.result import (
    MASKS_SAVE_NOTHING,
    about_of,
    describe,
    headline,
    largest_free,
    lines,
    prune_result,
    read_prune_trials,
    trials_of,
)
from gradtop.trainer.jobs.prune.table import latency_notes, measured_lines
from gradtop.trainer.jobs.prune.trial import FIGURES, PruneTrial, amounts_left
from gradtop.trainer.launch import create_run, find_checkpoint
from gradtop.trainer.launch.run_config import changed_config
from gradtop.trainer.record import Run, RunReader, Status, new_run
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.runtime.worker import work

CNN = """
[model]
kind = "cnn"
channels = [8, 8]

[data]
kind = "digits"

[training]
epochs = 2
batch_size = 64
device = "cpu"
threads = 1
seed = 5
ema = {ema}
"""


@pytest.fixture(autouse=True)
def timed_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradtop.trainer.jobs.prune.measure.SECONDS", 0.001)


def trained(folder: Path, ema: float = 0.0) -> Run:
    run = new_run(folder / "runs", CNN.format(ema=ema), {})
    assert work(run) == 0
    return run


def pruning_of(run: Run, *words: str) -> Run:
    """As the command makes it, without a worker."""
    found = find_checkpoint(run, "last")
    _, config, changes = changed_config(run, words, job="prune")
    return create_run(run.path.parent, config, parent=run, checkpoint=found.path, changes=changes)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return trained(tmp_path_factory.mktemp("pruned"))


@pytest.fixture(scope="module")
def pruning(run: Run) -> Run:
    return pruning_of(run)


def weights(path: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = checkpoint.load(path)["model"]
    return found


def test_what_is_measured_is_what_torch_gives(run: Run, pruning: Run) -> None:
    about = measure(pruning, {})
    assert [name for name, _ in about["prunable"]] == ["conv1", "conv2", "head"]
    assert about["output"] == "head"
    found = measure(pruning, {"method": "global_l1", "amount": 0.3})
    opened = open_trained(read_trained(run, find_checkpoint(run).path), load_source)
    model = opened.model
    layers = [model.get_submodule(name) for name, _ in about["prunable"]]
    prune.global_unstructured([(layer, "weight") for layer in layers], pruning_method=prune.L1Unstructured, amount=0.3)
    for layer in layers:
        prune.remove(layer, "weight")
    batches = list(opened.source.validation(10_000, torch.device("cpu")))
    outputs = torch.cat([opened.forward(inputs) for inputs, _ in batches])
    targets = torch.cat([labels for _, labels in batches])
    assert found["loss"] == pytest.approx(functional.cross_entropy(outputs, targets).item(), rel=1e-5)
    assert found["accuracy"] == pytest.approx((outputs.argmax(1) == targets).float().mean().item())
    assert found["layers"] == [int(layer.get_parameter("weight").count_nonzero()) for layer in layers]
    pruned = sum(layer.get_parameter("weight").numel() for layer in layers) - sum(found["layers"])
    assert pruned == round(0.3 * sum(count for _, count in about["prunable"]))
    assert found["parameter_count"] == sum(parameter.numel() for parameter in model.parameters())
    assert found["nonzero"] == sum(int(parameter.count_nonzero()) for parameter in model.parameters())


def test_sizes_are_those_of_the_file_and_a_mask_alone_does_not_change_it(run: Run, pruning: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Each call takes a second: no other load on the machine makes it longer.
    monkeypatch.setattr("gradtop.trainer.jobs.prune.measure.latency", partial(latency, clock=map(float, count()).__next__))
    whole, pruned = (measure(pruning, {"method": method, "amount": 0.9}) for method in ("", "layer_l1"))
    path = tmp_path / "weights.pt"
    torch.save(read_trained(run, find_checkpoint(run).path).tensors, path)
    assert whole["file_bytes"] == pytest.approx(path.stat().st_size, abs=1000)
    assert whole["compressed_bytes"] == pytest.approx(len(zlib.compress(path.read_bytes(), 6)), abs=1000)
    assert pruned["file_bytes"] == whole["file_bytes"]
    assert pruned["compressed_bytes"] < 0.4 * whole["compressed_bytes"]
    for name in ("latency", "base_latency", "batch_latency", "base_batch_latency"):
        assert pruned[name] == 1


def test_removed_channels_make_the_file_smaller(pruning: Run) -> None:
    whole, removed = (measure(pruning, {"method": method, "amount": 0.5}) for method in ("", "channel_removal"))
    assert removed["parameter_count"] < 0.5 * whole["parameter_count"]
    assert removed["file_bytes"] < 0.7 * whole["file_bytes"]
    assert removed["difference"] < 1e-5


@pytest.mark.parametrize("choice", ["layer_l1:0.5", "channel_removal:0.5"])
def test_the_written_checkpoint_is_evaluated_as_it_was_measured(pruning: Run, choice: str) -> None:
    written = measure(pruning, {"write": choice})
    method, _, amount = choice.partition(":")
    found = measure(pruning, {"method": method, "amount": float(amount)})
    (info,) = RunReader(pruning).checkpoints()
    assert (str(info.path), info.note, info.best) == (written["checkpoint"], f"pruned: {method} 50 %", True)
    assert info.val_loss == pytest.approx(found["loss"])
    evaluated = evaluate_checkpoint(pruning, find_checkpoint(pruning, "best").path)
    assert evaluated["metrics"]["loss"] == pytest.approx(found["loss"])
    opened = read_trained(pruning, info.path)
    assert opened.masked == (sum(count for _, count in measure(pruning, {})["prunable"]) - sum(found["layers"]) if method == "layer_l1" else 0)


def test_it_is_written_with_all_that_the_checkpoint_held_and_the_run_is_untouched(run: Run, pruning: Run) -> None:
    path = find_checkpoint(run).path
    before = path.read_bytes()
    measure(pruning, {"write": "0.5"})
    assert path.read_bytes() == before
    state, whole = checkpoint.load(find_checkpoint(pruning).path), checkpoint.load(path)
    assert state.keys() - whole.keys() == {"pruning"}
    assert {key for key in whole if key not in {"saved", "model"} and repr(state[key]) != repr(whole[key])} == set()
    masks = state["pruning"]["masks"]
    for name, value in whole["model"].items():
        assert torch.equal(state["model"][name], value * masks[name] if name in masks else value)


def test_of_an_ema_both_weights_are_pruned_by_what_is_evaluated(tmp_path: Path) -> None:
    run = trained(tmp_path, ema=0.9)
    pruning = pruning_of(run)
    measure(pruning, {"write": "layer_l1:0.4"})
    state, whole = checkpoint.load(find_checkpoint(pruning).path), checkpoint.load(find_checkpoint(run).path)
    for name, kept in state["pruning"]["masks"].items():
        averaged = whole["ema"][f"module.{name}"]
        expected = prune.L1Unstructured(0.4).compute_mask(averaged, torch.ones_like(averaged))
        assert torch.equal(kept, expected.bool())
        assert torch.equal(state["ema"][f"module.{name}"], averaged * kept)
        assert torch.equal(state["model"][name], whole["model"][name] * kept)
    measure(pruning, {"write": "channel_removal:0.5"})
    smaller = checkpoint.load(find_checkpoint(pruning).path)
    assert all(torch.equal(value, smaller["model"][name.removeprefix("module.")]) for name, value in smaller["ema"].items() if name != "n_averaged")


def test_what_cannot_be_written_leaves_the_checkpoint_that_there_was(pruning: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    measure(pruning, {"write": "0.2"})
    before = {path.name: path.read_bytes() for path in pruning.checkpoints.iterdir()}

    def full(_state: object, file: Any, **_options: object) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(torch, "save", full)
        with pytest.raises(UserError, match=r"cannot be written into .*No space left on device"):
            measure(pruning, {"write": "0.9"})
    assert {path.name: path.read_bytes() for path in pruning.checkpoints.iterdir()} == before


@pytest.mark.parametrize(
    ("words", "question", "said"),
    [
        (["prune.layers=conv9"], {}, "no convolution or linear layer matches 'conv9'; there are conv1, conv2, head"),
        (["prune.layers=head"], {"method": "channel_l2", "amount": 0.5}, "head is the output layer"),
        ([], {"write": "1.5"}, "--write 1.5: the amount is 1.5"),
        ([], {"write": "l9:0.5"}, "'l9' is not one of global_l1"),
    ],
)
def test_what_does_not_work_is_said_in_a_sentence(run: Run, words: list[str], question: Mapping[str, Any], said: str) -> None:
    with pytest.raises(UserError) as refused:
        measure(pruning_of(run, *words), question)
    assert said in str(refused.value)


def test_where_nothing_can_be_taken_out_it_is_said(pruning: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradtop.trainer.jobs.prune.measure.removal._remove", lambda *_: None)
    with pytest.raises(UserError, match="removes no channel"):
        measure(pruning, {"method": "channel_removal", "amount": 0.01})


def test_without_torch_pruning_the_extra_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'gradtop\[prune\]'"):
        measure(pruning_of(run, "prune.methods=channel_removal"), {})


def trial(method: str, amount: float, score: float, nonzero: float, error: str = "") -> PruneTrial:
    known = {"loss": score, "accuracy": 0.5, "score": score, "parameter_count": 1000.0, "nonzero": nonzero, "file_bytes": 4000.0, "compressed_bytes": 3000.0}
    return PruneTrial(method, amount, tuple(known.get(name, 0.001) for name in FIGURES), error=error)


def test_the_order_is_the_whole_model_and_then_small_amounts_and_what_failed_is_left() -> None:
    amounts = (0.5, 0.1, 0.5)
    assert amounts_left([], ("a", "b"), amounts) == [("", 0.0), ("a", 0.1), ("b", 0.1), ("a", 0.5), ("b", 0.5)]
    done = [trial("", 0.0, 1.0, 1000), trial("a", 0.1, 1.0, 900), trial("b", 0.1, 1.0, 900, error="no")]
    assert amounts_left(done, ("a", "b"), amounts) == [("a", 0.5)]


def test_the_verdict_is_the_most_that_costs_no_more_than_one_percent_of_the_metric() -> None:
    trials = [trial("", 0.0, 1.0, 1000), trial("random", 0.1, 1.02, 900), trial("layer_l1", 0.1, 1.0, 900), trial("layer_l1", 0.3, 1.009, 700), trial("layer_l1", 0.5, 1.02, 500)]
    result = json.loads(json.dumps(prune_result(trials, about_of({"metric": "loss", "mode": "min", "batch": 8}))))
    assert largest_free(trials_of(result), about_of(result)) == trials[3]
    assert headline(Status(result=result)) == "30 % within 1 %"
    assert "largest amount with val loss at most 1 % worse: layer_l1 30 %, 1.01 (unpruned 1), 30.0 % of parameters" in describe({"kind": "prune", **result})[0]
    # Of accuracy, the larger the better.
    high = {**result, "metric": "accuracy", "mode": "max"}
    assert largest_free(trials_of(high), about_of(high)) == trials[4]
    dear = prune_result([trials[0], trials[1]], about_of({"mode": "min"}))
    assert describe({"kind": "prune", **dear})[0].startswith("pruning: with every amount that was measured, val loss is more than 1 % worse than 1")
    damaged: list[dict[str, object]] = [{}, {"trials": 3, "layers": "x", "metric": 7, "batch": []}, {"trials": [3, {"method": 3}, {"method": "random", "amount": "x"}], "mode": "up"}]
    for nonsense in damaged:
        assert (trials_of(nonsense), headline(Status(result=nonsense)), about_of(nonsense).layers) == ([], "", ())


def test_show_has_a_table_of_what_was_measured_and_says_which_latencies_tell_nothing() -> None:
    whole, pruned, failed = trial("", 0.0, 1.0, 1000), trial("layer_l1", 0.5, 1.25, 500), trial("channel_l2", 0.5, 1.0, 500, error="out of memory")
    rows = list(measured_lines([whole, pruned, failed], whole, "loss", 8))
    assert [row.split() for row in rows[:2]] == [
        ["val", "loss", "zero", "or", "gone", "file", "compressed", "speedup", "for", "1", "for", "8"],
        ["layer_l1", "50", "%", "1.25", "50.0", "%", "3.9", "KiB", "2.9", "KiB", "1.00", "×", "1.00", "×"],
    ]
    assert len(rows[0]) == len(rows[1])
    assert rows[2].split(maxsplit=3)[3] == "out of memory"
    assert list(latency_notes([whole, pruned, failed], 8)) == []

    def timed(found: PruneTrial, **figures: float) -> PruneTrial:
        return replace(found, figures=tuple(figures.get(name, value) for name, value in zip(FIGURES, found.figures, strict=True)))

    assert list(latency_notes([timed(whole, batch_latency=0.002), timed(pruned, latency=math.nan)], 8)) == [
        "–: no latency could be measured, because the machine was busy",
        "the speedups for 8 samples are unreliable, because the machine was busy: measured in turns with itself, the unpruned model was 0.50 × as fast",
    ]


def test_a_whole_sweep_is_recorded_and_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    pruning = pruning_of(run, "prune.amounts=0.5", "prune.methods=layer_l1,channel_removal", "prune.write=channel_removal:0.5")
    # In this process: others would each import PyTorch.
    monkeypatch.setattr("gradtop.trainer.launch.measuring.Measuring.answer", lambda _, question: measure(pruning, question))
    assert work(pruning) == 0
    reader = RunReader(pruning)
    trials = read_prune_trials(reader)
    assert [(each.method, each.amount, each.error) for each in trials] == [("", 0.0, ""), ("layer_l1", 0.5, ""), ("channel_removal", 0.5, "")]
    assert trials[1].layers == tuple(measure(pruning, {"method": "layer_l1", "amount": 0.5})["layers"])
    said = dict(lines(reader))
    assert said["checked"].startswith("channel_removal 50 %: outputs equal those with zeros there")
    assert said["written"].startswith("pruned: channel_removal 50 %: checkpoints/step-")
    assert ("note", MASKS_SAVE_NOTHING) in list(lines(reader))
