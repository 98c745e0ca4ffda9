"""Masks that are predicted of pictures, as files: what a reader gets from them, against the outputs of the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gradtop.trainer.config import parse_config
from gradtop.trainer.data.kinds.image_folder.images import read_picture
from gradtop.trainer.inference.data import load_source
from gradtop.trainer.inference.predicted_masks import MaskWriter, palette
from gradtop.trainer.inference.prediction import predict
from gradtop.trainer.inference.trained import open_trained, read_trained
from gradtop.trainer.launch import create_run, find_checkpoint
from gradtop.trainer.record import Run
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.runtime.worker import work
from tests.data.mask_files import SIDE, write_pairs
from tests.disk import mounted, occupy

CONFIG = """
[model]
kind = "custom"
target = "configs.shapes:segmenter"
[data]
kind = "image_folder"
root = "{root}"
image_size = 16
validation = 0.25
workers = 0
{more}
[task]
kind = "segmentation"
[augment]
flip = 0.5
crop = 2
rotation = 20
[training]
epochs = 1
batch_size = 4
device = "cpu"
threads = 1
monitor = "mean_iou"
"""


def config_of(root: Path, more: str = "") -> str:
    return CONFIG.format(root=root, more=more)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("masked")
    patch = pytest.MonkeyPatch()
    patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    root = write_pairs(folder / "data", width=2 * SIDE, height=SIDE + 2)
    made = create_run(folder / "runs", parse_config(config_of(root)))
    assert work(made) == 0, made.log.read_text()
    patch.undo()
    return made


def read(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_a_mask_has_the_size_of_its_picture_and_the_classes_that_the_model_gives(run: Run, tmp_path: Path) -> None:
    path = find_checkpoint(run).path
    trained = open_trained(read_trained(run, path, device="cpu"), load_source)
    picture = Path(str(run.path.parent.parent / "data" / "images" / "3.png"))
    (found,) = predict(run, path, [str(picture)], {"masks": str(tmp_path / "out")})["predictions"]
    assert found["mask"] == str(tmp_path / "out" / "3.png")
    mask = read(Path(found["mask"]))
    assert mask.shape == (SIDE + 2, 2 * SIDE)
    assert trained.source.prepare is not None
    with torch.no_grad():
        wanted = trained.forward(trained.source.prepare(read_picture(str(picture), SIDE).unsqueeze(0))).argmax(1)[0].to(torch.uint8)
    side, left = SIDE + 2, (2 * SIDE - SIDE - 2) // 2
    square = np.asarray(Image.fromarray(wanted.numpy()).resize((side, side), Image.Resampling.NEAREST))
    assert np.array_equal(mask[:, left : left + side], square)
    assert (mask[:, :left] == 255).all()
    assert (mask[:, left + side :] == 255).all()
    shares = {each["class"]: each["share"] for each in found["pixels"]}
    assert shares == {number: pytest.approx(float((wanted == number).float().mean())) for number in shares}
    with pytest.raises(UserError, match=r"3.png already exists; replace it with --overwrite"):
        predict(run, path, [str(picture)], {"masks": str(tmp_path / "out")})
    assert predict(run, path, [str(picture)], {"masks": str(tmp_path / "out"), "overwrite": True})["predictions"] == [found]


@pytest.mark.parametrize(("values", "outside"), [((0, 200, 7), 255), ((5, 255), 254), ((0, 1000), 255)])
def test_values_are_those_of_the_masks_for_training(tmp_path: Path, values: tuple[int, ...], outside: int) -> None:
    picture = tmp_path / "a.png"
    Image.new("RGB", (12, 8)).save(picture)
    config = parse_config(config_of(tmp_path, f"mask_values = [{', '.join(map(str, values))}]"))
    labels = torch.arange(16).view(4, 4) % len(values)
    mask = read(MaskWriter(tmp_path / "out", [str(picture)], config, len(values), overwrite=False).write(str(picture), labels))
    wanted = np.array(values)[labels.numpy()].repeat(2, 0).repeat(2, 1)
    assert np.array_equal(mask[:, 2:10], wanted)
    assert (mask[:, :2] == outside).all()


def test_the_palette_begins_as_that_of_pascal_voc() -> None:
    assert [palette()[3 * number : 3 * number + 3] for number in (0, 1, 2, 3, 4, 255)] == [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0], [0, 0, 128], [224, 224, 192]]


def test_no_file_takes_the_place_of_another_and_none_is_half_written(tmp_path: Path) -> None:
    for name in ("a.png", "b/a.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (64, 64)).save(tmp_path / name)
    files, config = [str(tmp_path / "a.png"), str(tmp_path / "b" / "a.jpg")], parse_config(config_of(tmp_path))
    with pytest.raises(UserError, match=r"would both be a.png"):
        MaskWriter(tmp_path / "out", files, config, 3, overwrite=False)
    with pytest.raises(UserError, match=r"is one of the pictures; choose another folder"):
        MaskWriter(tmp_path, files[:1], config, 3, overwrite=True)
    with mounted(tmp_path, "64k") as disk:
        writer = MaskWriter(disk / "out", files[:1], config, 3, overwrite=False)
        occupy(disk)
        with pytest.raises(UserError, match=r"a.png cannot be written \(No space left on device\)"):
            writer.write(files[0], torch.randint(0, 3, (64, 64)))
        assert not list((disk / "out").iterdir())
