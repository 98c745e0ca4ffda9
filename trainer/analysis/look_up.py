"""Values of a run that its list does not have anyway: settings, columns of `evals`, findings."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

from gradtop.trainer.analysis.run_fields import DATA, FINDING, METRIC, data_of
from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record import Run, RunReader, RunState, Status, StreamReader, clean, effective
from gradtop.trainer.record.config_values import from_tables, read_values, value_keys
from gradtop.trainer.record.run_reader import read_config
from gradtop.trainer.record.streams.registry import EVALS, REGISTRY

AGAIN = 10.0  # seconds between two looks at what is wrong with a run that is alive
SENTENCE = 200  # characters


class Looked(NamedTuple):
    """What was looked up, None for what the run does not have; `judged` is when its findings were."""

    values: Mapping[str, object] = {}
    judged: float = 0.0

    def missing(self, wanted: Collection[str], state: RunState, now: float) -> list[str]:
        found = [key for key in wanted if key not in self.values]
        if FINDING in wanted and FINDING in self.values and state.is_alive and now - self.judged >= AGAIN:
            found.append(FINDING)
        return found

    def after(self, before: Status, now: Status) -> Looked:
        """What still holds with another status."""
        if not self.values:
            return self
        changed_live = before.changes != now.changes
        kept = {
            key: value
            for key, value in self.values.items()
            if (not key.startswith(METRIC) if key != FINDING else now.state is before.state) and not (changed_live and "." in key)
        }
        return Looked(kept, self.judged)


NOT_LOOKED = Looked()


def look_up(run: Run, status: Status, known: Looked, keys: Collection[str], now: float) -> Looked:
    """The same with the values of more keys."""
    values, judged = dict(known.values), known.judged
    settings = [key for key in keys if key != FINDING and not key.startswith(METRIC)]
    if settings and status.changes:
        values.update(from_tables(effective(read_config(run), status.changes), settings))
    elif settings:
        values.update(read_values(run, settings))
    if DATA in settings:
        values[DATA] = data_of(values[DATA])
    if metrics := [key for key in keys if key.startswith(METRIC)]:
        newest = evals_of(run)
        values.update({key: newest.get(key.removeprefix(METRIC)) for key in metrics})
    if FINDING in keys:
        values[FINDING], judged = finding_of(run), now
    return Looked(values, judged)


def evals_of(run: Run) -> dict[str, float]:
    """The newest finite value of each column of `evals`, by the name under which metrics are shown."""
    stream = StreamReader(run, EVALS)
    stream.refresh()
    names = REGISTRY[EVALS].metrics or {}
    found = {}
    for column in stream.columns:
        newest = stream.last_finite(column.name) if stream.count else None
        if (name := names.get(column.name, column.name)) and newest is not None and math.isfinite(newest[1]):
            found[name] = newest[1]
    return found


def finding_of(run: Run) -> str | None:
    """The names, titles and sentences of what is wrong with a run now."""
    from gradtop.trainer.analysis.findings import report

    reader = RunReader(run)
    reader.refresh()
    texts = [f"{finding.name} {finding.severity} {finding.title}: {finding.sentence}" for finding in report(reader).findings if not finding.passed]
    return clean("; ".join(texts), 20 * SENTENCE) or None


def names_of(run: Run) -> list[str]:
    """All that can be looked up of a run by name, but findings."""
    return [*(key for key in value_keys(read_config(run)) if "." in key), *evals_of(run)]  # beside the sections stands the format of the file
