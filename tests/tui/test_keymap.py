"""Keys that the user assigned to actions in a file."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from textual.command import CommandList, CommandPalette

from gradtop.trainer.record import Run
from gradtop.tui import keys
from gradtop.tui.cli import checks
from gradtop.tui.dialogs.help import Help
from gradtop.tui.keymap import DEFAULT, keymap_file, load_keymap, parse_keymap
from gradtop.tui.pages import read_page
from tests.tui.piloting import piloted
from tests.tui.runs_fixture import fake_run


@pytest.fixture
def run(runs: Path) -> Run:
    return fake_run(runs)[0]


def problems(**given: object) -> tuple[str, ...]:
    return parse_keymap({"keys": {name.replace("__", "."): value for name, value in given.items()}}, "FILE").problems


def test_the_file_is_in_the_configuration_directory_of_the_user() -> None:
    assert keymap_file({"XDG_CONFIG_HOME": "/etc/me", "HOME": "/home/me"}) == Path("/etc/me/gradtop/keys.toml")
    assert keymap_file({"XDG_CONFIG_HOME": "here", "HOME": "/home/me"}) == Path("/home/me/.config/gradtop/keys.toml")


def test_without_a_file_the_keys_are_the_default_ones(tmp_path: Path) -> None:
    assert load_keymap(tmp_path / "keys.toml") is DEFAULT
    assert DEFAULT.table == keys.KEYS


def test_a_file_assigns_keys_by_id(tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    file.write_text('[keys]\n"run.pause" = "Z"\n"tune.start" = "f5"\n"mode.overview" = "f1, 1"\n"help" = "§"\n', encoding="utf-8")
    keymap = load_keymap(file)
    assert keymap.problems == ()
    names = {row.id: row.name for row in keymap.table}
    assert [names[id_] for id_ in ("run.pause", "tune.start", "mode.overview", "run.stop")] == ["Z", "f5", "f1 1", "s"]
    assert keymap.overrides["help"] == "section_sign"


def test_the_example_of_the_documentation_is_a_keymap(tmp_path: Path) -> None:
    text = read_page("keys")
    file = tmp_path / "keys.toml"
    file.write_text(textwrap.dedent(text[text.index("    [keys]") : text.index("A key is a character")]), encoding="utf-8")
    assert load_keymap(file).problems == ()
    assert load_keymap(file).table != keys.KEYS


@pytest.mark.parametrize("content", [b"[keys", b"\xff", b"keys = 3", b"[key]\n"])
def test_a_file_that_cannot_be_read_is_one_problem_with_its_path(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "keys.toml"
    file.write_bytes(content)
    keymap = load_keymap(file)
    (problem,) = keymap.problems
    assert problem.startswith(f"{file}: ")
    assert keymap.table == keys.KEYS


def test_a_directory_in_its_place_is_a_problem(tmp_path: Path) -> None:
    (problem,) = load_keymap(tmp_path).problems
    assert problem == f"{tmp_path}: Is a directory"


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"run__puase": "p"}, "FILE: run.puase: unknown id; did you mean run.pause?"),
        ({"frobnicate!": "p"}, "FILE: frobnicate!: unknown id (gradtop help keys lists them)"),
        ({"run__pause": 3}, "FILE: run.pause: expected a string such as 'ctrl+g'"),
        ({"run__pause": "pp"}, "FILE: run.pause: 'pp' is not a key"),
        ({"run__pause": ""}, "FILE: run.pause: '' is not a key"),
        ({"run__pause": "p,"}, "FILE: run.pause: 'p,' is not a key"),
        ({"run__pause": "ctrl+"}, "FILE: run.pause: 'ctrl+' is not a key"),
        ({"field__enter": "p"}, "FILE: field.enter: cannot be remapped"),
        ({"leave__interrupt": "p"}, "FILE: leave.interrupt: cannot be remapped"),
        ({"run__pause": "c"}, "FILE: run.pause and run.checkpoint both use c in Overview"),
        ({"run__pause": "o"}, "FILE: run.pause and gradients.sort both use o in Gradients"),
        ({"runs__sort": "r"}, "FILE: run.resume and runs.sort both use r in Runs"),
        ({"tune__live": "question_mark"}, "FILE: help and tune.live both use ? in Tune"),
    ],
)
def test_what_is_wrong_is_said_with_the_id_and_the_keys_stay_as_they_are(given: Mapping[str, Any], problem: str) -> None:
    found = problems(**given)
    assert problem in found
    assert parse_keymap({"keys": {"run.pause": "c", "log": "z"}}, "FILE").table == keys.KEYS


def test_two_actions_may_swap_their_keys_and_share_one_where_they_do_by_default() -> None:
    assert problems(run__pause="c", run__checkpoint="space") == ()
    assert problems(back="escape,backspace") == ("FILE: back and tune.reset both use backspace in Tune",)
    assert problems(gradients__sort="ctrl+o", tune__save="ctrl+o") == ()


def test_every_default_key_is_a_key() -> None:
    for row in keys.KEYS:
        if not row.fixed:
            assert problems(**{row.id: row.key}) == ()


def test_doctor_reports_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert list(checks.keymap()) == []
    file = keymap_file({"XDG_CONFIG_HOME": str(tmp_path)})
    file.parent.mkdir()
    file.write_text('[keys]\nlog = "z"\n', encoding="utf-8")
    assert [(found.state, found.found) for found in checks.keymap()] == [("fine", f"1 remapped in {file}")]
    file.write_text('[keys]\nlogs = "z"\n', encoding="utf-8")
    (found,) = checks.keymap()
    assert found.state == "note"
    assert "logs: unknown id; did you mean log?" in found.found


async def test_a_remapped_key_acts_and_the_default_one_does_nothing(tmp_path: Path, run: Run) -> None:
    keymap = parse_keymap({"keys": {"mode.gradients": "Z", "theme": "U", "next": "z", "help": "H", "leave": "f10"}}, "FILE")
    assert keymap.problems == ()
    async with piloted(tmp_path, run, keymap=keymap) as screen:
        await screen.press("3")
        assert screen.app.current_mode == "overview"
        await screen.press("Z")
        await screen.until(lambda: screen.app.current_mode == "gradients", "gradients")
        dark = screen.app.current_theme.dark
        await screen.press("ctrl+t")
        assert screen.app.current_theme.dark == dark
        await screen.press("U")
        assert screen.app.current_theme.dark != dark
        await screen.press("question_mark")
        assert not isinstance(screen.app.screen, Help)
        await screen.press("H")
        await screen.until(lambda: isinstance(screen.app.screen, Help), "the help")


async def test_key_bar_help_and_palette_show_the_remapped_keys(tmp_path: Path, run: Run) -> None:
    keymap = parse_keymap({"keys": {"mode.overview": "f1", "leave": "Z", "log": "ctrl+l", "tune.live": "f5", "help": "H"}}, "FILE")
    assert keymap.problems == ()
    async with piloted(tmp_path, run, keymap=keymap, size=(140, 140)) as screen:
        bar = screen.keybar()
        assert "f1 Overview" in bar
        assert "Z leave" in bar
        assert "H help" in bar
        await screen.press("H")
        await screen.shows("keys in f1 Overview")
        await screen.shows("Z  Leave; the run continues.")
        await screen.press("escape", "ctrl+p")
        await screen.until(lambda: isinstance(screen.app.screen, CommandPalette), "the palette")
        await screen.press(*"leave")
        await screen.shows("leave  (Z)")


@pytest.mark.parametrize(("typed", "first"), [("kernels", "Weights  (4)"), ("confusion", "Classes  (C)"), ("over", "Overview  (1)")])
async def test_a_command_is_found_by_what_it_does_and_first_by_its_name(tmp_path: Path, run: Run, typed: str, first: str) -> None:
    async with piloted(tmp_path, run) as screen:
        await screen.press("colon")
        await screen.until(lambda: isinstance(screen.app.screen, CommandPalette), "the palette")
        await screen.press(*typed)
        found = screen.app.screen.query_one(CommandList)
        await screen.until(lambda: found.option_count > 0 and first in str(found.get_option_at_index(0).prompt), "the command")


async def test_sentences_name_the_remapped_keys(tmp_path: Path) -> None:
    async with piloted(tmp_path, None, keymap=parse_keymap({"keys": {"mode.runs": "R"}}, "FILE"), mode="overview") as screen:
        await screen.shows("No run is selected. R lists the runs, 6 starts one.")
    async with piloted(tmp_path, None, mode="overview") as screen:
        await screen.shows("No run is selected. 7 lists the runs, 6 starts one.")


async def test_a_list_goes_by_the_remapped_keys(tmp_path: Path, run: Run) -> None:
    keymap = parse_keymap({"keys": {"list.down": "n,down", "runs.rename": "R"}}, "FILE")
    assert keymap.problems == ()
    async with piloted(tmp_path, run, mode="parameters", keymap=keymap) as screen:
        await screen.shows("block2")
        await screen.shows("no heartbeat")  # the last that comes without a key
        before = screen.shown()
        await screen.press("j")
        assert screen.shown() == before
        await screen.press("n")
        await screen.until(lambda: screen.shown() != before, "the next row")


async def test_problems_are_shown_and_the_default_keys_act(tmp_path: Path, run: Run) -> None:
    keymap = parse_keymap({"keys": {"mode.gradients": "g", "run.puase": "p"}}, "FILE")
    async with piloted(tmp_path, run, keymap=keymap) as screen:
        await screen.shows("FILE: run.puase: unknown id")
        await screen.press("3")
        await screen.until(lambda: screen.app.current_mode == "gradients", "gradients")
