"""The monitor as a whole: its size limit, its instruments, who looks on."""

from __future__ import annotations

import math
from pathlib import Path
from typing import cast

import pytest
import torch

from gradtop.trainer.analysis.event_text import event_line
from gradtop.trainer.config.monitor import MonitorConfig
from gradtop.trainer.monitor import Monitor
from gradtop.trainer.monitor.instruments.instrument import Instrument, Setup
from gradtop.trainer.monitor.instruments.norms import NormRing, Norms
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
    leases.join(60)
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

    leases.join(60)
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
