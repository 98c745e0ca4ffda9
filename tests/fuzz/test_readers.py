"""No run, whatever stands in its files, stops those who read it: no traceback, and nothing that takes longer than a second."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradtop.trainer.analysis import formatting
from gradtop.trainer.record import RunState, read_meta, read_status, write_status
from gradtop.trainer.record.bounds import DEPTH, NAME, TEXT, WIDEST, bounded
from gradtop.trainer.record.streams.rollup import is_sound
from gradtop.tui.cli import show
from gradtop.tui.cli.locate import opened
from tests.fuzz.mutations import EDGES, replace_by
from tests.fuzz.readers import Screen, commands, read_everything
from tests.fuzz.run import SLOWEST, Place, attempts

PARTS = 4  # of the files of a run: with another thing in the place of each, little else would be read


def test_a_run_with_any_files_is_read_without_a_traceback(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    place = Place(tmp_path)
    assert not [fault for _done, found in attempts(place, request.config.getoption("--mutations"), 0) for fault in found]


@pytest.mark.parametrize("value", [each for each in EDGES if isinstance(each, int | float)])
def test_one_run_that_was_made_at_no_time_spoils_no_list(tmp_path: Path, value: float) -> None:
    place = Place(tmp_path)
    place.run.meta.write_text(f'{{"name": "odd", "created": {"1e999" if value == float("inf") else value}}}'.replace("True", "true").replace("False", "false"))
    assert not list(read_everything(commands(place.run, place.other, place.out, 0.5), SLOWEST))


@pytest.mark.parametrize(("content", "why"), [(b"{", "it is not JSON"), (b"", "it is empty"), (b"[1]", "it is not a JSON object"), (b"[" * 5000, "it is not JSON")])
def test_a_run_that_cannot_be_read_is_one_row_with_a_sentence(tmp_path: Path, content: bytes, why: str, capsys: pytest.CaptureFixture[str]) -> None:
    from gradtop.tui.cli.main import main

    place = Place(tmp_path)
    place.run.status.write_bytes(content)
    place.run.meta.write_bytes(content)
    assert read_status(place.run).state is RunState.UNKNOWN
    assert read_meta(place.run).name == place.run.id.split("-", 2)[-1]
    assert main(["ls", "--runs", str(place.runs)]) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if "quiet-heron" in line)
    assert f"status.json cannot be read: {why}; meta.json cannot be read: {why}" in row
    assert ("unreadable", f"status.json cannot be read: {why}") in list(show.lines(opened(place.run)))


@pytest.mark.parametrize("what", ["large", "folder", "pipe", "nowhere", "endless", "no permission"])
def test_whatever_stands_in_place_of_its_files_a_run_is_read(tmp_path: Path, what: str) -> None:
    place = Place(tmp_path)
    screen = Screen(place.run)
    for part in range(PARTS):
        for name in list(place.pristine)[part::PARTS]:
            replace_by(place.run.path / name, what)
        assert not [*read_everything(commands(place.run, place.other, place.out, 0.95), SLOWEST), *read_everything(screen.read(), SLOWEST)]
        place.restore()


def test_a_run_that_began_after_its_last_step_has_no_findings_by_its_length(tmp_path: Path) -> None:
    place = Place(tmp_path)
    write_status(place.run, read_status(place.run)._replace(began=10_000, skipped_steps=50))
    assert not list(read_everything(commands(place.run, place.other, place.out, 0.5), SLOWEST))


def test_three_thousand_streams_are_read_in_time_and_not_exported(tmp_path: Path) -> None:
    place = Place(tmp_path)
    for number in range(3000):
        (place.run.streams / f"s{number}.0.json").write_text("{}")
    assert not list(read_everything(commands(place.run, place.other, place.out, 0.05), SLOWEST))
    assert "streams beyond the first 64 are not read" in show.unreadable(opened(place.run))["streams"]
    assert not place.out.exists()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5) | st.sampled_from(EDGES),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
)


@given(JSON, st.integers(0, 60))
def test_what_is_read_is_within_its_bounds(value: Any, deeper: int) -> None:
    from copy import deepcopy

    found = deepcopy(value)  # the edges are used again
    for _ in range(deeper):
        found = [found, {"x" * 2000: "\ud800" * 3}]
    stack = [(bounded(found), 1)]
    while stack:
        each, depth = stack.pop()
        assert depth <= DEPTH + 1
        if isinstance(each, str):
            assert len(each) <= TEXT
            each.encode()
        elif isinstance(each, int):
            assert abs(each) <= WIDEST
        elif isinstance(each, dict):
            assert all(len(key) <= NAME for key in each)
            stack += [(inside, depth + 1) for inside in each.values()]
        elif isinstance(each, list):
            stack += [(inside, depth + 1) for inside in each]


ONE_NUMBER = ("number", "significant", "scientific", "si", "percent", "share", "duration", "age", "size", "power_of_ten", "coarse_age", "setting_text")


@given(st.floats() | st.integers(-(2**64), 2**64))
def test_every_number_is_written_in_a_few_characters(value: float) -> None:
    for name in ONE_NUMBER:
        assert len(getattr(formatting, name)(value)) <= 40, name
    assert len(formatting.moment(value, 1.8e9)) <= 40


def test_a_rollup_that_cannot_be_true_is_not_believed() -> None:
    sound = [[0.5, 1.0], [2.0, 3.0], [1.0, 2.0], [64.0, 10.0], [0.0, 1.0]]
    assert is_sound(sound, 64)
    chance = random.Random(0)
    for bad in (float("inf"), float("nan"), -1.0, 65.0):
        for part in (3, 4):
            spoilt = [list(each) for each in sound]
            spoilt[part][chance.randrange(2)] = bad
            assert not is_sound(spoilt, 64)
    assert not is_sound([[float("inf")], [1.0], [1.0], [3.0], [0.0]], 64)
    assert is_sound([[float("nan")], [float("nan")], [float("nan")], [0.0], [3.0]], 64)
