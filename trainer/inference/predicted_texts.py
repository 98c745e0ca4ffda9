"""What a model that takes texts as tokens says of the texts in files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gradtop.trainer.data.kinds.hf.texts import SentenceEncoding
from gradtop.trainer.data.kinds.text.loader import read_text
from gradtop.trainer.data.nested import on_device
from gradtop.trainer.inference.progress import Tell, WorkCounter
from gradtop.trainer.inference.trained import TrainedModel
from gradtop.trainer.runtime.errors import UserError

BATCH = 64  # texts that are predicted at once


def predict_texts(trained: TrainedModel, files: Sequence[str], names: Sequence[str], top: int, tell: Tell) -> list[dict[str, Any]]:
    """What the task says of the text of each file, in order, a line break at its end apart; one that cannot be read has an `error`."""
    encoding = getattr(trained.source, "encoding", None)
    if not isinstance(encoding, SentenceEncoding):
        raise UserError("the checkpoint does not hold the tokenizer of its texts, and the data are other ones now; give samples of its own data with --data validation")
    counter = WorkCounter("predicting", tell, of=len(files))
    found: list[dict[str, Any]] = []
    for begin in range(0, len(files), BATCH):
        some = files[begin : begin + BATCH]
        texts, readable = [], []
        for file in some:
            prediction: dict[str, Any] = {"file": file}
            found.append(prediction)
            try:
                texts.append(_encoded(encoding, file))
                readable.append(prediction)
            except UserError as error:
                prediction["error"] = str(error)
        if texts:
            with torch.no_grad():
                outputs = trained.forward(on_device(encoding.tokens.batch(texts), trained.device))
            for prediction, described in zip(readable, trained.task.describe(outputs.float(), names, top), strict=True):
                prediction.update(described)
        counter.add(len(some))
    return found


def _encoded(encoding: SentenceEncoding, file: str) -> Tensor:
    """Raises UserError."""
    found = encoding.tokens.encode(read_text(Path(file)).removesuffix("\n"))
    if not len(found):
        raise UserError("the tokenizer makes no token of the text; write another one")
    return found
