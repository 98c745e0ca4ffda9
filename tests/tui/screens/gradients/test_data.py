from __future__ import annotations

import math
from pathlib import Path

from gradtop.trainer.record import Column, Run, SegmentWriter, StreamReader, new_run
from gradtop.tui.screens.gradients.data import Recent


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
