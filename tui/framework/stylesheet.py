"""The stylesheet of the whole app."""

from __future__ import annotations

from pathlib import PurePath
from typing import cast
from weakref import ref

from textual.cache import LRUCache
from textual.css.styles import RenderStyles
from textual.css.stylesheet import Stylesheet
from textual.dom import DOMNode

SOURCES = 256  # more than there are: of fewer, each parse would find none


class ParsedOnce(Stylesheet):
    """Textual's own (8.2) parses all sources anew for each that comes; this one only what is new, or all for other variables.

    It looks for the rules of a widget's component classes when one is drawn, not each time that the widget is styled.
    """

    def __init__(self, variables: dict[str, str]) -> None:
        super().__init__(variables=variables)
        self._parse_cache = LRUCache(SOURCES)

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
