"""Which parameters train under each kind of freezing, and that the others stay as they were, in all that trains and is shown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import nn

from gradtop.trainer.checkpoint.encoding import encoded
from gradtop.trainer.config import ConfigProblems, parse_config, sections
from gradtop.trainer.optim.optimizer import state_by_name
from gradtop.trainer.record import Run, StreamReader, new_run, read_status
from gradtop.trainer.runtime.worker import work
from gradtop.trainer.training.session import Session
from gradtop.trainer.training.step import Compute
from tests.training.runs import events, rows, trained

MODELS = {
    "mlp": 'kind = "mlp"\nhidden = [8, 8]\nactivation = "tanh"',
    "cnn": 'kind = "cnn"\nchannels = [4, 6]',
    "resnet18": 'kind = "torchvision"\nname = "resnet18"',
    "transformer": 'kind = "transformer"\nnum_layers = 2\nhidden_size = 8\nnum_heads = 2',
}
FREEZING = {
    "early": "",
    "partial": "layers = 2",
    "backbone": "",
    "pattern": 'patterns = ["*.bias", "head.w*"]',
}
# What the names begin with of all that trains.
TRAINS: dict[str, dict[str, tuple[str, ...]]] = {
    "mlp": {"early": ("linear2.", "head."), "partial": ("head.",), "backbone": ("head.",), "pattern": ("linear1.w", "linear2.w")},
    "cnn": {
        "early": ("conv2.", "norm2.", "head."),
        "partial": ("conv2.", "norm2.", "head."),
        "backbone": ("head.",),
        "pattern": ("conv1.w", "norm1.w", "conv2.w", "norm2.w"),
    },
    "resnet18": {"early": ("layer4.", "fc."), "partial": ("layer", "fc."), "backbone": ("fc.",)},
    "transformer": {
        "early": ("blocks.layers.1.", "blocks.norm.", "head."),
        "partial": ("blocks.", "head."),
        "backbone": ("head.",),
    },
}  # fmt: skip
CASES = [(model, kind) for model, kinds in TRAINS.items() for kind in kinds]


def run_of(folder: Path, model: str, kind: str, more: str = "", *, epochs: int = 1, optimizer: str = "sgd") -> Run:
    """Of three steps an epoch."""
    freeze = f'kind = "{kind}"\n{FREEZING.get(kind, "")}' if "kind" not in kind else kind
    return new_run(
        folder,
        f"""
[model]
{MODELS[model]}

[data]
kind = "fake"
samples = 12
classes = 3
image_size = 8

[optimizer]
kind = "{optimizer}"
lr = 0.05
weight_decay = 0.1

[schedule]
kind = "constant"

[freeze]
{freeze}
{more}

[training]
epochs = {epochs}
batch_size = 4
clip = 5.0
device = "cpu"
""",
        {},
    )


def columns(run: Run, stream: str = "layers") -> set[str]:
    """The parameters whose gradients the newest segment has."""
    reader = StreamReader(run, stream)
    reader.refresh()
    return {column.name.removeprefix("grad_norm/") for column in reader.columns if column.name.startswith("grad_norm/")}


def moved(model: nn.Module, before: Mapping[str, torch.Tensor]) -> set[str]:
    """The parameters and buffers that are no longer what they were."""
    now = model.state_dict()
    return {name for name in before if not torch.equal(before[name], now[name])}


def weights_of(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def test_every_kind_of_freezing_is_tried() -> None:
    assert {"none", *FREEZING} == {kind for part in sections() if part.name == "freeze" for kind in part.kinds}


@pytest.mark.parametrize(("model", "kind"), CASES)
def test_what_is_frozen_stays_as_it_was_to_the_bit_and_all_else_trains(tmp_path: Path, model: str, kind: str) -> None:
    before: dict[str, torch.Tensor] = {}
    run = run_of(tmp_path, model, kind)
    session = trained(run, lambda session: before.update(encoded(session.model.state_dict())))

    names = {name for name, _ in session.model.named_parameters()}
    wanted = {name for name in names if name.startswith(TRAINS[model][kind])}
    # The statistics of a batch norm move with its weights.
    layers = {name.rpartition(".")[0] for name in wanted}
    statistics = {name for name in before.keys() - names if name.rpartition(".")[0] in layers}
    assert moved(session.model, before) == wanted | statistics
    assert wanted != names
    assert {name for name, parameter in session.model.named_parameters() if parameter.requires_grad} == wanted
    assert state_by_name(session.optimizer.state_dict()).keys() == wanted
    assert columns(run) == wanted
    (event,) = events(run, "freeze")
    assert event["count"] == len(names) - len(wanted)
    assert isinstance(event["frozen"], list)
    assert set(event["frozen"]) <= names - wanted


@pytest.mark.parametrize("model", ["cnn", "resnet18"])
def test_statistics_of_frozen_batch_norms_move_where_they_are_not_to_be_kept(tmp_path: Path, model: str) -> None:
    before: dict[str, torch.Tensor] = {}
    run = run_of(tmp_path, model, "backbone", "keep_statistics = false")
    session = trained(run, lambda session: before.update(encoded(dict(session.model.named_buffers()))))

    assert before
    assert moved(session.model, before) == before.keys()


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "muon"])
@pytest.mark.parametrize("kind", sorted(FREEZING))
def test_at_its_epoch_everything_trains_and_that_is_told_and_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, optimizer: str
) -> None:
    run = run_of(tmp_path, "mlp", kind, "unfreeze_epoch = 3", epochs=4, optimizer=optimizer)
    frozen: dict[int, set[str]] = {}
    last: dict[str, torch.Tensor] = {}
    real = Compute.update

    def update(compute: Compute) -> None:
        last.update(weights_of(compute.model))
        real(compute)
        frozen[len(frozen) + 1] = last.keys() - moved(compute.model, last)

    def backward(compute: Compute, *arguments: object) -> torch.Tensor:
        # Gradients of the step before would be added to.
        assert all(parameter.grad is None for parameter in compute.model.parameters())
        return real_backward(compute, *arguments)  # type: ignore[arg-type]

    real_backward = Compute.backward
    monkeypatch.setattr(Compute, "update", update)
    monkeypatch.setattr(Compute, "backward", backward)
    session = trained(run)

    names = set(last)
    stays = {name for name in names if not name.startswith(TRAINS["mlp"][kind])}
    assert frozen == {step: stays if step <= 6 else set() for step in range(1, 13)}
    assert [(event["step"], event["count"]) for event in events(run, "freeze")] == [(0, len(stays)), (6, 0)]
    assert columns(run) == names
    assert state_by_name(session.optimizer.state_dict()).keys() == names
    segments = sorted(int(path.name.split(".")[1]) for path in run.streams.glob("layers.*.json"))
    assert len(segments) == 2
    assert [row[0] for row in rows(run, "steps")] == list(range(1, 13))


def test_statistics_move_again_with_the_batch_norms_that_thaw(tmp_path: Path) -> None:
    found: dict[int, set[str]] = {}
    last: dict[str, torch.Tensor] = {}

    def look(each: Session) -> None:
        last.update(encoded(dict(each.model.named_buffers())))
        real = each.record_score

        def record_score(score: object) -> None:
            found[each.epoch] = moved(each.model, last)
            last.update(encoded(dict(each.model.named_buffers())))
            real(score)  # type: ignore[arg-type]

        each.record_score = record_score  # type: ignore[method-assign]

    trained(run_of(tmp_path, "cnn", "backbone", "unfreeze_epoch = 2", epochs=2), look)

    assert found == {1: set(), 2: set(last)}


@pytest.mark.parametrize(
    ("freeze", "key"),
    [('kind = "pattern"\npatterns = ["*"]', "freeze.patterns"), ('kind = "partial"\nlayers = 3', "freeze.layers")],
)
def test_nothing_that_trains_is_refused_with_a_sentence(tmp_path: Path, freeze: str, key: str) -> None:
    run = run_of(tmp_path, "mlp", freeze)

    assert work(run) == 1

    assert read_status(run).error == f"{key}: all of the 6 parameters would be frozen and nothing would train; freeze fewer"


def test_a_pattern_that_fits_nothing_is_refused_with_what_there_is(tmp_path: Path) -> None:
    run = run_of(tmp_path, "mlp", 'kind = "pattern"\npatterns = ["linear1.*", "conv*"]')

    assert work(run) == 1

    assert read_status(run).error.startswith("freeze.patterns: no parameter matches 'conv*'; there are linear1.weight, ")


def test_an_unfreezing_in_the_first_epoch_is_refused_as_it_freezes_nothing() -> None:
    with pytest.raises(ConfigProblems, match=r"freeze\.unfreeze_epoch: is 1, the first epoch, so that nothing would ever be frozen"):
        parse_config('[freeze]\nkind = "backbone"\nunfreeze_epoch = 1')
