"""Families of runs: which run was forked from, or started again with the settings of, which."""

from __future__ import annotations

from collections.abc import Mapping

# Of a run and each of its ancestors but the first, the eldest first: whether it is the last of its siblings.
Place = tuple[bool, ...]


def families(parents: Mapping[str, str]) -> list[list[tuple[str, Place]]]:
    """Trees of run ids, each parent before its children; `parents` has the parent of each id ("" for none), the oldest run first.

    Needs no more stack than a family has generations. Of runs that name each other as parents, the smallest id is the root.
    """
    children: dict[str, list[str]] = {}
    roots: list[str] = []
    for run, parent in parents.items():
        if parent in parents and not _roots_circle(run, parents):
            children.setdefault(parent, []).append(run)
        else:
            roots.append(run)
    return [_tree(root, children) for root in roots]


def _roots_circle(run: str, parents: Mapping[str, str]) -> bool:
    ancestors = {run}
    at = parents[run]
    while at in parents and at not in ancestors:
        ancestors.add(at)
        at = parents[at]
    return at == run == min(ancestors)


def _tree(root: str, children: Mapping[str, list[str]]) -> list[tuple[str, Place]]:
    found: list[tuple[str, Place]] = []
    waiting: list[tuple[str, Place]] = [(root, ())]
    while waiting:
        run, place = waiting.pop()
        found.append((run, place))
        siblings = children.get(run, [])
        waiting += [(child, (*place, child is siblings[-1])) for child in reversed(siblings)]
    return found


def branch(place: Place, width: int = 1) -> str:
    """What is drawn before a run's name: "│ └", or "│  └─ " with a width of 3."""
    if not place:
        return ""
    above = "".join((" " if last else "│") + " " * max(1, width - 1) for last in place[:-1])
    return above + ("└" if place[-1] else "├") + ("─" * (width - 2) + " " if width > 2 else "")
