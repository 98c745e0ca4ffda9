"""Trainings that begin with weights from a file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from gradtop.trainer.config import apply_overrides, dump_config, load_config, parse_config
from gradtop.trainer.record import Run, new_run, read_status
from gradtop.trainer.runtime.worker import work
from tests.models.weights import differing
from tests.training.runs import SignalAtLook, events, newest_state, rows

CONFIGS = Path(__file__).parents[2] / "configs"
DIGITS = parse_config("""
[model]
kind = "cnn"
channels = [4, 6]

[training]
steps = 6
batch_size = 32
device = "cpu"
""")


def trained(folder: Path, *settings: str) -> Run:
    run = new_run(folder, dump_config(apply_overrides(DIGITS, settings)), {})
    assert work(run) == 0, read_status(run).error
    return run


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of a run that has seen some digits."""
    run = trained(tmp_path_factory.mktemp("runs"))
    return run.checkpoints / "step-000006.pt"


def fine_tuning(pretrained: Path) -> list[str]:
    """The settings of configs/finetune.toml, as far as they are no others' here: its model, its data and its length."""
    config = load_config(CONFIGS / "finetune.toml")
    assert config.freeze.kind == "backbone"
    freezing = [f"freeze.{key}={str(value).lower()}" for key, value in vars(config.freeze).items()]
    optimizer = [f"optimizer.{key}={value}" for key, value in vars(config.optimizer).items() if key in {"kind", "lr", "momentum", "weight_decay"}]
    data = ["data.kind=fake", "data.samples=120", "data.classes=3", "data.image_size=8", "data.channels=1"]
    return [f"init.pretrained={pretrained}", *freezing, *optimizer, *data, "training.batch_size=8", "training.steps=0"]


def test_fine_tuning_trains_the_new_head_first_and_then_everything(tmp_path: Path, pretrained: Path) -> None:
    source = torch.load(pretrained, weights_only=True)["model"]
    frozen = trained(tmp_path, *fine_tuning(pretrained), "training.epochs=3")

    learned = newest_state(frozen)["model"]
    assert [name for name in learned if name not in {"head.weight", "head.bias"} and not torch.equal(learned[name], source[name])] == []
    said = [str(event["message"]) for event in events(frozen, "init")]
    assert said[0] == f"loaded 14 of 16 tensors from {pretrained}"
    assert said[1].startswith("2 of a different shape, not loaded: head.weight (10×384 in the file, 3×384 here)")
    losses = [loss for _, loss in rows(frozen, "steps", "loss")]
    assert sum(losses[-10:]) < 0.8 * sum(losses[:10])

    thawed = newest_state(trained(tmp_path, *fine_tuning(pretrained), "training.epochs=4"))["model"]
    changed = {name for name in thawed if not name.startswith("head") and not torch.equal(thawed[name], source[name])}
    assert {"conv1.weight", "conv2.bias", "norm1.weight", "norm1.running_mean"} <= changed


def test_a_run_goes_on_without_the_file_that_it_began_with(tmp_path: Path, pretrained: Path) -> None:
    weights = tmp_path / "weights.pt"
    weights.write_bytes(pretrained.read_bytes())
    whole = trained(tmp_path, f"init.pretrained={weights}")
    parted = new_run(tmp_path, whole.config.read_text(), {})
    assert work(parted, signals=SignalAtLook(2)) == 0
    weights.unlink()

    assert work(parted, resume=True) == 0, read_status(parted).error

    assert differing(newest_state(whole)["model"], newest_state(parted)["model"]) == set()


def test_a_file_that_is_none_ends_the_run_before_it_trains(tmp_path: Path) -> None:
    run = new_run(tmp_path, dump_config(apply_overrides(DIGITS, ["init.pretrained=nowhere.pt"])), {})

    assert work(run) == 1

    status = read_status(run)
    assert (status.state, status.step, status.error) == ("failed", 0, "init.pretrained: there is no file nowhere.pt")
