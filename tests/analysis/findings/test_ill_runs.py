"""Real runs that are ill on purpose, and healthy ones: every configuration of configs/ that needs no download and is not too large, shortened."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradtop.trainer.config import dump_config, load_config
from gradtop.trainer.record import new_run, read_status
from gradtop.trainer.runtime.worker import work
from tests.examples import CONFIGS, NAMES, STAND_INS, data_of
from tests.ill import RUNS, Ill, as_of, first_steps, found_in, names, notes, train

# Steps, of all but what is too large or learns from data that are not here.
HEALTHY = {
    "digits": 90, "digits_mlp": 250, "warmup_cosine": 60, "digits_transformer": 24, "language_model": 16,
    "autoencoder": 92, "byte_pair_text": 120, "mask_folder": 20, "multi_label": 76, "regression": 76, "segmentation": 60, "table_regression": 450, "unbalanced_images": 28,
}  # fmt: skip
# Of the dearest: smaller batches or pictures, as many steps, and a warm-up that is shorter with them.
SMALLER = {
    "warmup_cosine": ("training.batch_size=32", "schedule.warmup_epochs=0.3"),
    "digits_transformer": ("training.batch_size=32", "schedule.warmup_epochs=0.1"),
    "language_model": ("training.batch_size=16",),
    "byte_pair_text": ("model.context=16",),
    "mask_folder": ("data.image_size=32",),
    "unbalanced_images": ("training.batch_size=16",),
}


@pytest.mark.parametrize("each", RUNS, ids=lambda each: each.name)
def test_what_is_wrong_is_found_and_nothing_else(tmp_path: Path, each: Ill) -> None:
    report = found_in(train(each, tmp_path))
    found = names(report)
    assert each.must <= found
    assert found <= each.must | each.may
    assert each.notes in {None, frozenset(notes(report))}


def test_a_finding_comes_as_soon_as_a_colleague_would_say_it(tmp_path: Path) -> None:
    ill = next(each for each in RUNS if each.name == "lr 5")
    run = train(Ill(ill.name, ill.what, [*ill.changes, "training.epochs=4"]), tmp_path)
    assert first_steps(run, tmp_path / "moments")["not-learning"] <= 120
    assert names(found_in(as_of(run, 1, tmp_path / "moments"))) == set()


def test_every_configuration_with_data_to_learn_from_is_among_the_healthy_ones() -> None:
    assert set(HEALTHY) == set(NAMES) - set(STAND_INS)


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_run_has_no_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    changes = [*data_of(name, tmp_path), f"training.steps={HEALTHY[name]}", "training.device=cpu", *SMALLER.get(name, ())]
    config = load_config(CONFIGS / f"{name}.toml", changes)
    run = new_run(tmp_path, dump_config(config), {})
    assert work(run) == 0, read_status(run).error
    assert found_in(run).present == ()
