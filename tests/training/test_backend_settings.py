"""Settings that are switches of torch: determinism, TF32, the order of channels."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from gradtop.trainer.training.session import Session
from tests.training.features import CNN, SGD, run_of
from tests.training.runs import rows, tiny_run, trained


@pytest.fixture
def switches(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Puts back what a run sets for the whole process."""
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    benchmark, tf32, precision = torch.backends.cudnn.benchmark, torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()
    yield
    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.benchmark, torch.backends.cudnn.allow_tf32 = benchmark, tf32
    torch.set_float32_matmul_precision(precision)


@pytest.mark.parametrize(("deterministic", "tf32"), itertools.product([True, False], repeat=2))
@pytest.mark.usefixtures("switches")
def test_deterministic_and_tf32_are_switches_of_the_process(tmp_path: Path, deterministic: bool, tf32: bool) -> None:
    torch.backends.cudnn.benchmark = True
    trained(tiny_run(tmp_path, "steps = 1", f"deterministic = {str(deterministic).lower()}", f"tf32 = {str(tf32).lower()}"))

    assert torch.are_deterministic_algorithms_enabled() == deterministic
    assert torch.backends.cudnn.benchmark != deterministic
    assert torch.get_float32_matmul_precision() == ("high" if tf32 else "highest")
    assert torch.backends.cudnn.allow_tf32 == tf32


def test_channels_last_is_another_order_of_the_same_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []

    def watch(session: Session) -> None:
        def look(_module: nn.Module, inputs: tuple[Any, ...]) -> None:
            seen.append(inputs[0].is_contiguous(memory_format=torch.channels_last))

        session.model.get_submodule("conv2").register_forward_pre_hook(look)

    plain, last = run_of(tmp_path, SGD, model=CNN), run_of(tmp_path, "channels_last = true", SGD, model=CNN)
    trained(plain)
    session = trained(last, watch)

    assert session.model.get_parameter("conv2.weight").is_contiguous(memory_format=torch.channels_last)
    assert seen
    assert all(seen)
    losses = [[row[1] for row in rows(run, "steps", "loss")] for run in (plain, last)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
