"""Runs of one configuration with different seeds. Needs pydantic."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gradtop.trainer.analysis.compare import flat
from gradtop.trainer.analysis.overlay import SEED, same_but_seed, seed_families
from gradtop.trainer.config import Change, Config
from gradtop.trainer.launch.forks import rerun_weights
from gradtop.trainer.launch.run_config import changed_config, effective_config
from gradtop.trainer.record import Run, clean, list_runs, read_meta
from gradtop.trainer.record.run_reader import read_config

SEEDS = 2**32  # training.seed is below
LONGEST_BASE = 40  # characters of a name, before that of the seed


@dataclass(frozen=True, slots=True)
class Seeded:
    """A run to be created: its configuration, name, differences from its parent, and the checkpoint it starts from, if any."""

    config: Config
    name: str
    changes: Sequence[Change]
    weights: Path | None


def begin_seeds(
    parent: Run, count: int, create: Callable[[Run, Seeded], Run], queue: Callable[[Run], object], *, changes: Sequence[str] = (), name: str = ""
) -> Iterator[tuple[Run, int]]:
    """Create and queue runs of one configuration with different seeds, each when it is asked for; where that is not the parent's, the others are children of the first.

    Raises what `create` and `queue` raise, and ConfigProblems.
    """
    base = clean(name or read_meta(parent).name or parent.id)[:LONGEST_BASE]
    same = is_same(parent, changes)
    for number, seed in enumerate(next_seeds(parent, count, among_relatives=same)):
        words = [f"{SEED}={seed}"] if same or number else [*changes, f"{SEED}={seed}"]
        _, config, differing = changed_config(parent, words)
        run = create(parent, Seeded(config, f"{base}-seed{seed}", differing, rerun_weights(parent, config)))
        queue(run)
        yield run, seed
        if not same and not number:
            parent = run


def is_same(run: Run, words: Sequence[str]) -> bool:
    """Whether `key=value` words leave the run's configuration as it is but for the seed. Raises ConfigProblems."""
    return all(change.key == SEED for change in changed_config(run, words)[2])


def next_seeds(run: Run, count: int, *, among_relatives: bool) -> list[int]:
    """Seeds from that of the run on; those that no run of its configuration has yet, or, for another configuration, the same that this one began with."""
    first = effective_config(run).training.seed
    used = {first, *relatives_seeds(run)} if among_relatives else set()
    found: list[int] = []
    seed = first
    while len(found) < count:
        if seed not in used:
            found.append(seed)
        seed = (seed + 1) % SEEDS
    return found


def relatives_seeds(run: Run) -> set[int]:
    """The seeds of the runs beside it that differ from it in the seed alone, and of those that were started from it so."""
    there = {each.id: each for each in list_runs(run.path.parent)}
    metas = {name: read_meta(each) for name, each in there.items()}
    begun = [name for name, meta in metas.items() if meta.parent == run.id and [change.key for change in meta.changes] == [SEED]]
    family = next((each for each in seed_families(metas) if run.id in each), [])
    settings = {name: flat(read_config(there[name])) for name in {*family, *begun}}
    alike = [name for name in family if same_but_seed(settings[name], settings[run.id])]
    return {seed for name in {*alike, *begun} if isinstance(seed := settings[name].get(SEED), int)}
