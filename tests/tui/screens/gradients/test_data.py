from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace

import pytest

from gradtop.trainer.record import Column, Run, SegmentWriter, StreamReader, new_run
from gradtop.tui.reading.facts import WatchedRun
from gradtop.tui.reading.poll import ReadContext
from gradtop.tui.screens.gradients.data import GradientsView, Recent, read_gradients
from tests.tui.layers_fixture import Layers, small_table
from tests.tui.runs_fixture import NOW


def segment(run: Run, names: list[str], first: int, values: list[float]) -> None:
    writer = SegmentWriter(run, "layers", [Column(name) for name in names], first_step=first)
    for step, value in enumerate(values, start=first):
        writer.append(step, 0.0, [value] * len(names))
    writer.close()


def test_a_parameter_that_was_frozen_at_first_has_no_norms_of_that_time_rather_than_bad_ones(tmp_path: Path) -> None:
    run = new_run(tmp_path, "", {})
    segment(run, ["grad_norm/head"], 1, [1.0, 2.0, 3.0])
    segment(run, ["grad_norm/stem", "grad_norm/head"], 4, [4.0, math.nan])
    layers = StreamReader(run, "layers")
    layers.refresh()
    recent = Recent(layers, list(layers.rows()))

    steps, values = recent.of("grad_norm/stem")
    assert list(steps) == [4, 5]
    assert values[0] == 4.0
    assert math.isnan(values[1])
    assert list(recent.of("grad_norm/head")[0]) == [1, 2, 3, 4, 5]


def test_after_a_read_that_took_long_a_live_run_is_left_alone_ten_times_as_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layers = Layers(tmp_path, small_table())
    layers.measure(1.0)
    watch = WatchedRun(layers.run, clock=lambda: NOW)
    source = ReadContext(tmp_path, lambda: NOW)
    source.facts, source.run = watch.read(), watch.reader
    source.run.stream("layers").refresh()
    times = iter([100.0, 102.0, 121.0, 123.0, 124.0])  # each call looks when it begins, and when a read has ended
    monkeypatch.setattr("gradtop.tui.screens.gradients.data.time", SimpleNamespace(monotonic=lambda: next(times)))
    assert source.facts.alive

    def read() -> float | None:
        source.run.stream("layers").refresh()  # type: ignore[union-attr]
        return read_gradients(source, GradientsView()).step

    assert read() == 0
    layers.measure(1.0)
    assert read() == 0  # 19 s after the end of a read of 2 s
    assert read() == 10
