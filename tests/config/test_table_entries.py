"""Keys within a table of keyword arguments, on the command line and in a space."""

from __future__ import annotations

import pytest

from gradtop.trainer.config import ConfigProblems, apply_overrides, parse_config, to_tables
from gradtop.trainer.trials.space import Value, base_value, configure, parse_space, space_problems

OWN = "[model]\nkind = 'custom'\ntarget = 'mine:build'\narguments = {width = 32, inner = {rate = 0.5}, act = 'gelu'}\n[optimizer]\nkind = 'sgd'\nlr = 0.1\n"


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("model.arguments.width=8", {"width": 8, "inner": {"rate": 0.5}, "act": "gelu"}),
        ("model.arguments.inner.rate=1e-2", {"width": 32, "inner": {"rate": 0.01}, "act": "gelu"}),
        ("model.arguments.act = relu", {"width": 32, "inner": {"rate": 0.5}, "act": "relu"}),
        ("model.arguments.sizes=[1, 2]", {"width": 32, "inner": {"rate": 0.5}, "act": "gelu", "sizes": [1, 2]}),
        ("model.arguments.bias=true", {"width": 32, "inner": {"rate": 0.5}, "act": "gelu", "bias": True}),
    ],
)
def test_one_argument_is_changed_and_the_others_are_kept(change: str, found: object) -> None:
    base = parse_config(OWN)
    changed = apply_overrides(base, [change])
    assert to_tables(changed)["model"]["arguments"] == found
    assert to_tables(base)["model"]["arguments"] == {"width": 32, "inner": {"rate": 0.5}, "act": "gelu"}
    assert parse_config(OWN, overrides=[change]) == changed


@pytest.mark.parametrize("key", ["model.arguments.", "model.arguments..width", "optimizer.lr.width", "model.argumets.width", "search.space.width"])
def test_what_is_no_place_in_a_table_is_an_unknown_key(key: str) -> None:
    with pytest.raises(ConfigProblems, match="unknown key"):
        apply_overrides(parse_config(OWN), [f"{key}=8"])


def test_a_kind_without_arguments_has_none_of_them() -> None:
    with pytest.raises(ConfigProblems, match="unknown key"):
        parse_config("[model]\nkind = 'mlp'\n", overrides=["model.arguments.width=8"])


def test_an_argument_is_searched_as_any_other_key() -> None:
    base = parse_config(OWN)
    space = {"model.arguments.width": "int(4, 64, log)", "model.arguments.act": "choice(gelu, relu)", "model.arguments.inner.rate": "float(0, 0.5) if model.arguments.act == relu"}
    assert list(space_problems(space, base)) == []
    assert [each.key for each in parse_space(space, base)] == list(space)
    params: dict[str, Value] = {"model.arguments.width": 5, "model.arguments.act": "relu", "model.arguments.inner.rate": 0.25}
    assert to_tables(configure(base, params))["model"]["arguments"] == {"width": 5, "inner": {"rate": 0.25}, "act": "relu"}
    assert [base_value(base, key) for key in (*space, "model.arguments.no", "optimizer.lr")] == [32, "gelu", 0.5, None, 0.1]
    assert [key for key, _ in space_problems({"model.argumets.width": "int(1, 2)"}, base)] == ["model.argumets.width"]
