"""What the commands that label a run print as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradtop.tui.cli.locate import name_of, opened
from gradtop.tui.cli.output import print_json

if TYPE_CHECKING:
    from gradtop.trainer.record import Run


def print_labels(run: Run) -> None:
    reader = opened(run)
    meta = reader.meta
    print_json({"id": run.id, "name": name_of(reader), "path": str(run.path), "tags": meta.tags, "note": meta.note, "pinned": meta.pinned})
