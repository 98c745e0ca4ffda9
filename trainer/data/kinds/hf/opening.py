"""A folder that save_to_disk has written, memory-mapped: nothing is downloaded, and no code that came with it is run."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gradtop.trainer.data.fingerprint import digest_of
from gradtop.trainer.data.kinds.image_folder.listing import TESTING, TRAINING, VALIDATION
from gradtop.trainer.data.table_encoding import several_words
from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.runtime.errors import UserError

EXTRA = "pip install 'gradtop[hf]'"
_SPLITS, _SPLIT = "dataset_dict.json", "state.json"  # of a DatasetDict, of a Dataset


class OpenedSplits(NamedTuple):
    """`validation` is None where a part of `training` is to be set apart, `test` where there is none; each is a `datasets.Dataset`."""

    training: Any
    validation: Any
    test: Any
    notes: list[str]

    @property
    def digest(self) -> str:
        """By the fingerprints of the library, in state.json."""
        return digest_of(fingerprint_of(each).encode() for each in (self.training, self.validation) if each is not None)

    def check_validation(self, columns: Iterable[str], where: str) -> None:
        """Raises UserError where that split has not the columns of the other."""
        if lacking := [name for name in columns if name not in self.validation.features]:
            raise UserError(f"{where}: the validation split lacks the column {lacking[0]}")

    @staticmethod
    def test_note(root: Path) -> str:
        return f"test in {root} is a test set: it is evaluated once, at the end, by the best weights, and training does not look at it"


def fingerprint_of(rows: Any) -> str:
    return str(rows._fingerprint)  # noqa: SLF001 - the library's own, in state.json


def holds_saved(root: Path) -> bool:
    """Whether a folder looks like one that save_to_disk has written."""
    return any((root / name).is_file() for name in (_SPLITS, _SPLIT))


def open_splits(root: Path, key: str = "data.root") -> OpenedSplits:
    """Raises UserError with what is wrong with the folder, which `key` names."""
    if not root.is_dir():
        raise UserError(f"{key}: {root} is {'not a directory' if root.exists() else 'missing'}; the folder that save_to_disk has written is expected")
    if not holds_saved(root):
        raise UserError(f"{key}: {root} holds neither {_SPLITS} nor {_SPLIT}, as save_to_disk of the library datasets writes them; load the data there, and save them to a folder")
    library = import_library()
    try:
        found = library.load_from_disk(str(root), keep_in_memory=False)
    except Exception as error:  # Arrow, JSON and the library itself each have their own
        first = (str(error).strip().splitlines() or [""])[0]
        raise UserError(f"{key}: {root} cannot be read ({type(error).__name__}: {first[:300]}); save the data set again with save_to_disk") from error
    if not isinstance(found, dict):
        return OpenedSplits(found, None, None, [])
    return _by_name(root, found, key)


def import_library() -> Any:
    """Raises UserError where it is not installed."""
    # For what it might ask of the hub while it is imported and used here, where no data set is one of the hub's.
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY"):
        os.environ.setdefault(name, "1")
    try:
        import datasets
    except ImportError:
        raise UserError(f"data.kind = hf reads data sets by the library datasets, which is not installed: {EXTRA}") from None
    return datasets


def _by_name(root: Path, splits: dict[str, Any], key: str) -> OpenedSplits:
    training, validation, test = ([name for name in splits if name.casefold() in names] for names in (TRAINING, VALIDATION, TESTING))
    if not training:
        raise UserError(f"{key}: {root} has {several_words(list(splits))} but no split train; rename one of them, or save it alone")
    for which, of in (("training", training), ("validation", validation), ("testing", test)):
        if len(of) > 1:
            raise UserError(f"{key}: {root} has {several_words(of)} for {which}; keep one of them")
    others = [name for name in splits if name not in (*training, *validation, *test)]
    where = validation[0] if validation else f"a part of {training[0]}"
    notes = [f"{several_words(others)} in {root} {'are' if len(others) > 1 else 'is'} not used: training takes {training[0]}, validation {where}"] if others else []
    return OpenedSplits(splits[training[0]], splits[validation[0]] if validation else None, splits[test[0]] if test else None, notes)
