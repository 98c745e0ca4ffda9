"""The metrics of a checkpoint, as its training computes them."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from gradtop.trainer.checkpoint.sidecar import sidecar_of
from gradtop.trainer.data.dataset import Source
from gradtop.trainer.inference.data import (
    TEST,
    TRAINING,
    VALIDATION,
    class_names,
    source_or_outline,
    with_samples_of,
    with_test_set,
    with_training_part,
)
from gradtop.trainer.inference.progress import Tell, WorkCounter
from gradtop.trainer.inference.trained import TrainedModel, TrainedState, changes_of_data, open_trained, read_trained
from gradtop.trainer.metrics import ACCURACY, CHARACTERS, LOSS, SAMPLES, TEXT_TOKENS, TOKENS, metrics_in_order
from gradtop.trainer.record import CheckpointInfo, Run, StreamReader, read_meta
from gradtop.trainer.record.checkpoints import read_checkpoint
from gradtop.trainer.record.streams.registry import EVALS
from gradtop.trainer.runtime.device import out_of_memory
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.tasks.task import Score, TrainingTask
from gradtop.trainer.training.evaluate import evaluate, evaluation_batch
from gradtop.trainer.training.step import Batch, Forward


def evaluate_checkpoint(run: Run, path: Path, *, data: str = VALIDATION, device: str = "", tell: Tell = lambda _: None) -> dict[str, Any]:
    """The metrics on `data`, which is "validation", "train" or a path; beside them those that the run `recorded` of this checkpoint, and of written weights those `before`. None where there are none.

    `tell` is given how far it is. Raises UserError with a sentence for whatever the user can put right.
    """
    tell({"doing": "reading the checkpoint"})
    state = read_trained(run, path, device=device)
    tell({"doing": "loading the data"})
    gone: list[str] = []

    def load(state: TrainedState) -> Source:
        found, error = source_or_outline(state)
        if error is not None and data in {VALIDATION, TRAINING, TEST}:
            raise UserError(f"{error}; to evaluate on other samples, name them: --data PATH") from error
        if error is not None:
            gone.append(f"the data of the run cannot be had: {error}")
        return found

    trained = open_trained(state, load, compiled=True)
    config, source = state.config, trained.source
    chosen: Source = source
    if data == TRAINING:
        chosen = with_training_part(source)
    elif data == TEST:
        chosen = with_test_set(source)
    elif data != VALIDATION:
        chosen = with_samples_of(source, Path(data), config, class_names(state, source))
    began = time.monotonic()
    score, counted = score_of(trained, chosen, tell)
    metrics = {name: score.metrics[name] for name in metrics_in_order(score.metrics)}
    recorded = read_recorded(run, state) if data == VALIDATION else None
    before = read_before(run, state) if data == VALIDATION else None
    return {
        "step": state.step,
        "epoch": state.epoch,
        "weights": state.weights,
        "data": data,
        "of": counted.of,
        "samples": counted.labels,
        "device": str(trained.device),
        "precision": config.training.precision,
        "seconds": time.monotonic() - began,
        "metrics": {name: as_text(value) for name, value in metrics.items()},
        "baselines": {name: as_text(value) for name, value in score.baselines.items()},
        "recorded": recorded and {name: as_text(recorded[name]) for name in metrics if name in recorded},
        "as_recorded": recorded and all(equal(value, recorded[name]) for name, value in metrics.items() if name in recorded),
        "before": before and {**before, "metrics": {name: as_text(value) for name, value in before["metrics"].items() if name in metrics}},
        "notes": [*(gone or changes_of_data(trained)), *score.notes],
    }


def score_of(trained: TrainedModel, source: Source, tell: Tell = lambda _: None) -> tuple[Score, Counted]:
    """The metrics of a model on the validation part of a source, and what was counted; the model is left in evaluation mode. Raises UserError where memory runs out."""
    config = trained.state.config
    size = evaluation_batch(config, source.info)
    counted = Counted(source.validation(size, trained.device), trained.task, WorkCounter("evaluating", tell))
    try:
        score = evaluate(trained.model, trained.forward, counted, trained.task, measure=Forward(trained.device, config.training).measure)
    except Exception as error:
        if out_of_memory(error):
            raise UserError(f"out of memory on {trained.device} in batches of {size}; end what else uses it, or evaluate elsewhere: --device cpu") from error
        raise
    trained.model.eval()
    return score, counted


class Counted:
    """Batches, the labels of which are counted as they pass; `of` is what they are labels of."""

    def __init__(self, batches: Iterable[Batch], task: TrainingTask, counter: WorkCounter) -> None:
        self.of = SAMPLES
        self._batches, self._task, self._counter = batches, task, counter

    @property
    def labels(self) -> int:
        return self._counter.done

    def __iter__(self) -> Iterator[Batch]:
        for inputs, targets in self._batches:
            yield inputs, targets
            labels = self._task.labels(targets)
            self.of = {CHARACTERS: CHARACTERS, TOKENS: TOKENS, TEXT_TOKENS: TOKENS}.get(labels, SAMPLES)
            self._counter.add(len(targets) if self.of == SAMPLES else targets.numel())


def read_recorded(run: Run, state: TrainedState) -> dict[str, float] | None:
    """The metrics that were recorded of a checkpoint of this run: all by its training, and those that decide by a job that wrote it."""
    if state.path.parent != run.checkpoints:
        return None
    written = read_checkpoint(sidecar_of(state.path), state.path)
    return evaluated_at(run, state.step) or (score_recorded(written) if written is not None and written.note else None)


def read_before(run: Run, state: TrainedState) -> dict[str, Any] | None:
    """Of weights that a job has pruned or quantized: the run and the step of the checkpoint it made them of, and the metrics that were recorded of that."""
    written = read_checkpoint(sidecar_of(state.path), state.path)
    origin = read_checkpoint(sidecar_of(run.origin), run.origin)
    if state.path.parent != run.checkpoints or written is None or not written.note or origin is None:
        return None
    parent = Run(run.path.parent / read_meta(run).parent)
    metrics = (None if origin.note else evaluated_at(parent, origin.step)) or score_recorded(origin)
    return {"run": parent.id, "name": read_meta(parent).name, "step": origin.step, "metrics": metrics} if metrics else None


def evaluated_at(run: Run, step: int) -> dict[str, float] | None:
    """The metrics of the stream `evals` at a step."""
    stream = StreamReader(run, EVALS)
    stream.refresh()
    names = ["step", "time", *(column.name for column in stream.columns)]
    rows = [row for row in stream.rows() if row[0] == step]
    return dict(zip(names, rows[-1], strict=True)) if rows else None


def score_recorded(info: CheckpointInfo) -> dict[str, float] | None:
    """What the file beside a checkpoint says of its metrics: loss, accuracy and the monitored one."""
    known = {LOSS: info.val_loss, ACCURACY: info.val_accuracy, info.monitor: info.score}
    return {name: value for name, value in known.items() if value is not None} or None


def equal(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


def as_text(value: float) -> float | str:
    """JSON has no other values: nan, inf and -inf by name."""
    return value if math.isfinite(value) else str(value)
