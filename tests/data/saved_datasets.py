"""Data sets as the library datasets saves them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets


def saved(root: Path, columns: dict[str, Any], features: Any = None, **splits: range) -> Path:
    """A folder of a DatasetDict with these rows for each split, or of a Dataset."""
    whole = datasets.Dataset.from_dict(columns, features=datasets.Features(features) if features else None)
    made = datasets.DatasetDict({name: whole.select(rows) for name, rows in splits.items()}) if splits else whole
    made.save_to_disk(str(root))
    return root
