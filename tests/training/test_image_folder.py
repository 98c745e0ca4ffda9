"""A folder of images as people have them, trained by a worker: what is found in it is said, recorded and kept to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gradtop.trainer.analysis.findings import report
from gradtop.trainer.data.hand_over import HandOver
from gradtop.trainer.data.kinds.image_folder import pixel_range
from gradtop.trainer.record import EventKind, Run, RunReader, new_run, read_status
from gradtop.trainer.runtime.worker import work
from gradtop.trainer.training import session
from gradtop.trainer.training.session import Session
from gradtop.tui.cli.show import lines
from tests.support import wait_until
from tests.training.runs import SignalAtLook, events

CONFIG = """
[model]
kind = "mlp"
hidden = [8]

[data]
kind = "image_folder"
root = "{root}"
image_size = 8
validation = 0.2

[training]
epochs = 6
batch_size = 8
device = "cpu"
"""
NEARLY_BLACK, DARK = 3000, 300  # of 16 bits


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, value in (("dark", DARK), ("light", NEARLY_BLACK)):
        (tmp_path / "images" / name / ".ipynb_checkpoints").mkdir(parents=True)
        for number in range(20):
            image = Image.fromarray(np.random.default_rng(number).integers(0, 40, (10, 12)).astype("<u2") + value)
            image.save(tmp_path / "images" / name / f"{number}.tif", tiffinfo={0x0112: number % 8 + 1})
            image.save(tmp_path / "images" / name / ".ipynb_checkpoints" / f"{number}.png")
    return tmp_path / "images"


def run_of(root: Path) -> Run:
    return new_run(root.parent / "runs", CONFIG.format(root=root), {})


def test_what_is_found_in_the_images_is_said_recorded_and_used_by_a_resume(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = root / "light" / "7.tif"
    broken.write_bytes(broken.read_bytes()[:100])
    run = run_of(root)
    assert work(run, signals=SignalAtLook(12)) == 0

    assert [event["message"] for event in events(run, EventKind.DATA)] == [
        "images of more than 8 bits: 0 is black and 4,095 is white in all of them, by the values in 32 of them; data.black and data.white change it"
    ]
    left_out = events(run, EventKind.LEFT_OUT)
    assert [(event["count"], event["samples"], event["path"]) for event in left_out] == [(1, 40, str(broken))]
    reader = RunReader(run)
    reader.refresh()
    sentence = f"1 of 40 samples cannot be read; in training another of its class is used instead; it is {broken} ("
    assert any(finding.sentence.startswith(sentence) for finding in report(reader).findings)
    assert any(title == "finding" and text[2:].startswith(sentence) for title, text in lines(reader))
    assert read_status(run).changes == {"data.black": 0.0, "data.white": 4095.0}

    def found_anew(paths: object) -> None:
        raise AssertionError(f"the scale is found anew from {paths}")

    monkeypatch.setattr(pixel_range, "find_pixel_range", found_anew)
    assert work(run, resume=True) == 0
    status = read_status(run)
    assert status.state == "done"
    assert status.val_accuracy == 1.0
    assert status.changes == {"data.black": 0.0, "data.white": 4095.0}


def test_a_class_that_cannot_be_read_fails_the_run_in_its_first_epoch_with_a_sentence(root: Path) -> None:
    for path in (root / "light").glob("*.tif"):
        path.write_bytes(path.read_bytes()[:150])
    run = run_of(root)
    assert work(run) == 1
    status = read_status(run)
    assert status.step < 4
    assert "at least 2 of the 16 images of class light for training cannot be read; one of them: " in status.error


def test_a_batch_that_does_not_come_is_said_until_it_has_come(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = new_run(tmp_path / "runs", CONFIG.format(root=root).replace("image_size", "workers = 1\nimage_size"), {})
    said, hand_over = tmp_path / "said", HandOver.__call__
    shown: list[str] = []

    def once_said(self: HandOver, read: Any) -> Any:
        # In the process that reads, a fork of this one.
        wait_until(said.exists, why="the warning")
        return hand_over(self, read)

    def warn(self: Session, message: str) -> None:
        warned(self, message)
        shown.append(self.progress.status.warning)
        said.touch()

    warned = Session.warn
    monkeypatch.setattr(session, "WARN_AFTER", 0.0)
    monkeypatch.setattr(HandOver, "__call__", once_said)
    monkeypatch.setattr(Session, "warn", warn)

    assert work(run) == 0

    assert shown[0].startswith("no batch for 0 s from process ")
    assert [event["message"] for event in events(run, EventKind.WARNING)] == shown
    assert read_status(run).warning == ""
