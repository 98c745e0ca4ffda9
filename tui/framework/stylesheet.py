"""The stylesheet of the whole app."""

from __future__ import annotations

import sys
from pathlib import Path, PurePath
from typing import Any, cast
from weakref import ref

from textual.cache import LRUCache
from textual.css.model import RuleSet
from textual.css.styles import RenderStyles
from textual.css.stylesheet import Stylesheet
from textual.dom import DOMNode

SOURCES = 256  # more than there are: of fewer, each parse would find none
_ahead: dict[tuple[tuple[str, str], ...], LRUCache[tuple[Any, ...], list[RuleSet]]] = {}  # by the variables


class ParsedOnce(Stylesheet):
    """Textual's own (8.2) parses all sources anew for each that comes; this one only what is new, or all for other variables.

    It looks for the rules of a widget's component classes when one is drawn, not each time that the widget is styled.
    """

    def __init__(self, variables: dict[str, str]) -> None:
        super().__init__(variables=variables)
        # This process is forked for one app: nobody else has these.
        self._parse_cache = _ahead.pop(tuple(variables.items()), LRUCache(SOURCES))

    def parse_ahead(self, folder: Path) -> None:
        """Parse what widgets whose classes are imported bring, and all sources in the folder, for the next stylesheet with these variables."""
        self._parse_cache = LRUCache(sys.maxsize)
        for node in node_classes():
            for read_from, css, tie_breaker, scope in node.__new__(node)._get_default_css():  # noqa: SLF001
                self._parse_rules(css, read_from, is_default_rules=True, tie_breaker=tie_breaker, scope=scope)
        for path in folder.rglob("*.tcss"):
            self.read(path)
        self.parse()
        _ahead[tuple(self._variables.items())] = self._parse_cache

    def set_variables(self, variables: dict[str, str]) -> None:
        if variables != self._variables:
            super().set_variables(variables)

    def read(self, filename: str | PurePath) -> None:
        super().read(filename)
        self._rules_map = None  # which Textual leaves as it was, so that a screen would be styled without what it brings

    def reparse(self) -> None:
        self.parse()

    def _process_component_classes(self, node: DOMNode) -> None:
        found = node._component_styles  # noqa: SLF001 - a stylesheet fills it in
        if isinstance(found, ComponentStyles):
            found.renew()
        elif node._get_component_classes():  # noqa: SLF001
            node._component_styles = ComponentStyles(self, node)  # noqa: SLF001


def node_classes() -> set[type[DOMNode]]:
    """All that are imported."""
    found: set[type[DOMNode]] = set()
    new = [DOMNode]
    while new:
        found.update(new)
        new = [each for base in new for each in base.__subclasses__() if each not in found]
    return found


def release(styles: RenderStyles) -> None:
    """Have the styles of a node that is gone hold it no longer: it goes at once, not with a full collection."""
    for each in (styles.base, styles.inline):
        each.node = None


class ComponentStyles(dict[str, RenderStyles]):
    """The styles of a node's component classes, of those alone that were asked for."""

    def __init__(self, stylesheet: Stylesheet, node: DOMNode) -> None:
        super().__init__()
        self._stylesheet, self._of = stylesheet, ref(node)  # which holds this

    @property
    def _node(self) -> DOMNode:
        return cast("DOMNode", self._of())

    def __contains__(self, name: object) -> bool:
        if not super().__contains__(name) and isinstance(name, str) and name in self._node._get_component_classes():  # noqa: SLF001
            self[name] = self._styles_of(name)
        return super().__contains__(name)

    def renew(self) -> None:
        """Find them again by other rules, and have the node drawn anew if that made a difference."""
        before = dict(self)
        self.update({name: self._styles_of(name) for name in before})
        if before != self:
            self._node.refresh()
        for styles in before.values():
            release(styles)

    def _styles_of(self, name: str) -> RenderStyles:
        # As Textual does it: by a node that is nowhere else.
        component = DOMNode(classes=name)
        component._attach(self._node)  # noqa: SLF001
        self._stylesheet.apply(component, animate=False)
        return component.styles
