from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gradtop.trainer.record import RunReader
from gradtop.tui.reading.model import NO_MODEL, ROOT, build, model_of
from gradtop.tui.screens.parameters.data import above, matching_rows, open_at_first, visible
from gradtop.tui.screens.parameters.screen import formula, totals
from tests.tui.layers_fixture import Layers, module, parameter, small_table, wide_table


def test_a_module_has_what_all_that_is_below_it_has() -> None:
    model = build(small_table())
    assert model.nodes["body.first"].count == 100_480
    assert model.nodes["body"].count == 100_480 + 8_256
    assert model.root.count == 100_480 + 8_256 + 640
    assert model.root.bytes == 4 * model.root.count
    assert model.nodes["body.relu"].count == 0
    assert model.root.kind == "Net"
    assert model.root.name == "net"


def test_rows_come_in_the_order_of_the_model_with_a_modules_own_parameters_first() -> None:
    table = {
        "parameters": [parameter("token", 1, 8), parameter("layer.weight", 8, 8), parameter("layer.sub.weight", 2, 2), parameter("layer.scale", 8)],
        "modules": [module("", "Net"), module("layer", "Layer"), module("layer.sub", "Linear")],
    }
    assert list(build(table).nodes) == [ROOT, "token", "layer", "layer.weight", "layer.scale", "layer.sub", "layer.sub.weight"]


def test_a_tied_weight_counts_once() -> None:
    table = {
        "parameters": [parameter("embed.weight", 100, 8), parameter("head.weight", 100, 8, tied_to="embed.weight")],
        "modules": [module("", "LM"), module("embed", "Embedding"), module("head", "Linear")],
    }
    model = build(table)
    assert model.root.count == 800
    assert model.root.bytes == 3200
    assert model.tied == 1
    assert model.nodes["head"].count == 0
    assert model.nodes["head.weight"].tied_to == "embed.weight"


def test_what_tying_saves_and_could_save_is_told() -> None:
    rows = [parameter("embed.weight", 100, 8), parameter("head.weight", 100, 8)]
    modules = [module("", "LM"), module("embed", "Embedding"), module("head", "Linear")]
    groups = [
        {"why": "embedding and output layer", "names": ["embed.weight", "head.weight"], "bytes": 3200},
        {"why": "same shape", "names": ["embed.weight", "head.weight"], "bytes": 3200},
        {"why": "equal values", "names": ["gone.weight", 7], "bytes": "many"},
    ]
    model = build({"parameters": rows, "modules": modules, "could_tie": groups})
    assert formula(model.nodes["head.weight"]) == "could be embed.weight"
    assert formula(model.nodes["embed.weight"]) == model.nodes["embed.weight"].formula
    assert "".join(text for text, _ in totals(model)).endswith("tied 0   bytes 6.2 KiB   float32   could be tied, saving 3.1 KiB")
    rows[1] = parameter("head.weight", 100, 8, tied_to="embed.weight")
    tied = build({"parameters": rows, "modules": modules, "could_tie": []})
    assert "tied 1 (saves 3.1 KiB)   bytes 3.1 KiB" in "".join(text for text, _ in totals(tied))


def test_frozen_parameters_are_counted_apart() -> None:
    model = build(small_table(trainable=False))
    assert model.nodes["body.second"].trainable == 64
    assert model.root.count - model.root.trainable == 64 * 128


def test_the_numbers_of_a_known_network_are_right() -> None:
    import torchvision

    from gradtop.trainer.models.description import describe

    model = build(describe(torchvision.models.resnet18(), "resnet18").to_json())
    assert model.root.count == model.root.trainable == 11_689_512
    assert model.nodes["conv1"].count == 9_408
    assert model.nodes["fc"].count == 513_000


def test_names_that_could_steer_a_terminal_are_made_harmless() -> None:
    table = {"model": "\x1b[31mred", "parameters": [parameter("a\x1b]0;x\x07.we\u202eight\n", 2)], "modules": [module("a\x1b]0;x\x07", "\x1b[2JConv[bold]")]}
    model = build(table)
    for node in model.nodes.values():
        for text in (node.name, node.path, node.kind):
            assert text.isprintable()
    assert "a\x1b]0;x\x07.we\u202eight\n" in model.nodes


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.sampled_from(["", "a", "a.b", "a.b.c", "."]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["name", "path", "shape", "count", "kind", "tied_to", "dtype"]), inner, max_size=6),
    max_leaves=12,
)


@given(st.fixed_dictionaries({}, optional={"parameters": JSON | st.lists(JSON), "modules": JSON | st.lists(JSON), "model": JSON}))
def test_any_table_is_taken(table: dict[str, Any]) -> None:
    model = build(table)
    if model is NO_MODEL:
        return
    assert set(visible(model, set(model.nodes))) == set(model.nodes)
    assert model.root.count == sum(model.nodes[name].count for name in model.parameters)


def test_a_very_deep_name_is_no_trouble() -> None:
    deep = ".".join("m" * 1 for _ in range(3 * sys.getrecursionlimit()))
    model = build({"parameters": [parameter(f"{deep}.weight", 2)], "modules": []})
    assert model.root.count == 2


def test_the_tree_is_made_once_for_as_long_as_the_stream_says_the_same(tmp_path: Path) -> None:
    layers = Layers(tmp_path, small_table())
    stream = RunReader(layers.run).stream("layers")
    assert model_of(stream) is NO_MODEL
    stream.refresh()
    first = model_of(stream)
    assert first.root.count == 109_376
    layers.measure(1.0)
    stream.refresh()
    assert model_of(stream) is first


# What is seen of it


def test_closed_modules_hide_what_is_in_them() -> None:
    model = build(small_table())
    assert visible(model, set()) == [ROOT]
    assert visible(model, {ROOT}) == [ROOT, "body", "head"]
    assert visible(model, {ROOT, "head", "body.first"}) == [ROOT, "body", "head", "head.weight"]


def test_at_first_modules_are_open_as_far_as_a_screen_goes_and_layers_are_shut() -> None:
    assert open_at_first(build(small_table())) == {ROOT, "body"}
    assert open_at_first(build(wide_table(12, 6))) == {ROOT, "encoder"}
    assert open_at_first(NO_MODEL) == set()


def test_a_filter_shows_what_matches_and_where_it_is() -> None:
    model = build(small_table())
    assert matching_rows(model, "second weight") == ([ROOT, "body", "body.second", "body.second.weight"], 1)
    assert matching_rows(model, "LINEAR")[1] == 3
    assert matching_rows(model, "nothing like it") == ([], 0)


def test_what_leads_to_a_row_is_known() -> None:
    model = build(small_table())
    assert above(model, "body.first.weight") == ["body.first", "body", ROOT]
    assert above(model, "gone") == []
