"""A text file, as characters or as tokens of a byte-pair encoding."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from gradtop.trainer.data.kinds import DataConfig
from gradtop.trainer.declare import setting

CHARACTER_WISE, BYTE_PAIR = "characters", "bpe"  # of `tokenizer`; anything else is a path


class Text(DataConfig):
    kind: Literal["text"] = setting("text", help="A text file, as characters or as tokens, for language models.", effect="fork")
    file: str = setting("", help="Path of a UTF-8 text file, or of a saved data set with a column of texts; empty for the book included in gradtop.", effect="fork")
    column: str = setting("", help="Column with the text, where the file is a folder that save_to_disk of Hugging Face's library datasets has written; empty: found by type and name.", effect="fork")
    validation: float = setting(0.1, help="Fraction of the text, at its end, used for validation, where there is no split for it.", effect="fork", gt=0, lt=1)
    test: float = setting(0.0, help="Fraction of the text, after that for validation, held out as a test set, which is evaluated once at the end.", effect="fork", ge=0, lt=0.9)
    test_file: str = setting("", help="Path of a UTF-8 text that is a test set, in place of a fraction.", effect="fork")
    tokenizer: str = setting(
        "characters",
        help="characters; bpe: byte-level byte-pair encoding, trained on the training part of the text; or the path of a tokenizer.json of the tokenizers library.",
        effect="fork",
    )
    vocab_size: int = setting(4096, help="Most tokens in the vocabulary of a tokenizer that is trained (bpe).", unit="tokens", effect="fork", ge=257, le=1_000_000)

    inputs: ClassVar = "characters"
    builder: ClassVar = "gradtop.trainer.data.kinds.text.loader:load"
    outline: ClassVar = "gradtop.trainer.data.kinds.text.loader:outline_text"
    keeps_encoding: ClassVar = True

    def disagreements(self) -> Iterator[tuple[str, str]]:
        if self.column and not self.file:
            yield "column", "requires data.file, a folder that save_to_disk has written; leave it out for the book"
        if self.test and self.test_file:
            yield "test", "cannot be combined with data.test_file; leave one out"
        if self.tokenizer not in {CHARACTER_WISE, BYTE_PAIR} and not self.tokenizer.endswith(".json"):
            yield "tokenizer", "must be characters, bpe, or the path of a tokenizer.json"
