"""Sentences about runs that commands and screens share."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradtop.trainer.analysis.text import loss_text
from gradtop.trainer.record import RunReader, SegmentWriter, new_run
from gradtop.trainer.record.streams.registry import PLAIN_LOSS, STEPS, columns_of


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("", ""),
        ("[training]\nlabel_smoothing = 0.0", ""),
        ("[training]\nlabel_smoothing = 0.1", "with label smoothing 0.1; 0.25 without it"),
        (
            "[training]\nlabel_smoothing = 0.1\n[augment]\nmixup = 0.2",
            "with label smoothing 0.1 and mixup 0.2; 0.25 without smoothing; images are mixed, which the validation loss is not of",
        ),
        ('training = "no table"\n[augment]\nmixup = "much"', ""),
    ],
)
def test_what_the_training_loss_has_in_it_is_told(tmp_path: Path, config: str, said: str) -> None:
    run = new_run(tmp_path, config, {})
    writer = SegmentWriter(run, STEPS, columns_of(STEPS))
    names = [column.name for column in columns_of(STEPS)]
    writer.append(1, 1e9, [0.25 if name == PLAIN_LOSS else 0.5 for name in names])
    writer.close()
    reader = RunReader(run)
    reader.refresh()
    assert loss_text(reader) == said
