"""What a configuration costs that is read once, at the start of each command and when Tune is opened: only what it needs is built."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from typing import Any

import pytest
from pydantic import BaseModel

from gradtop.trainer.config import ConfigProblems, parse_config
from gradtop.trainer.declare import Section
from tests.forked import forked

TOLD = """
import json, sys
from gradtop.trainer.config import ModelConfig, OptimizerConfig, parse_config
config = parse_config({text!r})
built = sorted(kind for base in (ModelConfig, OptimizerConfig) for kind, each in base.kinds().items() if each.__pydantic_complete__)
print(json.dumps([config.model.kind, config.optimizer.kind, built, sorted(sys.modules)]))
"""


def read(text: str) -> tuple[str, str, list[str], list[str]]:
    """The kinds of model and optimizer, those that were built, and what a fresh process has imported."""
    code = TOLD.format(text=text)
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    model, optimizer, built, modules = json.loads(done.stdout)
    return model, optimizer, built, modules


def test_of_the_kinds_those_alone_are_built_that_stand_in_the_file() -> None:
    model, optimizer, built, modules = read("[model]\nkind = 'mlp'\n[optimizer]\nkind = 'sgd'\n[training]\nepochs = 3")
    assert (model, optimizer) == ("mlp", "sgd")
    assert built == ["mlp", "sgd"]
    assert "importlib.metadata" not in modules, "it is looked for plugins of pydantic"
    assert not [name for name in modules if name.startswith("gradtop.trainer.jobs.") and name.endswith(".config")]


def test_of_the_jobs_own_sections_that_one_is_imported_that_is_used() -> None:
    _, _, _, modules = read("job = 'lr_range'\n[lr_range]\nsteps = 50")
    assert [name for name in modules if name.startswith("gradtop.trainer.jobs.") and name.endswith(".config")] == ["gradtop.trainer.jobs.lr_range.config"]


def test_all_that_is_wrong_in_several_kinds_is_told_at_once() -> None:
    text = "[model]\nkind = 'mlp'\nhidden = 'wide'\n[optimizer]\nkind = 'sgd'\nlr = -1.0\nmomentum = true\n[schedule]\nkind = 'step'\ngamma = 'half'"
    with pytest.raises(ConfigProblems) as found:
        parse_config(text)
    assert [problem.key for problem in found.value.problems] == ["model.hidden", "optimizer.lr", "optimizer.momentum", "schedule.gamma"]
    assert [problem.line for problem in found.value.problems] == [3, 6, 7, 10]


def test_models_of_other_packages_keep_their_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    plugins: Any = importlib.import_module("pydantic.plugin._schema_validator")
    theirs = plugins.SchemaValidator

    def validator(*arguments: object, **options: object) -> object:
        made.append("theirs")
        return theirs(*arguments, **options)

    class Ours(Section):
        number: int = 1

    monkeypatch.setattr(plugins, "SchemaValidator", validator)
    assert Ours.model_validate({"number": 2}).number == 2
    assert made == []

    class Theirs(BaseModel):
        number: int = 1

    assert Theirs(number=2).number == 2
    assert made == ["theirs"]


WARMED = """
import typing
from gradtop.trainer.config import Config
from gradtop.trainer.config.job import settings_of
from gradtop.trainer.config.schema import job_sections, sections
from gradtop.trainer.server.preload import warm_up
warm_up()
annotations = [Config.model_fields[part.name].annotation for part in sections() if part.kinds]
kinds = [kind for each in annotations for kind in (typing.get_args(each) or each.kinds().values())]
settings = [settings_of(part.name) for part in job_sections()]
print(len(kinds) > 40, all(each.__pydantic_complete__ for each in (*kinds, *settings)))
"""


def test_the_torch_server_builds_every_kind_before_it_forks() -> None:
    assert forked(WARMED, anew=["gradtop"]).split() == ["True", "True"]
