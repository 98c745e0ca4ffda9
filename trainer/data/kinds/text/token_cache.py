"""The tokens of long texts, kept for whatever run has the same text and tokenizer."""

from __future__ import annotations

import contextlib
from pathlib import Path

import torch
from torch import Tensor

from gradtop.trainer.data.dataset import bytes_of
from gradtop.trainer.data.fingerprint import digest_of
from gradtop.trainer.data.prepared import cache_home, forget
from gradtop.trainer.data.tokens import TokenEncoding, number_type
from gradtop.trainer.record.writing import replace_whole

WORTH = 1 << 20  # characters of a text: a shorter one is encoded in a second
MOST_BYTES = 4 << 30  # of all that is kept


def cached_numbers(encoding: TokenEncoding, text: str) -> Tensor:
    """As `encode` has them."""
    if len(text) < WORTH:
        return encoding.encode(text)
    import tokenizers

    folder = cache_home() / "tokens"
    path = folder / f"{digest_of([text.encode(), encoding.content.encode(), tokenizers.__version__.encode()])}.bin"
    if (known := _read(path, number_type(encoding.classes))) is not None:
        return known
    numbers = encoding.encode(text)
    content = bytes_of(numbers)
    with contextlib.suppress(OSError):  # it is made again next time
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_whole(folder, path, lambda file: file.writelines((digest_of([content]).encode(), content)))
        forget(folder, pattern="*.bin", most_bytes=MOST_BYTES)
    return numbers


def _read(path: Path, dtype: torch.dtype) -> Tensor | None:
    try:
        found = path.read_bytes()
        path.touch()  # it was used
    except OSError:
        return None
    digest, content = found[:16], found[16:]
    if digest_of([content]).encode() != digest or not content:
        return None
    return torch.frombuffer(bytearray(content), dtype=dtype)
