"""Statistics of the training data in data.json, beside the fingerprint."""

from __future__ import annotations

import math

from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record import bounds
from gradtop.trainer.record.layout import Run

FACTS, TASK, TABLE = "facts", "task", "table"  # in data.json
MOST_CLASSES = 10_000


class DataFacts(NamedTuple):
    """Statistics of the training data; None or empty where unknown.

    `class_counts` are the training labels per class number (for a text: its characters), of `counted` labels, which are a
    sample if `sampled`; `batch_share` is the share of the most frequent one in a batch, the mean over the first batches of data that have an order of their own. `input_mean` and `input_std` are of values as they are stored, `model_input_mean` and `model_input_std`
    of what the model receives in the first batches, augmented and normalized; `val_input_mean` and `val_input_std` the same of the first
    batch of an evaluation. 95 % of these values lie within `model_input_spread` and `val_input_spread` of their median. `constant_loss` is the training loss of the best
    constant prediction (cross entropy: the entropy of the class frequencies), `constant_training_loss` the same with label smoothing.
    `overlap` is the share of the samples for validation that are training samples, too, estimated from some of them.
    """

    class_counts: tuple[int, ...] = ()
    counted: int = 0
    sampled: bool = False
    batch_share: float | None = None
    input_mean: float | None = None
    input_std: float | None = None
    model_input_mean: float | None = None
    model_input_std: float | None = None
    model_input_spread: float | None = None
    val_input_mean: float | None = None
    val_input_std: float | None = None
    val_input_spread: float | None = None
    constant_loss: float | None = None
    constant_training_loss: float | None = None
    overlap: float | None = None

    @property
    def chance(self) -> float:
        """The training loss of the best constant prediction, with label smoothing where there is some; NaN where it is not known."""
        found = self.constant_training_loss if self.constant_training_loss is not None else self.constant_loss
        return found if found is not None and math.isfinite(found) and found > 0 else math.nan

    def record(self) -> dict[str, object]:
        """The facts as a JSON object."""
        return {**self._asdict(), "class_counts": list(self.class_counts)}


def read_data_facts(run: Run) -> DataFacts:
    """The facts in data.json; all unknown if the file is missing or invalid."""
    try:
        found = bounds.read_note(run.data).get(FACTS)
    except bounds.Unreadable:
        return DataFacts()
    return DataFacts(**bounds.fields(READS, found)) if isinstance(found, dict) else DataFacts()


def counts(value: object) -> tuple[int, ...] | None:
    return tuple([bounds.count(each) or 0 for each in value[:MOST_CLASSES]]) if isinstance(value, list) else None


READS = bounds.reads_of(DataFacts, class_counts=counts)
