"""Samples that are tuples and dicts at any depth."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from gradtop.trainer.config import CustomData
from gradtop.trainer.data.dataset import Dataset, Source
from gradtop.trainer.data.kinds.custom.loader import CustomSource
from gradtop.trainer.data.load import load_data
from gradtop.trainer.data.nested import as_inputs, inputs_text, on_device, stack_samples, take_rows
from gradtop.trainer.data.sample_form import SampleForm, form_of
from gradtop.trainer.data.targets import ANY, ONE_CLASS, WantedTargets
from gradtop.trainer.models.calling import call_model, outputs_of
from gradtop.trainer.runtime.errors import UserError
from tests.training import nested_project
from tests.training.nested_project import ListedSamples, ModelOutput, Reader

CPU = torch.device("cpu")
given: Any = None


def give() -> Any:
    return given


def loaded(name: str, **arguments: Any) -> Source:
    return load_data(CustomData(target=f"{nested_project.__name__}:{name}", arguments=arguments), seed=0)


def of(*sets: Any, wanted: WantedTargets = ONE_CLASS) -> Source:
    global given  # noqa: PLW0603 - what the callable gives is named by a text
    given = sets
    return load_data(CustomData(target=f"{__name__}:give"), seed=0, wanted=wanted)


def in_order(source: Source, epoch: int = 1, batch: int = 7) -> list[Any]:
    return list(source.training(batch, seed=3, device=CPU).epoch(epoch))


def test_a_batch_of_dicts_has_the_samples_of_the_shuffled_numbers() -> None:
    source = loaded("encoded")
    assert isinstance(source, CustomSource)
    order = torch.randperm(nested_project.SAMPLES, generator=torch.Generator().manual_seed(3 * 1_000_003 + 1))
    words, mask, vectors, labels = nested_project.parts(0)
    for number, (inputs, targets) in enumerate(in_order(source)):
        rows = order[7 * number : 7 * number + 7]
        assert list(inputs) == ["input_ids", "attention_mask", "more"]
        assert torch.equal(inputs["input_ids"], words[rows])
        assert torch.equal(inputs["attention_mask"], mask[rows])
        assert isinstance(inputs["more"], tuple)
        assert torch.equal(inputs["more"][0], vectors[rows])
        assert torch.equal(targets, labels[rows])
    assert source.info.nested
    assert source.info.classes == nested_project.CLASSES


def test_what_lies_in_memory_gives_the_same_batches_as_what_is_read_one_by_one() -> None:
    whole, triples = loaded("in_memory"), loaded("triples")
    assert isinstance(whole, Dataset)
    for (stored, labels), (one, other), (tuples, others) in zip(in_order(whole), in_order(loaded("encoded")), in_order(triples), strict=True):
        assert torch.equal(labels, other)
        assert torch.equal(labels, others)
        assert torch.equal(stored["vectors"], one["more"][0])
        assert torch.equal(stored["input_ids"], tuples[0])
        assert torch.equal(stored["vectors"], tuples[1])
    rest = list(whole.training(7, seed=3, device=CPU).epoch(1, skip=2))
    assert torch.equal(rest[0][0]["vectors"], in_order(whole)[2][0]["vectors"])
    validation = list(whole.validation(20, CPU))
    assert [len(labels) for _, labels in validation] == [20, 20, 8]
    assert torch.equal(torch.cat([inputs["vectors"] for inputs, _ in validation]), nested_project.parts(1)[2])
    assert whole.fingerprint() == loaded("in_memory").fingerprint()


def test_a_sample_of_another_structure_is_named_with_its_number() -> None:
    with pytest.raises(UserError, match=r"training set, sample 9 is \{input_ids: .*extra: float32 number\}, and others are not; all samples must have the same structure, shapes and types"):
        in_order(loaded("encoded", odd=9))


@pytest.mark.parametrize(
    ("sample", "said"),
    [
        ({"x": torch.zeros(2)}, r"sample 0 is a dict \(x: Tensor\); \(input, label\), a tuple with the label at its end, or a dict with a key labels, label, target or targets"),
        ({"label": 1}, r"sample 0 is a dict \(label: int\); \(input, label\)"),
        ({"x": "text", "label": 1}, r"sample 0 is a dict \(x: str\) and int; a tensor and an integer are expected"),
        ({"x": torch.zeros(2), "label": {"a": 1}}, r"a tensor and an integer are expected"),
        ((torch.zeros(2), torch.zeros(2) / 0, 1), r"sample 0 has inputs that are not finite"),
        ({"x": {}, "label": 1}, r"a tensor and an integer are expected"),
        ({3: torch.zeros(2), "label": 1}, r"a tensor and an integer are expected"),
    ],
)
def test_what_has_no_target_or_no_tensors_is_told_of(sample: Any, said: str) -> None:
    with pytest.raises(UserError, match=said):
        of(ListedSamples([sample] * 4), ListedSamples([sample]))


@pytest.mark.parametrize(
    ("sample", "form"),
    [
        ((1, 2), SampleForm("pair")),
        ([1, 2, 3], SampleForm("flat")),
        ({"x": 1, "labels": 2}, SampleForm("keyed", "labels")),
        ({"x": 1, "target": 2, "label": 3}, SampleForm("keyed", "label")),
        ({"x": 1}, SampleForm("alone")),
        (torch.zeros(3), SampleForm("alone")),
    ],
)
def test_a_batch_becomes_again_what_the_samples_are(sample: Any, form: SampleForm) -> None:
    assert form_of(sample, alone=True) == form
    inputs, target = form.divide(sample)
    joined = form.join(inputs, target)
    assert joined is sample if form.kind == "alone" else joined == (tuple(sample) if isinstance(sample, list) else sample)


def test_anything_can_be_a_sample_where_the_task_says_so() -> None:
    wanted = WantedTargets(ANY, open=True)
    pictures = torch.arange(24.0).view(6, 2, 2)
    alone = of(pictures, pictures, wanted=wanted)
    ((inputs, targets),) = alone.validation(9, CPU)
    assert torch.equal(inputs, pictures)
    assert targets.shape == (6, 0)
    one_by_one = of(ListedSamples([*pictures]), ListedSamples([*pictures]), wanted=wanted)
    ((inputs, targets),) = one_by_one.validation(9, CPU)
    assert torch.equal(inputs, pictures)
    assert targets.shape == (6, 0)
    boxes = [({"image": picture}, {"boxes": picture[0]}) for picture in pictures]
    ((inputs, _),) = of(ListedSamples(boxes), ListedSamples(boxes), wanted=wanted).validation(9, CPU)
    assert torch.equal(inputs[1]["boxes"], pictures[:, 0])


def test_rows_texts_and_stacks() -> None:
    sample = as_inputs({"a": [1, 2], "b": (3.5, [torch.ones(2)])})
    batch = stack_samples([sample, sample, sample])
    assert inputs_text(batch, lambda tensor: "×".join(map(str, tensor.shape))) == "{a: 3×2, b: (3, (3×2))}"
    assert torch.equal(take_rows(batch, 1)["b"][1][0], torch.ones(2))


def test_what_pinning_memory_makes_lists_of_is_tuples_again() -> None:
    """torch's pin_memory returns a list for a tuple."""
    moved = on_device({"a": [torch.ones(2), (torch.zeros(1),)]}, CPU)
    assert isinstance(moved["a"], tuple)
    assert isinstance(moved["a"][1], tuple)


def test_outputs_are_logits_or_the_first_tensor() -> None:
    logits, other = torch.ones(2, 3), torch.zeros(2, 3)
    found: Any
    for found in (logits, (logits, other), [None, (logits,)], {"loss": other, "out": logits}, {"hidden": other, "logits": logits}, ModelOutput(logits, other, other)):
        assert outputs_of(found) is logits
    for found, kind in ((None, "NoneType"), ("text", "str"), ((), "a tuple of nothing"), ({"loss": logits}, "a dict of loss"), ((1, "a"), "a tuple of int, str")):
        with pytest.raises(UserError, match=rf"the model returns {kind}, in which there are no outputs"):
            outputs_of(found)


def test_a_tuple_is_given_as_arguments_and_a_dict_by_keyword() -> None:
    words, mask, vectors, labels = nested_project.parts(0)
    model = Reader().eval()
    by_keyword = call_model(model, {"input_ids": words, "attention_mask": mask, "vectors": vectors, "labels": labels})
    in_a_row = call_model(model, (words, mask, (vectors,)))
    assert torch.equal(by_keyword.logits, in_a_row.logits)
    assert torch.equal(by_keyword.loss, functional.cross_entropy(by_keyword.logits, labels))
    assert isinstance(call_model(lambda tensor: tensor, words), Tensor)
