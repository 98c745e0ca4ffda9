"""Rows with a column of texts as tokens, padded to the longest of a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from gradtop.trainer.data.dataset import DataInfo
from gradtop.trainer.data.kinds.custom.labelled import LabelledSamples
from gradtop.trainer.data.kinds.hf import SavedDataset
from gradtop.trainer.data.kinds.hf.samples import lacking_value
from gradtop.trainer.data.nested import ModelInputs
from gradtop.trainer.data.outlined import OutlinedSource, info_in, info_record
from gradtop.trainer.data.tokens import parse_tokenizer, read_tokenizer
from gradtop.trainer.home import at_home
from gradtop.trainer.runtime.errors import UserError

# What tokenizers call the token that fills up a batch.
_PADDING = ("[PAD]", "<pad>", "<|pad|>", "<|endoftext|>")


class TextTokens:
    """A tokenizer.json, as it makes tokens of a text: with its special tokens, at most `data.max_length` of them. That of a checkpoint
    is `saved` in it, unless the configuration names another one since. Raises UserError.
    """

    def __init__(self, config: SavedDataset, saved: Mapping[str, Any] | None = None) -> None:
        path = at_home(config.tokenizer).absolute()
        kept = is_kept(config, saved)
        self.content = str(saved["json"]) if saved and kept else read_tokenizer(path)
        self._made = parse_tokenizer(self.content, "the tokenizer in the checkpoint" if kept else f"data.tokenizer: {path}")
        own = self._made.padding or {}
        named = (self._made.token_to_id(name) for name in _PADDING)
        self.padding = int(own.get("pad_id", next((number for number in named if number is not None), 0)))
        self._made.no_padding()
        self._made.enable_truncation(config.max_length)
        self._longest = config.max_length
        self.count = self._made.get_vocab_size(with_added_tokens=True)
        self.with_mask = config.attention_mask

    def encode(self, text: str) -> Tensor:
        return torch.tensor(self._made.encode(text).ids, dtype=torch.int64)

    def batch(self, texts: Sequence[Tensor]) -> ModelInputs:
        """What the model is given of encoded texts."""
        inputs = pad_sequence(list(texts), batch_first=True, padding_value=self.padding)
        if not self.with_mask:
            return inputs
        lengths = torch.tensor([len(text) for text in texts])
        return {"input_ids": inputs, "attention_mask": (torch.arange(inputs.shape[1]) < lengths[:, None]).long()}

    def note(self) -> str:
        given = "input_ids and attention_mask" if self.with_mask else "the tokens alone"
        return f"texts are up to {self._longest:,} of {self.count:,} tokens, padded with {self.padding} to the longest of a batch; the model is given {given}"


class SavedTexts(LabelledSamples):
    """As `SavedRows`, of the texts in one column; what the model is given are `input_ids` and `attention_mask`, or the first alone."""

    def __init__(self, rows: Any, column: str, tokens: TextTokens, targets: Tensor, classes: tuple[str, ...], where: str) -> None:
        self.targets = targets
        self.classes = list(classes) or None
        self._column, self._tokens, self._where = column, tokens, where
        self._rows = rows.select_columns([column]).with_format(None)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        text = self._rows[index][self._column]
        if text is None:
            raise lacking_value(self._where, index, self._column)
        found = self._tokens.encode(text)
        if not len(found):
            raise UserError(f"{self._where}, row {index}: column {self._column} has a text without tokens; remove such rows with Dataset.filter")
        return found, self.targets[index]

    def collate(self, samples: list[tuple[Tensor, Tensor]]) -> tuple[Any, Tensor]:
        return self._tokens.batch([text for text, _ in samples]), torch.stack([target for _, target in samples])


@dataclass(frozen=True)
class SentenceEncoding:
    """How texts become inputs, as a checkpoint keeps it, with the shape of the data: its model can be used without these."""

    tokens: TextTokens
    info: DataInfo
    tokenizer: str

    def record(self) -> dict[str, Any]:
        return {**info_record(self.info), "tokenizer": self.tokenizer, "json": self.tokens.content}


def outline_texts(config: SavedDataset, saved: Mapping[str, Any]) -> OutlinedSource | None:
    """Data without a text, of the tokenizer in a checkpoint; None where the configuration names another one since. Raises UserError."""
    info = info_in(saved)
    if info is None or not is_kept(config, saved):
        return None
    return OutlinedSource(info, None, None, encoding=SentenceEncoding(TextTokens(config, saved), info, config.tokenizer))


def is_kept(config: SavedDataset, saved: Mapping[str, Any] | None) -> bool:
    """Whether a checkpoint holds the tokenizer that is configured."""
    return saved is not None and isinstance(saved.get("json"), str) and saved.get("tokenizer") == config.tokenizer
