"""A kind is one room: declared in one file, found without being named anywhere else, and never taken for another."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradtop.trainer.config import Config, ConfigProblems, parse_config
from gradtop.trainer.declare import Kind, Section
from tests.forked import forked

BASES = [about.annotation for about in Config.model_fields.values() if isinstance(about.annotation, type) and issubclass(about.annotation, Kind)]
KINDS = [kind for base in BASES for kind in base.kinds().values()]

# A schedule that nothing in gradtop knows: the learning rate is halved once, at `at` of the run.
HALVING = """
from typing import Literal

from gradtop.trainer.declare import setting
from gradtop.trainer.optim.schedules import Phase, ScheduleConfig, Span, Turn


class Halving(ScheduleConfig):
    kind: Literal["halving"] = setting("halving", help="Half the learning rate, once.", effect="fork")
    at: float = setting(0.5, help="Fraction of the run after which it is halved.", effect="fork", gt=0, lt=1)

    def phases(self, span, lr):
        return [Phase(0, "MultiStepLR", {"milestones": [self._step(span)], "gamma": 0.5})]

    def turns(self, span):
        return [Turn(self._step(span), "drop", 0.5)]

    def _step(self, span):
        return round(self.at * span.steps)
"""
# The file is put beside the others, then the configuration is read, built, planned and asked for its turning points.
TRY = """
import sys
torch = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] == "torch"}
import gradtop.trainer.optim.schedules as rooms
rooms.__path__.append(folder)
from gradtop.trainer.analysis.lr_turns import lr_turns
from gradtop.trainer.config import find_spec, parse_config, sections, to_tables
config = parse_config('[schedule]\\nkind = "halving"\\nat = 0.25\\n[optimizer]\\nlr = 0.5')
assert "halving" in next(part for part in sections() if part.name == "schedule").kinds
assert find_spec("schedule.at").help
print([(turn.step, turn.factor) for turn in lr_turns(to_tables(config)["schedule"], 8, 4)])
assert "torch" not in sys.modules
sys.modules.update(torch)
from gradtop.trainer.optim.lr_preview import planned_lr
print([lr for _, lr in planned_lr(config.schedule, config.optimizer, total_steps=8, steps_per_epoch=4)])
"""


def test_a_new_kind_takes_one_file(tmp_path: Path) -> None:
    (tmp_path / "halving.py").write_text(HALVING)

    said = forked(TRY, anew=["gradtop"], folder=str(tmp_path))

    assert said.splitlines() == ["[(2, 0.5)]", str([0.5] * 2 + [0.25] * 6)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_kind_is_declared_in_a_room_of_its_sections_package(kind: type[Kind]) -> None:
    assert kind.__module__.startswith(f"{kind.package}.")
    assert kind.kinds()[kind.model_fields["kind"].default] is kind


@pytest.mark.parametrize("base", BASES, ids=lambda base: base.__name__)
def test_an_unknown_kind_is_a_problem_and_no_other_kind(base: type[Kind]) -> None:
    name = next(name for name, about in Config.model_fields.items() if about.annotation is base)

    with pytest.raises(ConfigProblems, match=f"{name}.kind: must be one of"):
        parse_config(f'[{name}]\nkind = "spiral"')


@pytest.mark.parametrize("name", [name for name, about in Config.model_fields.items() if isinstance(about.default, Section)])
def test_what_stands_for_a_section_that_is_not_given_is_what_the_section_itself_makes_of_an_empty_table(name: str) -> None:
    found = Config.model_fields[name].default

    made = type(found).model_validate({})

    assert found == made
    assert [type(value) for value in vars(found).values()] == [type(value) for value in vars(made).values()]
