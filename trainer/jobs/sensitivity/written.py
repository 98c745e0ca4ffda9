"""A sensitivity analysis as people write it on one line, made into overrides of the configuration."""

from __future__ import annotations

from gradtop.trainer.jobs.sensitivity.config import Settings
from gradtop.trainer.trials.written import inline, parts_of, space_of


def sensitivity_overrides(line: str) -> list[str]:
    """Those of "optimizer.lr=log(1e-4, 1e-1); seeds=5; pairs=lr,batch_size": settings by their names, `pairs` once for each, all else ranges.
    Raises NotASpace.
    """
    settings, ranges = parts_of(line, set(Settings.model_fields) - {"vary"})
    pairs = [value for name, value in settings if name == "pairs"]
    found = [f"sensitivity.{name}={value}" for name, value in settings if name != "pairs"]
    if pairs:
        found.append(f"sensitivity.pairs={inline(pairs)}")
    if ranges:
        found.append(f"sensitivity.vary={inline(space_of(ranges))}")
    return found
