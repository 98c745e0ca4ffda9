from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradtop.trainer.config import Config, check_field, check_form, form_texts, to_tables, to_text
from gradtop.trainer.fields.text import float_text
from tests.config.strategies import configs


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e-3, "1e-3"), (3e-4, "3e-4"), (0.01, "0.01"), (0.0015, "1.5e-3"), (9.1e-4, "9.1e-4"), (1e-8, "1e-8"), (1.0, "1"), (0.0, "0"),
        (0.1, "0.1"), (64.0, "64"), (1.5, "1.5"), (1e22, "1e22"), (1.5e-7, "1.5e-7"), (-0.001, "-1e-3"), (0.00101, "1.01e-3"),
        (True, "true"), ((3,), "3"), ((0.9, 0.999), "0.9, 0.999"), ((), ""), ("cuda:0", "cuda:0"), (2147483648, "2147483648"),
    ],
)  # fmt: skip
def test_values_are_shown_short(value: object, text: str) -> None:
    assert to_text(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_shown_number_is_exactly_the_number(value: float) -> None:
    assert float(float_text(value)) == value


@pytest.mark.parametrize(("text", "shown"), [("Once ", '"Once "'), (' "', '" \\""'), ('"x"', '"\\"x\\""'), ("it's", "it's"), ("a b", "a b")])
def test_a_text_that_would_be_read_as_another_is_shown_as_toml_writes_it(text: str, shown: str) -> None:
    assert to_text(text) == shown
    assert check_field(to_tables(Config()), "init.pretrained", to_text(text)) == (text, None)


@given(configs())
def test_the_texts_of_the_form_make_the_configuration(config: Config) -> None:
    assert check_form(form_texts(config)) == (config, {})


def test_a_field_is_checked_as_typed() -> None:
    tables = to_tables(Config())
    assert check_field(tables, "optimizer.lr", "3e-4") == (3e-4, None)
    assert check_field(tables, "optimizer.lr", "3e-") == ("3e-", 'must be a number > 0, not "3e-"')
    assert check_field(tables, "optimizer.lr", "0") == (0, "must be a number > 0, not 0")
    assert check_field(tables, "model.channels", "8, 16,") == ([8, 16], None)
    assert check_field(tables, "model.kernel_size", "99")[1] == "99 is larger than the input of stage 1: digits is 8×8 there (10×10 with padding)"
    assert check_field(tables, "model.nonsense", "1") == ("1", "unknown key")


def test_another_field_s_problem_is_not_told_beside_this_one() -> None:
    tables = to_tables(Config()) | {"training": {"epochs": 0}}
    assert check_field(tables, "optimizer.lr", "3e-4") == (3e-4, None)


def test_a_form_with_problems_makes_no_configuration_and_tells_each_beside_its_field() -> None:
    config, problems = check_form(form_texts(Config()) | {"optimizer.lr": "", "training.epochs": "many"})
    assert config is None
    assert problems == {"optimizer.lr": 'must be a number > 0, not ""', "training.epochs": 'must be an integer ≥ 1, not "many"'}


def test_texts_of_other_kinds_do_not_disturb() -> None:
    texts = form_texts(Config()) | {"model.hidden": "nonsense", "optimizer.momentum": "x"}
    assert check_form(texts) == (Config(), {})


@given(st.dictionaries(st.sampled_from(sorted(form_texts(Config()))), st.text(max_size=12)))
def test_anything_typed_anywhere_makes_a_configuration_or_problems_of_known_fields(typed: dict[str, str]) -> None:
    texts = form_texts(Config()) | typed
    config, problems = check_form(texts)
    assert (config is None) == bool(problems)
    assert all(said.isprintable() for said in problems.values())
