"""What every format of an exported model has in common: what is exported, and the file that it is written to."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from torch import Tensor, nn

from gradtop.trainer.checkpoint.format import file_error
from gradtop.trainer.data.nested import ModelInputs
from gradtop.trainer.record.writing import WRITING
from gradtop.trainer.runtime.errors import UserError


@dataclass(frozen=True)
class ToExport:
    """A model in evaluation mode on the CPU, and an example of its inputs; `fresh` makes another one like it with weights of its own."""

    model: nn.Module
    example: ModelInputs
    fresh: Callable[[], nn.Module]
    about: Mapping[str, str]


@dataclass(frozen=True)
class WrittenModel:
    """`run` gives outputs by what is in the file, for a batch of any size where `any_batch`, else of the example's; `facts` are said of it."""

    run: Callable[[ModelInputs], Tensor]
    any_batch: bool = True
    facts: Mapping[str, Any] = field(default_factory=dict)


@contextlib.contextmanager
def opened_part(path: Path) -> Iterator[BinaryIO]:
    """A file that is there and empty, and is made whole on the disk. Raises UserError where that cannot be.

    It is not created here: once the command has removed it, because it was interrupted, nothing must be left.
    """
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | WRITING), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
    except (OSError, RuntimeError) as error:
        cause = error if isinstance(error, OSError) else file_error(error)
        if not cause.errno:
            raise
        raise UserError(f"the file cannot be written: {cause.strerror}; choose another place with --output") from error
