"""Texts as tokens of the tokenizers library: a byte-pair encoding that is trained here, or a tokenizer.json."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from gradtop.trainer.data.fingerprint import digest_of
from gradtop.trainer.data.prepared import cache_home, forget
from gradtop.trainer.metrics import TOKENS
from gradtop.trainer.record.writing import write_atomically
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.runtime.preparing import one_by_one

if TYPE_CHECKING:
    from tokenizers import Tokenizer

EXTRA = "pip install 'gradtop[text]'"
MOST_BYTES = 64 << 20  # of a tokenizer.json, which each checkpoint holds
_PIECE = 1 << 20  # characters that are encoded at once
# Between two lines, where byte-level tokenizers begin a new token whatever they see at once.
_BREAK = re.compile(r"(?<=\S)\n(?=\S)")
_RARE = 2  # what occurs less often becomes no token


@dataclass(frozen=True)
class TokenEncoding:
    """`content` is its tokenizer.json; `tokenizer` and `vocab_size` are the settings that it was made by."""

    content: str
    tokenizer: str
    vocab_size: int
    unit: ClassVar[str] = TOKENS

    @cached_property
    def library(self) -> Tokenizer:
        """Raises UserError where the content is none."""
        made = parse_tokenizer(self.content, "the tokenizer in the checkpoint")
        made.no_truncation()
        made.no_padding()
        return made

    @cached_property
    def names(self) -> Sequence[str]:
        found = {number: token for token, number in self.library.get_vocab(with_added_tokens=True).items()}
        return tuple(found.get(number, f"[unused {number}]") for number in range(max(found, default=-1) + 1))

    @property
    def classes(self) -> int:
        return len(self.names)

    def encode(self, text: str) -> Tensor:
        numbers: list[int] = []
        # As many at a time as there are processors: the library takes one for each.
        several = os.cpu_count() or 1
        pieces = list(_pieces(text))
        rest = one_by_one("encoding the text", pieces, len(pieces))
        while some := list(itertools.islice(rest, several)):
            for found in self.library.encode_batch_fast(some, add_special_tokens=False):
                numbers += found.ids
        return torch.tensor(numbers, dtype=number_type(self.classes))

    def decode(self, numbers: Tensor) -> str:
        return str(self.library.decode(numbers.tolist(), skip_special_tokens=False))

    def unknown(self, text: str) -> list[str]:  # noqa: ARG002 - what it has no token for the library replaces
        return []

    def record(self) -> dict[str, Any]:
        return {"tokenizer": self.tokenizer, "vocab_size": self.vocab_size, "json": self.content}

    @cached_property
    def lengths(self) -> Tensor:
        """How many characters of a text each token stands for, int64; one of several bytes counts with its first."""
        added = {number: len(token.content) for number, token in self.library.get_added_tokens_decoder().items()}
        count = _count_of_bytes if '"ByteLevel"' in self.content else _count
        return torch.tensor([added.get(number, count(name)) for number, name in enumerate(self.names)])


def train_tokenizer(text: str, vocab_size: int) -> str:
    """The tokenizer.json of a byte-level byte-pair encoding of the text; from the cache where it was trained before. Raises UserError."""
    import_library()
    from tokenizers import Tokenizer, __version__, decoders, models, pre_tokenizers, trainers

    cached = cache_folder() / f"{digest_of([text.encode(), f'bpe {vocab_size} {_RARE} {__version__}'.encode()])}.json"
    with contextlib.suppress(OSError, UnicodeDecodeError, UserError):
        content = cached.read_text(encoding="utf-8")
        parse_tokenizer(content, str(cached))
        return content
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, min_frequency=_RARE, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False
    )
    pieces = list(_pieces(text))
    counted = one_by_one("training the tokenizer", pieces, len(pieces))
    # The first one here: the library takes the others in a thread of its own, which knows of no listener.
    made.train_from_iterator(itertools.chain([next(counted)], counted), trainer)
    content = str(made.to_str())
    with contextlib.suppress(OSError):
        cached.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(cached.parent, cached, content)
        forget(cached.parent)
    return content


def read_tokenizer(path: Path) -> str:
    """A tokenizer.json with at least two tokens. Raises UserError."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UserError(f"data.tokenizer: {path} has more than {MOST_BYTES >> 20} MiB, and each checkpoint would hold it; take a smaller vocabulary")
        content = path.read_text(encoding="utf-8")
    except IsADirectoryError:
        raise UserError(f"data.tokenizer: {path} is a folder; a tokenizer.json is expected") from None
    except OSError as error:
        raise UserError(f"data.tokenizer: {path} cannot be read ({error.strerror or error})") from None
    except UnicodeDecodeError:
        raise UserError(f"data.tokenizer: {path} is no text; a tokenizer.json of the tokenizers library is expected") from None
    size = parse_tokenizer(content, f"data.tokenizer: {path}").get_vocab_size(with_added_tokens=True)
    if size < 2:
        raise UserError(f"data.tokenizer: {path} has a vocabulary of {size} tokens; at least two are expected")
    return content


def parse_tokenizer(content: str, where: str) -> Tokenizer:
    """Raises UserError where it is none."""
    import_library()
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_str(content)
    except BaseException as error:
        # The library's own end is no Exception.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(f"{where} is no tokenizer.json that the tokenizers library reads ({first[:200]})") from None


def import_library() -> None:
    """Raises UserError where it is not installed."""
    try:
        import tokenizers  # noqa: F401
    except ImportError:
        raise UserError(f"data.tokenizer requires the tokenizers library, which is not installed: {EXTRA}; or set it to characters") from None


def cache_folder() -> Path:
    """Where trained tokenizers are kept, for whatever run has the same text."""
    return cache_home() / "tokenizers"


def _pieces(text: str) -> Iterator[str]:
    begin = 0
    while begin < len(text):
        found = _BREAK.search(text, begin + _PIECE, begin + 2 * _PIECE)
        # A line without end is cut anywhere.
        end = found.end() if found is not None else min(begin + 2 * _PIECE, len(text))
        yield text[begin:end]
        begin = end


def _byte_names() -> dict[str, int]:
    """The character that stands for each byte in byte-level tokens: visible ones of Latin-1 for themselves, those from U+0100 on for the others."""
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(0x100) if byte not in visible]
    return {chr(byte): byte for byte in visible} | {chr(0x100 + place): byte for place, byte in enumerate(hidden)}


_BYTES = _byte_names()
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")


def _begins(byte: int) -> bool:
    """Whether a character of UTF-8 begins with it."""
    return byte & 0xC0 != 0x80


def _count_of_bytes(name: str) -> int:
    return sum(_begins(_BYTES.get(each, 0)) for each in name)


def _count(name: str) -> int:
    byte = _BYTE.fullmatch(name)
    return len(name) if byte is None else int(_begins(int(byte[1], 16)))


def number_type(classes: int) -> torch.dtype:
    """The smallest type that holds so many numbers and that can be indexed with on every device."""
    return torch.uint8 if classes <= 1 << 8 else torch.int16 if classes <= 1 << 15 else torch.int32
