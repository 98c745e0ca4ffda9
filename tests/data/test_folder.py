from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from PIL import Image

from gradtop.trainer.config import ImageFolder
from gradtop.trainer.data.batches import order_of
from gradtop.trainer.data.held_out import with_held_out
from gradtop.trainer.data.kinds.image_folder import listing
from gradtop.trainer.data.kinds.image_folder.images import read_picture
from gradtop.trainer.data.kinds.image_folder.listing import find_images
from gradtop.trainer.data.kinds.image_folder.loader import Folder, load
from gradtop.trainer.data.loading import LeftOut
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

    def noted(path: str, *scale: Any) -> torch.Tensor:
        opened.append(path)
        return read_picture(path, *scale)

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
    assert [len(labels) for _, labels in read(folder) + read(folder, 1)] == [8, 8, 9, 8, 8, 9]
    assert sum(len(labels) for _, labels in folder.validation(4, CPU)) == 5
    assert capsys.readouterr().out.count("cannot be read: ") == 2


def test_each_broken_image_is_replaced_by_another_of_its_class_and_not_all_by_one(root: Path) -> None:
    fill(root / "bird", 100, shade=50)
    folder = of(root)
    broken = [index for index, path in enumerate(folder.train.paths) if "bird" in path][:8]
    for index in broken:
        Path(folder.train.paths[index]).write_bytes(b"nothing")
    told: list[LeftOut] = []
    folder.reading.tell = told.append
    instead = [next(other for other in folder.train.instead(index) if other not in broken) for index in broken]

    assert len(set(instead)) > 5
    assert {int(folder.train.labels[other]) for other in instead} == {int(folder.train.labels[broken[0]])}
    drawn = torch.cat([labels for _, labels in read(folder)])
    assert torch.equal(torch.bincount(drawn), torch.bincount(folder.train.labels[order_of(105, 5, 0)]))
    assert (told[-1].count, told[-1].samples, len(told)) == (8, 131, 2)
    assert told[-1].path == told[0].path


@pytest.mark.parametrize(("broken", "sentence"), [(2, "at least 2 of the 9 images of class dog for training cannot be read; one of them: .*/dog/"), (9, "2 of the 9")])
def test_a_class_that_loses_more_than_a_small_part_ends_training_in_the_first_epoch(root: Path, broken: int, sentence: str) -> None:
    folder = of(root)
    for path in [path for path in folder.train.paths if "dog" in path][:broken]:
        whole = Path(path).read_bytes()
        Path(path).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=sentence):
        read(folder)


def test_a_class_of_which_no_file_begins_as_an_image_is_refused_before_training(root: Path) -> None:
    for path in (root / "dog").iterdir():
        path.write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"none of the 11 images of class dog can be read; the last of them: .*/dog/"):
        of(root)
    paths = sorted((root / "dog").iterdir())
    for path in paths[:-2]:
        path.write_bytes(b"")
    for path in paths[-2:]:
        Image.new("L", (9, 9)).save(path)
    with pytest.raises(UserError, match=r"at least 2 of the .* images of class dog for training cannot be read; .*\(empty\)"):
        of(root)


def test_no_image_is_waited_for(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(root / "cat" / "more", 10, shade=60)
    os.mkfifo(root / "cat" / "fifo.png")
    (root / "cat" / "link.png").symlink_to("nowhere")
    (root / "cat" / "loop.png").symlink_to("loop.png")
    (root / "loop").symlink_to("loop")
    folder = of(root)
    assert len(folder.train) + len(folder.val) == 44
    assert sum(len(labels) for _, labels in [*read(folder), *folder.validation(4, CPU)]) >= 40
    assert "fifo.png (no regular file)" in capsys.readouterr().out


def test_what_is_hidden_is_no_image(root: Path) -> None:
    before = of(root)
    for hidden in (".ipynb_checkpoints", ".thumbnails", "__MACOSX", "@eaDir"):
        fill(root / "cat" / hidden, 3, shade=200)
        fill(root / hidden, 3)
    for name in ("._000.png", ".hidden.jpg", "Thumbs.db"):
        shutil.copy(root / "cat" / "000.png", root / "cat" / name)
    after = of(root)
    assert (after.train.paths, after.val.paths) == (before.train.paths, before.val.paths)


def test_copies_of_a_file_are_all_on_one_side(root: Path) -> None:
    for path in list((root / "cat").iterdir()):
        shutil.copy(path, path.with_name(f"copy of {path.name}"))
    folder = of(root)
    sides = [{Path(path).read_bytes() for path in part.paths} for part in (folder.train, folder.val)]

    assert not sides[0] & sides[1]
    assert 4 <= len([path for path in folder.val.paths if "cat" in path]) <= 16
    assert any("have copies, byte for byte, as " in note for note in folder.survey.notes)


@pytest.mark.parametrize(("training", "validation"), [("Train", "Val"), ("training", "VALID"), ("TRAIN", "validation"), ("train", "dev"), ("train2017", "val2017"), ("01_train", "02 Validation set")])
def test_the_usual_names_of_splits_are_no_classes_in_any_case(tmp_path: Path, training: str, validation: str) -> None:
    for part, names in ((training, "abc"), (validation, "ca"), ("Test", "abc")):
        for name in names:
            fill(tmp_path / part / name, 3 + len(part), shade=ord(name) + len(part) * 9)
    folder = of(tmp_path)

    assert folder.classes == ("a", "b", "c")
    assert len(folder.train) == 3 * (3 + len(training))
    assert sorted(set(folder.val.labels.tolist())) == [0, 2]
    assert [note.replace(str(tmp_path), "ROOT") for note in folder.survey.notes] == [
        "Test in ROOT is a test set: it is evaluated once, at the end, by the best weights, and training does not look at it",
        f"ROOT/{validation} has no images of b: accuracy is that of the other classes",
    ]


def test_a_folder_test_is_held_out_where_its_folders_are_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for part, names in (("train", "abc"), ("val", "abc"), ("test", "ca")):
        for name in names:
            fill(tmp_path / part / name, 4, shade=ord(name) + len(part) * 9)
    seen: list[Path] = []

    def found(root: Path, **options: Any) -> dict[str, list[listing.File]]:
        seen.append(root)
        return find_images(root, **options)

    monkeypatch.setattr(listing, "find_images", found)
    folder = of(tmp_path)
    assert tmp_path / "test" not in seen
    before = folder.fingerprint()
    held_out = with_held_out(folder)
    assert isinstance(held_out, Folder)
    assert [Path(path).parent.name for path in held_out.val.paths] == ["a"] * 4 + ["c"] * 4
    assert held_out.val.labels.tolist() == [0] * 4 + [2] * 4
    assert len(read_part(held_out)) == 8
    # A test set that comes later changes nothing of what a run goes on with.
    fill(tmp_path / "test" / "b", 2)
    assert of(tmp_path).fingerprint() == before

    fill(tmp_path / "test" / "owls", 2)
    folder = of(tmp_path)
    assert with_held_out(folder) is None
    assert [note.replace(str(tmp_path), "ROOT") for note in folder.survey.notes] == ["test in ROOT is not used: it has owls, which is not among the classes"]


def read_part(folder: Folder) -> list[int]:
    return [label for _, labels in folder.validation(3, torch.device("cpu")) for label in labels.tolist()]


def test_splits_that_are_half_there_or_twice_are_told_of(tmp_path: Path) -> None:
    for part in ("one/val", "two/train", "two/Training", "three/train", "three/test"):
        for shade, name in ((0, "a"), (99, "b")):
            fill(tmp_path / part / name, 4, shade=shade)
    fill(tmp_path / "four" / "train", 4)
    fill(tmp_path / "four" / "valid", 4)
    for shade, name in ((0, "a"), (99, "b")):
        fill(tmp_path / "five" / "train" / name, 4, shade=shade)
        fill(tmp_path / "five" / "train2" / name, 4, shade=shade)
    with pytest.raises(UserError, match="has a folder val with folders in it, but no folder train like it"):
        of(tmp_path / "one")
    with pytest.raises(UserError, match="has Training, train for training; keep one of them"):
        of(tmp_path / "two")
    three, four = of(tmp_path / "three"), of(tmp_path / "four")
    assert (len(three.train), len(three.val)) == (6, 2)
    assert "test in " in three.survey.notes[0]
    assert "train2 in " in of(tmp_path / "five").survey.notes[0]
    assert four.classes == ("train", "valid")  # images lie in them directly, as in those of any class


def test_images_for_validation_that_are_in_training_too_are_told_of(tmp_path: Path) -> None:
    for name in ("a", "b"):
        fill(tmp_path / "train" / name, 5, shade=10)
        fill(tmp_path / "val" / name, 2, shade=13)
    notes = of(tmp_path).survey.notes
    assert len(notes) == 1
    assert notes[0].startswith("4 images in val are in train too, byte for byte, as ")


def test_a_fingerprint_is_that_of_names_and_sizes_wherever_the_folder_lies(root: Path, tmp_path: Path) -> None:
    first = of(root).fingerprint()
    shutil.copytree(root, tmp_path / "elsewhere")
    assert of(tmp_path / "elsewhere").fingerprint() == first
    assert (first.training, first.validation, first.classes) == (25, 6, ("cat", "dog"))
    assert not first.difference(json.loads(json.dumps(first.record())))
    (root / "cat" / "000.png").rename(root / "cat" / "999.png")
    assert of(root).fingerprint().difference(first.record()) == "as many samples of the same classes, but others"
    (root / "cat").rename(root / "lion")
    fill(root / "bird", 2)
    assert of(root).fingerprint().difference(first.record()) == (
        "26 samples for training, 25 before; 7 samples for validation, 6 before; new classes: bird, lion, classes gone: cat"
    )


def test_what_lies_otherwise_than_expected_is_told_of(tmp_path: Path, root: Path) -> None:
    def refused(folder: Path, sentence: str) -> None:
        with pytest.raises(UserError, match=sentence):
            of(folder)

    refused(tmp_path / "none", r"none is missing; a folder with one folder of images")
    (tmp_path / "bare").mkdir()
    refused(tmp_path / "bare", "needs a folder of images for each class, but there is none in it")
    fill(tmp_path / "loose", 2)
    refused(tmp_path / "loose", "but its images lie in it directly")
    fill(tmp_path / "one" / "cat", 3)
    refused(tmp_path / "one", "images of a single class, cat")
    for name in ("a", "b"):
        fill(tmp_path / "few" / name, 1)
    refused(tmp_path / "few", "no class in .* has two different images")
    (root / "empty").mkdir()
    refused(root, "empty in .* holds no images .*; add images or remove it")
    fill(tmp_path / "parts" / "val" / "bird", 1)
    for name in ("a", "b"):
        fill(tmp_path / "parts" / "train" / name, 2)
    refused(tmp_path / "parts", "bird, which is not among the classes")
