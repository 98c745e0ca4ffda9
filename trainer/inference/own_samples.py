"""What a trained model says of samples of its run's own data, whatever its inputs are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from gradtop.trainer.data.targets import MASKS
from gradtop.trainer.inference.data import TEST, TRAINING, class_names, load_source, with_test_set, with_training_part
from gradtop.trainer.inference.progress import Tell, WorkCounter
from gradtop.trainer.inference.trained import TrainedModel, TrainedState, changes_of_data, open_trained
from gradtop.trainer.metrics import TOP
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.tasks.kinds.custom.own_task import NOT_DESCRIBED, OwnTask
from gradtop.trainer.training.evaluate import evaluation_batch


def predict_samples(state: TrainedState, options: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    """A prediction for each sample of the part `data`, or for those that `index` counts from 0, with the `target` of each. Raises UserError."""
    data = str(options["data"])
    tell({"doing": "loading the data"})
    trained = open_trained(state, load_source)
    if isinstance(trained.task, OwnTask):
        raise UserError(NOT_DESCRIBED)
    if trained.source.tokens_per_sample:
        raise UserError(f"--data {data}: this is a model of sequences, and what stands in these has no prediction of its own; name a FILE with a text to be continued")
    source = with_test_set(trained.source) if data == TEST else with_training_part(trained.source) if data == TRAINING else trained.source
    names = class_names(state, source)
    wanted = None if options.get("index") is None else {int(index) for index in options["index"]}
    counter = WorkCounter("predicting", tell, of=len(wanted or ()))
    found: dict[int, dict[str, Any]] = {}
    first = 0
    for inputs, targets in source.validation(evaluation_batch(state.config, source.info), trained.device):
        chosen = [row for row in range(len(targets)) if wanted is None or first + row in wanted]
        if chosen:
            with torch.no_grad():
                outputs = trained.forward(inputs).float()
            described = trained.task.describe(outputs[chosen], names, int(options.get("top") or TOP))
            for row, prediction in zip(chosen, described, strict=True):
                found[first + row] = {"index": first + row, **prediction, **_target(trained, targets[row], names)}
            counter.add(len(chosen))
        first += len(targets)
        if wanted is not None and len(found) == len(wanted):
            break
    if lacking := sorted((wanted or set()) - set(found)):
        raise UserError(f"--index {lacking[0]}: the {data} data have {first:,} samples, from 0 to {first - 1}")
    about = {"step": state.step, "epoch": state.epoch, "weights": state.weights, "device": str(trained.device), "data": data}
    return {**about, "predictions": [found[index] for index in options.get("index") or sorted(found)], "notes": changes_of_data(trained)}


def _target(trained: TrainedModel, target: Tensor, names: Sequence[str]) -> dict[str, Any]:
    """As JSON, by the key `target`; nothing of a mask, or of a sample without a label."""
    if trained.state.config.task.targets == MASKS:
        return {}

    def named(key: str, number: int) -> dict[str, Any]:
        return {key: number, "name": names[number] if number < len(names) else None}

    if trained.task.each == "class":
        number = int(target)
        return {"target": named("class", number)} if 0 <= number != trained.state.config.task.wanted.ignored else {}
    values = target.reshape(-1).tolist()
    if trained.task.each == "label":
        return {"target": [named("label", number) for number, value in enumerate(values) if value > 0]}
    return {"target": values}
