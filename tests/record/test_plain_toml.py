"""What gradtop itself has written is read as tomllib reads it; anything else is left to tomllib."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from gradtop.trainer.config import dump_config, load_config
from gradtop.trainer.record.plain_toml import plain_tables

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.toml"))
NAMES = st.text("abc_-1", min_size=1, max_size=3)
SCALARS = st.one_of(st.booleans(), st.integers(-(10**17), 10**17), st.floats(), st.text(max_size=5), st.text("abc /.:=[]#,", max_size=8))
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=3), st.lists(st.lists(st.integers(0, 3), max_size=2), max_size=2))
TABLES = st.recursive(st.dictionaries(NAMES, VALUES, max_size=4), lambda inner: st.dictionaries(NAMES, st.one_of(VALUES, inner), max_size=4), max_leaves=6)
HEADERS = ["[a]", "[a.b]", "[b]", "[a.b.a]", "[ a]", "[a", "[]", "[[a]]", "", " ", "# a"]
LISTS = ["a = [", "    1,", "    2.5,", "    2", "]", "a = []", "a = [1, 2]", "a = [1,2]", "a = [1, ]", "a = [[1]]", 'a = ["b, c", "d"]', 'a = ["b", "c"]']
TEXTS = ['a = "b"', 'a = "b" "', 'a = "\\n"', 'a = "\x7f"', "a = 'b'", 'a = """', "a = true", "a = True", '"a" = 1', "ä = 1", "a = {b = 1}", "a=1", "a.b = 1", "a = 1 # b"]
NUMBERS = ["a = 1", "b = 1", "007", "1_0", "+1", "-0", "1.", ".5", "1e5", "1.5E-3", "inf", "1\r", "12345678901234567", "2026-11-28", "\u0661"]
LINES = st.sampled_from([*HEADERS, *LISTS, *TEXTS, *(number if "=" in number else f"a = {number}" for number in NUMBERS)])


def read(text: str) -> dict[str, Any] | None:
    """As tomllib does; None for what is no TOML."""
    try:
        return tomllib.loads(text)
    except ValueError:
        return None


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_configurations_as_gradtop_writes_them_need_no_tomllib(path: Path) -> None:
    text = dump_config(load_config(path))
    assert plain_tables(text) == read(text) != {}


@given(TABLES)
def test_tables_are_those_that_tomllib_reads(tables: dict[str, Any]) -> None:
    text = tomli_w.dumps(tables)
    found = plain_tables(text)
    assert found is None or repr(found) == repr(tomllib.loads(text))


@given(st.lists(LINES, max_size=8))
def test_lines_that_anybody_may_have_written_are_read_as_tomllib_reads_them_or_left_to_it(lines: list[str]) -> None:
    text = "\n".join(lines)
    found = plain_tables(text)
    assert found is None or repr(found) == repr(read(text)), text
