"""What the columns of a run's table are taken as, in words."""

from __future__ import annotations

from gradtop.trainer.data.table_encoding import encoding_from
from gradtop.trainer.record import Run, bounds, clean
from gradtop.trainer.record.data_facts import TABLE


def columns_text(run: Run) -> str:
    """By data.json; "" of a run on other data, and where it cannot be read."""
    try:
        titles = encoding_from(bounds.read_note(run.data)[TABLE]).describe()
    except (bounds.Unreadable, KeyError, TypeError, ValueError, OverflowError, AttributeError):
        return ""
    return clean("; ".join(f"{title}: {text}" for title, text in titles), 1000)
