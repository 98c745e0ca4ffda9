"""Which image files lie in a folder, of which class and for which part of the data. Opens none, and imports no torch."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gradtop.trainer.data.kinds.image_folder.twins import twins
from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.runtime.preparing import telling

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".jfif")
# What systems and programs leave in folders, besides what begins with a dot.
_NOT_THE_USERS = frozenset({"__macosx", "@eadir", "@recycle", "@recently-snapshot", "#recycle", "#snapshot", "$recycle.bin", "system volume information",
                            "lost+found", "__pycache__", "thumbs.db"})
TRAINING, VALIDATION, TESTING = ("train", "training"), ("val", "valid", "validation", "dev"), ("test", "testing")
# What stands around these in names of folders: 01_train, train2017, val_set, Test images.
_AROUND = re.compile(r"[\W\d_]*([a-z]+?)[\W_]*(?:set|data|images|split)?[\W\d_]*")
_SAY_EVERY = 2.0


class File(NamedTuple):
    """An image file; `wrong` says why it cannot hold an image, as far as its directory entry tells."""

    path: str
    size: int
    wrong: str = ""


Files = Mapping[str, Sequence[File]]


@dataclass
class Listing:
    """The files of each class, all sorted by name; both parts have their classes in the same order. `notes` are to be said once. `test` is the folder of a test set."""

    training: dict[str, list[File]]
    validation: dict[str, list[File]]
    notes: list[str] = field(default_factory=list)
    test: Path | None = None


def list_images(root: Path, share: float) -> Listing:
    """The split that the folder has, or that share of each class for validation. Raises UserError where it lies otherwise than expected."""
    if not root.is_dir():
        raise UserError(f"data.root: {root} is {'not a directory' if root.exists() else 'missing'}; a folder with one folder of images for each class is expected")
    splits = _splits(root)
    listing = Listing(find_images(splits.training), {}, splits.notes)
    if splits.test is not None:
        _hold_out(listing, splits.test)
    if len(listing.training) < 2:
        raise UserError(f"data.root: {splits.training} has images of a single class, {next(iter(listing.training))}; a classifier needs at least two")
    if splits.validation is None:
        _set_apart(listing, share)
        if not any(listing.validation.values()):
            raise UserError(f"data.root: no class in {splits.training} has two different images, and one for validation and one for training are expected")
        return listing
    found = find_images(splits.validation, empty=True)
    if strange := [name for name in found if name not in listing.training]:
        raise UserError(f"data.root: {splits.validation} has {several(strange)}, which is not among the classes in {splits.training}")
    listing.validation = {name: found.get(name, []) for name in listing.training}
    if lacking := [name for name, files in listing.validation.items() if not files]:
        listing.notes.append(f"{splits.validation} has no images of {several(lacking)}: accuracy is that of the other classes")
    if copies := twins(listing.validation, listing.training):
        listing.notes.append(f"{_images(len(copies.found))} in {splits.validation.name} {'are' if len(copies.found) > 1 else 'is'} in {splits.training.name} too, "
                             f"byte for byte, as {next(iter(copies.found))}: accuracy is higher than on new images")
    return listing


class _Splits(NamedTuple):
    training: Path
    validation: Path | None
    notes: list[str]
    test: Path | None = None


def _hold_out(listing: Listing, folder: Path) -> None:
    """Keep the folder for a test set where its folders are classes; none of its files is looked at."""
    strange = [each.name for each in folders_in(folder) if each.name not in listing.training]
    if strange:
        listing.notes.append(f"{folder.name} in {folder.parent} is not used: it has {several(strange)}, which {'is' if len(strange) == 1 else 'are'} not among the classes")
        return
    listing.test = folder
    listing.notes.append(f"{folder.name} in {folder.parent} is a test set: it is evaluated once, at the end, by the best weights, and training does not look at it")


def list_test(folder: Path, classes: Sequence[str]) -> dict[str, list[File]]:
    """The files of the test set, in the order of the classes. Raises UserError."""
    found = find_images(folder, empty=True)
    return {name: found.get(name, []) for name in classes}


def _splits(root: Path) -> _Splits:
    """The folders of the parts, by their usual names in any case; a class may have such a name too, and has images in it directly."""
    folders = folders_in(root)
    training, validation, test = (_folders_of(folders, names) for names in (TRAINING, VALIDATION, TESTING))
    parts = [folder for folder in (*training, *validation, *test) if _holds_classes(folder)]
    training = [folder for folder in training if folder in parts]
    if not parts:
        return _Splits(root, None, [])
    if not training:
        raise UserError(f"data.root: {root} has a folder {several([folder.name for folder in parts])} with folders in it, but no folder train like it; "
                        f"add it, or rename {parts[0].name} where it is a class")
    for which, folders_of in (("training", training), ("validation", validation)):
        if len(folders_of) > 1:
            raise UserError(f"data.root: {root} has {several([folder.name for folder in folders_of])} for {which}; keep one of them")
    tests = [folder for folder in test if folder in parts]
    held_out_test = tests[0] if len(tests) == 1 else None
    others = [folder.name for folder in folders if folder not in (*training, *validation, held_out_test)]
    held_out = validation[0] if validation else None
    notes = []
    if others:
        where = held_out.name if held_out else f"a part of {training[0].name}"
        notes.append(f"{several(others)} in {root} {'are' if len(others) > 1 else 'is'} not used: training takes {training[0].name}, validation {where}")
    return _Splits(training[0], held_out, notes, held_out_test)


def _folders_of(folders: Sequence[Path], names: Sequence[str]) -> list[Path]:
    exact = [folder for folder in folders if folder.name.casefold() in names]
    return exact or [folder for folder in folders if part_name(folder.name) in names]


def part_name(name: str) -> str:
    """`train` of Train, train2017, 01_train or train_set, and so for the other parts; any other name as it is, in lower case."""
    name = name.casefold()
    found = _AROUND.fullmatch(name)
    return found[1] if found is not None and found[1] in (*TRAINING, *VALIDATION, *TESTING) else name


def by_part(folders: Sequence[Path]) -> dict[str, Path]:
    """Folders by their names in lower case and by the parts that they are of."""
    return {part_name(folder.name): folder for folder in folders} | {folder.name.casefold(): folder for folder in folders}


def _holds_classes(folder: Path) -> bool:
    """Whether there are folders in it, and no images beside them."""
    inside = False
    for entry in entries_in(folder):
        if entry.name.lower().endswith(SUFFIXES):
            return False
        inside = inside or is_folder(entry)
    return inside


def find_images(root: Path, *, empty: bool = False, clock: Callable[[], float] = time.monotonic) -> dict[str, list[File]]:
    """The image files of each class; says how far it is, as many files take a while. A class may be without any where `empty`."""
    found: dict[str, list[File]] = {}
    count, say_at = 0, clock() + _SAY_EVERY
    folders, tell = folders_in(root), telling("listing the images")
    for folder in folders:
        files: list[File] = []
        for file in files_in(folder):
            tell(count, 0)
            files.append(file)
            count += 1
            if clock() >= say_at:
                say_at = clock() + _SAY_EVERY
                print(f"{root}: {count:,} images found, in {folder.name} at the moment", flush=True)
        found[folder.name] = sorted(files)
    tell(-1, 0)
    if not count and (empty or not found):
        lies = "its images lie in it directly" if any(entry.name.lower().endswith(SUFFIXES) for entry in entries_in(root)) else "there is none in it"
        raise UserError(f"data.root: {root} needs a folder of images for each class, but {lies}")
    if (bare := [name for name, files in found.items() if not files]) and not empty:
        kinds = ", ".join(suffix[1:] for suffix in SUFFIXES[:5])
        raise UserError(f"data.root: {several(bare)} in {root} holds no images ({kinds} …); add images or remove it")
    return found


def folders_in(root: Path) -> list[Path]:
    return sorted(Path(entry.path) for entry in entries_in(root) if is_folder(entry))


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Of a link, whether it leads to one; one that leads to itself does not."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def entries_in(folder: Path | str) -> Iterator[os.DirEntry[str]]:
    """What is in a folder, but for what is hidden there."""
    try:
        with os.scandir(folder) as entries:
            yield from (entry for entry in entries if not entry.name.startswith(".") and entry.name.casefold() not in _NOT_THE_USERS)
    except OSError as error:
        raise UserError(f"data.root: {error.filename or folder} cannot be read ({error.strerror or error})") from error


def files_in(folder: Path) -> Iterator[File]:
    """Also those in folders further in; a link that leads back is followed once."""
    seen: set[tuple[int, int]] = set()
    places = [str(folder)]
    while places:
        place = places.pop()
        here = os.stat(place)  # noqa: PTH116 - a Path is 3 µs more, and folders may be as many as images
        if (here.st_dev, here.st_ino) in seen:
            continue
        seen.add((here.st_dev, here.st_ino))
        for entry in entries_in(place):
            if is_folder(entry):
                places.append(entry.path)
            elif entry.name.lower().endswith(SUFFIXES):
                yield _file(entry)


def _file(entry: os.DirEntry[str]) -> File:
    try:
        found = entry.stat()
    except OSError as error:
        return File(entry.path, 0, error.strerror or str(error))
    if not stat.S_ISREG(found.st_mode):
        return File(entry.path, 0, "no regular file")
    return File(entry.path, found.st_size, "" if found.st_size else "empty")


def _set_apart(listing: Listing, share: float) -> None:
    """That share of each class for validation, at least one image of it and not all: those whose names hash lowest.

    So the split is the same for every seed and every copy of the folder, and hardly changes when files are added. Files
    that are the same byte for byte stay together.
    """
    kept, apart = {}, {}
    for name, files in listing.training.items():
        count = min(max(round(share * len(files)), 1), len(files) - 1)
        ranked = sorted(files, key=name_hash)
        apart[name], kept[name] = ranked[:count], ranked[count:]
    copies = twins(apart, kept)
    for name, held_out in apart.items():
        of_both = {file: copies.found[file.path] for file in held_out if file.path in copies.found}
        _keep_together(held_out, kept[name], of_both)
        held_out.sort()
        kept[name].sort()
    if copies.found:
        listing.notes.append(f"{_images(len(copies.found) + len({path for others in copies.found.values() for path in others}))} have copies, byte for byte, as "
                             f"{next(iter(copies.found))}: copies stay together, in training or in validation")
    if copies.left:
        listing.notes.append(f"{copies.left:,} images were not compared with others of their size: copies of them may be in training and in validation")
    if lacking := [name for name, files in apart.items() if not files]:
        listing.notes.append(f"{several(lacking)} has no image for validation, as there are no two different ones: accuracy is that of the other classes")
    listing.training, listing.validation = kept, apart


def _keep_together(held_out: list[File], kept: list[File], of_both: Mapping[File, Sequence[str]]) -> None:
    """Take the copies of what is held out out of training where that leaves most of it, else what is held out back into training."""
    for file, paths in of_both.items():
        copies = [other for other in kept if other.path in paths]
        if len(copies) < max(len(kept) // 4, 1):
            held_out.extend(copies)
            for copy in copies:
                kept.remove(copy)
        elif copies and file in held_out:
            held_out.remove(file)
            kept.append(file)


def name_hash(file: File) -> tuple[bytes, str]:
    name = file.path.rpartition("/")[2]
    return hashlib.blake2b(os.fsencode(name), digest_size=8).digest(), file.path


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count:,} images"


def several(names: Sequence[str], most: int = 3) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")
