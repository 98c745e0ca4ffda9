"""What `training.threads = 0` stands for: by the work of a step, as recorded in a run, and never by a measurement."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from gradtop.trainer.checkpoint import format as checkpoint
from gradtop.trainer.config import dump_config, parse_config
from gradtop.trainer.record import Run, new_run, read_status
from gradtop.trainer.record.meta import change_meta
from gradtop.trainer.runtime import threads as runtime
from gradtop.trainer.training.default_threads import BACKWARD, LIGHT, step_operations
from tests.training.runs import tiny_run, trained

CPU = torch.device("cpu")
NARROW, WIDE = "[8]", "[512, 512]"


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As on a machine where PyTorch takes two threads by itself."""
    before = torch.get_num_threads()
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(runtime, "AT_START", 2)
    yield
    torch.set_num_threads(before)


def run_of(folder: Path, hidden: str, threads: int = 0) -> Run:
    run = tiny_run(folder, epochs=1)
    run.config.write_text(run.config.read_text().replace("hidden = [8]", f"hidden = {hidden}") + f"threads = {threads}\n")
    return run


def mlp() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


def cnn() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3, groups=2), nn.Flatten(), nn.Linear(24, 10))


@pytest.mark.parametrize("model", [mlp(), cnn()], ids=["mlp", "cnn"])
def test_the_operations_are_those_that_pytorch_counts(model: nn.Module) -> None:
    samples = torch.rand(2, 1, 8, 8)
    with FlopCounterMode(display=False) as counted:
        model(samples)
    reference = counted.get_total_flops() / 2 * (1 + BACKWARD)
    assert step_operations(model, 1, lambda: samples, CPU) == pytest.approx(reference)
    assert step_operations(model, 16, lambda: samples, CPU) == pytest.approx(16 * reference)


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner, self.scale = nn.Linear(4, 4), nn.Parameter(torch.ones(4))

    def forward(self, inputs: Tensor) -> Tensor:
        returned: Tensor = self.inner(inputs) * self.scale
        return returned


@pytest.mark.parametrize("model", [nn.LSTM(4, 4), nn.MultiheadAttention(4, 1), Scaled(), nn.ReLU(), nn.Linear(1000, 1000)], ids=lambda model: type(model).__name__)
def test_what_nobody_can_count_and_what_is_surely_more_is_not_tried(model: nn.Module) -> None:
    assert step_operations(model, 8, lambda: pytest.fail("it was tried"), CPU) == math.inf


def test_the_model_and_all_random_states_are_as_they_were() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(0.5), nn.Flatten(), nn.Linear(72, 10)).train()
    before, random = {name: each.clone() for name, each in model.state_dict().items()}, torch.get_rng_state()
    assert 0 < step_operations(model, 4, lambda: torch.rand(2, 1, 8, 8, generator=torch.Generator()), CPU) < LIGHT
    assert all(torch.equal(each, before[name]) for name, each in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)
    assert model.training
    assert not any(each._forward_hooks for each in model.modules())


@pytest.mark.parametrize(("model", "wanted", "threads"), [(NARROW, 0, 1), (WIDE, 0, 2), (NARROW, 2, 2), (WIDE, 1, 1)])
def test_a_small_step_has_one_thread_and_what_is_asked_for_is_done(tmp_path: Path, model: str, wanted: int, threads: int) -> None:
    seen: list[int] = []
    run = run_of(tmp_path, model, wanted)
    session = trained(run, lambda _: seen.append(torch.get_num_threads()))
    assert seen == [threads]
    assert read_status(run).threads == threads
    assert session.default_threads == (1 if model == NARROW else 2)


@pytest.mark.parametrize(
    ("overrides", "threads"),
    [
        (["data.kind=digits", "model.kind=mlp", "model.hidden=4"], 1),
        (["data.kind=digits", "model.kind=cnn", "model.channels=2"], 1),
        (["data.kind=digits", "model.kind=cnn"], 2),
        (["data.kind=digits", "model.kind=transformer", "model.hidden_size=4", "model.num_heads=1", "model.num_layers=1", "model.patch_size=4"], 2),
        (["data.kind=text", "model.kind=language_model", "model.hidden_size=4", "model.num_heads=1", "model.num_layers=1", "model.context=4"], 2),
        (["data.kind=table", "data.file=t.csv", "data.target=y", "model.kind=mlp", "model.hidden=4"], 1),
    ],
)
def test_any_kind_of_model_and_data_is_tried_without_reading_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overrides: list[str], threads: int) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("a,b,y\n" + "".join(f"{number},{number % 7},{number % 3}\n" for number in range(60)))
    config = parse_config("[training]\nbatch_size = 8\nsteps = 1\ndevice = 'cpu'\n", overrides=overrides)
    session = trained(new_run(tmp_path / "runs", dump_config(config), {}))
    assert session.default_threads == threads


@pytest.mark.parametrize(("model", "threads"), [(WIDE, 1), (NARROW, 2)])
def test_omp_num_threads_is_kept_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, threads: int) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", str(threads))
    assert trained(run_of(tmp_path, model)).default_threads == threads


@pytest.mark.parametrize(("model", "share", "wanted", "threads"), [(WIDE, 1, 0, 1), (WIDE, 2, 0, 2), (WIDE, 7, 0, 2), (NARROW, 2, 0, 1), (WIDE, 1, 2, 2), (WIDE, 0, 0, 2)])
def test_a_trial_has_its_share_at_most_unless_it_asks_for_a_number(tmp_path: Path, model: str, share: int, wanted: int, threads: int) -> None:
    seen: list[int] = []
    run = run_of(tmp_path, model, wanted)
    change_meta(run, most_threads=share)
    trained(run, lambda _: seen.append(torch.get_num_threads()))
    assert (seen, read_status(run).threads) == ([threads], threads)


@pytest.mark.parametrize(("recorded", "threads"), [(1, 1), (2, 2), (None, 2)])
def test_a_resume_keeps_what_the_run_had(tmp_path: Path, recorded: int | None, threads: int) -> None:
    run = run_of(tmp_path, NARROW)
    trained(run)
    path = max(run.checkpoints.glob("*.pt"))
    state = checkpoint.load(path)
    assert state["default_threads"] == 1
    if recorded is None:
        del state["default_threads"]  # as an older version wrote it, which had all cores
    else:
        state["default_threads"] = recorded
    torch.save(state, path)
    path.with_suffix(".json").unlink()
    seen: list[int] = []
    run.config.write_text(run.config.read_text().replace("epochs = 1", "epochs = 2"))
    session = trained(run, lambda _: seen.append(torch.get_num_threads()), resume=True)
    assert (session.default_threads, seen) == (threads, [threads])
