"""set: what reaches the worker, and what is told at once because no worker could take it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from gradtop.trainer.config import dump_config, load_config, parse_config
from gradtop.trainer.record import Run, read_status, write_status
from gradtop.trainer.training import live
from tests.cli.conftest import Gradtop
from tests.cli.fake_worker import FakeWorker
from tests.tui.runs_fixture import Grower, living_run


@pytest.fixture
def living(tmp_path: Path) -> tuple[Run, Grower]:
    run, grower = living_run(tmp_path / "runs")
    run.config.write_text(dump_config(parse_config('[data]\nkind = "fake"\n')))
    return run, grower


@pytest.mark.parametrize(
    ("words", "sent"),
    [
        (["lr=3e-4", "--replace"], {"optimizer.lr": 3e-4, "schedule.kind": "constant"}),
        (["freeze.patterns=conv1.*", "freeze.kind=pattern"], {"freeze.kind": "pattern", "freeze.patterns": ["conv1.*"]}),
        (["optimizer.betas=0.8, 0.99", "augment.flip=.5"], {"optimizer.betas": [0.8, 0.99], "augment.flip": 0.5}),
        (["training.epochs=40", "training.label_smoothing=0.1"], {"training.epochs": 40, "training.label_smoothing": 0.1}),
    ],
)
def test_what_can_be_live_reaches_the_worker_and_the_worker_takes_it(
    gradtop: Gradtop, living: tuple[Run, Grower], words: list[str], sent: dict[str, object]
) -> None:
    with FakeWorker(*living) as worker:
        said = gradtop("set", "last", *words)
    assert (said.code, "constant: the schedule ends\n" in said.out) == (0, "--replace" in words)
    assert worker.seen == [("set", {"changes": sent})]
    live.changed(load_config(living[0].config), sent)  # raises where the worker would refuse


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["lr=-1"], "optimizer.lr: must be a number > 0, not -1"),
        (["lr=fast"], 'optimizer.lr: must be a number > 0, not "fast"'),
        (["learning_rate=1"], "unknown key"),
        (["optimizer.kind=sgd"], "it needs a fork; gradtop fork quiet-heron optimizer.kind=sgd"),
        (["training.seed=3"], "it needs a restart; gradtop rerun quiet-heron training.seed=3"),
        (["schedule.kind=wsd"], "it needs a fork"),
        (["training.clip=1", "--replace"], "--replace requires a learning rate"),
    ],
)
def test_a_mistake_is_told_at_once(gradtop: Gradtop, living: tuple[Run, Grower], words: list[str], said: str) -> None:
    with FakeWorker(*living) as worker:
        result = gradtop("set", "last", *words)
    assert (result.code, worker.seen) == (2, [])
    assert said in result.err


def test_what_was_changed_before_counts(gradtop: Gradtop, living: tuple[Run, Grower]) -> None:
    run, _ = living
    changes = {"freeze.kind": "pattern", "freeze.patterns": ["a.*"]}
    write_status(run, read_status(run)._replace(changes=changes, updated=time.time()))
    with FakeWorker(*living) as worker:
        assert gradtop("set", "last", "freeze.patterns=b.*").code == 0
    assert worker.seen == [("set", {"changes": {"freeze.patterns": ["b.*"]}})]


def test_what_a_new_learning_rate_makes_of_the_one_of_now_is_said_before_it_is_sent(gradtop: Gradtop, living: tuple[Run, Grower]) -> None:
    run, _ = living
    run.config.write_text(dump_config(parse_config('[data]\nkind = "fake"\n[optimizer]\nlr = 1e-2\n[schedule]\nkind = "cosine"\nmin_lr = 1e-5\n')))
    write_status(run, read_status(run)._replace(lr=4e-3, updated=time.time()))
    with FakeWorker(*living, consequence="the learning rate would change"):
        said = gradtop("set", "last", "lr=5e-3")
    assert said.out == "quiet-heron: learning rate now 4e-3 → 2e-3 (scaled), min_lr 1e-5 → 5e-6: the whole schedule is scaled, its warm-up included\n"
    assert (said.code, "to apply it, add --yes" in said.err) == (2, True)
    with FakeWorker(*living):
        assert gradtop("set", "last", "lr=5e-3", "--replace").out.splitlines()[0] == "quiet-heron: learning rate now 4e-3 → 5e-3, constant: the schedule ends"
        # The one that it has is no change, which the worker says.
        assert gradtop("set", "last", "lr=1e-2").out == "quiet-heron: set it is\n"
        # Another length puts it on another curve, of which the worker says where it leads.
        assert gradtop("set", "last", "lr=5e-3", "training.epochs=9").out == "quiet-heron: set it is\n"
