"""Texts, character by character, for models that predict the next one."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

import torch
from torch import Tensor

from gradtop.trainer.data.batches import Draw, Prepare, batch_count, generator_of, order_of, split_batches
from gradtop.trainer.data.dataset import DataInfo, Survey, Tones, spread_rows
from gradtop.trainer.data.fingerprint import Fingerprint, digest_of
from gradtop.trainer.data.kinds.text import Text
from gradtop.trainer.runtime.errors import UserError

# Where the model does not say how much it sees at once.
_CONTEXT = 128
_BOOK = "alice.gz"


def load(config: Text, *, seed: int, context: int = 0) -> Characters:  # noqa: ARG001 - nothing in it is random
    """Numbers the characters of the training part; raises UserError where there is no text, or too little."""
    context = context or _CONTEXT
    where, text = _read(config.file)
    # The last part is for validation: a window of the training part must not reach into it.
    held_out = max(round(len(text) * config.validation), 2)
    training, validation = text[:-held_out], text[-held_out:]
    if len(training) <= context:
        raise UserError(
            f"data.file: of the {len(text):,} characters of {where}, {len(training):,} are for training, and model.context = {context} "
            f"takes {context + 1} at least; take a longer text, or make model.context smaller"
        )
    known = sorted(set(training))
    if len(known) < 2:
        raise UserError(f"data.file: {where} consists of a single repeated character; there is nothing to predict")
    numbers = {character: number for number, character in enumerate(known)}
    strange = Counter(character for character in validation if character not in numbers)
    if strange:
        # Named by no window, so that a model learns to expect it nowhere, and it counts as the mistake that it is.
        numbers.update(dict.fromkeys(strange, len(known)))
        several = " ".join(map(repr, sorted(strange)[:8])) + (" …" if len(strange) > 8 else "")
        print(f"{where}: {strange.total():,} characters of the validation part are not in the training part, and count as one more: {several}")
    classes = len(known) + bool(strange)
    return Characters(
        _encoded(training, numbers, classes),
        _encoded(validation, numbers, classes),
        context,
        DataInfo(channels=0, size=0, classes=classes),
        "".join(known),
    )


@dataclass(frozen=True)
class Characters:
    """The numbers of the characters of both parts, on the CPU; `vocabulary` has the character of each number.

    An epoch is cut into windows of `context` characters from another place on each time, so that a model sees what
    stands across the cuts as well.
    """

    training_part: Tensor
    validation_part: Tensor
    context: int
    info: DataInfo
    vocabulary: str
    prepare: Prepare | None = None
    survey: Survey = field(default_factory=Survey)

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

    def numbers_of(self, text: str) -> Tensor:
        """The numbers of characters that are all in the vocabulary, int64."""
        return torch.tensor([self.vocabulary.index(character) for character in text], dtype=torch.int64)

    def text_of(self, numbers: Tensor) -> str:
        """The text of numbers; a character that the training part lacks is U+FFFD."""
        return "".join(self.vocabulary[number] if number < len(self.vocabulary) else "\ufffd" for number in numbers.tolist())

    def training(self, batch_size: int, *, seed: int, device: torch.device) -> Windows:
        return Windows(self.training_part.to(device), self.context, batch_size, seed=seed)

    def validation(self, batch_size: int, device: torch.device) -> Passages:
        return Passages(self.validation_part.to(device), self.context, batch_size)

    def fingerprint(self) -> Fingerprint:
        training, validation = self.training_part, self.validation_part
        return Fingerprint(len(training), len(validation), tuple(self.vocabulary), digest_of([spread_rows(training), spread_rows(validation)]))


def encode_file(path: Path, vocabulary: str, classes: int) -> Tensor:
    """The numbers of the characters of a file; one that the vocabulary lacks has the number of what is strange, the last. Raises UserError."""
    where, text = str(path), read_text(path)
    numbers = {character: number for number, character in enumerate(vocabulary)}
    if classes == len(vocabulary) and (strange := sorted({*text} - {*vocabulary})):
        several = " ".join(map(repr, strange[:8])) + (" …" if len(strange) > 8 else "")
        raise UserError(f"{where} has characters that the model does not know: {several}; remove them, or train on a text that has them")
    if len(text) < 2:
        raise UserError(f"{where} has {len(text)} characters; at least two are expected, one to predict the other from")
    return _encoded(text, numbers | dict.fromkeys({*text} - {*vocabulary}, len(vocabulary)), classes)


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


def _read(file: str) -> tuple[str, str]:
    """What to call the text, and the text."""
    if not file:
        return "the book", gzip.decompress(resources.files(__package__).joinpath(_BOOK).read_bytes()).decode()
    path = Path(file).expanduser().absolute()
    try:
        return str(path), read_text(path)
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


def _encoded(text: str, numbers: dict[str, int], classes: int) -> Tensor:
    dtype = torch.uint8 if classes <= 1 << 8 else torch.int16 if classes <= 1 << 15 else torch.int32
    return torch.tensor([numbers[character] for character in text], dtype=dtype)
