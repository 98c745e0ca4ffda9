"""The model of a run as a tree of modules, from what the `layers` stream says about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record import StreamReader, clean
from gradtop.trainer.record.bounds import count, sizes_of

ROOT = "."
DEEPEST = 64  # modules above a parameter
LONGEST = 200  # characters of a name that are shown


@dataclass(frozen=True, slots=True)
class Node:
    """A module, or a parameter (`kind` is ""); all texts but `key` are safe to draw.

    `key` is the dotted path as the run has it, `ROOT` for the model itself. The counts of a module are those of all
    parameters below it; a tied parameter counts where it comes first, and is 0 where it is `tied_to` another.
    """

    key: str
    parent: str
    depth: int
    name: str
    path: str
    kind: str = ""
    shape: str = ""
    formula: str = ""
    count: int = 0
    trainable: int = 0
    bytes: int = 0
    dtypes: tuple[str, ...] = ()
    tied_to: str = ""
    could_be: str = ""  # the parameter that it could be tied to
    sizes: tuple[int, ...] = ()
    children: tuple[str, ...] = ()

    @property
    def is_parameter(self) -> bool:
        return not self.kind


class Model(NamedTuple):
    """`nodes` from the model itself on, each module before what is in it; `parameters` in the order of the model."""

    nodes: Mapping[str, Node] = {}
    parameters: tuple[str, ...] = ()
    tied: int = 0
    saved: int = 0  # bytes, by what is tied
    could_save: int = 0  # bytes, by tying embeddings and output layers

    @property
    def root(self) -> Node:
        return self.nodes[ROOT]


NO_MODEL = Model()
SAME_SHAPE = "same shape"  # a reason of trainer/models/sharing.py
_known: WeakKeyDictionary[StreamReader, tuple[Mapping[str, object], Model]] = WeakKeyDictionary()


def model_of(layers: StreamReader) -> Model:
    """The model that the stream tells of, NO_MODEL while it tells of none; made anew only when the stream says something else."""
    known = _known.get(layers)
    if known is None or known[0] is not layers.extra:
        known = _known[layers] = (layers.extra, build(layers.extra))
    return known[1]


def build(table: Mapping[str, object]) -> Model:
    """The tree of a table of modules and parameters. Any JSON is taken: what cannot be understood is left out."""
    parameters = [row for row in tables(table.get("parameters")) if isinstance(row.get("name"), str)]
    if not parameters:
        return NO_MODEL
    nodes = {ROOT: Node(ROOT, "", 0, text(table.get("model")) or "model", "", kind="model")}
    children: dict[str, list[str]] = {ROOT: []}
    for row in tables(table.get("modules")):
        path = row.get("path")
        if path == "":
            nodes[ROOT] = replace(nodes[ROOT], kind=text(row.get("kind")) or "model", formula=text(row.get("formula")), shape=text(row.get("shape")))
        elif isinstance(path, str) and path not in nodes:
            _add(nodes, children, module_row(path, row))
    names = []
    for row in parameters:
        name = str(row["name"])
        if name not in nodes:
            _add(nodes, children, parameter_row(name, row))
            names.append(name)
    _sum_up(nodes, children)
    tied = [name for name in names if nodes[name].tied_to]
    saved = sum(whole(row.get("bytes")) for row in parameters if row["name"] in tied)
    could_save = 0
    for first, other, size in shareable_pairs(table.get("could_tie")):
        if first in nodes and other in nodes:
            nodes[other] = replace(nodes[other], could_be=clean(first, LONGEST))
            could_save += size
    return Model({node.key: node for node in _in_order(nodes, children)}, tuple(names), len(tied), saved, could_save)


def shareable_pairs(groups: object) -> Iterator[tuple[str, str, int]]:
    """Of what could be tied the pairs that are worth a remark: layers of the same shape are in most models."""
    for group in tables(groups):
        names = group.get("names")
        if group.get("why") != SAME_SHAPE and isinstance(names, list) and len(names) == 2 and all(isinstance(name, str) for name in names):
            yield names[0], names[1], whole(group.get("bytes"))


def _add(nodes: dict[str, Node], children: dict[str, list[str]], node: Node) -> None:
    """Hang a node under the nearest module above it that there is."""
    parent = node.key
    for _ in range(DEEPEST):
        parent = parent.rpartition(".")[0]
        if not parent or (parent in nodes and not nodes[parent].is_parameter):
            break
    else:
        parent = ""
    parent = parent or ROOT
    name = node.key if parent == ROOT else node.key[len(parent) + 1 :]
    nodes[node.key] = replace(node, parent=parent, depth=nodes[parent].depth + 1, name=clean(name, LONGEST))
    children[node.key] = []
    children[parent].append(node.key)


def _sum_up(nodes: dict[str, Node], children: dict[str, list[str]]) -> None:
    """Give each module what all that is below it has; what is below was added after it."""
    below: dict[str, tuple[int, int, int, dict[str, None]]] = {}
    for key, node in reversed(nodes.items()):
        if node.is_parameter:
            below[key] = (node.count, node.trainable, node.bytes, dict.fromkeys(node.dtypes))
            continue
        count = trainable = size = 0
        dtypes: dict[str, None] = {}
        for child in children[key]:
            count, trainable, size = (a + b for a, b in zip((count, trainable, size), below[child][:3], strict=True))
            dtypes |= below[child][3]
        below[key] = (count, trainable, size, dtypes)
        nodes[key] = replace(node, count=count, trainable=trainable, bytes=size, dtypes=tuple(dtypes), children=tuple(children[key]))


def _in_order(nodes: Mapping[str, Node], children: Mapping[str, Sequence[str]]) -> Iterator[Node]:
    """Each module before what is in it, a module's own parameters before its modules."""
    stack = [ROOT]
    while stack:
        node = nodes[stack.pop()]
        ordered = sorted(children[node.key], key=lambda key: not nodes[key].is_parameter)
        yield replace(node, children=tuple(ordered))
        stack += reversed(ordered)


def module_row(path: str, row: Mapping[str, object]) -> Node:
    return Node(
        path, "", 0, "", clean(path, LONGEST), kind=text(row.get("kind")) or "module", shape=text(row.get("shape")), formula=text(row.get("formula"))
    )


def parameter_row(name: str, row: Mapping[str, object]) -> Node:
    sizes = sizes_of(row.get("shape"))
    tied_to = text(row.get("tied_to"))
    count = 0 if tied_to else whole(row.get("count"))
    return Node(
        name,
        "",
        0,
        "",
        clean(name, LONGEST),
        shape="×".join(map(str, sizes)) or "scalar",
        count=count,
        trainable=count if row.get("trainable") is not False else 0,
        bytes=0 if tied_to else whole(row.get("bytes")),
        dtypes=(text(row.get("dtype")),) if text(row.get("dtype")) else (),
        tied_to=tied_to,
        sizes=sizes,
    )


def tables(value: object) -> list[Mapping[str, object]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def text(value: object) -> str:
    return clean(value, LONGEST) if isinstance(value, str) else ""


def whole(value: object) -> int:
    return count(value) or 0 if isinstance(value, int) and not isinstance(value, bool) else 0
