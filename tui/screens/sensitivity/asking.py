"""What Tune asks before it starts a sensitivity analysis: ranges and settings, with the number of trainings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gradtop.tui.dialogs.start_job import StartJob

if TYPE_CHECKING:
    from gradtop.trainer.config import Config


class AskSensitivity(StartJob):
    """`seconds` is how long one training takes; nan where that is not known."""

    job = "sensitivity"

    def __init__(self, config: Config, seconds: float) -> None:
        super().__init__(
            config,
            "Sensitivity analysis: settings, and ranges such as optimizer.lr=log(1e-4, 1e-2) in place of the default ones",
            "points=5; seeds=3; workers=1",
        )
        self._seconds = seconds

    def overrides_of(self, text: str) -> Sequence[str]:
        from gradtop.trainer.jobs.sensitivity.written import sensitivity_overrides

        return sensitivity_overrides(text)

    def describe(self, config: Config) -> str:
        from gradtop.trainer.jobs.sensitivity.config import Settings
        from gradtop.trainer.jobs.sensitivity.estimate import announced
        from gradtop.trainer.jobs.sensitivity.plan import plan_of
        from gradtop.trainer.jobs.sensitivity.result import PLANNED, describe_plan

        settings = config.settings
        assert isinstance(settings, Settings)  # noqa: S101 - the configuration is made for this job
        return describe_plan({"kind": PLANNED, **announced(plan_of(config, settings), settings, self._seconds)})[0]
