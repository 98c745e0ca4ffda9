"""Texts as characters or tokens, for models that predict the next one."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gradtop.trainer.data.batches import Draw, Prepare, batch_count, generator_of, order_of, split_batches
from gradtop.trainer.data.dataset import DataInfo, Survey, Tones, spread_rows
from gradtop.trainer.data.fingerprint import Fingerprint, digest_of
from gradtop.trainer.data.held_out import HeldOut
from gradtop.trainer.data.kinds.text import BYTE_PAIR, CHARACTER_WISE, Text
from gradtop.trainer.data.kinds.text.encoding import CharacterEncoding, TextEncoding
from gradtop.trainer.data.kinds.text.saved_rows import TextParts, saved_texts
from gradtop.trainer.data.kinds.text.token_cache import cached_numbers
from gradtop.trainer.data.tokens import TokenEncoding, read_tokenizer, train_tokenizer
from gradtop.trainer.home import at_home
from gradtop.trainer.runtime.errors import UserError

# Where the model does not say how much it sees at once.
_CONTEXT = 128
_BOOK = "alice.gz"


def load(config: Text, *, seed: int, context: int = 0, saved: Mapping[str, Any] | None = None) -> TextSource:  # noqa: ARG001 - nothing in it is random
    """Numbered as the training part has it, or by the tokenizer that a checkpoint has `saved`; raises UserError where there is no text, or too little."""
    context = context or _CONTEXT
    given = _read(config)
    where, text = given.where, given.training
    # The last part is for validation: a window of the training part must not reach into it.
    last = max(round(len(text) * config.test), 2) if config.test else 0
    text, test = text[: len(text) - last], text[len(text) - last :] if last else given.test or ""
    if given.validation is None:
        held_out = max(round((len(text) + last) * config.validation), 2)
        training, validation = text[:-held_out], text[-held_out:]
    else:
        training, validation = text, given.validation
        if len(validation) < 2:
            raise UserError(f"data.file: the validation split of {where} has {len(validation)} characters; at least two are expected, one to predict the other from")
    if len(training) <= context and config.tokenizer == CHARACTER_WISE:
        raise UserError(_too_little(where, len(text) + last, len(training), context))
    if config.tokenizer == CHARACTER_WISE:
        source = _characters(where, training, validation, test, context)
    else:
        source = _tokens(config, where, training, validation, context, saved or {})
    return replace(source, held_out=_held_out(config, source, test), survey=Survey([*given.notes, *source.survey.notes]))


def _held_out(config: Text, source: TextSource, text: str) -> HeldOut | None:
    """The part that was set apart, or a file, which is read when it is wanted. Raises UserError where there is no such file."""
    if not config.test_file:
        return (lambda: {"validation_part": source.encoding.encode(text)}) if text else None
    path = at_home(config.test_file).absolute()
    if not path.is_file():
        raise UserError(f"data.test_file: there is no file {path}")
    return lambda: {"validation_part": encode_file(path, source.encoding)}


def outline_text(config: Text, classes: int, saved: Mapping[str, Any]) -> TextSource | None:
    """A text without characters, encoded as a checkpoint has `saved` it; None where it has not."""
    encoding = _saved_encoding(config, saved)
    if encoding is None or encoding.classes != classes:
        return None
    empty = encoding.encode("")
    return TextSource(empty, empty, _CONTEXT, DataInfo(channels=0, size=0, classes=classes), encoding.names, encoding)


def _characters(where: str, training: str, validation: str, test: str, context: int) -> TextSource:
    known = sorted(set(training))
    if len(known) < 2:
        raise UserError(f"data.file: {where} consists of a single repeated character; there is nothing to predict")
    strange = Counter(character for character in validation if character not in set(known))
    if strange:
        # Named by no window, so that a model learns to expect it nowhere, and it counts as the mistake that it is.
        several = " ".join(map(repr, sorted(strange)[:8])) + (" …" if len(strange) > 8 else "")
        print(f"{where}: {strange.total():,} characters of the validation part are not in the training part, and count as one more: {several}")
    # Those of the test set count as one more, too.
    encoding = CharacterEncoding("".join(known), len(known) + bool(strange or set(test) - set(known)))
    return TextSource(
        encoding.encode(training),
        encoding.encode(validation),
        context,
        DataInfo(channels=0, size=0, classes=encoding.classes),
        encoding.names,
        encoding,
    )


def _tokens(config: Text, where: str, training: str, validation: str, context: int, saved: Mapping[str, Any]) -> TextSource:
    found = _saved_encoding(config, saved)
    encoding = found if isinstance(found, TokenEncoding) else _new_tokens(config, where, training)
    parts = cached_numbers(encoding, training), cached_numbers(encoding, validation)
    names = [f"{len(part):,} tokens" for part in parts]
    if len(parts[0]) <= context:
        raise UserError(_too_little(where, len(training) + len(validation), len(parts[0]), context, "tokens"))
    if len(parts[1]) < 2:
        raise UserError(f"data.validation: of {where}, {names[1]} are for validation, and at least two are expected, one to predict the other from; make it larger")
    lengths = encoding.lengths
    exact = all(int(lengths[part.int()].sum()) == len(text) for part, text in zip(parts, (training, validation), strict=True))
    notes = [f"{where}: {encoding.classes:,} tokens in the vocabulary; {len(training):,} characters for training are {names[0]}, {len(training) / len(parts[0]):.2f} characters each"]
    if config.tokenizer == BYTE_PAIR and encoding.classes < config.vocab_size:
        notes.append(f"data.vocab_size: the text is too short for {config.vocab_size:,} tokens; {encoding.classes:,} pairs occur more than once")
    if not exact:
        notes.append("data.tokenizer: the tokens do not stand for every character of the text, so that bits per character are not measured")
    return TextSource(
        *parts,
        context,
        DataInfo(channels=0, size=0, classes=encoding.classes),
        encoding.names,
        encoding,
        lengths if exact else None,
        survey=Survey(notes),
    )


def _new_tokens(config: Text, where: str, training: str) -> TokenEncoding:
    if config.tokenizer == BYTE_PAIR:
        if not training.strip():
            raise UserError(f"data.file: {where} has no text for training; there is nothing to predict")
        return TokenEncoding(train_tokenizer(training, config.vocab_size), config.tokenizer, config.vocab_size)
    return TokenEncoding(read_tokenizer(at_home(config.tokenizer).absolute()), config.tokenizer, config.vocab_size)


def _saved_encoding(config: Text, saved: Mapping[str, Any]) -> TextEncoding | None:
    """That of a checkpoint, unless the configuration has another tokenizer since."""
    if saved.get("tokenizer") != config.tokenizer:
        return None
    if config.tokenizer == CHARACTER_WISE:
        return CharacterEncoding(str(saved["vocabulary"]), int(saved["classes"]))
    if config.tokenizer == BYTE_PAIR and saved.get("vocab_size") != config.vocab_size:
        return None
    return TokenEncoding(str(saved["json"]), config.tokenizer, config.vocab_size)


def _too_little(where: str, length: int, training: int, context: int, unit: str = "characters") -> str:
    return (
        f"data.file: of the {length:,} characters of {where}, {training:,}{' tokens' if unit == 'tokens' else ''} are for training, and model.context = {context} "
        f"takes {context + 1} at least; take a longer text, or make model.context smaller"
    )


@dataclass(frozen=True)
class TextSource:
    """The numbers of the characters or tokens of both parts, on the CPU; `vocabulary` has the text of each number.

    An epoch is cut into windows of `context` tokens from another place on each time, so that a model sees what
    stands across the cuts as well. `characters_per_token` has the characters of each number, where these make up the text.
    """

    training_part: Tensor
    validation_part: Tensor
    context: int
    info: DataInfo
    vocabulary: Sequence[str]
    encoding: TextEncoding
    characters_per_token: Tensor | None = None
    prepare: Prepare | None = None
    survey: Survey = field(default_factory=Survey)
    held_out: HeldOut | None = None

    @property
    def reading(self) -> None:
        return None

    @property
    def tones(self) -> Tones | None:
        return None

    @property
    def labels(self) -> Tensor:
        return self.training_part

    @property
    def tokens_per_sample(self) -> int:
        return self.context

    def training(self, batch_size: int, *, seed: int, device: torch.device) -> Windows:
        return Windows(self.training_part.to(device), self.context, batch_size, seed=seed)

    def validation(self, batch_size: int, device: torch.device) -> Passages:
        return Passages(self.validation_part.to(device), self.context, batch_size)

    def fingerprint(self) -> Fingerprint:
        training, validation = self.training_part, self.validation_part
        return Fingerprint(len(training), len(validation), tuple(self.vocabulary), digest_of([spread_rows(training), spread_rows(validation)]))


def encode_file(path: Path, encoding: TextEncoding) -> Tensor:
    """The numbers of the characters or tokens of a file. Raises UserError where the model does not know some of them."""
    where, text = str(path), read_text(path)
    if encoding.classes == len(encoding.names) and (strange := encoding.unknown(text)):
        several = " ".join(map(repr, strange[:8])) + (" …" if len(strange) > 8 else "")
        raise UserError(f"{where} has characters that the model does not know: {several}; remove them, or train on a text that has them")
    numbers = encoding.encode(text)
    if len(numbers) < 2:
        raise UserError(f"{where} has {len(numbers)} {encoding.unit}; at least two are expected, one to predict the other from")
    return numbers


class Windows:
    """The training batches of every epoch: characters (batch, context), and for each of them the one that comes next."""

    prepare: Prepare | None = None
    draw: Draw | None = None

    def __init__(self, characters: Tensor, context: int, batch_size: int, *, seed: int) -> None:
        self.batch_size = batch_size
        self._characters = characters
        self._context = context
        self._seed = seed
        # One less than fit, where there are several, leaves room for the windows to begin anywhere.
        self._windows = max((len(characters) - context) // context, 1)
        self.per_epoch = batch_count(self._windows, batch_size)

    def starts(self, epoch: int) -> Tensor:
        """Where each window of `epoch` (counted from 0) begins, in training order, on the CPU."""
        room = min(len(self._characters) - 1 - self._windows * self._context, self._context - 1)
        first = torch.randint(room + 1, (), generator=generator_of(self._seed, epoch))
        return first + self._context * order_of(self._windows, self._seed, epoch)

    def epoch(self, epoch: int, *, skip: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Characters and those that follow them, of `epoch`, from batch number `skip` on."""
        device = self._characters.device
        starts = self.starts(epoch).to(device)
        places = torch.arange(self._context + 1, device=device)
        for some in split_batches(starts, self.batch_size)[skip:]:
            windows = self._characters[some.unsqueeze(1) + places].long()
            yield windows[:, :-1], windows[:, 1:]


@dataclass(frozen=True)
class Passages:
    """All of a text in order: every character but the first is predicted once."""

    characters: Tensor
    context: int
    batch_size: int

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        count = len(self.characters) - 1
        whole = count - count % self.context
        inputs, targets = self.characters[:-1], self.characters[1:]
        for begin in range(0, whole, self.batch_size * self.context):
            some = slice(begin, min(begin + self.batch_size * self.context, whole))
            yield inputs[some].view(-1, self.context).long(), targets[some].view(-1, self.context).long()
        if whole < count:
            yield inputs[whole:].unsqueeze(0).long(), targets[whole:].unsqueeze(0).long()


def _read(config: Text) -> TextParts:
    """Raises UserError."""
    if not config.file:
        return TextParts("the book", gzip.decompress(resources.files(__package__).joinpath(_BOOK).read_bytes()).decode())
    path = at_home(config.file).absolute()
    if (saved := saved_texts(path, config.column)) is not None:
        return saved
    if config.column:
        raise UserError(f"data.column: {path} is no folder that save_to_disk of the library datasets has written; leave data.column empty for a text file")
    try:
        return TextParts(str(path), read_text(path))
    except UserError as error:
        raise UserError(f"data.file: {error}") from None


def read_text(path: Path) -> str:
    """A file of UTF-8. Raises UserError."""
    try:
        content = path.read_bytes()
    except IsADirectoryError:
        raise UserError(f"{path} is a folder; a text file is expected") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror or error})") from None
    try:
        return content.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UserError(
            f"{path} is not UTF-8: byte 0x{content[error.start]:02x} at position {error.start:,}, in line "
            f"{line:,}; convert it, as with iconv -f latin1 -t utf-8"
        ) from None
