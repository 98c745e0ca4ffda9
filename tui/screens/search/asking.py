"""What Tune asks before it starts a search: the space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gradtop.tui.dialogs.start_job import StartJob

if TYPE_CHECKING:
    from gradtop.trainer.config import Config


class AskSearch(StartJob):
    job = "search"

    def __init__(self, config: Config, _seconds: float) -> None:
        lr = config.optimizer.lr
        super().__init__(
            config,
            "Search: a TOML file, or keys with log(low, high), float(), int(), choice(); and settings",
            f"optimizer.lr=log({lr / 10:.1g}, {lr * 10:.1g}); trials=20; workers=1",
        )

    def overrides_of(self, text: str) -> Sequence[str]:
        from gradtop.trainer.jobs.search.written import search_overrides

        return search_overrides(text)
