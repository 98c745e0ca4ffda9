"""The sections as plain data are what is declared, and a configuration's texts are found with them alone."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import tomli

from gradtop.trainer.config import Config, dump_config, form_texts, load_config, sections
from gradtop.trainer.fields.outline import FILE, declared_sections, default_texts, dump_outline, texts_of

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.toml"))


def tables_of(config: Config) -> dict[str, Any]:
    """As they stand in run.toml."""
    return tomli.loads(dump_config(config))


def test_the_stored_sections_are_the_declared_ones() -> None:
    assert FILE.read_text(encoding="utf-8") == dump_outline(sections()), "python -m tests.docs writes it"
    assert declared_sections() == sections()


def test_the_defaults_are_those_of_an_empty_file() -> None:
    assert default_texts() == form_texts(Config())


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_the_texts_of_a_run_are_those_of_its_configuration(path: Path) -> None:
    config = load_config(path)
    assert texts_of(tables_of(config), config.job) == form_texts(config)


def test_the_section_of_the_runs_own_job_is_no_part_of_the_form() -> None:
    config = load_config(CONFIGS[0], job="lr_range")
    tables = tables_of(config)
    assert "lr_range" in tables
    assert texts_of(tables, "lr_range") == {key: text for key, text in form_texts(config).items() if not key.startswith("lr_range.")}
    assert texts_of(tables, "train") is None


@pytest.mark.parametrize(
    "change",
    [
        lambda tables: tables.pop("optimizer"),
        lambda tables: tables["optimizer"].pop("lr"),
        lambda tables: tables["optimizer"].update(from_the_future=1),
        lambda tables: tables["optimizer"].update(kind="from_the_future"),
        lambda tables: tables["optimizer"].update(kind=["adamw"]),
        lambda tables: tables["optimizer"].update(kind="sgd"),
        lambda tables: tables.update(optimizer=3),
        lambda tables: tables.update(from_the_future={}),
    ],
)  # fmt: skip
def test_what_is_missing_or_not_known_is_left_to_the_declarations(change: Any) -> None:
    tables = tables_of(Config())
    changed = copy.deepcopy(tables)
    change(changed)
    assert texts_of(tables, "train") is not None
    assert texts_of(changed, "train") is None
