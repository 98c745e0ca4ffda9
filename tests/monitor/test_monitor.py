from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest
import torch
from torch import nn

from gradtop.trainer.analysis.event_text import black_box_text, event_line
from gradtop.trainer.config.monitor import MonitorConfig
from gradtop.trainer.monitor import Monitor
from gradtop.trainer.monitor.instruments.instrument import Instrument, Setup
from gradtop.trainer.monitor.instruments.norms import NormRing, Norms
from gradtop.trainer.monitor.instruments.steps import Noted, PaceMeter
from gradtop.trainer.monitor.viewers import Viewers as Leases
from gradtop.trainer.record import (
    Column,
    Run,
    StreamReader,
    StreamWriter,
    drop_lease,
    list_streams,
    new_run,
    write_lease,
)
from gradtop.trainer.record.streams import registry
from gradtop.trainer.record.streams.registry import Stream
from tests.monitor.support import CPU, Clock, Viewers, events, monitored, small_model, table
from tests.support import wait_until


def test_every_step_has_a_record_once_and_in_order(tmp_path: Path) -> None:
    with monitored(tmp_path) as (training, run, _):
        for count in (1, 7, 100, 3):
            training.train(count)
            training.monitor.flush()
        training.train(30)

    steps = table(run, "steps")
    assert steps["step"] == list(range(1, 142))
    assert steps["loss"] == training.losses
    assert steps["lr"] == [0.1] * 141
    assert steps["time"] == sorted(steps["time"])


def test_without_clipping_the_norm_is_that_of_the_sampled_steps(tmp_path: Path) -> None:
    with monitored(tmp_path) as (training, run, _):
        training.train(40)

    sampled = set(table(run, "layers")["step"])
    assert 10 < len(sampled) < 40
    steps = table(run, "steps")
    for step, norm, expected in zip(steps["step"], steps["grad_norm"], training.norms, strict=True):
        assert norm == pytest.approx(expected) if step in sampled else math.isnan(norm)
    assert all(math.isnan(clipped) for clipped in steps["clipped"])


def test_with_clipping_every_norm_is_there_and_what_was_clipped(tmp_path: Path) -> None:
    with monitored(tmp_path, clip=0.6) as (training, run, _):
        training.train(40)

    steps = table(run, "steps")
    assert steps["grad_norm"] == training.norms
    assert steps["clipped"] == [float(norm > 0.6) for norm in training.norms]
    assert 0 < sum(steps["clipped"]) < 40


def test_a_loss_that_is_not_finite_is_recorded_as_it_is(tmp_path: Path) -> None:
    with monitored(tmp_path) as (training, run, _):
        for step, loss in enumerate((1.0, math.nan, math.inf, -math.inf), 1):
            training.monitor.after_step(step, torch.tensor(loss), 0.1, None, 0.0, 6)

    losses = table(run, "steps")["loss"]
    assert losses[0] == 1.0
    assert math.isnan(losses[1])
    assert losses[2:] == [math.inf, -math.inf]


def test_the_newest_figures_are_none_and_then_those_of_the_last_step(tmp_path: Path) -> None:
    with monitored(tmp_path) as (training, run, _):
        assert training.monitor.latest == {"loss": None, "grad_norm": None, "lr": None, "samples_per_s": None}
        training.train(50)
        training.monitor.flush()
        latest = training.monitor.latest

    assert latest["loss"] == training.losses[-1]
    assert latest["lr"] == 0.1
    assert latest["grad_norm"] == pytest.approx(training.norms[-1], rel=1)
    assert latest["samples_per_s"] == pytest.approx(6 / 0.05)
    rates = table(run, "steps")["samples_per_s"]
    assert math.isnan(rates[0])
    assert rates[-1] == pytest.approx(6 / 0.05)


def test_a_pause_is_no_part_of_the_rate(tmp_path: Path) -> None:
    with monitored(tmp_path) as (training, _, _):
        training.train(50)
        training.monitor.flush()
        training.clock.now += 1000
        training.train(50)
        training.monitor.flush()

        assert training.monitor.latest["samples_per_s"] == pytest.approx(6 / 0.05)


def test_evaluations_after_every_few_steps_do_not_make_steps_seem_slow() -> None:
    pace, now = PaceMeter(), 0.0
    found: float | None = None
    for _ in range(20):
        for gaps in ((10.0,), (0.05,) * 5):  # the first step after an evaluation is handed over by itself
            noted: list[Noted] = []
            for gap in gaps:
                now += gap
                noted.append((1, now, torch.zeros(()), 0.1, None, 0.0, 6, 0.4 * gap, None, None))
            found = pace.look(noted)

    assert found == pytest.approx(0.05)
    assert pace.loading == pytest.approx(0.4)


def test_steps_are_handed_over_several_times_a_second_and_not_each_by_itself(tmp_path: Path) -> None:
    with monitored(tmp_path) as (training, _, writer):
        given: list[int] = []
        put_many = writer.put_many

        def noted(stream: str, rows: Sequence[tuple[float, ...]]) -> None:
            given.extend([len(rows)] if stream == "steps" else [])
            put_many(stream, rows)

        writer.put_many = noted  # type: ignore[method-assign]
        training.train(100)  # in 5 s
        training.monitor.flush()

    assert sum(given) == 100
    assert 20 <= len(given) <= 51


def test_what_measuring_costs_stays_within_the_budget(tmp_path: Path) -> None:
    clock = Clock(tick=1e-4)
    with monitored(tmp_path, clock=clock, budget=0.01, steps_per_epoch=10_000) as (training, run, _):
        training.train(3000)

    sampled = len(table(run, "layers")["step"])
    # A sample takes three ticks of this clock twice, of steps of 0.05 s: one in two steps would be 0.6 %.
    assert 3000 * 0.1 < sampled <= 3000 * 0.9 * 0.01 * 0.05 / 3e-4


def test_a_monitor_that_is_off_notes_loss_and_learning_rate_alone(tmp_path: Path) -> None:
    with monitored(tmp_path, enabled=False, clip=0.6) as (training, run, _):
        training.train(20)

    assert list_streams(run) == ["steps"]
    assert table(run, "steps")["grad_norm"] == training.norms


def test_full_streams_thin_out_norms_and_histograms_and_say_so_once(tmp_path: Path) -> None:
    with monitored(tmp_path, max_bytes=1_000_000) as (training, run, _):
        training.monitor._size_limit.wrote(480_000)
        training.train(2000)

    warnings = [str(event["message"]) for event in events(run, "warning")]
    assert len(warnings) == 1
    assert "monitor.max_bytes (1 MB)" in warnings[0]
    layers = table(run, "layers")["step"]
    assert layers[-1] - layers[-2] >= 4
    assert layers[20] - layers[19] == 1
    assert table(run, "steps")["step"] == list(range(1, 2001))


def test_what_earlier_processes_wrote_counts(tmp_path: Path) -> None:
    run = new_run(tmp_path, "", {})
    (run.streams / "layers.0.bin").write_bytes(bytes(800_000))
    writer = StreamWriter(run)
    config = MonitorConfig(max_bytes=1_000_000)
    monitor = Monitor(small_model(), config, writer, CPU, first_step=1, clock=Clock(), viewers=Viewers())

    assert monitor._size_limit.stretch == 4
    monitor.close()
    writer.close()


def test_an_instrument_that_fails_is_switched_off_alone_and_its_stream_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: object, **_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    monkeypatch.setattr(NormRing, "after_step", fail)
    with monitored(tmp_path) as (training, run, _):
        training.train(20)

    (event,) = events(run, "unavailable")
    reason = "OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB"
    assert (event["stream"], event["columns"], event["reason"]) == ("layers", [], reason)
    assert event_line(event).text == f"layers not measured: {reason}"
    assert table(run, "steps")["step"] == list(range(1, 21))
    assert len(table(run, "histograms")["step"]) > 8
    layers, histograms = StreamReader(run, "layers"), StreamReader(run, "histograms")
    layers.refresh()
    histograms.refresh()
    assert (layers.unavailable("grad_norm/0.weight"), histograms.unavailable("")) == (reason, "")


def test_update_ratios_for_which_there_is_no_memory_are_left_out_and_norms_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before_step = NormRing.before_step

    def measure(self: NormRing, step: int, time: float, *, updates: bool) -> None:
        before_step(self, step, time, updates=False)
        if updates:
            raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(NormRing, "before_step", measure)
    with monitored(tmp_path, viewers=Viewers("updates")) as (training, run, _):
        training.train(40)

    (said,) = events(run, "unavailable")
    assert event_line(said).text == "update_ratio not measured: there is no memory for a copy of the weights"
    layers = table(run, "layers")
    assert len(layers["step"]) > 10
    assert all(math.isfinite(norm) for norm in (*layers["grad_norm/0.weight"], *layers["weight_norm/0.weight"]))
    reader = StreamReader(run, "layers")
    reader.refresh()
    assert reader.unavailable("update_ratio/0.weight")
    assert not reader.unavailable("grad_norm/0.weight")


class Sums(Instrument):
    """The sum of all weights in every third step: an instrument is a class and a declaration of its stream."""

    stream = "sums"

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.due = setup.first_step
        self._found: list[tuple[float, ...]] = []

    def after_step(self, step: int) -> None:
        total = sum(float(parameter.detach().sum()) for parameter in self.setup.model.parameters())
        self._found.append((step, self.setup.clock() + self.setup.offset(), total))
        self.due = step + 3

    def rows(self, *, wait: bool) -> list[tuple[float, ...]]:
        found, self._found = self._found, []
        return found


def test_an_instrument_is_added_by_its_class_and_the_declaration_of_its_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    declared = Stream("sums", "Sums of weights.", (Column("total", "1"),))
    monkeypatch.setitem(cast("dict[str, Stream]", registry.REGISTRY), "sums", declared)
    with monitored(tmp_path, instruments=(Sums, Norms)) as (training, run, _):
        training.train(10)
        total = sum(float(parameter.detach().sum()) for parameter in training.model.parameters())

    found = table(run, "sums")
    assert found["step"] == [1, 4, 7, 10]
    assert found["total"][-1] == total
    assert table(run, "layers")["step"]


def test_a_spike_of_the_loss_is_told_once_a_minute(tmp_path: Path) -> None:
    with monitored(tmp_path) as (training, run, _):
        training.train(100)
        for _ in range(3):
            training.monitor.after_step(training.step + 1, torch.tensor(50.0), 0.1, None, 0.0, 6)
            training.step += 1
            training.train(100)

    (spike,) = events(run, "black_box")
    assert spike["step"] == 101
    assert "the loss rose to 50, from 1." in str(spike["what"])


def test_a_spike_is_what_the_finding_says_it_is(tmp_path: Path) -> None:
    """A rise of less than the loss was in the beginning, in a single step, is none; in several steps it is; where the process began does not matter."""
    with monitored(tmp_path) as (training, run, _):
        training.monitor.first_losses.extend([100.0] * 3)
        training.train(100)

        def rise_to(loss: float, steps: int) -> None:
            for _ in range(steps):
                training.monitor.after_step(training.step + 1, torch.tensor(loss), 0.1, None, 0.0, 6)
                training.step += 1
            training.monitor.flush()

        rise_to(60.0, 1)
        training.train(50)
        rise_to(60.0, 4)

    (spike,) = events(run, "black_box")
    assert spike["step"] == 152
    assert "the loss rose to 60, from 1." in str(spike["what"])


def test_a_training_that_only_goes_well_has_no_spike(tmp_path: Path) -> None:
    with monitored(tmp_path) as (training, run, _):
        training.train(500)

    assert events(run, "black_box") == []


@pytest.mark.parametrize("clip", [0.0, 1.0])
def test_the_black_box_names_the_parameter_that_went_wrong(tmp_path: Path, clip: float) -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 3))
    with monitored(tmp_path, model, clip=clip) as (training, _, _):
        training.train(200)

        def spoil(step: int) -> None:
            for place in (0, 1):
                for parameter in model[place].parameters():
                    assert parameter.grad is not None
                    parameter.grad[0] = math.nan
            told.append(training.monitor.black_box(step, "the gradient of 1.weight"))

        told: list[dict[str, object]] = []
        training.between = spoil
        training.train(1)

    (box,) = told
    assert box["parameter"] == "1.weight"
    assert box["step"] == 201
    assert black_box_text(box) == "step 201: the gradient of 1.weight is not finite"
    steps = box["steps"]
    assert isinstance(steps, dict)
    assert steps["step"] == list(range(169, 201))
    assert steps["loss"] == pytest.approx(training.losses[168:200], rel=1e-4)
    assert len(json.dumps(box)) < 6000


def test_the_black_box_of_a_device_that_noticed_late_goes_by_the_samples(tmp_path: Path) -> None:
    with monitored(tmp_path) as (training, _, _):
        training.train(99)

        measure = training.monitor.after_backward

        def spoil(step: int) -> None:
            for parameter in training.model.parameters():
                if parameter.grad is not None:
                    parameter.grad.mul_(math.nan)
            measure(step)

        training.monitor.after_backward = spoil  # type: ignore[method-assign]
        training.train(1)
        box = training.monitor.black_box(100, "")

    assert box["parameter"] == "2.weight"
    assert (box["parameter"], box["wrong"]) == ("2.weight", True)
    assert black_box_text(box) == "step 100: a gradient is not finite; 2.weight is the first non-finite one"


def test_a_black_box_before_the_first_step_is_empty(tmp_path: Path) -> None:
    with monitored(tmp_path) as (training, _, _):
        box = training.monitor.black_box(1, "the loss")

    assert box["parameter"] == ""
    assert black_box_text(box) == "step 1: the loss is not finite"
    json.dumps(box)


def test_a_monitor_may_be_closed_again(tmp_path: Path) -> None:
    with monitored(tmp_path) as (training, run, _):
        training.train(3)
        training.monitor.close()
        training.monitor.close()

    assert len(table(run, "histograms")["step"]) == 8


def test_by_default_the_leases_of_the_run_are_read(tmp_path: Path) -> None:
    run = new_run(tmp_path, "", {})
    leases = Leases(run, every=0.01)
    leases.start()
    try:
        assert leases().measurements == frozenset()
        write_lease(run, "screen", ["updates"], ["0.weight"])
        wait_until(lambda: leases().measurements == {"updates"})
        assert leases().parameters == {"0.weight"}
        drop_lease(run, "screen")
        wait_until(lambda: not leases().measurements)
    finally:
        leases.close()
    leases.join(5)
    assert not leases.is_alive()


def test_the_thread_that_reads_leases_ends_with_the_monitor(tmp_path: Path) -> None:
    run = new_run(tmp_path, "", {})
    writer = StreamWriter(run)
    monitor = Monitor(small_model(), MonitorConfig(), writer, CPU, first_step=1)
    leases = monitor._viewers
    assert leases is not None
    assert leases.is_alive()

    monitor.close()
    writer.close()

    leases.join(5)
    assert not leases.is_alive()


@pytest.mark.gpu
def test_on_a_gpu_no_step_waits_for_the_device(tmp_path: Path) -> None:
    run: Run = new_run(tmp_path, "", {})
    writer = StreamWriter(run)
    device = torch.device("cuda", 0)
    model = small_model().to(device)
    monitor = Monitor(model, MonitorConfig(budget=0.5), writer, device, first_step=1, viewers=Viewers("updates"))
    monitor.begin()
    losses = []
    images = torch.randn(6, 4, device=device)
    with torch.cuda.stream(torch.cuda.Stream()):
        torch.cuda.set_sync_debug_mode("error")
        try:
            for step in range(1, 200):
                loss = model(images).square().mean()
                loss.backward()
                monitor.after_backward(step)
                for parameter in model.parameters():
                    parameter.grad = None
                monitor.after_step(step, loss.detach(), 0.1, None, 0.0, 6)
                losses.append(loss.detach())
        finally:
            torch.cuda.set_sync_debug_mode("default")
        monitor.close()
    writer.close()

    assert table(run, "steps")["loss"] == pytest.approx([loss.item() for loss in losses])
    assert table(run, "layers")["step"]
