"""A field of a run as text, for columns of the list on the screen and of `gradtop ls`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradtop.trainer.analysis.formatting import duration, moment, number, setting_text, significant
from gradtop.trainer.analysis.run_fields import RunField
from gradtop.trainer.record import clean

if TYPE_CHECKING:
    from gradtop.trainer.analysis.run_row import RunRow

NOTHING = "–"
LONGEST = 200


def value_text(field: RunField, row: RunRow, now: float) -> str:
    """The value; – where it is unknown. Results are rounded, settings are not."""
    value = field.value(row)
    if value is None or value == ():
        return NOTHING
    if field.unit == "s":
        return duration(value)
    if field.unit == "time":
        return moment(value, now)
    if isinstance(value, tuple):
        return clean(" ".join(map(str, value)), LONGEST)
    if isinstance(value, float) and field.result:
        return significant(value)
    if isinstance(value, int) and not isinstance(value, bool) and not field.needs:
        return number(value)
    return clean(setting_text(value), LONGEST)
