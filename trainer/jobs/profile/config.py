"""The section `[profile]`."""

from __future__ import annotations

from gradtop.trainer.declare import Section, setting
from gradtop.trainer.record.profiles import MOST_STEPS, USUAL_STEPS


class Settings(Section):
    steps: int = setting(USUAL_STEPS, help="Optimizer steps to record, after some that are only timed.", unit="steps", effect="restart", ge=1, le=MOST_STEPS)
