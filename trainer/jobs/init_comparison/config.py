"""The section `[init_comparison]`."""

from __future__ import annotations

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from gradtop.trainer.declare import Section, setting
from gradtop.trainer.models.init_config import INITS

USUAL = ("xavier_uniform", "kaiming_normal", "normal", "zeros")


class Settings(Section):
    kinds: tuple[str, ...] = setting(USUAL, help="Initializations, as values of init.kind; a kind that the configuration names keeps its settings.", effect="restart")
    seeds: int = setting(5, help="Seeds of each initialization: training.seed and those that follow.", effect="restart", ge=1, le=1000)
    steps: int = setting(50, help="Optimizer steps of each measurement.", unit="steps", effect="restart", ge=2, le=5000)

    @model_validator(mode="after")
    def _known(self) -> Settings:
        unknown = [name for name in self.kinds if name not in INITS]
        twice = [name for place, name in enumerate(self.kinds) if name in self.kinds[:place]]
        sentence = (
            f"{unknown[0]!r} is not one of {', '.join(INITS)}" if unknown else f"{twice[0]} is named twice" if twice else "" if self.kinds else f"must name at least one of {', '.join(INITS)}"
        )
        if sentence:
            raise PydanticCustomError("disagreement", "fields disagree", {"misfits": [("init_comparison.kinds", sentence)]})
        return self
