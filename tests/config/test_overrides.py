from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradtop.trainer.config import Cnn, Config, ConfigProblems, Mlp, Sgd, apply_overrides, form_texts, parse_config
from tests.config.strategies import attempt, configs, problems_of


def refused(*changes: str) -> list[str]:
    with pytest.raises(ConfigProblems) as wrong:
        apply_overrides(Config(), changes)
    return [str(problem) for problem in wrong.value.problems]


@pytest.mark.parametrize(
    ("change", "path", "value"),
    [
        ("optimizer.lr=3e-4", "optimizer.lr", 3e-4),
        ("lr=3e-4", "optimizer.lr", 3e-4),
        ("lr=.5", "optimizer.lr", 0.5),
        ("lr=1", "optimizer.lr", 1.0),
        (" lr = 0.1 ", "optimizer.lr", 0.1),
        ("training.device=cuda:0", "training.device", "cuda:0"),
        ('device="cpu"', "training.device", "cpu"),
        ("channels=8,16", "model.channels", (8, 16)),
        ("model.channels=[8, 16]", "model.channels", (8, 16)),
        ("model.channels=8", "model.channels", (8,)),
        ("kernel_size=5", "model.kernel_size", (5,)),
        ("kernel_size=5 3", "model.kernel_size", (5, 3)),
        ("betas=0.8,0.9", "optimizer.betas", (0.8, 0.9)),
        ("monitor.enabled=false", "monitor.enabled", False),
        ("epochs=1_000", "training.epochs", 1000),
    ],
)
def test_a_change_is_taken_by_its_path_or_by_a_name_that_no_other_field_has(change: str, path: str, value: object) -> None:
    section, _, name = path.partition(".")
    assert getattr(getattr(apply_overrides(Config(), [change]), section), name) == value


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("lr=abc", 'optimizer.lr: must be a number > 0, not "abc"'),
        ("lr=true", "optimizer.lr: must be a number > 0, not true"),
        ("lr=", 'optimizer.lr: must be a number > 0, not ""'),
        ("lr=nan", "optimizer.lr: must be a number > 0, not nan"),
        ("lr=0x10", 'optimizer.lr: must be a number > 0, not "0x10"'),
        ("lr=0o17", 'optimizer.lr: must be a number > 0, not "0o17"'),
        ("epochs=0b11", 'training.epochs: must be an integer ≥ 1, not "0b11"'),
        ("epochs=1e1", 'training.epochs: must be an integer ≥ 1, not "1e1"'),
        ("lr=007", 'optimizer.lr: must be a number > 0, not "007"'),
        ("lr=0.1#5", 'optimizer.lr: must be a number > 0, not "0.1#5"'),
        ("lr=１０", 'optimizer.lr: must be a number > 0, not "１０"'),
        ("lr=1e400", "optimizer.lr: must be at most 1e30, not 1e400"),
        ("epochs=1.5", 'training.epochs: must be an integer ≥ 1, not "1.5"'),
        ("enabled=yes", 'monitor.enabled: must be true or false, not "yes"'),
        ("channels=8,x", 'model.channels: must be a list of integers, each ≥ 1, not "8,x"'),
        ("lr=1\nx = 2", 'optimizer.lr: must be a number > 0, not "1\\nx = 2"'),
        ("kind=mlp", "kind: is ambiguous; did you mean one of these: model.kind, init.kind, freeze.kind, data.kind, task.kind, optimizer.kind, schedule.kind"),
        ("momentum=0.9", "optimizer.momentum: belongs to muon, rmsprop and sgd; kind is adamw; set optimizer.kind to one of these, or leave it out"),
        ("optimizer.momentum=0.9", "optimizer.momentum: belongs to muon, rmsprop and sgd; kind is adamw; set optimizer.kind to one of these, or leave it out"),
        ("optimizer.lrr=1", "optimizer.lrr: unknown key; did you mean lr?"),
        ("bach_size=1", "bach_size: unknown key; did you mean training.batch_size?"),
        ("optimiser.lr=1", "optimiser.lr: unknown key; did you mean optimizer.lr?"),
        ("epochs", "'epochs' is not key=value, such as optimizer.lr=1e-3"),
        ("=3", "'=3' is not key=value, such as optimizer.lr=1e-3"),
        ("learning_rate=1", "learning_rate: unknown key; did you mean optimizer.lr?"),
        ("training.patience=3", "training.patience: unknown key; did you mean training.early_stopping?"),
        ("optimizer.name=sgd", "optimizer.name: unknown key; did you mean optimizer.kind?"),
        ("optimizer=3", "optimizer: unknown key; did you mean optimizer.lr?"),
        ("model.kind=cnnn", 'model.kind: must be one of cnn, custom, language_model, mlp, shared, torchvision, transformer, not "cnnn"; did you mean cnn?'),
    ],
)
def test_a_change_that_cannot_be_is_told(change: str, said: str) -> None:
    assert refused(change) == [said]


def test_all_changes_that_cannot_be_are_told_at_once() -> None:
    assert len(refused("lr=abc", "nope=1", "kind=mlp", "epochs=0")) == 4


def test_a_new_kind_drops_what_it_lacks_and_keeps_what_it_shares() -> None:
    text = "[model]\nkind = 'cnn'\nchannels = [8]\nkernel_size = 5\ndropout = 0.25"
    config = parse_config(text, overrides=["model.kind=mlp", "hidden=[32]"])
    assert config.model == Mlp(hidden=(32,), dropout=0.25)
    sgd = apply_overrides(apply_overrides(Config(), ["lr=0.02"]), ["optimizer.kind=sgd"]).optimizer
    assert sgd == Sgd(lr=0.02, weight_decay=0.01)


def test_a_new_kind_does_not_swallow_what_is_given_beside_it() -> None:
    assert refused("model.kind=mlp", "model.channels=[3]") == ["model.channels: belongs to cnn; kind is mlp; set model.kind to cnn, or leave it out"]
    assert problems_of("[model]\nkind = 'cnn'\nnope = 1", "model.kind=mlp") == [
        "model.nope: unknown key; there are: kind, hidden, activation, dropout"
    ]


def test_the_kind_decides_whatever_the_order() -> None:
    assert apply_overrides(Config(), ["hidden=[3]", "model.kind=mlp"]).model == Mlp(hidden=(3,))


def test_a_name_is_told_apart_by_the_kinds_at_hand() -> None:
    assert apply_overrides(Config(), ["channels=[3]"]).model == Cnn(channels=(3,))
    fake = apply_overrides(Config(), ["model.kind=mlp", "data.kind=fake", "channels=1"])
    assert fake.data.shape.channels == 1
    assert refused("data.kind=fake", "channels=1") == ["channels: is ambiguous; did you mean one of these: model.channels, data.channels"]


def test_the_last_of_two_changes_to_one_key_wins() -> None:
    assert apply_overrides(Config(), ["lr=1", "optimizer.lr=2"]).optimizer.lr == 2


def test_a_problem_of_the_command_line_is_not_laid_to_the_file() -> None:
    with pytest.raises(ConfigProblems) as wrong:
        parse_config("[optimizer]\nlr = 1\n[training]\nepochs = 0\n", source="mine.toml", overrides=["lr=-1", "nope=1"])
    assert [str(problem) for problem in wrong.value.problems] == [
        "nope: unknown key",
        "optimizer.lr: must be a number > 0, not -1",
        "mine.toml:4: training.epochs: must be an integer ≥ 1, not 0",
    ]


def test_a_change_can_put_right_what_the_file_has_wrong() -> None:
    assert parse_config("[training]\nepochs = 0", overrides=["epochs=3"]).training.epochs == 3


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_change_at_all_is_made_or_is_a_problem(key: str, value: str) -> None:
    for left in (key, f"optimizer.{key}", "lr", "channels", "device", "model.kind"):
        config, problems = attempt(lambda left=left: apply_overrides(Config(), [f"{left}={value}"]))  # type: ignore[misc]
        assert (config is None) == bool(problems)


@given(configs())
def test_a_configuration_is_reached_from_the_default_by_changes_alone(config: Config) -> None:
    texts = form_texts(config)
    assert apply_overrides(Config(), [f"{key}={text}" for key, text in texts.items()]) == config
