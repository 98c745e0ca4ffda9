"""The third set that a callable of the user's own project may give: a test set, which is looked at when training has ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from gradtop.trainer.data.dataset import DataInfo
from gradtop.trainer.data.kinds.custom.items import Items
from gradtop.trainer.data.kinds.custom.labels import like_text
from gradtop.trainer.data.kinds.custom.parts import Part, SampledConfig, part_of, stack_all
from gradtop.trainer.data.kinds.custom.stream import BatchStream
from gradtop.trainer.data.loading import Reading
from gradtop.trainer.data.nested import inputs_text, layout_of, structure_of, take_rows
from gradtop.trainer.data.targets import ANY, NUMBERS
from gradtop.trainer.runtime.errors import UserError


def held_out_set(given: Any, title: str, config: SampledConfig, training: Part, info: DataInfo, *, in_memory: bool) -> Callable[[], Mapping[str, Any]]:
    return partial(_read, given, title, config, training, info, in_memory=in_memory)


def _read(given: Any, title: str, config: SampledConfig, training: Part, info: DataInfo, *, in_memory: bool) -> Mapping[str, Any]:
    """What takes the place of the validation set: in tensors where that is so. Raises UserError."""
    wanted = training.wanted
    part = part_of(given, title, wanted, config)
    one, other = (take_rows(each.inputs, 0) for each in (training, part))
    varies = training.varies or part.varies
    layouts = [structure_of(each) if varies else layout_of(each) for each in (one, other)]
    if layouts[0] != layouts[1] or training.form != part.form or (not varies and training.labels.shape[1:] != part.labels.shape[1:]):
        here, there = (f"inputs of {inputs_text(each, like_text)} and labels of {like_text(of.labels[0])}" for each, of in ((other, part), (one, training)))
        raise UserError(f"{title} has {here}, in training there are {there}; they must match")
    if wanted.kind not in {*NUMBERS, ANY}:
        part.check_labels(info.classes, wanted.ignored)
    if not in_memory:
        items = part.as_items(info.classes)
        return {"val": items, "reading": Reading(config.workers, items.samples if isinstance(items, BatchStream) else len(items), config.prefetch)}
    inputs, labels = part.inputs, part.labels
    if isinstance(part.items, Items):
        inputs, labels = stack_all([part.items[index] for index in range(len(part.items))])
    elif part.items is not None:
        raise UserError(f"{title} comes in batches, and the other sets lie in memory; return all three alike")
    return {"val_images": inputs, "val_labels": labels}
