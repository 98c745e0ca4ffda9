"""Which parameters are frozen, that is, do not train."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from gradtop.trainer.declare import Section, setting


class Thaws(Section):
    """Options of every way of freezing."""

    unfreeze_epoch: int = setting(0, help="Epoch from which on all parameters train; 0 never unfreezes.", unit="epochs", effect="fork", ge=0, le=1_000_000)
    keep_statistics: bool = setting(True, help="Frozen batch normalization layers keep their running statistics.", effect="fork")

    def disagreements(self) -> Iterator[tuple[str, str]]:
        if self.unfreeze_epoch == 1:
            yield "unfreeze_epoch", "is 1, the first epoch, so that nothing would ever be frozen; give 2 or more, or 0 to never unfreeze"


class NoFreeze(Section):
    kind: Literal["none"] = setting("none", help="All parameters train.", effect="fork")


class FreezeEarly(Thaws):
    kind: Literal["early"] = setting("early", help="Freeze all but the last stage and the head.", effect="fork")


class FreezePartial(Thaws):
    kind: Literal["partial"] = setting("partial", help="Freeze the first layers.", effect="fork")
    layers: int = setting(1, help="Number of layers with parameters, in model order.", unit="layers", effect="fork", ge=1, le=1_000_000)


class FreezeBackbone(Thaws):
    kind: Literal["backbone"] = setting("backbone", help="Freeze all but the head.", effect="fork")


class FreezePattern(Thaws):
    kind: Literal["pattern"] = setting("pattern", help="Freeze the parameters whose names match a pattern.", effect="fork")
    patterns: tuple[str, ...] = setting(("*.bias",), help="Parameter names with wildcards * and ?, such as conv1.* or *.bias.", effect="live")


FreezeConfig = Annotated[
    NoFreeze | FreezeEarly | FreezePartial | FreezeBackbone | FreezePattern, Field(discriminator="kind")
]
