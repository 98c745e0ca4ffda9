"""What a worker leaves behind, assembled as it is: status and streams of real trainings."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest
import torch

from gradtop.trainer.monitor.gpu import GPU, GpuReader
from gradtop.trainer.monitor.instruments import system
from gradtop.trainer.record import Run, Status, StreamReader, read_status
from gradtop.trainer.record.status import parse_status
from gradtop.trainer.runtime.control import Stop
from gradtop.trainer.runtime.worker import work
from gradtop.trainer.training.gauges import gauges
from gradtop.trainer.training.session import Session
from tests.support import wait_until
from tests.training.runs import rows, tiny_run, trained


def test_the_status_says_how_many_steps_make_an_epoch(tmp_path: Path) -> None:
    run = tiny_run(tmp_path)
    run.config.write_text(run.config.read_text().replace("epochs = 2", "steps = 10"))
    session = trained(run)

    status = read_status(run)
    assert status.steps_per_epoch == session.per_epoch == len(list(session.batches.epoch(0)))
    assert (status.steps, status.epochs) == (10, -(-10 // session.per_epoch))


def test_a_status_of_before_the_field_counts_whole_epochs() -> None:
    assert parse_status({"steps": 90, "epochs": 2}) == Status(steps=90, epochs=2, steps_per_epoch=45)


def slow_steps(run: Run, *steps: int, stop: int = 0) -> Callable[[Session], None]:
    """Have each of these steps wait until the system was sampled once more after it; ask for an end after step `stop`."""

    def watch(session: Session) -> None:
        session.control.due = slowed(session, session.control.due)  # type: ignore[method-assign]

    def slowed(session: Session, due: Callable[[], bool]) -> Callable[[], bool]:
        def wait() -> bool:
            if session.step in steps:
                seen = len(rows(run, "system"))
                wait_until(lambda: len(rows(run, "system")) > seen, why="a sample of the system")
            if session.step == stop > 0:
                raise Stop
            return due()

        return wait

    return watch


def test_the_system_is_sampled_at_the_step_where_training_stands_and_on_the_device_that_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[torch.device] = []

    class Figures(GpuReader):
        def __init__(self, device: torch.device) -> None:
            super().__init__(device)
            read.append(device)

        def read(self) -> tuple[float, ...]:
            return (97.0, 4e10, 8e10, 612.5, 61.0, *[1.0] * (len(GPU) - 5))

    monkeypatch.setattr(system, "GpuReader", Figures)
    run = tiny_run(tmp_path)
    session = trained(run, slow_steps(run, 3, 5))

    assert read == [session.device]
    found = rows(run, "system", "gpu_use", "gpu_temperature")
    steps = [step for step, *_ in found]
    assert steps == sorted(steps)
    assert {3, 5} <= set(steps)
    assert {tuple(figures) for _, *figures in found} == {(97.0, 61.0)}


def test_a_resume_keeps_the_samples_of_before_its_checkpoint(tmp_path: Path) -> None:
    run = tiny_run(tmp_path)
    trained(run, slow_steps(run, 2, stop=4))
    assert (read_status(run).state, read_status(run).step) == ("stopped", 4)
    before = rows(run, "system", "cpu", "memory")
    trained(run, slow_steps(run, 5), resume=True)

    reader = StreamReader(run, "system")
    reader.refresh()
    assert len(reader.segments) == 2
    found = rows(run, "system", "cpu", "memory")
    assert found[: len(before)] == before
    after = [step for step, *_ in found[len(before) :]]
    assert after[0] >= 4
    assert 5 in after


def test_an_evaluation_that_a_resume_does_again_is_recorded_once(tmp_path: Path) -> None:
    run = tiny_run(tmp_path)

    def kill_after_evaluation(session: Session) -> None:
        # A checkpoint at the end of the epoch, before its evaluation, and an end at once after it.
        begin = session.begin_evaluation

        def kept() -> None:
            begin()
            session.checkpoint_now()

        session.begin_evaluation = kept  # type: ignore[method-assign]
        session.keep_checkpoint_if_due = stop  # type: ignore[method-assign]

    def stop() -> None:
        raise RuntimeError("as if the machine went down")

    with pytest.raises(AssertionError, match="the machine went down"):
        trained(run, kill_after_evaluation)
    assert len(rows(run, "evals")) == 1
    session: Any = trained(run, resume=True)

    steps = [step for (step,) in rows(run, "evals")]
    assert steps == [session.per_epoch, 2 * session.per_epoch]


def test_a_resume_that_fails_hides_nothing(tmp_path: Path) -> None:
    run = tiny_run(tmp_path)

    def end_after_a_checkpoint(session: Session) -> None:
        due = session.control.due

        def asked() -> bool:
            if session.step == 3:
                session.checkpoint_now()
            if session.step == 6:
                raise RuntimeError("as if the machine went down")
            return due()

        session.control.due = asked  # type: ignore[method-assign]

    with pytest.raises(AssertionError, match="the machine went down"):
        trained(run, end_after_a_checkpoint)
    before = {stream: rows(run, stream) for stream in ("steps", "layers", "histograms")}
    assert len(before["steps"]) == 6
    run.config.write_text(run.config.read_text().replace("hidden = [8]", "hidden = [9]"))

    assert work(run, resume=True) == 1
    assert "does not fit: run.toml has changed" in read_status(run).error
    assert {stream: rows(run, stream) for stream in before} == before


def test_a_run_that_nobody_watches_has_each_figure_within_its_first_steps(tmp_path: Path) -> None:
    run = tiny_run(tmp_path)
    trained(run)

    modules = [("linear1", "Linear"), ("relu1", "ReLU"), ("head", "Linear")]
    parameters = [f"{module}.{name}" for module in ("linear1", "head") for name in ("weight", "bias")]
    for stream, columns in (
        ("layers", [f"{column}/{name}" for name in parameters for column in ("grad_norm", "weight_norm", "update_ratio")]),
        ("activations", ["std/linear1", "std/relu1", "dead/relu1", "std/head"]),
    ):
        reader = StreamReader(run, stream)
        reader.refresh()
        assert [column.name for column in reader.columns] == columns
        for column in columns:
            first = next(step for step, value in rows(run, stream, column) if math.isfinite(value))
            assert first <= 2
            # The last batch of an epoch is too small to call a unit dead.
            assert sum(math.isfinite(value) for _, value in rows(run, stream, column)) >= (2 if "dead" in column else 4)
        assert not reader.unavailable(columns[0])
    assert reader.extra["modules"] == [{"name": name, "kind": kind} for name, kind in modules]


@pytest.mark.parametrize("sections", [(), ("accumulate = 2\nprecision = 'bf16'\nema = 0.9",)])
def test_what_is_measured_changes_no_loss_and_no_weight_by_a_bit(tmp_path: Path, sections: tuple[str, ...]) -> None:
    def figures(folder: str, *more: str) -> tuple[Any, ...]:
        run = tiny_run(tmp_path / folder, *sections, *more)
        session = trained(run)
        assert not any(module._forward_hooks for module in session.model.modules())
        assert bool(rows(run, "activations")) == (not more)
        return rows(run, "steps", "loss"), rows(run, "evals", "loss"), [weight.tolist() for weight in session.model.state_dict().values()]

    assert figures("measured") == figures("not", "[monitor]\nenabled = false")


def test_the_share_of_time_that_was_spent_waiting_for_batches_is_recorded(tmp_path: Path) -> None:
    run = tiny_run(tmp_path)
    never = threading.Event()

    def watch(session: Session) -> None:
        real = session.batches.epoch

        def slowly(epoch: int, *, skip: int = 0) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
            for batch in real(epoch, skip=skip):
                never.wait(0.05)
                yield batch

        session.batches.epoch = slowly  # type: ignore[method-assign]

    trained(run, watch)
    shares = [share for _, share in rows(run, "steps", "loading") if math.isfinite(share)]
    assert shares
    assert all(0 <= share <= 1 for share in shares)
    assert max(shares) > 0.5


def test_the_status_tells_what_monitoring_costs(tmp_path: Path) -> None:
    run = tiny_run(tmp_path)
    found: list[Mapping[str, object]] = []

    def watch(session: Session) -> None:
        slow_steps(run, 3, 5)(session)
        due = session.control.due

        def look() -> bool:
            found.append(cast("Mapping[str, object]", gauges(session)["monitoring"]))
            return due()

        session.control.due = look  # type: ignore[method-assign]

    trained(run, watch)

    told = read_status(run).monitoring
    assert {"layers.share", "layers.every", "histograms.share", "activations.share"} <= set(told)
    assert all(isinstance(value, float) and 0 <= value < 60 for value in told.values())
    assert found[0] == {}
    assert any(each.get("layers.every") for each in found)
