"""A user's project whose samples are dicts and tuples, and whose models return what Hugging Face's do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import Dataset, TensorDataset

SAMPLES, CLASSES = 48, 3


def parts(seed: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Numbers of words, which of them count, a vector beside them, and labels that these tell."""
    generator = torch.Generator().manual_seed(seed)
    words = torch.randint(0, 7, (SAMPLES, 5), generator=generator)
    mask = torch.rand(SAMPLES, 5, generator=generator) < 0.8
    vectors = torch.randn(SAMPLES, 4, generator=generator)
    return words, mask, vectors, ((words * mask).sum(1) + (vectors[:, 0] > 0).long()) % CLASSES


class Encoded(Dataset[Any]):
    """As a tokenizer and a data collator give them."""

    def __init__(self, seed: int, odd: int = -1) -> None:
        self._parts, self._odd = parts(seed), odd

    def __len__(self) -> int:
        return SAMPLES

    def __getitem__(self, index: int) -> dict[str, Any]:
        words, mask, vectors, labels = (part[index] for part in self._parts)
        extra = {"extra": 1.0} if index == self._odd else {}
        return {"input_ids": words.tolist(), "attention_mask": mask.numpy(), "more": (vectors,), "labels": int(labels), **extra}


class ListedSamples(Dataset[Any]):
    def __init__(self, samples: list[Any]) -> None:
        self._samples = samples

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> Any:
        return self._samples[index]


def encoded(odd: int = -1) -> tuple[Dataset[Any], Dataset[Any]]:
    return Encoded(0, odd), Encoded(1)


def in_memory() -> tuple[Any, Any]:
    first, second = (dict(zip(("input_ids", "attention_mask", "vectors", "label"), parts(seed), strict=True)) for seed in (0, 1))
    return first, second


def triples() -> tuple[Any, Any]:
    """Two inputs and the label."""
    found = [parts(seed) for seed in (0, 1)]
    return TensorDataset(found[0][0], found[0][2], found[0][3]), TensorDataset(found[1][0], found[1][2], found[1][3])


@dataclass
class ModelOutput:
    logits: Tensor
    hidden: Tensor
    loss: Tensor | None = None


class Reader(nn.Module):
    """Takes keywords, and returns an object, a dict or a tuple."""

    def __init__(self, returns: str = "object") -> None:
        super().__init__()
        self.returns = returns
        self.embedding = nn.Embedding(7, 6)
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Linear(10, CLASSES)

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None, more: Any = None, vectors: Tensor | None = None, labels: Tensor | None = None) -> Any:
        words = self.embedding(input_ids)
        if attention_mask is not None:
            words = words * attention_mask[..., None]
        vector = vectors if vectors is not None else more[0]
        hidden = torch.cat((words.mean(1), vector), 1)
        logits = self.head(self.dropout(hidden))
        loss = None if labels is None else functional.cross_entropy(logits, labels)
        match self.returns:
            case "dict":
                return {"loss": torch.zeros(()), "other": logits}
            case "tuple":
                return logits, hidden
            case "nothing":
                return {"loss": None, "name": "reader"}
        return ModelOutput(logits, hidden, loss)


class Pair(nn.Module):
    """Takes two tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.reader = Reader("tuple")

    def forward(self, input_ids: Tensor, vectors: Tensor) -> Tensor:
        return self.reader(input_ids, vectors=vectors)[0]  # type: ignore[no-any-return]


def reader(returns: str = "object") -> nn.Module:
    return Reader(returns)


def pair() -> nn.Module:
    return Pair()
