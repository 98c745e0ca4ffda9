"""Resumed equals uninterrupted, bit for bit, with each feature of training that remembers or draws something."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from gradtop.trainer.config import sections
from gradtop.trainer.record import Run, new_run, read_status
from gradtop.trainer.runtime.control import Stop
from gradtop.trainer.runtime.signals import EndNow, Signals
from gradtop.trainer.runtime.worker import work
from gradtop.trainer.training.session import Session
from gradtop.trainer.training.step import Compute
from tests.training.runs import check_alike, events, newest_state, rows, stop_and_resume, tiny_run, trained

# A strength of each way to vary images; one that is not named takes a half.
STRENGTHS = {"rotation": 20.0, "crop": 1}
WAYS = {spec.name: STRENGTHS.get(spec.name, 0.5) for part in sections() if part.name == "augment" for spec in part.of("")}
# What one draws another one could cover up: each is in one half alone.
HALVES = (list(WAYS)[::2], list(WAYS)[1::2])
GROUPS = "accumulate = 3"
FEATURES: dict[str, tuple[str, ...]] = {
    "running mean of the weights": ("ema = 0.9",),
    "running mean of the weights over groups": ("ema = 0.9", GROUPS),
    "bf16": ('precision = "bf16"',),
    "label smoothing and clipping by norm": ("label_smoothing = 0.1", "clip = 0.3"),
    "clipping by value": ("clip_value = 0.01",),
    "an end in the middle of an epoch": ("steps = 13",),
    "deterministic algorithms": ("deterministic = true",),
    **{f"augment {', '.join(names)}": ("[augment]", *(f"{name} = {WAYS[name]}" for name in names)) for names in HALVES},
    "all ways to vary images": ("[augment]", *(f"{name} = {strength}" for name, strength in WAYS.items())),
    "all ways to vary images in groups": (GROUPS, "[augment]", *(f"{name} = {strength}" for name, strength in WAYS.items())),
    **{
        f"freeze {kind}, thawed between the stops, with {optimizer}": (
            f'[optimizer]\nkind = "{optimizer}"\nlr = 0.01',
            f'[freeze]\nkind = "{kind}"\nunfreeze_epoch = 2' + ('\npatterns = ["linear1.*"]' if kind == "pattern" else ""),
        )
        for part in sections() if part.name == "freeze"
        for kind, optimizer in zip((kind for kind in part.kinds if kind != "none"), itertools.cycle(["sgd", "adamw", "muon"]))
    },
}  # fmt: skip

CNN = """
[model]
kind = "cnn"
channels = [4, 6]
dropout = 0.2

[data]
kind = "fake"
samples = 40
classes = 3
image_size = 6
channels = 3

[training]
epochs = 2
batch_size = 8
device = "cpu"
"""
LANGUAGE = """
[model]
kind = "language_model"
num_layers = 1
hidden_size = 8
num_heads = 2
context = 6
dropout = 0.2

[data]
kind = "text"
file = "{file}"

[training]
epochs = 2
batch_size = 8
device = "cpu"
"""
FOLDER = """
[model]
kind = "mlp"
hidden = [8]
dropout = 0.2

[data]
kind = "image_folder"
root = "{root}"
image_size = 8
workers = 2

[augment]
flip = 0.5
rotation = 10.0
cutmix = 0.5

[training]
epochs = 2
batch_size = 4
device = "cpu"
"""
OWN = f"""
[model]
kind = "mlp"
hidden = [8]

[data]
kind = "custom"
target = "{__name__}:noisy"

[training]
epochs = 2
batch_size = 4
accumulate = 2
device = "cpu"
"""


def check_resume(one: Run, other: Run, *stops: int) -> None:
    work(one)
    stop_and_resume(other, *stops)
    check_alike(one, other)


def signal_at(patched: pytest.MonkeyPatch, kind: type[Any], name: str, call: int) -> Signals:
    """Signals that have one just before that call of a method, counted from 1."""
    signals, real, calls = Signals(), getattr(kind, name), itertools.count(1)

    def called(*arguments: Any) -> Any:
        if next(calls) == call:
            signals.received, signals.name = 1, "SIGTERM"
        return real(*arguments)

    patched.setattr(kind, name, called)
    return signals


@pytest.mark.parametrize("parts", FEATURES.values(), ids=FEATURES)
def test_a_feature_of_training_is_resumed_in_the_middle_of_an_epoch(tmp_path: Path, parts: tuple[str, ...]) -> None:
    stops = (2, 2) if GROUPS in parts else (3, 7)
    check_resume(tiny_run(tmp_path, *parts), tiny_run(tmp_path, *parts), *stops)


@pytest.mark.parametrize(
    ("kind", "name", "call", "step"),
    [(Compute, "_backward", 7, 7), (Compute, "_backward", 8, 8), (Session, "record_score", 1, 8), (Compute, "_backward", 9, 9)],
    ids=["before its last step", "before its evaluation", "after it", "after the first step of the next"],
)
def test_a_stop_at_the_end_of_the_epoch_after_which_all_trains_changes_nothing_and_is_told_of_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[Any], name: str, call: int, step: int
) -> None:
    parts = ("clip = 0.5", '[optimizer]\nkind = "sgd"', '[freeze]\nkind = "backbone"\nunfreeze_epoch = 2')
    whole, parted = tiny_run(tmp_path, *parts), tiny_run(tmp_path, *parts)
    work(whole)
    with monkeypatch.context() as patched:
        work(parted, signals=signal_at(patched, kind, name, call))
    assert (read_status(parted).state, read_status(parted).step) == ("stopped", step)
    assert work(parted, resume=True) == 0

    check_alike(whole, parted)
    assert [(event["step"], event["frozen"], event["count"]) for event in events(parted, "freeze")] == [
        (event["step"], event["frozen"], event["count"]) for event in events(whole, "freeze")
    ]


def test_a_scale_that_fell_with_overflows_and_rose_again_is_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scaler = functools.partial(torch.amp.GradScaler, init_scale=2.0**22, growth_interval=3)
    monkeypatch.setattr(torch.amp, "GradScaler", scaler)
    whole, parted = (tiny_run(tmp_path, 'precision = "fp16"', "ema = 0.5", "clip = 1.0") for _ in range(2))
    work(whole)
    scales = []
    # While it falls, and between two steps that let it rise.
    for number, steps in enumerate((3, 7)):
        with monkeypatch.context() as patched:
            work(parted, resume=number > 0, signals=signal_at(patched, Compute, "update", steps))
        scales.append((newest_state(parted)["scaler"]["scale"], newest_state(parted)["scaler"]["_growth_tracker"]))
    assert scales == [(2.0**19, 0), (2.0**17, 1)]

    assert work(parted, resume=True) == 0
    check_alike(whole, parted)


def test_a_training_that_overflows_at_any_scale_fails_at_the_same_step_after_a_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.amp, "GradScaler", functools.partial(torch.amp.GradScaler, init_scale=2.0**120))
    whole, parted = (tiny_run(tmp_path, 'precision = "fp16"', epochs=6) for _ in range(2))
    assert work(whole) == 1
    for number, steps in enumerate((7, 5)):
        with monkeypatch.context() as patched:
            assert work(parted, resume=number > 0, signals=signal_at(patched, Compute, "update", steps)) == 0
    assert newest_state(parted)["guard"] == {"streak": 12, "skipped": 12, "told": 8}

    assert work(parted, resume=True) == 1

    assert read_status(whole).error.startswith("step 1: the loss or a gradient, at whatever scale,")
    assert read_status(parted).error == read_status(whole).error
    assert len(rows(parted, "steps")) == len(rows(whole, "steps"))


@pytest.mark.parametrize("more", ["", "channels_last = true\nema = 0.8", 'precision = "bf16"\naccumulate = 2'])
def test_statistics_of_batch_norms_are_resumed(tmp_path: Path, more: str) -> None:
    check_resume(new_run(tmp_path, CNN + more, {}), new_run(tmp_path, CNN + more, {}), 1, 2)


@pytest.mark.parametrize("more", ["", "accumulate = 3\nema = 0.8"])
def test_a_language_model_is_resumed(tmp_path: Path, more: str) -> None:
    file = tmp_path / "text"
    file.write_text("the quick brown fox jumps over the lazy dog. " * 12)
    text = LANGUAGE.format(file=file) + more
    check_resume(new_run(tmp_path / "runs", text, {}), new_run(tmp_path / "runs", text, {}), 1, 1)


def test_a_folder_that_processes_read_is_resumed(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    for label in ("cat", "dog"):
        (tmp_path / "images" / label).mkdir(parents=True)
        for number in range(9):
            pixels = draw.integers(256, size=(10, 9, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / label / f"{number}.png")
    text = FOLDER.format(root=tmp_path / "images")
    check_resume(new_run(tmp_path / "runs", text, {}), new_run(tmp_path / "runs", text, {}), 2)


class Noisy(Dataset[Any]):
    """Draws from the generators of the process whenever a sample is read, as code of a user's own does."""

    classes = ("a", "b", "c")

    def __len__(self) -> int:
        return 22

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        noise = torch.rand(1, 4, 4) + float(np.random.rand())  # noqa: NPY002 - the generator that a checkpoint must hold
        return noise + index % 3, index % 3


def noisy() -> tuple[Noisy, tuple[Tensor, Tensor]]:
    return Noisy(), (torch.arange(12.0).view(-1, 1, 1, 1).expand(-1, 1, 4, 4) % 3, torch.arange(12) % 3)


def test_data_that_draw_from_the_generators_of_the_process_are_resumed(tmp_path: Path) -> None:
    check_resume(new_run(tmp_path, OWN, {}), new_run(tmp_path, OWN, {}), 1, 2)


def noisy_throughout() -> tuple[Noisy, Noisy]:
    return Noisy(), Noisy()


def stop(session: Session) -> None:
    raise Stop("test")


def kill_after_checkpoint(session: Session) -> None:
    session.checkpoint_now()
    raise EndNow("test")


@dataclass
class InEvaluation:
    """Steers nothing until the first batch of an evaluation is done."""

    then: Callable[[Session], None]
    last_set: str = ""

    def due(self) -> bool:
        return True

    def obey(self, session: Session) -> bool:
        if session.evaluation_due:
            self.then(session)
        return False


@pytest.mark.parametrize("end", [stop, kill_after_checkpoint])
def test_an_evaluation_that_draws_is_made_anew_with_the_same_numbers(tmp_path: Path, end: Callable[[Session], None]) -> None:
    text = OWN.replace(":noisy", ":noisy_throughout")
    whole, parted = new_run(tmp_path, text, {}), new_run(tmp_path, text, {})
    work(whole)

    def steer(session: Session) -> None:
        session.control = InEvaluation(end)  # type: ignore[assignment]

    trained(parted, steer)
    assert (newest_state(parted)["step"], newest_state(parted)["evaluated"]) == (3, 0)

    assert work(parted, resume=True) == 0
    check_alike(whole, parted)


@pytest.mark.parametrize("backward", [1, 2, 3, 7, 8])
def test_a_stop_that_comes_in_the_middle_of_a_group_waits_for_its_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backward: int
) -> None:
    """Steps are of three batches, the last one of an epoch of two: which are numbers 7 and 8."""
    whole, parted = tiny_run(tmp_path, GROUPS), tiny_run(tmp_path, GROUPS)
    work(whole)
    with monkeypatch.context() as patched:
        work(parted, signals=signal_at(patched, Compute, "_backward", backward))
    assert (read_status(parted).state, read_status(parted).step) == ("stopped", -(-backward // 3))

    assert work(parted, resume=True) == 0
    check_alike(whole, parted)


def test_evaluations_without_a_better_loss_are_counted_on(tmp_path: Path) -> None:
    # Steps too small to change a weight: the first evaluation stays the best.
    parts = ("early_stopping = 3", '[optimizer]\nkind = "sgd"\nlr = 1e-30\nmomentum = 0.0')
    whole, parted = (tiny_run(tmp_path, *parts, epochs=9) for _ in range(2))
    check_resume(whole, parted, 20, 4)

    assert newest_state(parted)["scores"]["without_better"] == 3
    assert [row[0] for row in rows(parted, "evals")] == [8, 16, 24, 32]
