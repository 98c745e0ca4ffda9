"""Parameters and buffers of every kind train, are measured, kept, resumed and forked, or are refused by name before the first step."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import nn

from gradtop.trainer.config import parse_config
from gradtop.trainer.launch import create_run, find_checkpoint
from gradtop.trainer.record import Run, read_status
from gradtop.trainer.record.export import export_run
from gradtop.trainer.record.streams.registry import HISTOGRAMS, LAYERS
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.runtime.worker import work
from gradtop.trainer.server.previews import describe_config
from gradtop.trainer.training.check_tensors import check_tensors, check_trains
from tests.monitor.support import table
from tests.training.odd_models import FEATURES, REFUSED, WithTensor, wrapped
from tests.training.runs import SignalAtLook, differences, events, finished, newest_state

CPU = torch.device("cpu")
CONFIG = """
[model]
kind = "custom"
target = "tests.training.odd_models:{target}"

[data]
kind = "fake"
samples = 40
classes = 3
image_size = 4
channels = 1

[training]
epochs = 2
batch_size = 8
device = "cpu"
"""


def run_of(folder: Path, target: str, *changes: str) -> Run:
    return create_run(folder, parse_config(CONFIG.format(target=target), overrides=changes))


@pytest.mark.filterwarnings("ignore:.*sparse", "ignore:.*weight_norm")
def test_every_kind_of_tensor_trains_is_measured_kept_and_forked(tmp_path: Path) -> None:
    changes = ("training.ema=0.9", "training.clip=1.0", "optimizer.weight_decay=0.01")
    whole, parted = run_of(tmp_path, "wrapped", *changes), run_of(tmp_path, "wrapped", *changes)

    assert work(whole) == 0, read_status(whole).error
    assert work(parted, signals=SignalAtLook(3)) == 0
    assert work(parted, resume=True) == 0, read_status(parted).error

    assert not [place for place in differences(finished(whole), finished(parted)) if not place.endswith("frozen_nan")]
    assert not events(whole, "unavailable")
    assert [event["message"] for event in events(whole, "init")] == ["sparse = True is left out of account, gradients are dense: module.embedding"]
    ema = newest_state(whole)["ema"]
    assert torch.equal(ema["module.module.index"], torch.arange(199))
    assert ema["module.module.frozen_float8"].dtype == torch.float8_e4m3fn

    layers = table(whole, LAYERS)
    assert all(not name.startswith("grad_norm/") or all(map(math.isfinite, values)) for name, values in layers.items())
    assert layers["weight_norm/module.frozen_int8"][-1] == pytest.approx(math.sqrt(6))
    assert layers["weight_norm/module.frozen_large"][0] == pytest.approx(math.sqrt(11) * 1e20)
    assert layers["weight_norm/module.empty"][-1] == 0
    histograms = table(whole, HISTOGRAMS)
    names = [name for name, _ in wrapped(3).named_parameters()]
    count, nonfinite = ({name: histograms[column][number] for number, name in enumerate(names)} for column in ("count", "nonfinite"))
    assert (count["module.complex"], count["module.empty"], count["module.scalar"]) == (6, 0, 1)
    assert (nonfinite["module.frozen_inf"], nonfinite["module.frozen_nan"], nonfinite["module.frozen_large"]) == (1, 4, 0)
    std = histograms["std"][names.index("module.frozen_large")]
    assert std == pytest.approx(torch.tensor([1e20, -1e20, 3e20, 0.0]).double().std(correction=0).item())

    child = create_run(tmp_path, parse_config(CONFIG.format(target="wrapped"), overrides=[*changes, "training.epochs=3"]), parent=whole, checkpoint=find_checkpoint(whole).path)
    assert work(child) == 0, read_status(child).error
    (forked,) = events(child, "forked")
    assert forked["all_weights"] is True
    export_run(whole, "csv", tmp_path / "csv")
    assert "nonfinite" in (tmp_path / "csv" / "histograms.csv").read_text().splitlines()[0]


def test_the_parameters_of_a_lazy_model_are_counted_before_it_trains() -> None:
    described = describe_config(parse_config(CONFIG.format(target="wrapped")))
    assert next(row.shape for row in described.parameters if row.name == "module.lazy.weight") == (8, FEATURES)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("lazy", "the model's parameter extra has no shape: it belongs to a lazy module that the forward pass does not use"),
        ("inference", "the model's parameter weight was made under torch.inference_mode"),
        ("expanded parameter", "the model's parameter extra has elements that share memory"),
        ("expanded buffer", "the model's buffer extra has elements that share memory"),
        ("sparse parameter", "the model's parameter extra is sparse_coo, and a parameter must be a dense tensor"),
    ],
)
def test_what_cannot_be_trained_or_kept_is_refused_by_name(kind: str, said: str) -> None:
    with pytest.raises(UserError) as refused:
        check_tensors(REFUSED[kind]())
    assert str(refused.value).startswith(said)


@pytest.mark.parametrize(
    ("change", "dtype", "said"),
    [
        ("optimizer.kind=adamw", torch.float8_e5m2, "optimizer.kind: does not work for the parameter extra, which is of float8_e5m2"),
        ("training.clip_value=1.0", torch.complex64, "training.clip_value: does not work for the parameter extra, which is of complex64"),
        ("training.precision=fp16", torch.complex64, "training.precision: does not work for the parameter extra, which is of complex64"),
        ("training.precision=fp16", torch.float16, "training.precision: does not work for the parameter extra, which is of float16"),
    ],
)
def test_what_a_setting_cannot_train_is_refused_by_name(change: str, dtype: torch.dtype, said: str) -> None:
    config = parse_config("", overrides=[change])
    extra = torch.ones(3).to(dtype)
    with pytest.raises(UserError) as refused:
        check_trains(config, WithTensor(nn.Parameter(extra)), CPU)
    assert str(refused.value).startswith(said)
    check_trains(config, WithTensor(nn.Parameter(extra, requires_grad=False)), CPU)


@pytest.mark.parametrize(
    ("target", "change", "said"),
    [
        ("float8", "training.ema=0", "optimizer.kind: does not work for the parameter extra"),
        ("locked", "training.ema=0.9", "training.ema: an EMA needs a copy of the model, and lock cannot be copied"),
        ("sparse_by_function", "training.ema=0", "the gradient of extra is sparse"),
    ],
)
def test_a_run_ends_before_its_first_step_with_a_sentence(tmp_path: Path, target: str, change: str, said: str) -> None:
    run = run_of(tmp_path, target, change)
    assert work(run) == 1
    assert read_status(run).step == 0
    assert read_status(run).error.startswith(said)
