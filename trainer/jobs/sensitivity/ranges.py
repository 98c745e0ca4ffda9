"""Which hyperparameters vary where nothing is said of it, and over which ranges: around the values of the configuration."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gradtop.trainer.config.config import Config
from gradtop.trainer.config.load import to_tables
from gradtop.trainer.config.schema import section
from gradtop.trainer.trials.space import key_in, space_problems

LR_FACTOR, DECAY_FACTOR, SIZE_FACTOR, CLIP_FACTOR = 10.0, 10.0, 4.0, 4.0
AWAY = 3.0  # factor on what a decay rate lacks of 1: 0.9 becomes 0.7 and 0.9667
TABLES = ("optimizer", "schedule", "model", "training")


def ranges_of(vary: Mapping[str, Any], config: Config) -> dict[str, Any]:
    """Distributions by whole key, as they are written: those given, else the default ones."""
    return {key_in(key, config): written for key, written in vary.items()} if vary else default_ranges(config)


def default_ranges(config: Config) -> dict[str, Any]:
    """Of the fields that this configuration has and that a rule is known for, within what the declarations allow."""
    tables = to_tables(config)
    found: dict[str, Any] = {}
    for table in TABLES:
        values = tables.get(table, {})
        for spec in section(table).of(values.get("kind", "")):
            rule = RULES.get(spec.name)
            written = rule(values[spec.name], config) if rule is not None and spec.name in values else None
            if written is not None and not list(space_problems({spec.key: written}, config)):
                found[spec.key] = written
    return found


def _logarithmic(factor: float) -> Callable[[Any, Config], str | None]:
    return lambda base, _: f"log({_number(base / factor)}, {_number(base * factor)})" if base > 0 else None


def _weight_decay(base: Any, _: Config) -> str:
    return f"log({_number(base / DECAY_FACTOR)}, {_number(base * DECAY_FACTOR)})" if base > 0 else "float(0, 0.1)"


def _decay_rate(base: Any, _: Config) -> str:
    return f"float({_number(max(1 - (1 - base) * AWAY, 0))}, {_number(1 - (1 - base) / AWAY)})" if base > 0 else "float(0, 0.9)"


def _betas(base: Any, _: Config) -> list[str]:
    first, second = base
    return [f"[{_number(value)}, {_number(second)}]" for value in (max(1 - (1 - first) * AWAY, 0), first, 1 - (1 - first) / AWAY)]


def _share(most: float) -> Callable[[Any, Config], str]:
    """From 0 to `most`, or to the value and a half, but not to 1."""
    return lambda base, _: f"float(0, {_number(min(max(most, base * 1.5), 0.95))})"


def _batch_size(base: Any, config: Config) -> str:
    samples = config.data.shape.samples
    most = min(base * SIZE_FACTOR, samples) if samples else base * SIZE_FACTOR
    return f"int({max(math.floor(base / SIZE_FACTOR), 1)}, {int(max(most, base))}, log)"


def _warmup(base: Any, _: Config) -> str | None:
    """None for the one of both that is not used."""
    return f"{'int' if isinstance(base, int) else 'float'}(0, {_number(base * 2)})" if base > 0 else None


RULES: Mapping[str, Callable[[Any, Config], Any]] = {
    "lr": _logarithmic(LR_FACTOR),
    "weight_decay": _weight_decay,
    "momentum": _decay_rate,
    "alpha": _decay_rate,
    "betas": _betas,
    "warmup_steps": _warmup,
    "warmup_epochs": _warmup,
    "dropout": _share(0.5),
    "batch_size": _batch_size,
    "label_smoothing": _share(0.2),
    "clip": _logarithmic(CLIP_FACTOR),
}


def _number(value: float) -> str:
    return f"{value:.4g}"


def stated(written: object) -> str:
    """A range as it is written in one line."""
    return f"choice({', '.join(_words(written))})" if isinstance(written, list | tuple) else str(written)


def _words(choices: list[Any] | tuple[Any, ...]) -> Iterator[str]:
    yield from (str(each) for each in choices)
