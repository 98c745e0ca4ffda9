"""Families of runs: which run was forked from, or started again with the settings of, which."""

from __future__ import annotations

from collections.abc import Mapping

# Of a run and each of its ancestors but the first, the eldest first: whether it is the last of its siblings; of many the youngest.
TreePosition = tuple[bool, ...]
GENERATIONS = 24  # that are drawn above a run


def families(parents: Mapping[str, str]) -> list[list[tuple[str, TreePosition]]]:
    """Trees of run ids, each parent before its children; `parents` has the parent of each id ("" for none), the oldest run first.

    Needs no more stack than a family has generations. Of runs that name each other as parents, the smallest id is the root.
    """
    children: dict[str, list[str]] = {}
    roots: list[str] = []
    circled = _circles(parents)
    for run, parent in parents.items():
        if parent in parents and run not in circled:
            children.setdefault(parent, []).append(run)
        else:
            roots.append(run)
    return [_tree(root, children) if root in children else [(root, ())] for root in roots]


def _circles(parents: Mapping[str, str]) -> set[str]:
    """Of each circle of runs the smallest id. Each run is looked at once."""
    walk_of: dict[str, int] = {}
    found = set()
    for number, (run, parent) in enumerate(parents.items()):
        if not parent:
            continue
        at = run
        while at in parents and at not in walk_of:
            walk_of[at] = number
            at = parents[at]
        if walk_of.get(at) == number:  # this walk has come to where it has been
            circle = [at]
            while (after := parents[circle[-1]]) != at:
                circle.append(after)
            found.add(min(circle))
    return found


def _tree(root: str, children: Mapping[str, list[str]]) -> list[tuple[str, TreePosition]]:
    found: list[tuple[str, TreePosition]] = []
    waiting: list[tuple[str, TreePosition]] = [(root, ())]
    while waiting:
        run, place = waiting.pop()
        found.append((run, place))
        siblings = children.get(run, [])
        waiting += [(child, (*place[-GENERATIONS:], child is siblings[-1])) for child in reversed(siblings)]
    return found


def branch(place: TreePosition, width: int = 1) -> str:
    """What is drawn before a run's name: "│ └", or "│  └─ " with a width of 3; "…" stands for the generations that are too many."""
    if not place:
        return ""
    above = "".join((" " if last else "│") + " " * max(1, width - 1) for last in place[:-1])
    above = f"…{above[1:]}" if len(place) > GENERATIONS else above
    return above + ("└" if place[-1] else "├") + ("─" * (width - 2) + " " if width > 2 else "")
