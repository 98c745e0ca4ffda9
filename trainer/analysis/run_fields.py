"""What a run of the list has by name: for columns, orders and the filter alike."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from gradtop.trainer.analysis.formatting import setting_text
from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record import clean
from gradtop.trainer.record.config_values import WHOLE_TABLE

if TYPE_CHECKING:
    from gradtop.trainer.analysis.run_row import RunRow

METRIC = "metric:"  # before the name of a column of `evals`, among what is looked up
FINDING = "finding"
CHANGE = "change"  # a column that is no field: what was changed against its parent, in prose
DATA = f"data{WHOLE_TABLE}"  # looked up as a text: see `data_of`
NOT_DATA = frozenset({"kind", "workers", "prefetch", "sampler"})  # of the section: how it is loaded and drawn does not change what a result is measured on
LONGEST = 80


class RunField(NamedTuple):
    """`value` of a row is None where it is unknown. `needs` are the keys that the index must look up for it, in `RunRow.values`.

    `result` is measured on the data, and so compares only with results on the same. `unit` is "s" of a duration, "time" of a date.
    """

    name: str
    help: str
    value: Callable[[RunRow], Any]
    title: str = ""
    largest_first: bool = False
    result: bool = False
    unit: str = ""
    needs: tuple[str, ...] = ()


def looked_up(key: str) -> Callable[[RunRow], Any]:
    return lambda row: row.values.get(key)


def data_of(table: object) -> str | None:
    """The data set of a section `data`: its kind, and the settings that make it another one than others of its kind."""
    if not isinstance(table, Mapping) or not table:
        return None
    # What is off says nothing; a run of a version without the setting has none.
    more = {name: value for name, value in table.items() if value and name not in NOT_DATA}
    if more.keys() == {"root"}:
        more = {}  # a known data set is the same wherever it is kept
    words = [setting_text(value) if isinstance(value, str) else f"{name}={setting_text(value)}" for name, value in more.items()]
    return clean(" ".join([str(table.get("kind", "")), *words]).strip(), LONGEST) or None


FIELDS: Mapping[str, RunField] = {
    field.name: field
    for field in (
        RunField("name", "name or id", lambda row: (row.name, row.run.id)),
        RunField("state", "training, done, failed, …", lambda row: str(row.state)),
        RunField("job", "train, lr_range, search, …", lambda row: row.job),
        RunField("search", "search that it is a trial of", lambda row: row.search or None),
        RunField("tag", "one of its tags", lambda row: row.tags, title="tags"),
        RunField("note", "its note", lambda row: row.note or None),
        RunField("pinned", "true or false", lambda row: row.pinned),
        RunField("model", "kind of model", lambda row: row.status.model or None),
        RunField("data", "data set", looked_up(DATA), needs=(DATA,)),
        RunField("optimizer", "kind of optimizer", looked_up("optimizer.kind"), needs=("optimizer.kind",)),
        RunField("lr", "configured learning rate", looked_up("optimizer.lr"), needs=("optimizer.lr",)),
        RunField("batch_size", "configured batch size", looked_up("training.batch_size"), title="batch", needs=("training.batch_size",)),
        RunField("epoch", "current or last epoch", lambda row: row.status.epoch or None, largest_first=True),
        RunField("step", "optimizer steps", lambda row: row.status.step or None, largest_first=True),
        RunField("loss", "newest training loss", lambda row: row.status.loss, result=True),
        RunField("val_loss", "newest validation loss", lambda row: row.status.val_loss, title="val loss", result=True),
        RunField("best", "best of `training.monitor` (default: val loss)", lambda row: row.status.best, result=True),
        RunField("monitor", "metric that decides what is the best", lambda row: row.status.monitor),
        RunField("accuracy", "accuracy of the best evaluation", lambda row: row.status.accuracy_at_best, largest_first=True, result=True),
        RunField("duration", "time spent training: 90s, 10m, 2h, 1d", lambda row: row.status.seconds or None, title="took", largest_first=True, unit="s"),
        RunField("started", "date: 2026-11-24", lambda row: row.created or None, largest_first=True, unit="time"),
        RunField("device", "cpu, cuda:0, …", lambda row: row.status.device or None),
        RunField("parameters", "parameter count", lambda row: row.status.parameters or None, largest_first=True),
        RunField("parent", "id of the run it came from", lambda row: row.parent or None),
        RunField(FINDING, "what is wrong with it", looked_up(FINDING), needs=(FINDING,)),
        RunField("error", "why it failed or died, or what troubles it", lambda row: row.words or None),
    )
}


# What stands above the columns of lists, where the field has another name.
_HEADERS: Mapping[str, str] = {"run": "name", "best loss": "best", "changes": CHANGE, "changes or error": CHANGE, **{field.title: field.name for field in FIELDS.values() if field.title}}


def field_name(written: str) -> str:
    """The name of the field that somebody has written, be it by its header."""
    # Above the best value stands which metric it is of.
    return "best" if written.startswith("best ") else _HEADERS.get(written, written)


def field_of(name: str) -> RunField:
    """The field of a name: one of `FIELDS`, a key of the configuration with a dot, else a column of the stream `evals`."""
    if (known := FIELDS.get(name)) is not None:
        return known
    key = name if "." in name else METRIC + name
    return RunField(name, "", looked_up(key), result="." not in name, needs=(key,))


def is_looked_up(name: str) -> bool:
    """Whether nothing but the runs themselves can tell that there is such a field."""
    return name not in FIELDS


def compares_by(name: str) -> tuple[str, ...]:
    """What must be looked up to tell which runs compare in a field."""
    field = field_of(name)
    return (*field.needs, DATA) if field.result else field.needs


def comparable(row: RunRow, name: str) -> tuple[str, ...]:
    """Runs of which this is equal can be ranked by the field: those of the same data and kind of metrics, and for `best` of the same monitor."""
    if not field_of(name).result:
        return ()
    return (f"{row.values.get(DATA) or ''} {row.status.beside_loss}", f"{row.status.monitor} {row.status.monitor_mode}" if name == "best" else "")


def finite(value: Any) -> Any:
    """The value, where it can be ordered among others."""
    if isinstance(value, tuple):
        return " ".join(map(str, value)) or None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    return setting_text(value)
