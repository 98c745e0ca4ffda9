from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import torch
from PIL import Image

from gradtop.trainer.config import ImageFolder
from gradtop.trainer.data.kinds.image_folder.images import read_picture
from gradtop.trainer.data.kinds.image_folder.loader import Folder, load
from gradtop.trainer.runtime.errors import UserError
from tests.support import wait_until

CPU = torch.device("cpu")


def fill(folder: Path, count: int, *, shade: int = 0, suffix: str = "png") -> None:
    """Images of one grey each, which tells them apart."""
    folder.mkdir(parents=True)
    for number in range(count):
        Image.new("RGB", (20, 14), (shade + number,) * 3).save(folder / f"{number:03}.{suffix}")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    fill(tmp_path / "images" / "cat", 20)
    fill(tmp_path / "images" / "dog", 11, shade=100)
    return tmp_path / "images"


def of(root: Path, *, workers: int = 0, validation: float = 0.2) -> Folder:
    return load(ImageFolder(root=str(root), image_size=8, workers=workers, validation=validation), seed=0)


def read(folder: Folder, epoch: int = 0, skip: int = 0) -> list[tuple[torch.Tensor, torch.Tensor]]:
    return list(folder.training(8, seed=5, device=CPU).epoch(epoch, skip=skip))


def kill_and_read(batches: Iterator[object]) -> None:
    psutil.Process().children()[0].kill()
    list(batches)


def same(one: list[tuple[torch.Tensor, torch.Tensor]], other: list[tuple[torch.Tensor, torch.Tensor]]) -> bool:
    return len(one) == len(other) and all(torch.equal(*pair) for each in zip(one, other, strict=True) for pair in zip(*each, strict=True))


def test_each_class_gives_its_share_to_validation_and_no_image_is_in_both(root: Path) -> None:
    folder = of(root)

    assert folder.info.classes == 2
    assert torch.bincount(folder.train.labels).tolist() == [16, 9]
    assert torch.bincount(folder.val.labels).tolist() == [4, 2]
    assert len({*folder.train.paths, *folder.val.paths}) == 31
    assert load(ImageFolder(root=str(root), validation=0.2), seed=9).val.paths == folder.val.paths


def test_more_files_leave_those_in_validation_that_were(root: Path) -> None:
    before = {path for path in of(root).train.paths if "cat" in path}
    fill(root / "cat" / "more", 1, shade=50)
    assert before <= set(of(root).train.paths) | set(of(root).val.paths)
    assert len(before - set(of(root).train.paths)) <= 1


def test_folders_train_and_val_are_the_two_parts(tmp_path: Path) -> None:
    for part, count in (("train", 6), ("val", 3)):
        for name in ("a", "b"):
            fill(tmp_path / part / name, count)
    folder = of(tmp_path)
    assert (len(folder.train), len(folder.val)) == (12, 6)


def test_processes_that_read_give_the_same_batches_as_none_and_are_gone_afterwards(root: Path) -> None:
    assert same(read(of(root, workers=2)), read(of(root)))
    assert same(list(of(root, workers=2).validation(4, CPU)), list(of(root).validation(4, CPU)))
    wait_until(lambda: not psutil.Process().children(), why="the workers to be gone")


def test_an_epoch_entered_in_the_middle_reads_only_what_is_left(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, opened = of(root), []

    def noted(path: str, size: int) -> torch.Tensor:
        opened.append(path)
        return read_picture(path, size)

    whole = read(folder, 3)
    monkeypatch.setattr("gradtop.trainer.data.kinds.image_folder.loader.read_picture", noted)
    assert same(read(folder, 3, skip=2), whole[2:])
    assert len(opened) == sum(len(labels) for _, labels in whole[2:])
    assert not same(read(folder, 4), whole)


@pytest.mark.parametrize("workers", [0, 1])
def test_reading_touches_no_random_state(root: Path, workers: int) -> None:
    before = torch.get_rng_state()
    read(of(root, workers=workers))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_stop_sent_to_all_processes_leaves_the_training_its_data(root: Path) -> None:
    batches = of(root, workers=2).training(2, seed=0, device=CPU).epoch(0)
    seen = [next(batches)]
    for child in psutil.Process().children():
        for number in (signal.SIGTERM, signal.SIGINT):
            os.kill(child.pid, number)
    assert len(seen + list(batches)) == 12


# The signal of its death may come while the loader cleans up.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_reader_that_is_killed_ends_training_with_a_sentence(root: Path) -> None:
    batches = of(root, workers=1).training(1, seed=0, device=CPU).epoch(0)
    next(batches)
    # torch raises its own sentence where that signal arrives, which may be before the next batch is asked for.
    with pytest.raises((UserError, RuntimeError), match=r"a process that reads the data died \(.+\); where memory ran out|^DataLoader worker"):
        kill_and_read(batches)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_broken_image_is_left_out_and_told_of_once(root: Path, capsys: pytest.CaptureFixture[str], workers: int) -> None:
    folder = of(root, workers=workers)
    for path in (folder.train.paths[3], folder.val.paths[0]):
        Path(path).write_bytes(b"nothing")
    assert [len(labels) for _, labels in read(folder) + read(folder, 1)] == [8, 8, 8, 8, 8, 8]
    assert sum(len(labels) for _, labels in folder.validation(4, CPU)) == 5
    assert capsys.readouterr().out.count("left out: ") == 2


def test_nothing_but_broken_images_end_training_with_a_sentence(root: Path) -> None:
    folder = of(root)
    for path in (*folder.train.paths, *folder.val.paths):
        Path(path).write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"100 samples in a row cannot be read; one of them: .*/images/"):
        read(folder)
    with pytest.raises(UserError, match="none of the samples for validation can be read"):
        list(folder.validation(4, CPU))


@pytest.mark.parametrize(
    ("mode", "colour", "seen"),
    [("L", 90, (90, 90, 90)), ("RGBA", (255, 0, 0, 255), (255, 0, 0)), ("RGBA", (9, 9, 9, 0), (255, 255, 255)), ("LA", (40, 255), (40,) * 3),
     ("1", 1, (255,) * 3), ("I;16", 128 * 256, (128,) * 3), ("P", 0, (0, 0, 0))],
)
def test_every_kind_of_pixel_becomes_colour(tmp_path: Path, mode: str, colour: int | tuple[int, ...], seen: tuple[int, ...]) -> None:
    Image.new(mode, (12, 10), colour).save(tmp_path / "one.png")
    picture = read_picture(str(tmp_path / "one.png"), 8)

    assert picture.shape == (3, 8, 8)
    assert picture[:, 4, 4].tolist() == list(seen)


def test_the_middle_is_cut_out_upright(tmp_path: Path) -> None:
    image = Image.new("RGB", (32, 16), "red")
    image.paste("white", (8, 0, 24, 8))
    image.paste("blue", (8, 8, 24, 16))
    turned = Image.Exif()
    turned[0x0112] = 3
    image.save(tmp_path / "plain.png")
    image.save(tmp_path / "turned.png", exif=turned)
    plain, other = (read_picture(str(tmp_path / f"{name}.png"), 16) for name in ("plain", "turned"))

    assert plain[:, 2, 8].tolist() == [255, 255, 255]
    assert plain[:, 13, 8].tolist() == [0, 0, 255]
    assert torch.equal(other, plain.flip((1, 2)))


def test_what_lies_otherwise_than_expected_is_told_of(tmp_path: Path, root: Path) -> None:
    def refused(folder: Path, sentence: str) -> None:
        with pytest.raises(UserError, match=sentence):
            of(folder)

    refused(tmp_path / "none", r"none is not there; a folder with one folder of images")
    (tmp_path / "bare").mkdir()
    refused(tmp_path / "bare", "needs a folder of images for each class, but there is none in it")
    fill(tmp_path / "loose", 2)
    refused(tmp_path / "loose", "but its images lie in it directly")
    fill(tmp_path / "one" / "cat", 3)
    refused(tmp_path / "one", "images of one class alone, cat")
    for name in ("a", "b"):
        fill(tmp_path / "few" / name, 1)
    refused(tmp_path / "few", "no class in .* has two images")
    (root / "empty").mkdir()
    refused(root, "empty in .* holds no images .*; fill it or remove it")
    fill(tmp_path / "parts" / "val" / "bird", 1)
    for name in ("a", "b"):
        fill(tmp_path / "parts" / "train" / name, 2)
    refused(tmp_path / "parts", "bird, which is not among the classes")
