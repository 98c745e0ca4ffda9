"""What each mode has measured more often, or at all, while somebody looks at it."""

from __future__ import annotations

from collections.abc import Mapping

from gradtop.trainer.record.streams.registry import Measurement

MEASUREMENTS: Mapping[str, tuple[Measurement, ...]] = {
    "gradients": (Measurement.UPDATES,),
    "weights": (Measurement.HISTOGRAMS,),
}
