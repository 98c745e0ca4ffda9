"""What the parameters mode shows: the tree of modules, which of it is open, and what matches a filter."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record.streams.registry import LAYERS
from gradtop.tui.reading.model import NO_MODEL, ROOT, Model, Node, model_of

if TYPE_CHECKING:
    from gradtop.tui.reading.poll import ReadContext

AT_FIRST = 40  # so many rows are opened without being asked
MODEL = "model"  # the order of the model
# What modules within one are sorted by, the largest first, but for their names and kinds.
ORDERS: dict[str, Callable[[Node], object]] = {
    "kind": lambda node: (node.kind == "", node.kind),
    "parameters": lambda node: -node.count,
    "bytes": lambda node: -node.bytes,
}
SORTS = (MODEL, *ORDERS)


class ParametersPart(NamedTuple):
    """`unreadable` says why a stream that is there tells nothing."""

    model: Model = NO_MODEL
    unreadable: str = ""


def read_parameters(source: ReadContext, view: object) -> ParametersPart:  # noqa: ARG001 - every part's signature
    if source.run is None:
        return ParametersPart()
    layers = source.run.stream(LAYERS)
    return ParametersPart(model_of(layers), layers.unreadable)


def visible(model: Model, opened: Collection[str], sort: str = MODEL, *, reverse: bool = False) -> list[str]:
    """The keys of the rows that are seen when these modules are open, from top to bottom; what is in a module is sorted within it."""
    rows: list[str] = []
    stack = [ROOT] if model.nodes else []
    while stack:
        key = stack.pop()
        rows.append(key)
        if key in opened:
            stack += reversed(within(model, key, sort, reverse=reverse))
    return rows


def within(model: Model, key: str, sort: str, *, reverse: bool) -> Sequence[str]:
    """What is in a module, in order."""
    children = model.nodes[key].children
    order = ORDERS.get(sort)
    if order is None:
        return children[::-1] if reverse else children
    return sorted(children, key=lambda child: order(model.nodes[child]), reverse=reverse)  # type: ignore[arg-type, return-value]


def matching_rows(model: Model, wanted: str, sort: str = MODEL, *, reverse: bool = False) -> tuple[list[str], int]:
    """The rows whose path or kind has every word that is wanted, each with the modules above it; and how many match."""
    words = wanted.lower().split()
    found = [key for key, node in model.nodes.items() if key != ROOT and has_all(words, f"{node.path} {node.kind}".lower())]
    shown = set(found)
    for key in found:
        parent = model.nodes[key].parent
        while parent and parent not in shown:
            shown.add(parent)
            parent = model.nodes[parent].parent
    rows = visible(model, shown, sort, reverse=reverse) if shown else []
    return [key for key in rows if key in shown], len(found)


def has_all(words: Collection[str], text: str) -> bool:
    return all(word in text for word in words)


def open_at_first(model: Model) -> set[str]:
    """Open modules level by level, while no more than a screenful of rows is seen; layers, which hold parameters alone, stay shut."""
    opened = {ROOT} if model.nodes else set()
    rows = 1 + len(model.root.children) if opened else 0
    level = list(model.root.children) if opened else []
    while level:
        level = [key for key in level if any(not model.nodes[child].is_parameter for child in model.nodes[key].children)]
        rows += sum(len(model.nodes[key].children) for key in level)
        if rows > AT_FIRST:
            break
        opened.update(level)
        level = [child for key in level for child in model.nodes[key].children]
    return opened


def above(model: Model, key: str) -> list[str]:
    """The modules that must be open for a row to be seen."""
    found = []
    while key in model.nodes and (key := model.nodes[key].parent):
        found.append(key)
    return found
