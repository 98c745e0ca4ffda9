"""What a sensitivity analysis is about to do: how many trainings, over which ranges, and about how long."""

from __future__ import annotations

import math
from collections.abc import Mapping

from gradtop.trainer.analysis.training_time import expected_seconds
from gradtop.trainer.config import Config, load_config
from gradtop.trainer.jobs.sensitivity.config import Settings
from gradtop.trainer.jobs.sensitivity.plan import SensitivityPlan, plan_of
from gradtop.trainer.record import Run, read_meta, read_status


def seconds_of_parent(run: Run, config: Config) -> float:
    """About how long a training takes, from the run whose configuration is analysed; nan where that says nothing of it, or there is none."""
    meta = read_meta(run)
    if not meta.parent:
        return math.nan
    parent = Run(run.path.parent / meta.parent)
    return expected_seconds(read_meta(parent).job, read_status(parent), [change.key for change in meta.changes], config.training)


def announced(plan: SensitivityPlan, settings: Settings, seconds: float) -> Mapping[str, object]:
    """The fields of the event, where a training takes so many seconds; nan where that is not known."""
    trainings = len(plan.trainings)
    return {
        "trainings": trainings,
        "points": len(plan.points),
        "seeds": len(plan.seeds),
        "seconds": seconds * trainings / min(settings.workers, trainings) if math.isfinite(seconds) else None,
        "ranges": {field.key: field.written for field in plan.fields},
        "given": bool(settings.vary),
    }


def announced_by(run: Run) -> Mapping[str, object]:
    """The same of an analysis that is created and has not begun. Raises ConfigProblems where its configuration is no more."""
    config = load_config(run.config)
    settings = config.part("sensitivity")
    assert isinstance(settings, Settings)  # noqa: S101 - the job's section is checked with the configuration
    return announced(plan_of(config, settings), settings, seconds_of_parent(run, config))
