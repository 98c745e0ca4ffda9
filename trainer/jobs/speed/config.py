"""The section `[speed]`."""

from __future__ import annotations

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from gradtop.trainer.declare import Section, setting

TRIED = ("threads", "precision", "channels_last", "workers", "tf32", "implementation", "compile")


class Settings(Section):
    settings: tuple[str, ...] = setting(TRIED, help="What to try, where it applies to the model, the data and the device.", effect="restart")
    rounds: int = setting(3, help="Measurements of each setting, in turns.", effect="restart", ge=1, le=100)
    steps: int = setting(10, help="Optimizer steps before the timed ones; their losses are compared.", unit="steps", effect="restart", ge=1, le=1000)
    seconds: float = setting(1.0, help="Training that is timed in each measurement; at least five steps.", unit="s", effect="restart", gt=0, le=600)
    gain: float = setting(0.03, help="A setting is taken if it makes a step faster by more than this share.", effect="restart", ge=0, lt=1)
    tolerance: float = setting(0.05, help="A setting is not taken if it moves the mean loss of the first steps by more than this share.", effect="restart", gt=0)

    @model_validator(mode="after")
    def _known(self) -> Settings:
        if unknown := [name for name in self.settings if name not in TRIED]:
            sentence = f"{unknown[0]!r} is not one of {', '.join(TRIED)}"
            raise PydanticCustomError("disagreement", "fields disagree", {"misfits": [("speed.settings", sentence)]})
        if not self.settings:
            raise PydanticCustomError("disagreement", "fields disagree", {"misfits": [("speed.settings", f"must name at least one of {', '.join(TRIED)}")]})
        return self
