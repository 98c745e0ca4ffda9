from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradtop.trainer.config import Config, FieldSpec, find_spec, sections, to_tables
from gradtop.trainer.config.schema import section
from gradtop.trainer.config.table import markdown
from gradtop.trainer.config.validate import validate
from gradtop.trainer.fields.spec import EFFECTS
from tests.config.strategies import attempt, every_field, tables

FIELDS = every_field()
PARTS = [FIELDS[start : start + 12] for start in range(0, len(FIELDS), 12)]
LIVE_BY_DESIGN = {"optimizer.lr", "optimizer.weight_decay", "optimizer.momentum", "training.clip", "model.dropout", "training.label_smoothing", "training.epochs", "augment.rotation", "freeze.patterns", "sample.prompt", "sample.every"}
ANY_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


def test_every_field_has_help_an_expectation_and_a_way_of_effect() -> None:
    for spec in FIELDS:
        assert len(spec.help) > 15, spec.key
        assert spec.help.endswith("."), spec.key
        assert spec.expected, spec.key
        assert spec.effect in EFFECTS, spec.key


def test_the_ways_of_effect_are_those_of_the_design() -> None:
    effects = {spec.key: spec.effect for spec in FIELDS}
    assert {key for key in LIVE_BY_DESIGN if effects[key] != "live"} == set()
    assert {effects[f"model.{name}"] for name in ("kind", "channels", "kernel_size", "hidden", "activation", "name")} == {"restart"}
    assert effects["training.seed"] == "restart"
    assert {effects[key] for key in ("optimizer.kind", "schedule.kind", "training.batch_size", "data.kind", "training.precision")} == {"fork"}


def test_a_field_that_two_kinds_share_takes_effect_in_one_way() -> None:
    ways: dict[str, set[str]] = {}
    for spec in FIELDS:
        ways.setdefault(spec.key, set()).add(spec.effect)
    assert {key: found for key, found in ways.items() if len(found) > 1} == {}


def test_the_sections_stand_in_the_order_of_the_file_and_kind_stands_first() -> None:
    assert [part.name for part in sections()] == ["model", "init", "freeze", "data", "task", "augment", "optimizer", "schedule", "training", "monitor", "sample"]
    for part in sections():
        for kind in part.kinds:
            assert part.of(kind)[0].name == "kind"
            assert part.of(kind)[0].choices == part.kinds
            assert part.of(kind)[0].default == kind


def test_each_kind_has_its_own_fields() -> None:
    optimizer = next(part for part in sections() if part.name == "optimizer")
    assert optimizer.find("adamw", "betas")
    assert not optimizer.find("sgd", "betas")
    assert optimizer.kinds_with("momentum") == ("muon", "rmsprop", "sgd")
    momentum = find_spec("optimizer.momentum", "adamw")
    assert momentum is not None
    assert momentum.key == "optimizer.momentum"
    assert find_spec("optimizer.nothing") is None
    assert find_spec("nothing.lr") is None


def test_a_config_cannot_be_changed_in_place() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Config().training.epochs = 3


def test_no_field_at_all_is_a_whole_configuration() -> None:
    config = validate({})
    assert config == Config()
    assert (config.model.kind, config.data.kind, config.optimizer.kind, config.schedule.kind) == ("cnn", "digits", "adamw", "cosine")


@given(tables())
def test_values_within_the_declared_bounds_are_taken_as_they_are(made: dict[str, dict[str, object]]) -> None:
    kept = to_tables(validate(made))
    for name, table in made.items():
        for key, value in table.items():
            # One number may stand for all layers, and a list of one is that number.
            assert kept[name][key] in (value, value[0] if isinstance(value, list) and len(value) == 1 else value)


@pytest.mark.parametrize("some", PARTS, ids=lambda some: f"{some[0].key} to {some[-1].key}")
@settings(max_examples=8)
@given(data=st.data())
def test_any_value_at_all_is_taken_or_is_a_problem_of_its_field(some: Sequence[FieldSpec], data: st.DataObject) -> None:
    # Many values at once: most of what one alone takes is to set out for it.
    for spec, value in zip(some, data.draw(st.lists(ANY_VALUE, min_size=len(some), max_size=len(some))), strict=True):
        check_any(spec, value)


def check_any(spec: FieldSpec, value: object) -> None:
    part = next(part for part in sections() if part.name == spec.section)
    kind = next(kind for kind in part.fields if spec in part.fields[kind])
    table = {"kind": kind, spec.name: value} if kind else {spec.name: value}
    config, problems = attempt(lambda: validate({spec.section: table}))
    if config is None:
        keys = {problem.key for problem in problems}
        # A wrong kind may make other fields of its section wrong; a size or a count may disagree with another section.
        assert spec.key in keys or {key.partition(".")[0] for key in keys} <= {"model", "schedule", "monitor", "task"}, (spec.key, value)
        assert all(str(problem).isprintable() for problem in problems)
    else:
        assert to_tables(config)[spec.section][spec.name] in (value, [value], value[0] if isinstance(value, list) and value else value), spec.key
        assert not isinstance(value, bool) or spec.type == "bool", spec.key


@given(ANY_VALUE)
def test_any_value_in_place_of_a_section_is_taken_or_is_a_problem(value: object) -> None:
    for name in ("model", "training", "nonsense"):
        config, problems = attempt(lambda name=name: validate({name: value}))  # type: ignore[misc]
        assert {problem.key.partition(".")[0] for problem in problems} <= {name}
        assert config is None or (value == {} and name != "nonsense")


@given(st.dictionaries(st.text(max_size=8), ANY_VALUE, max_size=4))
def test_any_table_at_all_is_taken_or_is_a_problem(table: dict[str, object]) -> None:
    for name in ("model", "optimizer", "training"):
        _, problems = attempt(lambda name=name: validate({name: table}))  # type: ignore[misc]
        assert bool(problems) == bool(table)
        assert all(str(problem).isprintable() for problem in problems)


def test_the_documented_table_has_every_field() -> None:
    table = markdown()
    for spec in FIELDS:
        assert f"| `{spec.name}`" in table
        assert spec.name == "kind" or spec.help in table
    assert all(line.count("|") == 6 for line in table.splitlines() if line)


@pytest.mark.parametrize("kind", [[], {}, None, 3, "no such kind"])
def test_a_kind_that_is_none_has_the_fields_of_the_default_kind(kind: object) -> None:
    part = section("model")
    assert part.of(kind) == part.of(part.default_kind)
