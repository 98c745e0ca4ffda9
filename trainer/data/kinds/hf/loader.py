"""Data sets of the library datasets, read while training as a user's own Dataset is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from gradtop.trainer.data.dataset import Source
from gradtop.trainer.data.fingerprint import digest_of
from gradtop.trainer.data.kinds.custom.labelled import LabelledSamples
from gradtop.trainer.data.kinds.custom.loader import CustomSource, source_of
from gradtop.trainer.data.kinds.hf import SavedDataset
from gradtop.trainer.data.kinds.hf.columns import ChosenColumns, choose_columns
from gradtop.trainer.data.kinds.hf.opening import open_splits
from gradtop.trainer.data.kinds.hf.samples import SavedRows, read_column
from gradtop.trainer.data.kinds.image_folder.images import check_decoder
from gradtop.trainer.data.kinds.table.targets import FEW
from gradtop.trainer.data.normalise import IMAGENET, Normalise
from gradtop.trainer.data.outlined import outlined
from gradtop.trainer.data.splitting import set_rows_apart
from gradtop.trainer.data.targets import CLASSES, MASKS, NUMBERS, ONE_CLASS, VALUES, TargetKind, WantedTargets
from gradtop.trainer.home import at_home
from gradtop.trainer.runtime.errors import UserError


def outline_saved(config: SavedDataset, classes: int, saved: Mapping[str, Any]) -> Source | None:  # noqa: ARG001 - they are in what is saved
    """Data without a row, as a checkpoint has `saved` what its model must know of them; None where that is too little."""
    if not config.tokenizer:
        return outlined(saved)
    from gradtop.trainer.data.kinds.hf.texts import outline_texts

    return outline_texts(config, saved)


def load(
    config: SavedDataset, *, seed: int, context: int = 0, wanted: WantedTargets = ONE_CLASS, saved: Mapping[str, Any] | None = None  # noqa: ARG001 - the context is the model's
) -> Source:
    """`seed` draws the rows for validation, where there is no split for them. Texts are tokens by the tokenizer that a checkpoint has `saved`. Raises UserError."""
    if config.white < config.black:
        raise UserError(f"data.white: {config.white:g} is less than data.black = {config.black:g}; it must be larger")
    root = at_home(config.root).absolute()
    opened = open_splits(root)
    where = f"data.root: {root}"
    if wanted.kind == MASKS:
        # What reads masks is not needed otherwise.
        from gradtop.trainer.data.kinds.hf.masks import load_masked_rows

        return load_masked_rows(config, opened, root, seed=seed, wanted=wanted)
    columns = choose_columns(opened.training.features, config, str(root))
    pictures = columns.types[columns.inputs[0]] == "image"
    if pictures:
        check_decoder()
    target = _Target(opened.training, columns, wanted, where)
    digest = opened.digest
    if opened.validation is None:
        of_classes = target.kind == CLASSES and target.values.dim() == 1 and bool((target.values >= 0).all())
        rows = set_rows_apart(torch.arange(len(opened.training)), target.values if of_classes else None, config.validation, seed, where)
        parts = [(opened.training.select(some.tolist()), target.values[some]) for some in rows]
    else:
        opened.check_validation(columns.types, where)
        parts = [(opened.training, target.values), (opened.validation, target.encode(opened.validation))]
    notes = list(opened.notes)
    if opened.test is not None and not (why := _unusable(opened.test, columns, target)):
        parts.append((opened.test, target.encode(opened.test, "test")))
        notes.append(opened.test_note(root))
    elif opened.test is not None:
        notes.append(f"test in {root} is not used: {why}")
    sets: list[LabelledSamples] = []
    if config.tokenizer:
        # What makes tokens is not needed otherwise.
        from gradtop.trainer.data.kinds.hf.texts import SavedTexts, SentenceEncoding, TextTokens

        tokens = TextTokens(config, saved)
        digest = digest_of([digest.encode(), tokens.content.encode(), repr(config.max_length).encode()])
        notes.append(tokens.note())
        sets += [SavedTexts(rows, columns.inputs[0], tokens, values, target.classes, where) for rows, values in parts]
    else:
        sets += [SavedRows(rows, columns, config, values, target.classes, where) for rows, values in parts]
    source = source_of(sets, where, config, wanted._replace(kind=target.kind))
    notes = [f"{root}: input {', '.join(columns.inputs)} ({columns.types[columns.inputs[0]]}), target {columns.target} ({columns.types[columns.target]})", *notes, *source.survey.notes]
    if not isinstance(source, CustomSource):
        return source
    labels = parts[0][1].long() if target.kind == CLASSES and target.values.dim() == 1 else source.labels
    source = replace(source, digest=digest, survey=replace(source.survey, notes=notes), labels=labels)
    if config.tokenizer:
        return replace(source, encoding=SentenceEncoding(tokens, source.info, config.tokenizer))
    return replace(source, prepare=Normalise(*IMAGENET)) if pictures else source


class _Target:
    """The targets of the training rows, numbered or as they are; others are numbered by the names of these. Raises UserError."""

    def __init__(self, rows: Any, columns: ChosenColumns, wanted: WantedTargets, where: str) -> None:
        self._name, self._type, self._where = columns.target, columns.types[columns.target], where
        found = read_column(rows, self._name, where)
        if len(found) == 0:
            raise UserError(f"{where} has no rows for training")
        self.kind: TargetKind = self._kind_of(found) if wanted.open else wanted.kind
        self.classes: tuple[str, ...] = ()
        if self._type == "class":
            self.classes = tuple(map(str, rows.features[self._name].names))
        elif isinstance(found, list):
            self.classes = tuple(sorted(set(found)))
        elif found.dtype == torch.bool and self.kind == CLASSES:
            self.classes = ("false", "true")
        if self.kind in NUMBERS and self.classes:
            raise UserError(f"data.target: {self._name} holds {'words' if isinstance(found, list) else 'classes'}, and numbers are expected; name another column, or set task.kind = classification")
        self.values = self._numbered(found, self.classes)

    def encode(self, rows: Any, split: str = "validation") -> Tensor:
        found = read_column(rows, self._name, self._where)
        names = tuple(map(str, rows.features[self._name].names)) if self._type == "class" else self.classes
        return self._numbered(found, names, split)

    def has_labels(self, rows: Any) -> bool:
        """Whether a row has a class: splits for a competition hold -1 in place of each."""
        return self._type != "class" or bool((read_column(rows, self._name, self._where) >= 0).any())  # type: ignore[operator]

    def _kind_of(self, found: Tensor | list[str]) -> TargetKind:
        if self._type in {"class", "string", "bool", "sequence of integers"} or isinstance(found, list):
            return CLASSES
        if self._type == "integer" and int(found.min()) >= 0 and len(found.unique()) <= FEW:
            return CLASSES
        return VALUES

    def _numbered(self, found: Tensor | list[str], names: tuple[str, ...], split: str = "validation") -> Tensor:
        """As the training rows number their classes, where these have names: `found` are words, or numbers by `names`."""
        numbers = {name: number for number, name in enumerate(self.classes)}
        if isinstance(found, list):
            words = [numbers.get(word, -1) for word in found]
            self._refuse_strange([found[row] for row, number in enumerate(words) if number < 0], split)
            return torch.tensor(words)
        if self.kind == CLASSES and found.dtype == torch.bool:
            return found.long()
        if names == self.classes:
            return found
        places = torch.tensor([numbers.get(name, -1) for name in names])
        self._refuse_strange([names[number] for number in found.unique().tolist() if number >= 0 and int(places[number]) < 0], split)
        return torch.where(found >= 0, places[found.clamp_min(0)], found)  # one below 0 is of no class

    def _refuse_strange(self, names: list[str], split: str) -> None:
        if names:
            raise UserError(f"{self._where}: the {split} split has the class {names[0]!r} in column {self._name}, which the training split has not")


def _unusable(test: Any, columns: ChosenColumns, target: _Target) -> str:
    """Why a split cannot be evaluated; "" where it can."""
    if lacking := [name for name in columns.types if name not in test.features]:
        return f"it lacks the column {lacking[0]}"
    if not len(test):
        return "it has no rows"
    return "" if target.has_labels(test) else f"its rows have no class in column {columns.target}"
