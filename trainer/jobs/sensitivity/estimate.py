"""What a sensitivity analysis is about to do: how many trainings, over which ranges, and about how long."""

from __future__ import annotations

import math
from collections.abc import Mapping

from gradtop.trainer.config import load_config
from gradtop.trainer.jobs.sensitivity.config import Settings
from gradtop.trainer.jobs.sensitivity.plan import SensitivityPlan, plan_of
from gradtop.trainer.record import Run, RunState, read_meta, read_status


def seconds_of_parent(run: Run) -> float:
    """How long the run took whose configuration is analysed; nan where it has not come to its end or there is none."""
    parent = read_meta(run).parent
    status = read_status(Run(run.path.parent / parent)) if parent else None
    return status.seconds if status is not None and status.state is RunState.DONE and status.seconds > 0 else math.nan


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
    return announced(plan_of(config, settings), settings, seconds_of_parent(run))
