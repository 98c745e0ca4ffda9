"""torchvision, imported where it is needed, and one sentence where it cannot be."""

from __future__ import annotations

import importlib
from importlib import metadata
from typing import Any

from gradtop.trainer.runtime.errors import UserError


def torchvision(part: str, needed_for: str) -> Any:
    """The module `torchvision.<part>`. Raises UserError where torchvision is missing or does not fit torch."""
    try:
        return importlib.import_module(f"torchvision.{part}")
    except ModuleNotFoundError as error:
        if error.name != "torchvision":
            raise UserError(f"{needed_for} needs torchvision, which needs {error.name}: pip install {error.name}") from error
        raise UserError(f"{needed_for} needs torchvision, which is not installed: pip install torchvision") from error
    except (ImportError, RuntimeError, AttributeError, OSError) as error:
        # A library that was built for another torch fails at its first operator: "torchvision::nms does not exist".
        # The next import of the half-made module fails with an AttributeError instead.
        raise UserError(
            f"{needed_for} needs torchvision, but torchvision {_version('torchvision')} is incompatible with torch "
            f"{_version('torch')} ({_first_line(error)}); install a compatible pair from one index: "
            "pip install --force-reinstall torch torchvision"
        ) from error


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "(of unknown version)"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
