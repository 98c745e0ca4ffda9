"""One name, one meaning: a class has its name alone, and so has a function that other modules import by it."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator

import pytest

from tests.sources import module_name, parsed

# What each room of trainer/jobs has under the same name, as `trainer.job` and `trainer.config` look for it.
OF_A_ROOM = {"Settings"}


@pytest.fixture(scope="module")
def trees() -> Iterator[dict[str, ast.Module]]:
    """All modules by their names."""
    with parsed() as found:
        yield {module_name(path): tree for path, tree in found.items()}


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


def test_a_class_and_a_type_alias_have_a_name_of_their_own(trees: dict[str, ast.Module]) -> None:
    assert in_several((name, module) for module, tree in trees.items() for name in types(tree) if name not in OF_A_ROOM) == {}


def test_functions_that_are_imported_by_name_have_one_of_their_own(trees: dict[str, ast.Module]) -> None:
    functions = {(node.name, module) for module, tree in trees.items() for node in tree.body if isinstance(node, ast.FunctionDef)}
    imported = {
        (each.name, node.module or "")
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for each in node.names
    }
    assert in_several(functions & imported) == {}
