"""Resumed equals uninterrupted, bit for bit: every optimizer and every schedule, as they are declared."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from gradtop.trainer.config import sections
from gradtop.trainer.runtime.worker import work
from tests.training.runs import check_alike, rows, stop_and_resume, tiny_run

# Three batches make a step; the last step of each epoch has two, and the last batch is half a one.
GROUPS = "accumulate = 3"
# Nine steps; stopped after the first one of the second epoch.
EPOCHS, STOP = 3, 4
KINDS = {part.name: part.kinds for part in sections()}
# What makes a kind move within so few steps; one that is not named has its defaults.
OPTIMIZERS = {"sgd": "lr = 0.05", "adagrad": "lr_decay = 0.1", "muon": "lr = 0.01"}
SCHEDULES = {
    "step": 'step_size = 2\ngamma = 0.5\nunit = "steps"',
    "multistep": "milestones = [1, 2]\ngamma = 0.5",
    "exponential": "gamma = 0.7\nwarmup_steps = 5",
    "cosine": 'min_lr = 1e-4\nwarmup_steps = 5\nwarmup_shape = "cosine"',
    "cosine_restarts": 'period = 2\ngrowth = 2\nunit = "steps"\nwarmup_steps = 2',
    "plateau": "patience = 0\nthreshold = 0.9\nwarmup_steps = 2",
    "wsd": "decay = 0.5\nwarmup_steps = 2",
}
# Each remembers something else than its kind by default.
VARIANTS = {
    "sgd without momentum": 'kind = "sgd"\nmomentum = 0.0',
    "nesterov": 'kind = "sgd"\nnesterov = true',
    "dampened sgd": 'kind = "sgd"\ndampening = 0.5',
    "amsgrad": 'kind = "adam"\namsgrad = true',
    "amsgrad with decay": 'kind = "adamw"\namsgrad = true',
    "rmsprop with momentum": 'kind = "rmsprop"\nmomentum = 0.9',
    "centered rmsprop": 'kind = "rmsprop"\ncentered = true\nmomentum = 0.5',
    "adagrad from a sum": 'kind = "adagrad"\ninitial_accumulator_value = 0.5',
    **{f"{kind} without decay of biases": f'kind = "{kind}"\nweight_decay = 0.1\ndecay_all = false' for kind in KINDS["optimizer"]},
}


def check_resume(folder: Path, optimizer: str, schedule: str) -> list[float]:
    """The learning rates that both runs took."""
    parts = (GROUPS, "[monitor]\nenabled = false", f"[optimizer]\n{optimizer}", f"[schedule]\n{schedule}")
    whole, parted = (tiny_run(folder, *parts, epochs=EPOCHS) for _ in range(2))
    work(whole)
    stop_and_resume(parted, STOP)
    check_alike(whole, parted)
    return [row[1] for row in rows(parted, "steps", "lr")]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each schedule with one optimizer, that which moves betas or momentum with one of each, and each optimizer with a schedule or more; with --all-pairs, with all."""
    if "schedule" in metafunc.fixturenames:
        optimizers, schedules = KINDS["optimizer"], KINDS["schedule"]
        assert len(schedules) >= len(optimizers)
        few = sorted({*zip(itertools.cycle(optimizers), schedules, strict=False), ("sgd", "one_cycle"), ("adam", "one_cycle")})
        every = list(itertools.product(optimizers, schedules))
        metafunc.parametrize(("optimizer", "schedule"), every if metafunc.config.getoption("--all-pairs") else few)


def test_a_run_stopped_in_the_middle_of_an_epoch_equals_an_uninterrupted_one(tmp_path: Path, optimizer: str, schedule: str) -> None:
    rates = check_resume(
        tmp_path,
        f'kind = "{optimizer}"\n{OPTIMIZERS.get(optimizer, "")}',
        f'kind = "{schedule}"\n{SCHEDULES.get(schedule, "")}',
    )

    assert len(rates) == 9
    assert len(set(rates)) > (schedule != "constant"), "a schedule that does not move shows nothing"


@pytest.mark.parametrize("optimizer", VARIANTS.values(), ids=VARIANTS)
def test_what_a_variant_of_an_optimizer_remembers_is_resumed(tmp_path: Path, optimizer: str) -> None:
    check_resume(tmp_path, optimizer, 'kind = "cosine"')
