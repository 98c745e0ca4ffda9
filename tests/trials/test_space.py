"""The space of a search: as it is written, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradtop.trainer.config import ConfigProblems, dump_config, load_config, parse_config
from gradtop.trainer.jobs.search.config import Settings
from gradtop.trainer.trials.space import NotASpace, Parameter, configure, grid_point, parse_parameter, parse_space

BASE = parse_config('[model]\nkind = "mlp"\n[optimizer]\nkind = "sgd"\n')
CONFIGS = Path(__file__).parents[2] / "configs" / "search"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("log(1e-5,1e-2)", Parameter("k", "float", 1e-5, 1e-2, log=True)),
        ("float(0, 1, step=0.25)", Parameter("k", "float", 0, 1, step=0.25)),
        ("int(16, 256, log)", Parameter("k", "int", 16, 256, log=True)),
        ("choice(sgd, 'a, b', 3, true)", Parameter("k", "choice", choices=("sgd", "a, b", 3, True))),
        (["sgd", "adamw"], Parameter("k", "choice", choices=("sgd", "adamw"))),
        ("choice([64, 32], [8])", Parameter("k", "choice", choices=("[64, 32]", "[8]"))),
        ("float(0, 1) if model.kind in [mlp, cnn]", Parameter("k", "float", 0, 1, condition=("model.kind", ("mlp", "cnn")))),
    ],
)
def test_a_distribution_is_read_as_it_is_written(written: object, expected: Parameter) -> None:
    assert parse_parameter("k", written) == expected


@pytest.mark.parametrize(
    ("written", "sentence"),
    [("uniform(1, 2)", "must be log"), ("log(0, 1)", "above 0"), ("float(2, 1)", "above its high end"), ("int(1.5, 2)", "integers"), ("float(1)", "two numbers"),
     ("float(0, inf)", "finite"), ("log(1, 2, step=1)", "no step"), ("float(0, 1, q=2)", "unknown argument 'q'"), ("choice()", "at least one"), (3, "must be log"),
     ("float(0, 1) if optimizer.kind = sgd", "if KEY == VALUE`, not 'float")],
)  # fmt: skip
def test_what_is_no_distribution_is_refused_with_a_sentence(written: object, sentence: str) -> None:
    with pytest.raises(NotASpace, match=sentence):
        parse_parameter("k", written)


def test_all_problems_are_told_at_once_by_key() -> None:
    with pytest.raises(ConfigProblems) as wrong:
        parse_config("""
[model]
kind = "mlp"
[optimizer]
kind = "sgd"
[search]
objectives = ["acuracy"]
[search.space]
"optimizer.lrr" = "log(1e-5, 1e-2)"
"optimizer.lr" = "float(-1, 1)"
"training.batch_size" = "float(8, 16)"
"model.dropout" = "float(0, 2)"
"model.activation" = "int(0, 1)"
"optimizer.betas" = "choice([0.9, 0.99])"
""", job="search")  # fmt: skip
    told = str(wrong.value)
    for words in ("search.objectives: 'acuracy' is not a metric",):
        assert words in told
    told = "\n".join(f"{key}: {sentence}" for key, sentence in Settings(space={
        "optimizer.lrr": "log(1e-5, 1e-2)", "optimizer.lr": "float(-1, 1)", "training.batch_size": "float(8, 16)", "model.dropout": "float(0, 2)",
        "model.activation": "int(0, 1)", "optimizer.betas": "choice([0.9, 0.99])",
    }).disagreements_with(BASE))  # fmt: skip
    for words in (
        "optimizer.lrr: unknown key; did you mean", "optimizer.lr: must be a number > 0, not -1", "batch_size: takes integers", "model.dropout: must be a number ≥ 0 and < 1",
        "model.activation: takes one of", "optimizer.betas: belongs to",
    ):  # fmt: skip
        assert words in told


def test_a_conditional_parameter_follows_its_condition_and_a_grid_counts_what_it_leaves_out_once() -> None:
    space = parse_space({"optimizer.momentum": "choice(0.0, 0.9) if optimizer.kind == sgd", "optimizer.kind": "choice(sgd, adamw)"}, BASE)
    assert [each.key for each in space] == ["optimizer.kind", "optimizer.momentum"]
    found = [point for number in range(4) if (point := grid_point(space, BASE, number)) is not None]
    assert found == [{"optimizer.kind": "sgd", "optimizer.momentum": 0.0}, {"optimizer.kind": "sgd", "optimizer.momentum": 0.9}, {"optimizer.kind": "adamw"}]
    assert [configure(BASE, point).optimizer.kind for point in found] == ["sgd", "sgd", "adamw"]
    with pytest.raises(NotASpace, match="circle"):
        parse_space({"optimizer.lr": "float(0.1, 1) if optimizer.momentum == 0.5", "optimizer.momentum": "float(0, 0.9) if optimizer.lr == 0.1"}, BASE)


def test_a_grid_has_its_points_or_steps() -> None:
    assert parse_parameter("k", "log(1e-3, 1e-1, points=3)").grid() == pytest.approx((1e-3, 1e-2, 1e-1))
    assert parse_parameter("k", "int(16, 64, step=16)").grid() == (16, 32, 48, 64)
    with pytest.raises(ConfigProblems, match="a grid requires step=S or points=N"):
        parse_config('[search]\nsampler = "grid"\nspace = {"optimizer.lr" = "log(1e-3, 1)"}', job="search")


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.stem)
def test_the_examples_are_valid_and_written_as_they_are_read(path: Path) -> None:
    config = load_config(path, job="search")
    assert parse_config(dump_config(config)) == config
