"""The stylesheet of the whole app."""

from __future__ import annotations

from textual.cache import LRUCache
from textual.css.stylesheet import Stylesheet

SOURCES = 256  # more than there are: of fewer, each parse would find none


class ParsedOnce(Stylesheet):
    """Textual's own (8.2) parses all sources anew for each that comes; this one only what is new, or all for other variables."""

    def __init__(self, variables: dict[str, str]) -> None:
        super().__init__(variables=variables)
        self._parse_cache = LRUCache(SOURCES)

    def set_variables(self, variables: dict[str, str]) -> None:
        if variables != self._variables:
            super().set_variables(variables)

    def reparse(self) -> None:
        self.parse()
