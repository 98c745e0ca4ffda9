"""data.json: what data a run was trained on."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from gradtop.trainer.data.table_encoding import TableEncoding
from gradtop.trainer.data.tokens import TokenEncoding
from gradtop.trainer.record import Run
from gradtop.trainer.record.data_facts import FACTS, TABLE, TASK, DataFacts
from gradtop.trainer.record.writing import write_atomically
from gradtop.trainer.training.data_facts import FactFinder, InputScale, first_samples, measure_scale
from gradtop.trainer.training.misfit import data_fingerprint

if TYPE_CHECKING:
    from gradtop.trainer.data.dataset import Source, TrainingBatches
    from gradtop.trainer.data.nested import ModelInputs
    from gradtop.trainer.tasks.task import TrainingTask
    from gradtop.trainer.training.step import Batch


class DataRecord:
    """Writes the fingerprint of the data and the facts that labels and first batches tell, each once it is known.

    Where the file cannot be written the run goes on without it.
    """

    def __init__(self, run: Run, source: Source, batches: TrainingBatches, task: TrainingTask) -> None:
        self._run, self._source, self._task = run, source, task
        self._fingerprint: dict[str, dict[str, Any]] | None = None
        self._finder: FactFinder | None = FactFinder(source, batches, task)
        self._facts: DataFacts | None = None
        self._val_inputs: ModelInputs | None = None  # some of the first evaluation
        self._val_scale: InputScale | None = None

    @property
    def fingerprint(self) -> dict[str, dict[str, Any]]:
        """Computed when it is first asked for, with the first checkpoint, so that no first step waits for it."""
        if self._fingerprint is None:
            self._fingerprint = data_fingerprint(self._source)
            self._write()
        return self._fingerprint

    def chance(self) -> float:
        """The training loss of the best constant prediction; NaN while or where it is not known."""
        return self._facts.chance if self._facts is not None else math.nan

    def watch(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """The same batches; the first ones of a run are looked at as they pass."""
        return batches if self._finder is None else self._finder.watch(batches)

    def complete_when_ready(self, label_smoothing: float) -> None:
        """Write the facts as soon as the first batches have passed; does not wait for the device."""
        if self._finder is not None and self._finder.proceed():
            self.complete(label_smoothing)

    def complete(self, label_smoothing: float) -> None:
        """Write the facts of what has passed so far, unless they are written; waits for the device."""
        if self._finder is not None:
            self._facts, self._finder = self._with_validation(self._finder.facts(label_smoothing)), None
            self._write()

    def _with_validation(self, facts: DataFacts) -> DataFacts:
        mean, std, spread = self._val_scale or InputScale()
        return facts._replace(val_input_mean=mean, val_input_std=std, val_input_spread=spread)

    def watch_validation(self, batches: Iterable[Batch]) -> Iterable[Batch]:
        """The same batches; the first one of the first evaluation is looked at as it passes."""
        return batches if self._val_scale is not None else self._watched(batches)

    def _watched(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        self._val_inputs = None
        for inputs, targets in batches:
            if self._val_inputs is None:
                self._val_inputs = first_samples(inputs)
            yield inputs, targets

    def validated(self) -> None:
        """After an evaluation: write what was seen of its inputs, once; waits for the device."""
        if self._val_scale is None and self._val_inputs is not None:
            self._val_scale, self._val_inputs = measure_scale(self._val_inputs, self._source), None
            if self._facts is not None:
                self._facts = self._with_validation(self._facts)
                self._write()

    def _write(self) -> None:
        facts = {FACTS: self._facts.record()} if self._facts is not None else {}
        # What predictions are scaled by, for whoever reads a run without torch.
        task = {TASK: state} if (state := self._task.state_dict()) else {}
        encoding = getattr(self._source, "encoding", None)
        table = {TABLE: encoding.record()} if isinstance(encoding, TableEncoding) else {}
        with contextlib.suppress(OSError):
            if isinstance(encoding, TokenEncoding) and not self._run.tokenizer.exists():
                write_atomically(self._run.path, self._run.tokenizer, encoding.content)
            write_atomically(self._run.path, self._run.data, json.dumps({**(self._fingerprint or {}), **facts, **task, **table}, indent=1))
