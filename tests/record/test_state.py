"""The states of a run are named in one place."""

from __future__ import annotations

import ast

from gradtop.trainer.record import RunState
from tests.sources import parsed

# Words that mean nothing but a state; the others are ordinary words (a section of the configuration, a checkpoint that is done).
UNMISTAKABLE = {RunState.QUEUED, RunState.SILENT, RunState.DIED}


def literals(node: ast.expr) -> set[str]:
    return {each.value for each in ast.walk(node) if isinstance(each, ast.Constant) and isinstance(each.value, str)}


def test_no_module_compares_a_state_with_a_literal() -> None:
    found = []
    with parsed() as trees:
        for path, tree in trees.items():
            if path.endswith("/state.py"):
                continue
            for node in (each for each in ast.walk(tree) if isinstance(each, ast.expr)):
                names_a_state = isinstance(node, ast.Compare) and "state" in ast.unparse(node.left) and literals(node) & set(RunState)
                assigns = isinstance(node, ast.Constant) and node.value in UNMISTAKABLE
                if names_a_state or assigns:
                    found.append(f"{path}:{node.lineno}")
    assert not found
