"""`gradtop sensitivity`, and what the commands say of an analysis."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gradtop.trainer.config import load_config, parse_config
from gradtop.trainer.launch import create_run
from gradtop.trainer.record import Run, RunState, Status, write_status
from tests.cli.conftest import Gradtop, Starts
from tests.tui.sensitivity_fixture import sensitivity_run

CONFIG = '[model]\nkind = "mlp"\ndropout = 0.25\n[optimizer]\nkind = "sgd"\nlr = 0.05\n'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "mlp.toml"
    path.write_text(CONFIG)
    return path


def test_ranges_and_pairs_are_options_and_the_trainings_are_stated_before_they_begin(gradtop: Gradtop, starts: Starts, config: Path) -> None:
    said = gradtop("sensitivity", config, "--vary", "lr=log(0.005, 0.5)", "--vary", "dropout=float(0, 0.5)", "--pairs", "lr,dropout", "--points", 3, "--seeds", 2, "--detach")
    assert said.code == 0, said.err
    assert said.out.startswith("18 trainings, 9 configurations with 2 seeds each, timed once the first has ended; ranges: optimizer.lr log(0.005, 0.5); model.dropout ")
    ((run, resume),) = starts.started
    settings = load_config(run.config).part("sensitivity")
    assert not resume
    assert settings.model_dump()["pairs"] == ("lr,dropout",)
    assert settings.model_dump()["vary"] == {"lr": "log(0.005, 0.5)", "dropout": "float(0, 0.5)"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--vary", "lt=log(1e-4, 1)"], "lt"),
        (["--vary", "dropout=float(0, 1.5)"], "in the space: 1.5"),
        (["--vary", "lr"], "neither a TOML file nor KEY=DISTRIBUTION"),
        (["--pairs", "lr"], "is not a pair of keys"),
        (["--search", "nobody"], "No runs in"),
        (["training.monitor=beauty"], "beauty"),
    ],
)
def test_what_cannot_be_analysed_is_refused_before_anything_starts(gradtop: Gradtop, starts: Starts, config: Path, words: list[str], said: str) -> None:
    answer = gradtop("sensitivity", config, *words)
    assert (answer.code, said in answer.err) == (2, True), answer.err
    assert not starts.started
    assert not list(config.parent.glob("runs/*"))


def test_a_search_to_stand_beside_must_be_one(gradtop: Gradtop, starts: Starts, config: Path) -> None:
    search = create_run(config.parent / "runs", parse_config(CONFIG, overrides=['search.space={"lr" = "log(1e-3, 1)"}'], job="search"), name="red-fox")
    plain = create_run(config.parent / "runs", parse_config(CONFIG), name="grey-cat")
    write_status(plain, Status(state=RunState.DONE))
    assert "grey-cat is not a search" in gradtop("sensitivity", config, "--search", "grey-cat").err
    assert gradtop("sensitivity", config, "--search", "red-fox", "--detach").code == 0
    ((run, _),) = starts.started
    assert load_config(Run(run.path).config).part("sensitivity").model_dump()["search"] == search.id


def test_commands_plot_and_tell_it(gradtop: Gradtop, tmp_path: Path) -> None:
    sensitivity_run(tmp_path / "runs")
    said = gradtop("plot", "keen-lynx")
    assert said.code == 0
    rows = [" ".join(line.split()) for line in said.out.splitlines()]
    assert any(row.startswith("optimizer.lr 0.296 [0.290, 0.313]") for row in rows), rows
    assert "lr matters most" in gradtop("ls").out
    shown = gradtop("show", "keen-lynx").out
    for words in ("optimizer.lr: 0.296 [0.290, 0.313]", "range log(0.005, 0.5), base 0.05, best 0.05", "1 failed or diverged", "PED-ANOVA"):
        assert words in shown, (words, shown)
    record = json.loads(gradtop("show", "keen-lynx", "--json").out)["result"]
    assert record["fields"][0]["key"] == "optimizer.lr"
    assert record["pairs"][0]["means"]
