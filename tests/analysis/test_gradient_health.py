from __future__ import annotations

import math
import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradtop.trainer.analysis.gradient_health import (
    STATES,
    GradientHealth,
    Measured,
    assess_gradients,
    trend,
    upper_quartile,
    window,
)

NAN, INF = math.nan, math.inf


def layer(name: str, recent: Sequence[float], earlier: Sequence[float] = (), sizes: tuple[int, ...] = (64, 64), *, trainable: bool = True) -> Measured:
    return Measured(name, sizes, recent, earlier, trainable=trainable)


def steady(value: float, count: int = 32, seed: int = 0) -> list[float]:
    """Norms about a value, as batches give them."""
    noise = random.Random(seed)
    return [value * math.exp(noise.gauss(0, 0.5)) for _ in range(count)]


def states(*layers: Measured) -> dict[str, str]:
    return {name: health.state for name, health in assess_gradients(layers).items()}


def net(depth: int = 6) -> list[Measured]:
    """A healthy network: layers within a factor of ten, biases smaller than weights."""
    weights = [layer(f"l{index}.weight", steady(10 ** (-index / depth), seed=index), steady(1.0)) for index in range(depth)]
    biases = [layer(f"l{index}.bias", steady(0.02 * 10 ** (-index / depth), seed=-index), steady(0.02), (64,)) for index in range(depth)]
    return weights + biases


def test_a_healthy_network_is_fine() -> None:
    assert set(states(*net()).values()) == {"fine"}


def test_norms_that_shrink_together_as_a_model_fits_are_fine() -> None:
    shrunk = [layer(each.name, [value * 1e-6 for value in each.recent], each.earlier, each.sizes) for each in net()]
    assert set(states(*shrunk).values()) == {"fine"}


def test_a_spike_of_one_batch_is_fine() -> None:
    spiked = [layer(each.name, [*each.recent[:-1], 1e4 * each.recent[-1]], each.earlier, each.sizes) for each in net()]
    assert set(states(*spiked).values()) == {"fine"}


def test_a_layer_far_under_the_others_vanishes_and_the_others_are_fine() -> None:
    healths = assess_gradients([*net(), layer("stem.weight", steady(1e-7), steady(1e-7))])
    assert healths.pop("stem.weight").state == "vanishing"
    assert {each.state for each in healths.values()} == {"fine"}


def test_the_finding_says_by_how_much() -> None:
    found = assess_gradients([*net(), layer("stem.weight", [1e-6] * 16, [1e-6] * 16)])["stem.weight"]
    assert found.why == "8e5 × under the others"
    assert (found.symbol, found.tone) == ("▼", "warning")


def test_a_large_layer_whose_elements_are_as_small_as_others_is_fine() -> None:
    assert states(*net(), layer("head.weight", steady(100.0), steady(100.0), (5000, 8000)))["head.weight"] == "fine"


def test_a_chain_in_which_each_layer_halves_vanishes_at_its_far_end_alone() -> None:
    chain = [layer(f"l{index:02}.weight", [0.5**index] * 16, [0.5**index] * 16) for index in range(20)]
    found = states(*chain)
    assert found["l00.weight"] == "fine"
    assert found["l19.weight"] == "vanishing"
    assert "exploding" not in found.values()


def test_a_layer_that_fell_where_the_others_stayed_vanishes() -> None:
    fell = layer("mid.weight", [0.02] * 16, [20.0] * 16)
    health = assess_gradients([*net(), fell])["mid.weight"]
    assert health.state == "vanishing"
    assert "more than the others" in health.why


def test_a_gradient_that_was_never_large_enough_to_train_anything_vanishes() -> None:
    assert set(states(*(layer(f"l{index}.weight", [1e-9] * 16, [1e-9] * 16) for index in range(4))).values()) == {"vanishing"}


def test_a_norm_over_its_own_level_explodes() -> None:
    growing = [layer(each.name, [value * 1e4 for value in each.recent], each.earlier, each.sizes) for each in net()]
    found = assess_gradients(growing)
    assert found["l0.weight"].state == "exploding"
    assert "over its own level before" in found["l0.weight"].why


def test_the_size_of_a_gradient_alone_says_nothing() -> None:
    assert states(*(layer(f"l{index}.weight", steady(1e7, seed=index), steady(1e7)) for index in range(4)), layer("head.weight", [1e7])) == dict.fromkeys(
        ["l0.weight", "l1.weight", "l2.weight", "l3.weight", "head.weight"], "fine"
    )


def test_a_gradient_that_grows_again_to_where_it_began_does_not_explode() -> None:
    again = [layer(each.name, each.recent, [1.0, *[value * 1e-4 for value in steady(1.0)]], each.sizes) for each in net()]
    assert set(states(*again).values()) == {"fine"}


def test_a_layer_that_wakes_up_to_where_the_others_are_does_not_explode() -> None:
    assert states(*net(), layer("gate.weight", steady(0.5), [1e-6] * 16))["gate.weight"] == "fine"


def test_one_exploding_layer_does_not_make_the_others_vanish() -> None:
    found = states(*net(3), layer("bad.weight", [1e9] * 16, [1.0] * 16))
    assert found.pop("bad.weight") == "exploding"
    assert set(found.values()) == {"fine"}


def recurrent(weight: float, bias: float, head: float, head_bias: float) -> list[Measured]:
    """A recurrent layer and a head, as they are from the first step on."""
    levels = (("rnn.weight_hh", weight, (32, 32)), ("rnn.bias_hh", bias, (32,)), ("head.weight", head, (20, 32)), ("head.bias", head_bias, (20,)))
    return [layer(name, [level] * 16, [level] * 16, sizes) for name, level, sizes in levels]


def test_gradients_that_grow_on_their_way_back_explode_and_do_not_vanish_before_the_loss() -> None:
    healths = assess_gradients(recurrent(6e3, 6e3, 0.7, 0.2))
    assert {name: health.state for name, health in healths.items()} == {"rnn.weight_hh": "exploding", "rnn.bias_hh": "exploding", "head.weight": "fine", "head.bias": "fine"}
    assert healths["rnn.weight_hh"].why == "4e3 × over head.weight, before the loss"


@pytest.mark.parametrize("levels", [(0.7, 0.2, 1e-4, 0.2), (40.0, 20.0, 1e-4, 10.0)], ids=["quiet", "of a large loss"])
def test_a_head_that_receives_next_to_nothing_vanishes_and_the_others_do_not_explode(levels: tuple[float, float, float, float]) -> None:
    assert {name: state for name, state in states(*recurrent(*levels)).items() if state != "fine"} == {"head.weight": "vanishing"}


@pytest.mark.parametrize(("values", "why"), [([NAN], "nan"), ([1.0, INF], "infinite in 1 of the last 2 measurements"), ([NAN, 1.0, 1.0], "nan in 1 of")])
def test_what_is_not_finite_is_said(values: list[float], why: str) -> None:
    health = assess_gradients([*net(), layer("l9.weight", values)])["l9.weight"]
    assert health.state == "not finite"
    assert why in health.why
    assert health.tone == "error"


def test_a_gradient_that_is_zero_is_neither_small_nor_fine() -> None:
    health = assess_gradients([*net(), layer("dead.weight", [0.0] * 16, steady(1.0))])["dead.weight"]
    assert health.state == "zero"
    assert assess_gradients([layer("new.weight", [0.0])])["new.weight"] == GradientHealth("fine", "zero so far")


def test_a_bias_that_the_norm_after_it_cancels_is_no_trouble() -> None:
    healths = assess_gradients([*net(), layer("conv.weight", steady(1.0), steady(1.0)), layer("conv.bias", steady(1e-9), steady(1e-9), (64,))])
    assert healths["conv.bias"].state == "no effect"
    assert not healths["conv.bias"].is_trouble
    assert healths["conv.weight"].state == "fine"


def test_a_bias_vanishes_with_its_weight() -> None:
    found = states(*net(), layer("far.weight", steady(1e-8), steady(1e-8)), layer("far.bias", steady(1e-10), steady(1e-10), (64,)))
    assert found["far.weight"] == found["far.bias"] == "vanishing"


def test_what_does_not_train_and_what_was_not_measured_is_said() -> None:
    found = states(*net(), layer("frozen.weight", [], trainable=False), layer("new.weight", []))
    assert found["frozen.weight"] == "frozen"
    assert found["new.weight"] == "no gradient yet"


def test_one_parameter_alone_is_judged_by_its_own_history() -> None:
    assert states(layer("w", steady(1.0), steady(1.0))) == {"w": "fine"}
    assert states(layer("w", [1e3] * 16, steady(1.0))) == {"w": "exploding"}


def test_trouble_is_sorted_by_kind_and_by_size() -> None:
    order = [GradientHealth("not finite"), GradientHealth("exploding", "", 1e6), GradientHealth("exploding", "", 1e3), GradientHealth("zero"), GradientHealth("vanishing", "", 1e9), GradientHealth("fine")]
    assert sorted(order, key=lambda each: each.rank) == order


NUMBERS = st.floats() | st.sampled_from([0.0, 1.0, 1e-300, 1e300, NAN, INF, -INF])


@given(st.lists(st.tuples(st.sampled_from(["a.weight", "a.bias", "b.weight", "c"]), st.lists(NUMBERS, max_size=70), st.lists(NUMBERS, max_size=40)), unique_by=lambda each: each[0]))
def test_any_numbers_are_judged(rows: list[tuple[str, list[float], list[float]]]) -> None:
    for health in assess_gradients([layer(name, recent, earlier, (4, 4)) for name, recent, earlier in rows]).values():
        assert health.state in STATES
    for _name, recent, _earlier in rows:
        trend(recent)


# The pieces


@pytest.mark.parametrize(("records", "size"), [(0, 1), (3, 1), (4, 1), (16, 4), (64, 16), (1000, 16)])
def test_the_window_is_a_quarter_of_what_is_there(records: int, size: int) -> None:
    assert window(records) == size


def test_the_upper_quartile_is_one_of_the_values() -> None:
    assert upper_quartile([]) == 0.0
    assert upper_quartile([3.0]) == 3.0
    assert upper_quartile([4.0, 1.0, 2.0, 3.0]) == 3.0


def test_the_trend_has_an_arrow_and_a_word() -> None:
    assert trend([1.0] * 7) == ("", "")
    assert trend(steady(1.0, 64)) == ("→", "steady")
    assert trend([1.0] * 8 + [2.5] * 8) == ("↗", "slow")
    assert trend([1.0] * 8 + [0.01] * 8) == ("↘", "fast")
    assert trend([NAN] * 20 + [0.0] * 20) == ("", "")


@pytest.mark.parametrize(
    ("norms", "state"),
    [
        (steady(2e-5), "no effect"),  # rounding errors of bf16; of float32 they are smaller
        ([0.0] * 32, "zero"),  # what cancels leaves rounding errors: nothing reaches this one
    ],
)
def test_a_bias_that_is_cancelled_is_no_trouble_while_its_weight_learns_and_one_that_nothing_reaches_is(norms: list[float], state: str) -> None:
    key = [layer("layer.key.weight", steady(0.1), steady(0.1)), layer("layer.key.bias", norms, norms, (64,))]
    assert states(*net(), *key)["layer.key.bias"] == state


def test_of_an_attention_whose_keys_hardly_train_the_weight_is_named_and_not_its_bias() -> None:
    """As a BERT begins: its attention is nearly uniform, and the bias of its keys has rounding errors for a gradient."""
    key = [layer("layer.key.weight", steady(1e-4), steady(1e-4)), layer("layer.key.bias", steady(1e-12), steady(1e-12), (64,))]
    assert states(*net(), *key)["layer.key.weight"] == "vanishing"
    assert states(*net(), *key)["layer.key.bias"] == "no effect"


def test_a_bias_whose_weight_does_not_train_is_judged_by_itself() -> None:
    key = [layer("layer.key.weight", (), trainable=False), layer("layer.key.bias", steady(1e-9), steady(1e-9), (64,))]
    assert states(*net(), *key)["layer.key.bias"] == "vanishing"
