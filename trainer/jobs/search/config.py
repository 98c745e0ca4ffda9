"""The section `[search]`, and its table `[search.space]`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import field_validator

from gradtop.trainer.declare import Section, setting
from gradtop.trainer.metrics import METRICS, Monitored, is_declared, monitored, not_measured, unknown_metric
from gradtop.trainer.trials.space import NotASpace, dotted_keys, parse_parameter, space_problems

OTHER = {"seconds": "min", "parameters": "min"}  # objectives that no evaluation measures


class Settings(Section):
    sampler: Literal["tpe", "random", "grid", "gp", "cmaes"] = setting("tpe", help="How trials are chosen: tpe, random, grid, gp (Gaussian process) or cmaes (CMA-ES), as in Optuna.", effect="restart")
    pruner: Literal["none", "median", "hyperband", "wilcoxon"] = setting("none", help="How unpromising trials are stopped early, by their evaluations, as in Optuna.", effect="restart")
    trials: int = setting(20, help="Trials in total; 0: until the timeout, or as many as a grid has.", unit="trials", effect="restart", ge=0, le=1_000_000)
    workers: int = setting(1, help="Trials that train at the same time, each with its share of the CPU threads.", effect="restart", ge=1, le=1000)
    objectives: tuple[str, ...] = setting((), help="Metrics to optimize, of the evaluation that is best by the first of them, or seconds or parameters; empty: training.monitor.", effect="restart")
    directions: tuple[str, ...] = setting((), help="min or max for each objective; empty: as training.monitor_mode = auto has it.", effect="restart")
    timeout: float = setting(0.0, help="No trial starts after so many seconds; 0: no limit.", unit="s", effect="restart", ge=0)
    seed: int = setting(0, help="Seed of the sampler.", effect="restart", ge=0, le=2**32 - 1)
    storage: str = setting("", help="URL of an Optuna storage, such as sqlite:///search.db or postgresql://…; empty: optuna.journal in the run directory.", effect="restart")
    space: dict[str, Any] = setting({}, help="Distributions by key of the configuration, such as log(1e-5, 1e-2).", effect="restart")

    @field_validator("space", mode="before")
    @classmethod
    def _flat(cls, table: Any) -> Any:
        return dotted_keys(table) if isinstance(table, dict) else table

    def monitored(self, config: Any) -> tuple[Monitored, ...]:
        """The objectives with their directions, the first of which decides the evaluation."""
        names = self.objectives or (config.training.monitor,)
        modes = self.directions or ((config.training.monitor_mode,) if not self.objectives else ("auto",) * len(names))
        return tuple(Monitored(name, mode if mode in {"min", "max"} else OTHER[name]) if name in OTHER else monitored(name, mode) for name, mode in zip(names, modes, strict=False))

    def disagreements(self) -> Iterator[tuple[str, str]]:
        if len(set(self.objectives)) < len(self.objectives):
            yield "objectives", "names a metric twice"
        if self.objectives and self.objectives[0] in OTHER:
            yield "objectives", f"must begin with a metric of evaluations, not {self.objectives[0]}"
        if self.directions and len(self.directions) != max(len(self.objectives), 1):
            yield "directions", f"must be as many as there are objectives, {max(len(self.objectives), 1)}, not {len(self.directions)}"
        if any(each not in {"min", "max", "auto"} for each in self.directions):
            yield "directions", f"must each be min, max or auto, not {', '.join(self.directions)}"
        if self.pruner != "none" and len(self.objectives) > 1:
            yield "pruner", "must be none with several objectives: Optuna prunes by one"
        if self.sampler == "cmaes" and len(self.objectives) > 1:
            yield "sampler", "cmaes takes one objective; use tpe, gp or random"
        if not self.trials and not self.timeout and self.sampler != "grid":
            yield "trials", "requires a number, or search.timeout"
        if self.storage and "://" not in self.storage:
            yield "storage", f"must be a URL, such as sqlite:///search.db, not {self.storage!r}"
        if self.sampler == "grid":
            yield from self._not_in_a_grid()

    def _not_in_a_grid(self) -> Iterator[tuple[str, str]]:
        for key, written in self.space.items():
            try:
                if not parse_parameter(key, written).grid():
                    yield "space", f"{key}: a grid requires step=S or points=N"
            except NotASpace:
                pass  # reported by what checks the space

    def missing_here(self, directory: str) -> Iterator[tuple[str, str]]:
        # Sockets and package data: few searches have a storage of their own.
        from gradtop.trainer.jobs.search.storage import why_unusable

        if self.storage and (why := why_unusable(self.storage, directory)):
            yield "search.storage", why

    def disagreements_with(self, config: Any) -> Iterator[tuple[str, str]]:
        if not self.space:
            yield "search.space", 'is empty: give a space file or keys, such as --space "optimizer.lr=log(1e-5, 1e-2)"'
        yield from ((f"search.space.{key}", sentence) for key, sentence in space_problems(self.space, config))
        for place, name in enumerate(self.objectives):
            if name in OTHER:
                continue
            if unknown_metric(name, own=config.task.own_metrics, added=config.training.metrics):
                yield "search.objectives", f"{name!r} is not a metric; there are: {', '.join([*METRICS, *OTHER])}"
            elif not is_declared(name) and self.directions[place : place + 1] not in {("min",), ("max",)}:
                yield "search.directions", f"must have min or max for {name}, of which only its code knows which is better"
            elif (missing := not_measured(name, config.task.labels(config.data.inputs), config.data.shape.classes, config.training.metrics)):
                yield "search.objectives", f"{name} requires {missing} (data.kind is {config.data.kind})"
