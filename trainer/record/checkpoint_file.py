"""What can be told of a checkpoint file without PyTorch."""

from __future__ import annotations

import os
from pathlib import Path


def why_no_checkpoint(path: Path) -> str:
    """Why the file cannot be what `torch.save` writes: a zip archive with a pickle at its top; "" where it can be.

    A zip archive ends with its table of contents, so that one which was cut short is told apart. Raises OSError.
    """
    from zipfile import BadZipFile, ZipFile

    with path.open("rb") as file:
        if not file.seek(0, os.SEEK_END):
            return "the file is empty"
        try:
            names = ZipFile(file).namelist()
        except (BadZipFile, NotImplementedError, ValueError):
            return "the file is cut short, or no checkpoint"
    return "" if any(name.endswith("/data.pkl") for name in names) else "the file is no checkpoint"
