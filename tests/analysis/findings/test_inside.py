"""Rules on what happens inside the model, on the data and on the pace."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pytest

from gradtop.trainer.record import Column, SegmentWriter
from gradtop.trainer.record.classification import NEWEST, Classification, text_of
from gradtop.trainer.record.streams.registry import (
    DEAD,
    GPU_USE,
    GRAD_NORM,
    LAYERS,
    SATURATED,
    STD,
    SYSTEM,
    UPDATE_RATIO,
    WEIGHT_NORM,
    columns_of,
    of_parameter,
)
from tests.analysis.findings.written import CONFIG, LN10, Written, around, falling

STEPS = list(range(10, 210, 10))
COUNT = len(STEPS)
HEALTHY: dict[str, dict[str, list[float]]] = {f"layers.{number}.weight": {} for number in range(5)}


@pytest.fixture
def run(tmp_path: Path) -> Written:
    return Written(tmp_path).steps(falling(200))


def test_healthy_layers_have_no_findings(run: Written) -> None:
    assert run.layers(HEALTHY, STEPS).report.findings == ()


@pytest.mark.parametrize(
    ("name", "column", "values"),
    [
        ("gradient-not-finite", GRAD_NORM, [1.0] * (COUNT - 1) + [math.nan]),
        ("exploding-gradients", GRAD_NORM, [1.0] * 12 + [1e4] * 8),
        ("vanishing-gradients", GRAD_NORM, [1e-5] * COUNT),
        ("zero-gradients", GRAD_NORM, [0.0] * COUNT),
        ("large-updates", UPDATE_RATIO, [0.3] * COUNT),
        ("small-updates", UPDATE_RATIO, [1e-7] * COUNT),
        ("weight-norm-not-finite", WEIGHT_NORM, [8.0] * (COUNT - 1) + [math.nan]),
        ("weight-norm-not-finite", WEIGHT_NORM, [8.0] + [math.inf] * (COUNT - 1)),
        ("weights-grown", WEIGHT_NORM, [8.0 * 1.2**each for each in range(COUNT)]),
    ],
)
def test_one_ill_layer_is_named(run: Written, name: str, column: str, values: list[float]) -> None:
    found = run.layers({**HEALTHY, "stem.weight": {column: values}}, STEPS).finding(name)
    assert "stem.weight" in found.sentence
    assert run.names == [name]


@pytest.mark.parametrize(
    ("name", "column", "values", "severity"),
    [
        ("exploding-gradients", GRAD_NORM, [0.01] * 8 + [2.0] * 12, "error"),
        ("weights-grown", WEIGHT_NORM, [8.0 * 1.2**each for each in range(COUNT)], "warning"),
    ],
)
def test_what_grows_from_a_small_beginning_is_a_note_while_validation_is_at_its_best(tmp_path: Path, name: str, column: str, values: list[float], severity: str) -> None:
    """A linear model, or outputs that are scaled down."""
    for place, (losses, wanted) in enumerate([([1.5, 0.9, 0.6, 0.4], "note"), ([1.5, 0.9, 0.4, 0.5, 0.6, 0.8], severity), ([2.2, 2.1, 2.0, 1.9], severity)]):
        run = Written(tmp_path / str(place)).steps(falling(200)).evals(losses)
        run.layers({f"layers.{number}.weight": {GRAD_NORM: [0.01] * COUNT} for number in range(5)} | {"stem.weight": {GRAD_NORM: [0.01] * COUNT, column: values}}, STEPS)
        assert run.finding(name).severity == wanted
        assert ("the validation loss is at its best all the same" in run.finding(name).sentence) == (wanted == "note")


@pytest.mark.parametrize(("others", "severity"), [(5, "warning"), (0, "error")])
def test_a_weight_that_does_not_move_is_found_and_an_error_where_most_do_not(run: Written, others: int, severity: str) -> None:
    moving = dict(list(HEALTHY.items())[:others])
    run.layers({**moving, "stem.weight": {WEIGHT_NORM: [8.0] * COUNT, UPDATE_RATIO: [0.0] * COUNT}}, STEPS)
    assert run.names == ["weights-not-moving"]
    assert run.finding("weights-not-moving").severity == severity
    assert run.finding("weights-not-moving").sentence == "stem.weight does not move, in 190 steps"


@pytest.mark.parametrize(("rate", "names"), [(0.95, []), (0.5, ["weights-shrunk"])])
def test_weights_that_fade_away(tmp_path: Path, rate: float, names: list[str]) -> None:
    run = Written(tmp_path, '[optimizer]\nkind = "sgd"\nlr = 0.05\nweight_decay = 1.0\n').steps(falling(200))
    assert run.layers({name: {WEIGHT_NORM: [8.0 * rate**each for each in range(COUNT)]} for name in HEALTHY}, STEPS).names == names
    assert not names or run.finding("weights-shrunk").advice.startswith("weight_decay 1 is stronger")


def test_parameters_that_the_model_itself_freezes_are_a_note(tmp_path: Path) -> None:
    table = [{"name": name, "shape": [64, 64], "count": 4096, "trainable": name != "b.weight"} for name in ("a.weight", "b.weight")]
    for freeze, fires in (("none", True), ("backbone", False)):
        run = Written(tmp_path / freeze, f'[model]\nkind = "custom"\n[freeze]\nkind = "{freeze}"\n').steps(falling(200))
        run.stream(LAYERS, {of_parameter(WEIGHT_NORM, "a.weight"): [8.0 + each for each in range(COUNT)]}, STEPS, extra={"parameters": table})
        assert [each.sentence for each in run.report.findings if each.name == "frozen-parameters"] == fires * ["b.weight of 2 parameters does not train: the model sets requires_grad = False"]
        assert run.report.healthy


@pytest.mark.parametrize(("kind", "lowest", "names"), [("Sigmoid", 1.5, ["bounded-outputs"]), ("Sigmoid", 1.4, []), ("Tanh", 1.0, ["bounded-outputs"]), ("Linear", 1.5, [])])
def test_outputs_of_a_sigmoid_in_place_of_logits(tmp_path: Path, kind: str, lowest: float, names: list[str]) -> None:
    run = Written(tmp_path).steps([max(loss, lowest) for loss in falling(400)]).knows(class_counts=[10] * 10)
    assert run.activations({"out": {}}, STEPS, kind=kind).names == names


@pytest.mark.parametrize(
    ("config", "facts", "kind", "lowest", "names"),
    [
        ('[task]\nkind = "regression"\n', {}, "ReLU", 0.5, ["bounded-outputs"]),
        ('[task]\nkind = "regression"\nstandardize = false\n', {}, "ReLU", 0.5, []),
        ('[task]\nkind = "regression"\n', {}, "ReLU", 0.1, []),
        ('[task]\nkind = "regression"\n', {}, "Linear", 0.5, []),
        ("", {"class_counts": [10] * 10}, "ReLU", 0.8, ["bounded-outputs"]),
        ("", {"class_counts": [10] * 10}, "ReLU", 0.1, []),
    ],
    ids=["regression", "targets as they are", "learnt", "linear", "classes", "classes, learnt"],
)
def test_outputs_that_are_never_negative(tmp_path: Path, config: str, facts: dict[str, object], kind: str, lowest: float, names: list[str]) -> None:
    run = Written(tmp_path, CONFIG + config).steps([max(loss, lowest) for loss in falling(400, end=0.05)]).knows(constant_loss=LN10, **facts)
    assert run.activations({"out": {}}, STEPS, kind=kind).names == names
    if names:
        assert f"ends with {kind}, whose outputs are never negative" in run.finding("bounded-outputs").sentence


@pytest.mark.parametrize(("accuracy", "names"), [(0.95, ["bounded-outputs"]), (0.7, [])])
def test_probabilities_in_place_of_logits_show_in_loss_and_accuracy(tmp_path: Path, accuracy: float, names: list[str]) -> None:
    run = Written(tmp_path).steps([max(loss, 1.5) for loss in falling(400)]).knows(class_counts=[10] * 10)
    assert run.evals([1.8, 1.53, 1.52, 1.51], accuracy=[0.6, accuracy - 0.01, accuracy, accuracy]).names == names


@pytest.mark.parametrize(("accuracy", "loss", "names"), [(0.72, 0.56, []), (0.9, 0.41, []), (0.97, 0.35, ["bounded-outputs"])])
def test_with_two_classes_errors_alone_are_no_sign_of_probabilities(tmp_path: Path, accuracy: float, loss: float, names: list[str]) -> None:
    """Logits that give their class 72 % and are right in 72 % have 0.59, and so have probabilities in their place."""
    run = Written(tmp_path).steps([max(each, 0.34) for each in falling(400)]).knows(class_counts=[50, 50])
    assert run.evals([0.66, loss + 0.02, loss + 0.01, loss], accuracy=[0.6, *[accuracy] * 3]).names == names


@pytest.mark.parametrize(("share", "names"), [(None, []), (0.02, []), (0.5, ["validation-overlap"])])
def test_samples_for_validation_that_are_trained_on(run: Written, share: float | None, names: list[str]) -> None:
    assert run.knows(overlap=share).names == names


def test_of_two_measurements_nothing_is_said(run: Written) -> None:
    run.layers({**HEALTHY, "stem.weight": {GRAD_NORM: [0.0] * 2, WEIGHT_NORM: [8.0] * 2, UPDATE_RATIO: [0.0] * 2}}, [10, 200])
    assert run.report.healthy


def test_updates_that_are_large_everywhere_mean_that_the_lr_is_too_high(run: Written) -> None:
    run.layers({name: {UPDATE_RATIO: [0.4] * COUNT} for name in HEALTHY}, STEPS)
    assert run.names == ["lr-too-high"]
    assert "40 %" in run.finding("lr-too-high").sentence


def test_updates_that_are_large_in_the_beginning_only_are_none(run: Written) -> None:
    assert run.layers({name: {UPDATE_RATIO: [0.4] * 6 + [1e-3] * 14} for name in HEALTHY}, STEPS).report.healthy


def test_updates_that_are_tiny_everywhere_mean_that_the_lr_is_too_low(tmp_path: Path) -> None:
    run = Written(tmp_path).steps(falling(200, end=2.1, noise=0.01)).layers({name: {UPDATE_RATIO: [2e-6] * COUNT} for name in HEALTHY}, STEPS)
    assert run.names == ["lr-too-low"]


def test_updates_that_are_tiny_because_units_are_dead_say_nothing_of_the_lr(tmp_path: Path) -> None:
    run = Written(tmp_path).steps(falling(200, end=2.1, noise=0.01)).layers({name: {UPDATE_RATIO: [2e-6] * COUNT} for name in HEALTHY}, STEPS)
    assert run.activations({"relu1": {DEAD: [1.0] * COUNT}}, STEPS).names == ["dead-units"]


def test_updates_that_shrink_with_the_lr_are_the_end_of_training(tmp_path: Path) -> None:
    run = Written(tmp_path).steps(falling(200), lr=[1e-3] * 100 + [1e-7] * 100)
    assert run.layers({name: {UPDATE_RATIO: [1e-3] * 10 + [1e-7] * 10} for name in HEALTHY}, STEPS).report.healthy


@pytest.mark.parametrize(("share", "severity"), [(0.4, None), (0.7, "warning"), (1.0, "error")])
def test_dead_units(run: Written, share: float, severity: str | None) -> None:
    run.activations({"relu1": {DEAD: [share] * COUNT}, "relu2": {DEAD: [0.1] * COUNT}}, STEPS)
    assert [(each.name, each.severity) for each in run.report.present] == ([("dead-units", severity)] if severity else [])


@pytest.mark.parametrize(("share", "names"), [(0.3, []), (0.8, ["saturated-units"])])
def test_saturated_units(run: Written, share: float, names: list[str]) -> None:
    assert run.activations({"tanh1": {SATURATED: [share] * COUNT}}, STEPS).names == names


@pytest.mark.parametrize(
    ("stds", "names"),
    [([1.0, 0.6, 0.3, 0.2, 0.1], []), ([1.0, 0.1, 1e-2, 1e-3, 1.0], ["poor-initialization"]), ([1.0, 10.0, 100.0, 1e3, 1e4], ["poor-initialization"]), ([1.0, 0.0, 0.0, 0.0], ["poor-initialization"])],
    ids=["healthy", "shrinking", "growing", "zero"],
)
def test_outputs_that_shrink_or_grow_with_depth_are_a_poor_initialization(run: Written, stds: list[float], names: list[str]) -> None:
    assert run.activations({f"layers.{place}": {STD: [std] + [1.0] * (COUNT - 1)} for place, std in enumerate(stds)}, [2, *STEPS[1:]]).names == names


def test_a_head_that_begins_near_zero_has_not_grown_too_much(run: Written) -> None:
    values = [0.05 * each for each in range(1, COUNT + 1)]
    assert run.layers({**HEALTHY, "head.weight": {WEIGHT_NORM: values}}, STEPS).report.findings == ()


def test_a_head_that_begins_at_zero_is_no_poor_initialization(run: Written) -> None:
    stds = {"a": 1.0, "b": 1.0, "c": 0.5, "head": 0.0}
    assert run.activations({name: {STD: [std] * COUNT} for name, std in stds.items()}, [2, *STEPS[1:]]).report.healthy


@pytest.mark.parametrize(("norm", "optimizer", "severity"), [(50.0, "sgd", "warning"), (50.0, "adamw", "note"), (1.5, "sgd", None)])
def test_clipping_in_nearly_every_step(tmp_path: Path, norm: float, optimizer: str, severity: str | None) -> None:
    run = Written(tmp_path, f'[optimizer]\nkind = "{optimizer}"\nlr = 1e-3\n[training]\nclip = 1.0\n')
    run.steps(falling(600), grad_norm=[norm] * 600, clipped=[1.0] * 600)
    assert [each.severity for each in run.report.findings if each.name == "clipping"] == ([severity] if severity else [])


@pytest.mark.parametrize(("optimizer", "clip", "named"), [("sgd", 1e-3, True), ("sgd", 0.1, False), ("adamw", 1e-3, False)])
def test_a_clip_that_leaves_next_to_nothing_is_why_a_run_does_not_learn(tmp_path: Path, optimizer: str, clip: float, named: bool) -> None:
    run = Written(tmp_path, f'[optimizer]\nkind = "{optimizer}"\nlr = 0.05\n[training]\nclip = {clip}\n')
    run.steps(around(LN10, 600), lr=[0.05] * 600, grad_norm=[0.5] * 600, clipped=[1.0] * 600).knows(constant_loss=LN10)
    why = "training.clip = 1e-3 leaves 2e-3 of the norm of the gradients: that may be why; clip above their median norm, 0.5"
    assert (run.finding("not-learning").advice == why) is named


@pytest.mark.parametrize(
    ("stds", "gradient", "why"),
    [
        ({"a": 0.0, "b": 0.0, "c": 0.0}, 1.0, "the outputs of the layers do not depend on their inputs in the first steps: that may be why"),
        ({"a": 1.0, "b": 1.0, "c": 1.0}, 0.0, "the gradient is zero in 1 of 6 parameters: that may be why"),
        ({"a": 1.0, "b": 1.0, "c": 1.0}, 1e-6, "the gradient vanishes in 1 of 6 parameters: that may be why"),
    ],
)
def test_what_does_not_learn_says_what_may_keep_it_from_that(tmp_path: Path, stds: dict[str, float], gradient: float, why: str) -> None:
    run = Written(tmp_path).steps(around(LN10, 400)).knows(constant_loss=LN10)
    run.layers({**HEALTHY, "stem.weight": {GRAD_NORM: [gradient] * COUNT}}, STEPS)
    run.activations({name: {STD: [std] * COUNT} for name, std in stds.items()}, [2, *STEPS[1:]])
    assert run.finding("not-learning").advice == why


def test_outputs_that_are_all_constant_are_not_said_to_be_in_one_layer(run: Written) -> None:
    found = run.activations({name: {STD: [0.0] * COUNT} for name in "abc"}, [2, *STEPS[1:]]).finding("poor-initialization")
    assert found.sentence == "poor initialization: in the first steps the outputs of all layers before the last one are the same for every sample"


def test_clipping_in_half_of_the_steps_is_what_it_is_for(tmp_path: Path) -> None:
    run = Written(tmp_path, '[optimizer]\nkind = "sgd"\nlr = 1e-3\n[training]\nclip = 1.0\n')
    assert run.steps(falling(600), grad_norm=[50.0] * 600, clipped=[1.0, 0.0] * 300).report.healthy


@pytest.mark.parametrize(("counts", "names"), [([100, 90, 11], []), ([1000, 90], ["class-imbalance"]), ([50, 50, 0], ["class-imbalance"])])
def test_class_imbalance(run: Written, counts: list[int], names: list[str]) -> None:
    assert run.knows(class_counts=counts, counted=sum(counts)).names == names


def test_classes_that_are_drawn_equally_often_are_not_unequal(tmp_path: Path) -> None:
    run = Written(tmp_path, '[data]\nkind = "digits"\nsampler = "balanced"\n')
    assert run.knows(class_counts=[1000, 90], counted=1090).names == []


@pytest.mark.parametrize(("mean", "std", "names"), [(0.1, 0.9, []), (0.5, 0.0, ["input-scale"]), (120.0, 60.0, ["input-scale"]), (0.0, 300.0, ["input-scale"])])
def test_inputs_that_are_not_normalized(run: Written, mean: float, std: float, names: list[str]) -> None:
    assert run.knows(model_input_mean=mean, model_input_std=std).names == names


@pytest.mark.parametrize(
    ("share", "counts", "support", "said"),
    [
        (1.0, [320, 300, 300], None, True),
        (0.95, [900, 50, 50], None, False),  # most samples are of one class
        (0.7, [320, 300, 300], None, False),
        (None, [320, 300, 300], None, False),
        (1.0, [2048, 0, 0], None, False),  # not known yet
        (1.0, [2048, 0, 0], [90, 80, 100], True),
        (1.0, [2048, 0, 0], [90, 2, 3], False),
    ],
)
def test_batches_of_one_class_each(run: Written, share: float | None, counts: list[int], support: list[int] | None, said: bool) -> None:
    run.knows(class_counts=counts, counted=sum(counts), sampled=True, batch_share=share)
    if support is not None:
        run.run.path.joinpath(NEWEST).write_text(text_of(Classification(support, [0] * 3, [0] * 3)))
    assert ("not-shuffled" in run.names) == said


RAW, NORMALIZED = (0.47, 0.28, 0.5), (0.0, 1.0, 2.0)  # mean, deviation and spread


@pytest.mark.parametrize(
    ("training", "validation", "said"),
    [
        (NORMALIZED, NORMALIZED, False),
        (NORMALIZED, (0.4, 1.9, 3.9), False),
        (RAW, (120.0, 71.0, 128.0), True),
        ((120.0, 71.0, 128.0), RAW, True),
        (NORMALIZED, (0.46, 0.22, 0.45), True),
        (NORMALIZED, (5.0, 1.0, 2.0), True),
        (NORMALIZED, (0.1, 40.0, 2.1), False),  # a few huge values
        ((1e-3, 0.1, 0.0), (2e-3, 0.9, 1.0), False),  # almost all are zero
        ((0.0, 1.0, None), (0.1, 9.0, None), False),
        (NORMALIZED, (None, None, None), False),
        ((0.0, 0.0, 0.0), (9.0, 1.0, 1.0), False),  # which input-scale says
    ],
)
def test_inputs_for_validation_of_another_scale(run: Written, training: Sequence[float | None], validation: Sequence[float | None], said: bool) -> None:
    facts = {f"{part}_input_{what}": value for part, given in (("model", training), ("val", validation)) for what, value in zip(("mean", "std", "spread"), given, strict=True)}
    assert ("validation-scale" in run.knows(**facts).names) == said


@pytest.mark.parametrize(("share", "names"), [(0.3, []), (0.8, ["loading"])])
def test_loading_that_takes_most_of_the_time(tmp_path: Path, share: float, names: list[str]) -> None:
    run = Written(tmp_path).steps(falling(200), loading=around(share, 200)).says(seconds=60.0)
    assert run.names == names


@pytest.mark.parametrize(("use", "device", "names"), [(40.0, "cuda:0", ["gpu-idle"]), (90.0, "cuda:0", []), (40.0, "cpu", [])])
def test_a_gpu_that_has_little_to_do(run: Written, use: float, device: str, names: list[str]) -> None:
    writer = SegmentWriter(run.run, SYSTEM, [Column(each.name, each.unit, each.sparse) for each in columns_of(SYSTEM)])
    for second, value in enumerate(around(use, 90), 1):
        writer.append(2 * second, 1e9 + second, [value if each.name == GPU_USE else 1.0 for each in columns_of(SYSTEM)])
    writer.close()
    assert run.says(seconds=90.0, device=device).names == names


def test_norms_that_are_measured_seldom_are_a_note(run: Written) -> None:
    run.says(seconds=4000.0).layers(HEALTHY, [10, 20])
    assert run.finding("sparse-monitoring").severity == "note"
    assert run.report.healthy
