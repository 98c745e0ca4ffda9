"""Which parameters do not train."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gradtop.trainer.declare import Section, setting


class Thaws(Section):
    """What every way of freezing shares."""

    unfreeze_epoch: int = setting(0, help="From this epoch on everything trains; 0 is never.", unit="epochs", effect="fork", ge=0, le=1_000_000)
    keep_statistics: bool = setting(True, help="Batch norms that are frozen whole keep their running mean and variance.", effect="fork")


class NoFreeze(Section):
    kind: Literal["none"] = setting("none", help="Everything trains.", effect="fork")


class FreezeEarly(Thaws):
    kind: Literal["early"] = setting("early", help="All but the last stage and the head is frozen.", effect="fork")


class FreezePartial(Thaws):
    kind: Literal["partial"] = setting("partial", help="The first layers are frozen.", effect="fork")
    layers: int = setting(1, help="How many layers with parameters, in the order in which they stand in the model.", unit="layers", effect="fork", ge=1, le=1_000_000)


class FreezeBackbone(Thaws):
    kind: Literal["backbone"] = setting("backbone", help="All but the head is frozen.", effect="fork")


class FreezePattern(Thaws):
    kind: Literal["pattern"] = setting("pattern", help="Parameters whose names fit a pattern are frozen.", effect="fork")
    patterns: tuple[str, ...] = setting(("*.bias",), help="Names with * and ?, such as conv1.* or *.bias.", effect="live")


FreezeConfig = Annotated[
    NoFreeze | FreezeEarly | FreezePartial | FreezeBackbone | FreezePattern, Field(discriminator="kind")
]
