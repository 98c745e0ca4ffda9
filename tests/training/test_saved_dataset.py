"""Runs on data sets of the library datasets: resumed bit for bit, evaluated, and told of other data."""

from __future__ import annotations

import shutil
from pathlib import Path

import datasets
import numpy as np
from PIL import Image

from gradtop.trainer.config import dump_config, parse_config
from gradtop.trainer.inference.evaluation import evaluate_checkpoint
from gradtop.trainer.inference.prediction import predict
from gradtop.trainer.launch.forks import find_checkpoint
from gradtop.trainer.record import Run, new_run, read_status
from gradtop.trainer.runtime.worker import work
from tests.training.runs import check_alike, events, finished, stop_and_resume

CONFIG = """
[model]
kind = "mlp"
hidden = [8]
[optimizer]
lr = 0.01
[training]
epochs = 2
batch_size = 4
device = "cpu"
threads = 1
"""


def save(root: Path, names: list[str], seed: int = 0) -> None:
    datasets.disable_progress_bars()
    drawn = np.random.default_rng(seed)
    images = [Image.fromarray(np.clip(np.full((12, 12, 3), 100 + 60 * (number % 2)) + drawn.integers(-20, 20, (12, 12, 3)), 0, 255).astype(np.uint8)) for number in range(40)]
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=names)})
    whole = datasets.Dataset.from_dict({"image": images, "label": [number % 2 for number in range(40)]}, features=features)
    datasets.DatasetDict({"train": whole.select(range(30)), "validation": whole.select(range(30, 40))}).save_to_disk(str(root))


def run_on(folder: Path, *settings: str) -> Run:
    return new_run(folder / "runs", dump_config(parse_config(CONFIG, overrides=["data.kind=hf", f"data.root={folder / 'saved'}", "data.image_size=8", "data.workers=0", *settings])), {})


def test_a_run_resumes_bit_for_bit_and_names_its_classes(tmp_path: Path) -> None:
    save(tmp_path / "saved", ["dark", "light"])
    whole, parted = run_on(tmp_path, "data.workers=1"), run_on(tmp_path, "data.workers=1")
    assert work(whole) == 0, read_status(whole).error
    stop_and_resume(parted, 3, 7)
    check_alike(whole, parted)
    assert finished(whole)["class_names"] == ["dark", "light"]
    path = find_checkpoint(whole).path
    found = evaluate_checkpoint(whole, path)
    assert found["as_recorded"] is True, found
    Image.new("RGB", (12, 12), (165, 165, 165)).save(tmp_path / "new.png")
    (prediction,) = predict(whole, path, [str(tmp_path / "new.png")], {})["predictions"]
    assert {each["name"] for each in prediction["top"]} == {"dark", "light"}


def test_a_resume_is_told_of_other_rows_and_refused_other_classes(tmp_path: Path) -> None:
    save(tmp_path / "saved", ["dark", "light"])
    run, other = run_on(tmp_path), run_on(tmp_path)
    for each in (run, other):
        stopped(each)
    shutil.rmtree(tmp_path / "saved")
    save(tmp_path / "saved", ["dark", "light"], seed=1)
    assert work(run, resume=True) == 0, read_status(run).error
    assert any("the data have changed since the checkpoint: data has other samples" in str(event["message"]) for event in events(run, "warning"))
    shutil.rmtree(tmp_path / "saved")
    save(tmp_path / "saved", ["light", "dark"])
    assert work(other, resume=True) != 0
    assert "the classes are light, dark, and were dark, light" in (read_status(other).error or "")


def stopped(run: Run) -> None:
    from tests.training.runs import SignalAtLook

    assert work(run, signals=SignalAtLook(5)) == 0
    assert read_status(run).state == "stopped", read_status(run).error


def test_balanced_draws_need_no_image_to_be_read(tmp_path: Path) -> None:
    save(tmp_path / "saved", ["dark", "light"])
    run = run_on(tmp_path, "data.sampler=balanced", "training.steps=2")
    assert work(run) == 0, read_status(run).error
