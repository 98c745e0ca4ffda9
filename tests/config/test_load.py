from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradtop.trainer.config import (
    Change,
    Config,
    ConfigProblems,
    diff_config,
    dump_config,
    load_config,
    parse_config,
    strongest,
    to_tables,
)
from gradtop.trainer.config.validate import validate
from tests.config.strategies import attempt, configs

EXAMPLES = sorted((Path(__file__).parents[2] / "configs").glob("*.toml"))


def trouble(path: Path) -> str:
    with pytest.raises(ConfigProblems) as wrong:
        load_config(path)
    return str(wrong.value).replace(str(path), "FILE")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_are_well_and_explain_every_section_that_they_have(path: Path) -> None:
    config = load_config(path)
    assert parse_config(dump_config(config)) == config
    text = path.read_text()
    assert text.startswith("# ")
    assert text.count("#") >= 4


def test_the_examples_are_those_that_the_readme_names() -> None:
    assert {path.name for path in EXAMPLES} >= {"digits.toml", "digits_mlp.toml", "fashion_mnist.toml", "cifar10_resnet18.toml"}


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert trouble(tmp_path / "none.toml") == "FILE: does not exist"


def test_a_directory_is_told(tmp_path: Path) -> None:
    assert trouble(tmp_path) == "FILE: is a directory, not a TOML file"


def test_what_would_block_or_never_end_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert trouble(tmp_path / "pipe") == "FILE: is not a regular file"
    assert trouble(Path("/dev/zero")) == "FILE: is not a regular file"


def test_a_binary_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    path.write_bytes(b"PK\x03\x04\x00\x00\x80\x02")
    assert trouble(path) == "FILE: is a binary file, not TOML"


def test_bytes_that_are_not_utf8_are_told_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "latin.toml"
    path.write_bytes(b"[data]\nkind = 'mnist'\nroot = 'M\xfcll'\n")
    assert trouble(path) == "FILE:3: is not UTF-8 text (byte 31)"


def test_a_file_far_too_large_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "large.toml"
    path.write_text("# " + "x" * 2_000_000)
    assert trouble(path) == "FILE: is larger than 1 MB, too large for a configuration"


def test_a_name_that_no_file_can_have_is_told() -> None:
    assert "cannot be read" in trouble(Path("a" * 5_000)) or "does not exist" in trouble(Path("a" * 5_000))
    with pytest.raises(ConfigProblems):
        load_config("a\0b")


def test_what_is_not_toml_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text("[model]\nkind = cnn\n")
    assert trouble(path).startswith("FILE:2: is not TOML: ")


@given(st.text(max_size=60))
def test_any_text_at_all_is_a_configuration_or_a_problem(text: str) -> None:
    config, problems = attempt(lambda: parse_config(text))
    assert (config is None) == bool(problems)


@given(configs())
def test_a_dumped_configuration_is_read_back_exactly(config: Config) -> None:
    text = dump_config(config)
    again = parse_config(text)
    assert again == config
    assert to_tables(again) == to_tables(config)
    assert dump_config(again) == text


def test_a_dumped_configuration_reads_well() -> None:
    lines = dump_config(validate({"model": {"channels": [16, 32], "stride": [1, 2]}, "optimizer": {"lr": 3e-4}})).split("\n")
    for line in ['kind = "cnn"', "channels = [16, 32]", "kernel_size = 3", "stride = [1, 2]", "lr = 0.0003", "betas = [0.9, 0.999]"]:
        assert line in lines
    assert lines[:5] == ["format = 1", 'job = "train"', "", "[model]", 'kind = "cnn"']


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("format = 2", "format: is 2, and this version of gradtop reads formats up to 1; update gradtop"),
        ("format = 0", "format: must be the number of the file's format, 1, not 0"),
        ('format = "1"', "must be the number of the file's format, 1, not \"1\""),
    ],
)
def test_a_file_of_another_format_is_refused_in_one_sentence(line: str, said: str) -> None:
    assert parse_config("format = 1") == parse_config("")
    with pytest.raises(ConfigProblems) as caught:
        parse_config(f"{line}\n[model]\nkind = 'of the future'\n[future]\nkey = 1\n", source="run.toml")
    assert len(caught.value.problems) == 1
    assert said in str(caught.value)


def test_the_difference_is_told_field_by_field_with_its_way() -> None:
    old = validate({})
    new = validate({"optimizer": {"lr": 3e-4}, "training": {"batch_size": 128, "seed": 1}})
    changes = diff_config(old, new)
    assert changes == [
        Change("optimizer.lr", 1e-3, 3e-4, "live"),
        Change("training.batch_size", 64, 128, "fork"),
        Change("training.seed", 0, 1, "restart"),
    ]
    assert strongest(changes) == "restart"
    assert strongest(changes[:2]) == "fork"
    assert strongest(changes[:1]) == "live"
    assert strongest([]) == ""


def test_of_a_new_kind_the_difference_tells_only_what_is_not_its_default() -> None:
    old = validate({"optimizer": {"kind": "adamw", "lr": 1e-3, "weight_decay": 0.0}})
    new = validate({"optimizer": {"kind": "sgd", "lr": 0.1, "momentum": 0.5, "weight_decay": 0.0}})
    assert [(change.key, change.old, change.new) for change in diff_config(old, new)] == [
        ("optimizer.kind", "adamw", "sgd"),
        ("optimizer.lr", 1e-3, 0.1),
        ("optimizer.momentum", None, 0.5),
    ]


@given(configs(), configs())
def test_two_configurations_differ_where_the_difference_says_so(old: Config, new: Config) -> None:
    assert (diff_config(old, new) == []) == (old == new)
    assert diff_config(old, old) == []
