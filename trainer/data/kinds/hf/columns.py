"""What a column holds, and which of them are input and target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from gradtop.trainer.data.kinds.hf import SavedDataset
from gradtop.trainer.data.table_encoding import several_words
from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.runtime.errors import UserError

ColumnType = Literal["image", "class", "string", "bool", "integer", "float", "sequence of integers", "sequence of floats", "other"]
NUMBERS = frozenset({"bool", "integer", "float"})
SEQUENCES = frozenset({"sequence of integers", "sequence of floats"})
# In the order in which they are looked for, where the types leave it open.
_TARGETS = ("label", "labels", "target", "targets", "class", "y")
_MASKS = ("mask", "masks", "label", "labels", "annotation", "annotations", "segmentation", "target")
_INPUTS = ("image", "img", "pixel_values", "input_ids", "input", "inputs", "features", "x", "data")
_TEXTS = ("text", "sentence", "content", "review", "document", "input", "inputs", "x")
# What is done with columns that are of no use as they are.
_INSTEAD: Mapping[ColumnType, str] = {
    "string": "name a tokenizer.json that makes tokens of them with data.tokenizer, make numbers of them with Dataset.map, or train a language model on the column with data.kind = text, whose file may be this folder",
    "image": "where it has masks, the classes of the pixels of others, set task.kind = segmentation",
}


class ChosenColumns(NamedTuple):
    """The input is one image, one sequence, or numbers; `types` has the type of each column that is chosen."""

    inputs: tuple[str, ...]
    target: str
    types: Mapping[str, ColumnType]


def type_of(feature: Any) -> ColumnType:
    """By the name and the fields of a feature, which are those of dataset_info.json."""
    kind = type(feature).__name__
    if kind == "Image":
        return "image"
    if kind == "ClassLabel":
        return "class"
    if kind == "Value":
        return _type_of_value(str(feature.dtype))
    if kind in {"Array2D", "Array3D", "Array4D", "Array5D"}:
        return _sequence_of(_type_of_value(str(feature.dtype)))
    if kind in {"List", "LargeList", "Sequence"}:
        inner = type_of(feature.feature)
        return "sequence of integers" if inner == "class" else inner if inner in SEQUENCES else _sequence_of(inner)
    return "other"


def choose_columns(features: Mapping[str, Any], config: SavedDataset, where: str, *, masks: bool = False) -> ChosenColumns:
    """As the configuration names them, else by type and name; `masks` are images that are the target of images. Raises UserError where that is not clear."""
    types = {name: type_of(feature) for name, feature in features.items()}
    for key, names in (("input", config.input), ("target", (config.target,) if config.target else ())):
        if lacking := [name for name in names if name not in types]:
            raise UserError(f"data.{key}: {where} has no column {lacking[0]}; {_listed(types)}")
    target = config.target or (_mask if masks else _target)(types, config.input, where)
    left = {name: kind for name, kind in types.items() if name != target}
    if config.tokenizer:
        inputs = tuple(config.input) or (_text(left, where),)
        _check_text(types, inputs, target)
        return ChosenColumns(inputs, target, {name: types[name] for name in (*inputs, target)})
    inputs = tuple(config.input) or (_input(left, where),)
    _check(types, inputs, target, masks=masks)
    return ChosenColumns(inputs, target, {name: types[name] for name in (*inputs, target)})


def _target(types: Mapping[str, ColumnType], inputs: Sequence[str], where: str) -> str:
    left = {name: kind for name, kind in types.items() if name not in inputs}
    classes = [name for name, kind in left.items() if kind == "class"]
    if len(classes) == 1:
        return classes[0]
    if found := _named(classes or left, _TARGETS):
        return found
    raise UserError(f"data.target: which column of {where} is to be predicted is not clear; name it: {_listed(types)}")


def _mask(types: Mapping[str, ColumnType], inputs: Sequence[str], where: str) -> str:
    images = [name for name, kind in types.items() if kind == "image" and name not in inputs]
    if found := _named(images, _MASKS):
        return found
    if inputs and len(images) == 1:
        return images[0]
    raise UserError(f"data.target: which column of {where} has the masks is not clear; name it: {_listed(types)}")


def _input(types: Mapping[str, ColumnType], where: str) -> str:
    images = [name for name, kind in types.items() if kind == "image"]
    if len(images) == 1:
        return images[0]
    usable = [name for name, kind in types.items() if kind == "image" or kind in SEQUENCES]
    if found := _named(images or usable, _INPUTS):
        return found
    if len(usable) == 1:
        return usable[0]
    if set(types.values()) == {"string"}:
        raise UserError(f"data.input: {where} has nothing beside the target but words, which a model does not see; {_INSTEAD['string']}: {_listed(types)}")
    raise UserError(f"data.input: which column of {where} the model is to see is not clear; name it, or several columns of numbers: {_listed(types)}")


def _text(types: Mapping[str, ColumnType], where: str) -> str:
    words = [name for name, kind in types.items() if kind == "string"]
    if len(words) == 1:
        return words[0]
    if found := _named(words, _TEXTS):
        return found
    raise UserError(f"data.input: which column of {where} has the texts for data.tokenizer is not clear; name it: {_listed(types)}")


def _check_text(types: Mapping[str, ColumnType], inputs: Sequence[str], target: str) -> None:
    if target in inputs:
        raise UserError(f"data.input contains {target}, which data.target predicts")
    if len(inputs) > 1:
        raise UserError(f"data.input: {inputs[1]} is a second column, and data.tokenizer takes one of texts; name it alone")
    if types[inputs[0]] != "string":
        raise UserError(f"data.input: {inputs[0]} holds {_plural(types[inputs[0]])}, and data.tokenizer takes texts; name a column of these, or leave out data.tokenizer")
    if types[target] in {"image", "other"}:
        raise UserError(f"data.target: {target} holds {_plural(types[target])}, which cannot be used so")


def _check(types: Mapping[str, ColumnType], inputs: Sequence[str], target: str, *, masks: bool) -> None:
    if target in inputs:
        raise UserError(f"data.input contains {target}, which data.target predicts")
    if masks:
        for key, name in (("input", inputs[-1]), ("target", target)):
            if types[name] != "image":
                raise UserError(f"data.{key}: {name} holds {_plural(types[name])}, and task.kind = segmentation takes a column of images, and one of masks of the same sizes")
        return
    if len(inputs) > 1 and (others := [name for name in inputs if types[name] not in NUMBERS]):
        raise UserError(f"data.input: {others[0]} holds {_plural(types[others[0]])}, and several columns together must be numbers; name it alone")
    for key, name, wrong in (("input", inputs[0], {"string", "class", "other"}), ("target", target, {"image", "other"})):
        if types[name] in wrong:
            how = f"; {_INSTEAD[types[name]]}" if types[name] in _INSTEAD else ""
            raise UserError(f"data.{key}: {name} holds {_plural(types[name])}, which cannot be used so{how}")


def _named(names: Sequence[str] | Mapping[str, ColumnType], wanted: Sequence[str]) -> str:
    lower = {name.casefold(): name for name in names}
    return next((lower[name] for name in wanted if name in lower), "")


def _type_of_value(dtype: str) -> ColumnType:
    if dtype == "bool":
        return "bool"
    if dtype in {"string", "large_string"}:
        return "string"
    return "integer" if dtype.startswith(("int", "uint")) else "float" if dtype.startswith("float") else "other"


def _sequence_of(inner: ColumnType) -> ColumnType:
    return "sequence of floats" if inner == "float" else "sequence of integers" if inner in {"integer", "bool"} else "other"


def _plural(kind: ColumnType) -> str:
    return {"class": "classes", "bool": "true and false", "other": "values of a type that gradtop does not read"}.get(kind, f"{kind.replace('sequence', 'sequences', 1)}{'' if ' ' in kind else 's'}")


def _listed(types: Mapping[str, ColumnType]) -> str:
    return "its columns are " + several_words([f"{name} ({kind})" for name, kind in types.items()], 12)
