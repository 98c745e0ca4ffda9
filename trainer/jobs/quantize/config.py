"""The section `[quantize]`."""

from __future__ import annotations

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from gradtop.trainer.declare import Section, setting

DYNAMIC_INT8, DYNAMIC_INT8_TORCH, WEIGHT_INT8, WEIGHT_INT4 = "dynamic_int8", "dynamic_int8_torch", "weight_int8", "weight_int4"
METHODS = (DYNAMIC_INT8, DYNAMIC_INT8_TORCH, WEIGHT_INT8, WEIGHT_INT4)
DYNAMIC = (DYNAMIC_INT8, DYNAMIC_INT8_TORCH)
LARGEST = 65_536  # samples of a batch


class Settings(Section):
    methods: tuple[str, ...] = setting(METHODS, help=f"Methods: {', '.join(METHODS)}.", effect="restart")
    batch_sizes: tuple[int, ...] = setting((1, 8, 64), help="Batch sizes whose latency is measured.", unit="samples", effect="restart", ge=1, le=LARGEST)
    layers: tuple[str, ...] = setting((), help="Modules that are quantized, as patterns of their names; none stands for all.", effect="restart")
    compiled: bool = setting(True, help="Measure the latency with torch.compile, too.", effect="restart")
    write: str = setting("", help="The method whose result is written as a checkpoint at the end; empty writes none.", effect="restart")

    @model_validator(mode="after")
    def _known(self) -> Settings:
        known = f"one of {', '.join(METHODS)}"
        unknown = [name for name in self.methods if name not in METHODS]
        twice = [name for place, name in enumerate(self.methods) if name in self.methods[:place]]
        misfits = []
        if unknown or twice or not self.methods:
            misfits.append(("quantize.methods", f"{unknown[0]!r} is not {known}" if unknown else f"{twice[0]} is named twice" if twice else f"must name at least {known}"))
        if not self.batch_sizes or len(set(self.batch_sizes)) < len(self.batch_sizes):
            misfits.append(("quantize.batch_sizes", "names a size twice" if self.batch_sizes else "must name at least one size"))
        if self.write and self.write not in METHODS:
            misfits.append(("quantize.write", f"{self.write!r} is not {known}"))
        if misfits:
            raise PydanticCustomError("disagreement", "fields disagree", {"misfits": misfits})
        return self
