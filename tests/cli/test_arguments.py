"""Commands, options, and the message for each usage error."""

from __future__ import annotations

import pytest

from gradtop.trainer import __version__
from gradtop.tui.cli.main import commands
from gradtop.tui.pages import PAGES
from tests.cli.conftest import Gradtop


@pytest.mark.parametrize("command", ["", *commands()])
def test_every_help_fits_into_80_columns_and_says_how_the_command_is_used(gradtop: Gradtop, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    said = gradtop(*command.split(), "--help")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"usage: gradtop {command or '[COMMAND]'}")
    assert max(map(len, said.out.splitlines())) <= 80


def test_help_about_a_command_is_its_help(gradtop: Gradtop) -> None:
    assert gradtop("help", "ls") == gradtop("ls", "--help")
    assert gradtop("help") == gradtop("--help")


def test_the_overview_names_every_command(gradtop: Gradtop) -> None:
    out = gradtop("--help").out
    assert all(f"  {name} " in out and summary in out for name, summary in commands().items())
    assert all(f"  {page}  " in out and f"  {summary}" in out for page, summary in PAGES.items())


def test_the_version_is_said(gradtop: Gradtop) -> None:
    assert gradtop("--version").out == f"gradtop {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["tran"], "'tran' is not a command; did you mean 'train'?"),
        (["frobnicate"], "'frobnicate' is not a command. Available: new, train, resume"),
        (["--frobnicate"], "unrecognized arguments: --frobnicate"),
        (["--runs"], "argument --runs: expected one argument"),
        (["show"], "the following arguments are required: RUN"),
        (["show", "last", "more"], "unrecognized arguments: more"),
        (["train"], "the following arguments are required: CONFIG\n"),
        (["resume"], "the following arguments are required: RUN\n"),
        (["search"], "the following arguments are required: CONFIG|RUN\n"),
        (["diff"], "the following arguments are required: A, B\n"),
        (["tag"], "the following arguments are required: RUN\n"),
        (["predict"], "the following arguments are required: RUN\n"),
        (["train", ""], "'' is no file; a configuration is a TOML file, such as"),
        (["check", "."], ". is a directory; a configuration is a TOML file, such as"),
        (["train", "x.toml", "--watch", "--detach"], "not allowed with argument"),
        (["export", "last"], "one of the arguments --to --model is required"),
        (["export", "last", "--to", "xlsx"], "invalid choice: 'xlsx'"),
        (["ls", "-n", "0"], "'0' is not a positive integer"),
        (["ls", "-n", "many"], "'many' is not a positive integer"),
        (["stop", "last", "--timeout", "nan"], "'nan' is not a number of seconds"),
        (["stop", "last", "--timeout", "-1"], "'-1' is not a number of seconds"),
        (["set", "last"], "the following arguments are required: KEY=VALUE"),
        (["set", "last", "lr"], "'lr' is not KEY=VALUE, such as optimizer.lr=3e-4"),
        (["rerun", "last", "optimizer.lr"], "'optimizer.lr' is not KEY=VALUE"),
        (["plot", "last", "--from", "soon"], "invalid float value: 'soon'"),
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("runs")
def test_a_wrong_call_is_one_sentence_and_exit_code_2(gradtop: Gradtop, arguments: list[str], sentence: str) -> None:
    said = gradtop(*arguments)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("gradtop: ")
    assert sentence in said.err
    assert len(said.err.splitlines()) <= 2


@pytest.mark.usefixtures("runs")
def test_options_may_stand_before_the_command_and_between_its_arguments(gradtop: Gradtop) -> None:
    want = gradtop("ls", "--json", "--runs", "runs")
    assert '"amber-finch"' in want.out
    assert gradtop("--runs", "runs", "ls", "--json") == want
    assert gradtop("--runs=runs", "ls", "--json") == want
    assert gradtop("plot", "amber-finch", "--width", "50", "lr") == gradtop("plot", "amber-finch", "lr", "--width", "50")


def test_without_a_terminal_the_screen_says_what_works_instead(gradtop: Gradtop) -> None:
    said = gradtop()
    assert (said.code, said.out) == (2, "")
    assert said.err == "gradtop: the screen needs a terminal. Without one: gradtop ls, gradtop show last, gradtop plot last\n"


HOMELESS = "~nobody-of-this-name/there"


@pytest.mark.parametrize(
    "words",
    [
        ["train", HOMELESS],
        ["check", f"{HOMELESS}.toml"],
        ["schedule", f"{HOMELESS}.toml"],
        ["params", f"{HOMELESS}.toml"],
        ["lr-range", f"{HOMELESS}.toml"],
        ["search", f"{HOMELESS}.toml"],
        ["sensitivity", f"{HOMELESS}.toml"],
        ["profile", f"{HOMELESS}.toml"],
        ["fork", "amber-finch", "--from", HOMELESS],
        ["search", "amber-finch", "--space", f"{HOMELESS}.toml"],
        ["ls", "--runs", HOMELESS],
        ["export", "amber-finch", "--to", "csv", "--output", HOMELESS],
        ["plot", "amber-finch", "--output", f"{HOMELESS}.png"],
        ["new", "digits", f"{HOMELESS}.toml"],
    ],
    ids=lambda words: " ".join(words[:1] + words[2:3]),
)
@pytest.mark.usefixtures("runs")
def test_a_home_of_somebody_unknown_is_a_path_like_any_other(gradtop: Gradtop, words: list[str]) -> None:
    said = gradtop(*words)
    assert said.code == (0 if words[0] in {"export", "ls"} else 2)
    assert HOMELESS in said.out + said.err
