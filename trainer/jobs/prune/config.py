"""The section `[prune]`."""

from __future__ import annotations

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from gradtop.trainer.declare import Section, setting

GLOBAL, LAYER, RANDOM, CHANNEL, REMOVAL = "global_l1", "layer_l1", "random", "channel_l2", "channel_removal"
METHODS = (GLOBAL, LAYER, RANDOM, CHANNEL, REMOVAL)


class NoChoice(ValueError):
    """A text that names no method and amount, with a sentence."""


def choice_of(text: str, methods: tuple[str, ...]) -> tuple[str, float]:
    """The method and the amount of METHOD:AMOUNT, or of an AMOUNT the first of the methods. Raises NoChoice."""
    method, colon, figure = text.strip().rpartition(":")
    method = method.strip() if colon else methods[0]
    if method not in METHODS:
        raise NoChoice(f"{method!r} is not one of {', '.join(METHODS)}")
    try:
        amount = float(figure)
    except ValueError:
        raise NoChoice(f"{figure.strip()!r} is no amount: a number between 0 and 1 is expected, or METHOD:AMOUNT") from None
    if not 0 < amount < 1:
        raise NoChoice(f"the amount is {figure.strip()}, and the share of weights to prune is greater than 0 and less than 1")
    return method, amount


class Settings(Section):
    methods: tuple[str, ...] = setting((GLOBAL, LAYER, CHANNEL), help=f"Methods: {', '.join(METHODS)}.", effect="restart")
    amounts: tuple[float, ...] = setting((0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9), help="Shares of the weights, or of the channels, that are pruned.", effect="restart", gt=0, lt=1)
    layers: tuple[str, ...] = setting((), help="Modules whose weights are pruned, as patterns of their names; none stands for all convolutions and linear layers.", effect="restart")
    batch_size: int = setting(64, help="Samples of the batch whose latency is measured, beside that of one sample.", unit="samples", effect="restart", ge=1, le=100_000)
    write: str = setting("", help="What is written as a checkpoint at the end: an amount, or METHOD:AMOUNT; empty writes none.", effect="restart")

    @model_validator(mode="after")
    def _known(self) -> Settings:
        unknown = [name for name in self.methods if name not in METHODS]
        twice = [name for place, name in enumerate(self.methods) if name in self.methods[:place]]
        misfits = []
        if unknown or twice or not self.methods:
            sentence = f"{unknown[0]!r} is not one of {', '.join(METHODS)}" if unknown else f"{twice[0]} is named twice" if twice else f"must name at least one of {', '.join(METHODS)}"
            misfits.append(("prune.methods", sentence))
        if not self.amounts:
            misfits.append(("prune.amounts", "must name at least one share between 0 and 1"))
        if self.write and not misfits:
            try:
                choice_of(self.write, self.methods)
            except NoChoice as error:
                misfits.append(("prune.write", str(error)))
        if misfits:
            raise PydanticCustomError("disagreement", "fields disagree", {"misfits": misfits})
        return self
