"""What a worker has found out about the data that it trains on, beside what they are recognised by."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from gradtop.trainer.record import bounds
from gradtop.trainer.record.layout import Run

FACTS = "facts"  # in data.json
MOST_CLASSES = 10_000


@dataclass(frozen=True, slots=True)
class DataFacts:
    """None, or empty, is what could not be known.

    `class_counts` are of the training labels (of a text: of its characters), by class number: of `counted` labels, only a
    sample of them where `sampled`. `input_mean` and `input_std` are of values as they are stored, `model_input_mean` and `model_input_std`
    of what the model receives in the first batches, augmented and normalized. `constant_loss` is the training loss of the best
    constant prediction (cross entropy: the entropy of the class frequencies), `constant_training_loss` the same with label smoothing.
    """

    class_counts: tuple[int, ...] = ()
    counted: int = 0
    sampled: bool = False
    input_mean: float | None = None
    input_std: float | None = None
    model_input_mean: float | None = None
    model_input_std: float | None = None
    constant_loss: float | None = None
    constant_training_loss: float | None = None

    def record(self) -> dict[str, object]:
        """As JSON can hold it."""
        return {**asdict(self), "class_counts": list(self.class_counts)}


def read_data_facts(run: Run) -> DataFacts:
    """What data.json says; all unknown where there is none, or it is broken."""
    try:
        found = bounds.read_note(run.data).get(FACTS)
    except bounds.Unreadable:
        return DataFacts()
    return DataFacts(**bounds.fields(READS, found)) if isinstance(found, dict) else DataFacts()


def counts(value: object) -> tuple[int, ...] | None:
    return tuple([bounds.count(each) or 0 for each in value[:MOST_CLASSES]]) if isinstance(value, list) else None


READS = bounds.reads_of(DataFacts, class_counts=counts)
