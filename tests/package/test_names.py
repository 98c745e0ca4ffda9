"""One name, one meaning: a class has its name alone, and so has a function that other modules import by it."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]


# What each room of trainer/jobs has under the same name, as `trainer.job` and `trainer.config` look for it.
OF_A_ROOM = {"Settings"}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for part in ("trainer", "tui"):
        for file in sorted((ROOT / part).rglob("*.py")):
            name = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            yield f"gradtop.{name}", ast.parse(file.read_text(encoding="utf-8"))


def types(tree: ast.Module) -> Iterator[str]:
    """Classes and type aliases at the top of a module."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (each.id for each in targets if isinstance(each, ast.Name) and each.id[0].isupper() and not each.id.isupper())


def in_several(named: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Of (name, module) the names that several modules have."""
    found = defaultdict(list)
    for name, module in named:
        found[name].append(module)
    return {name: sorted(places) for name, places in found.items() if len(places) > 1}


def test_a_class_and_a_type_alias_have_a_name_of_their_own() -> None:
    assert in_several((name, module) for module, tree in modules() for name in types(tree) if name not in OF_A_ROOM) == {}


def test_functions_that_are_imported_by_name_have_one_of_their_own() -> None:
    trees = dict(modules())
    functions = {(node.name, module) for module, tree in trees.items() for node in tree.body if isinstance(node, ast.FunctionDef)}
    imported = {
        (each.name, node.module or "")
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for each in node.names
    }
    assert in_several(functions & imported) == {}
