from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gradtop.trainer.config import load_config, sections, to_tables
from gradtop.trainer.config.freeze import FreezePattern
from gradtop.trainer.launch.run_config import effective_config
from gradtop.trainer.record import Run, read_status
from gradtop.trainer.runtime.worker import work
from gradtop.trainer.training import loop
from gradtop.trainer.training.session import Session
from gradtop.tui.screens.tune.draft import make_base
from tests.training.live_changes import LiveChanges, train_with
from tests.training.runs import differences, events, newest_state, rows, tiny_run

LM = '[model]\nkind = "language_model"'
# What stands for another value of each live field: (key, sections of the run, new value).
OF_KIND: dict[str, dict[str, Any]] = {
    "optimizer.lr": {"": 1e-3},
    "optimizer.betas": {"": (0.7, 0.9)},
    "optimizer.momentum": {"": 0.3, "rmsprop": 0.6},
    "optimizer.nesterov": {"sgd": True, "muon": False},
    "training.clip_value": {"": 1e-3},
    "model.dropout": {"": 0.5},
    "freeze.patterns": {"": ["linear1.*"]},
    "training.epochs": {"": 1},
    "training.steps": {"": 5},
    "training.early_stopping": {"": 7},
    "training.threads": {"": 2},
    "training.checkpoint_every": {"": 2},
    "training.keep_checkpoints": {"": 5},
    "augment.crop": {"": 1},
    "augment.rotation": {"": 20.0},
    "monitor.healthy_low": {"": 0.5},
    "monitor.healthy_high": {"": 50.0},
    "optimizer.eps": {"": 1e-3},
}


def live_fields() -> list[tuple[str, str, Any]]:
    """(section and kind as TOML, key, another value) of every field that is declared live."""
    found = []
    for part in sections():
        for kind, specs in part.fields.items():
            for spec in specs:
                if spec.effect != "live" or spec.name == "kind" or kind in {"language_model", "transformer"} or part.name == "sample":
                    continue  # what is sampled of a language model has a test of its own
                of_kind = OF_KIND.get(spec.key, {})
                value = of_kind.get(kind, of_kind.get("", 0.25))
                table = "" if not kind or kind == "mlp" else f'[{part.name}]\nkind = "{kind}"'
                if kind == "constant":
                    continue
                found.append((table, spec.key, value))
    return found


MODEL_KINDS = {"cnn", "shared"}


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Run, Session]]:
    """Trains a run of a table, which nobody changes meanwhile, once."""

    @functools.cache
    def trained(table: str) -> tuple[Run, Session]:
        run = a_run(tmp_path_factory.mktemp("unchanged"), table)
        return run, train_with(run, {})

    return trained


@pytest.mark.parametrize(("table", "key", "value"), live_fields(), ids=lambda value: str(value).replace("\n", " "))
def test_every_field_that_is_declared_live_changes_a_running_training(
    tmp_path: Path, unchanged: Callable[[str], tuple[Run, Session]], table: str, key: str, value: Any
) -> None:
    (plain, before), changed = unchanged(table), a_run(tmp_path, table)
    after = train_with(changed, {3: {key: value}})

    section, _, name = key.partition(".")
    wanted = tuple(value) if isinstance(value, list) else value
    assert getattr(getattr(after.config, section), name) == wanted
    assert after.changes[key] == value or after.changes[key] == list(wanted)
    if not key.startswith(("monitor.", "training.early", "training.checkpoint", "training.keep", "training.threads")):
        one, two = rows(plain, "steps", "loss", "lr"), rows(changed, "steps", "loss", "lr")
        assert one[:3] == two[:3]
        weights = differences(newest_state(plain)["model"], newest_state(changed)["model"])
        assert one != two or weights, "nothing became of the change"
    assert before.step >= after.step or key in {"training.steps", "training.epochs"}


def a_run(folder: Path, table: str, *more: str, epochs: int = 2) -> Run:
    run = tiny_run(folder, *more, epochs=epochs)
    if table.startswith("[model]"):
        text = run.config.read_text()
        kind = table.split('"')[1]
        extra = {"cnn": "channels = [4]\n", "shared": "hidden_size = 8\n"}.get(kind, "")
        run.config.write_text(text.replace('kind = "mlp"\nhidden = [8]\n', f'kind = "{kind}"\n{extra}').replace("dropout = 0.25", "dropout = 0.1"))
    elif table:
        extra = '\npatterns = ["head.bias"]' if "pattern" in table else "\nlr = 0.01" if "optimizer" in table else ""
        run.config.write_text(f"{run.config.read_text()}\n{table}{extra}\n")
    return run


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"optimizer.lr": -1}, "must be a number > 0"),
        ({"optimizer.lr": "x"}, "must be a number"),
        ({"optimizer.lr": float("nan")}, "optimizer.lr"),
        ({"optimizer.lr": 0.1, "training.batch_size": 3}, "requires a fork"),
        ({"optimizer.lr": 0.1, "model.hidden": [3]}, "requires a restart"),
        ({"schedule.kind": "linear"}, "requires a fork"),
        ({"schedule.kind": ["constant"]}, "can become constant"),
        ({"freeze.kind": "pattern", "freeze.patterns": ["*"]}, "nothing would train"),
        ({"freeze.kind": "pattern", "freeze.patterns": ["conv*"]}, "no parameter matches"),
        ({"training.label_smoothing": 0.0}, "no change: training.label_smoothing is already 0"),
        ({"nonsense": 3}, "unknown key"),
        ({"training.clip": 1.0, "training.clip_value": 1.0}, "clip by norm or by value"),
        ({"optimizer.betas": [0.9]}, "two numbers"),
        ({"augment.flip": 0.5, "optimizer.nesterov": True}, "nesterov"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence_and_nothing_is_changed(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    run = tiny_run(tmp_path, epochs=1)
    heard: list[str] = []

    class Asks(LiveChanges):
        def obey(self, session: Session) -> bool:
            if session.step == 2 and not heard:
                before = session.config
                with pytest.raises(ValueError) as caught:
                    session.set_live(changes)
                heard.append(str(caught.value))
                assert session.config is before
                assert not session.changes
            return False

    patched = pytest.MonkeyPatch()
    real = loop.train
    with patched.context() as patch:

        def steered(session: Session) -> None:
            session.control = Asks({})  # type: ignore[assignment]
            real(session)

        patch.setattr(loop, "train", steered)
        assert work(run) == 0, read_status(run).error

    assert said in heard[0]


def test_a_new_learning_rate_scales_what_is_left_of_the_schedule(tmp_path: Path) -> None:
    cosine = '[schedule]\nkind = "cosine"\nmin_lr = 1e-4\nwarmup_steps = 3'
    plain, changed = tiny_run(tmp_path, cosine), tiny_run(tmp_path, cosine)
    train_with(plain, {})
    session = train_with(changed, {6: {"lr": 1e-4 * 5}})

    one, two = rows(plain, "steps", "lr"), rows(changed, "steps", "lr")
    assert two[:6] == one[:6]
    assert [row[1] for row in two[6:]] == pytest.approx([row[1] / 2 for row in one[6:]])
    assert session.changes == {"optimizer.lr": 5e-4, "schedule.min_lr": 5e-5}


def test_a_constant_schedule_takes_the_place_of_any(tmp_path: Path) -> None:
    run = tiny_run(tmp_path)
    train_with(run, {5: {"schedule.kind": "constant", "optimizer.lr": 0.02}})

    assert {row[1] for row in rows(run, "steps", "lr")[5:]} == {0.02}


@pytest.mark.parametrize(("epochs", "steps"), [(1, 8), (3, 24)])
def test_epochs_end_it_earlier_or_later(tmp_path: Path, epochs: int, steps: int) -> None:
    run = tiny_run(tmp_path)
    train_with(run, {3: {"training.epochs": epochs}})

    assert read_status(run).step == steps
    assert len(rows(run, "evals")) == epochs


@pytest.mark.parametrize("schedule", ["one_cycle", "cosine", "plateau", "polynomial"])
def test_fewer_epochs_than_are_done_end_it_at_once(tmp_path: Path, schedule: str) -> None:
    run = tiny_run(tmp_path, f'[schedule]\nkind = "{schedule}"')
    train_with(run, {11: {"training.epochs": 1}})

    assert read_status(run).step == 11
    assert rows(run, "evals")[-1][0] == 11


CHANGES: dict[int, dict[str, object]] = {
    2: {"lr": 0.01, "weight_decay": 0.1},
    4: {"freeze.kind": "pattern", "freeze.patterns": ["linear1.*"], "model.dropout": 0.5},
    6: {"schedule.kind": "constant"},
    9: {"freeze.kind": "none", "augment.flip": 0.5, "label_smoothing": 0.1},
    11: {"training.epochs": 3, "clip": 0.5},
}


@pytest.mark.parametrize("stop", [3, 5, 7, 10, 12])
def test_a_resume_after_live_changes_equals_the_uninterrupted_run_with_the_same(tmp_path: Path, stop: int) -> None:
    whole, parted = (tiny_run(tmp_path, '[schedule]\nkind = "cosine"\nmin_lr = 1e-4') for _ in range(2))
    train_with(whole, CHANGES)
    train_with(parted, {step: each for step, each in CHANGES.items() if step < stop}, stop=stop)
    assert read_status(parted).state == "stopped"
    train_with(parted, {step: each for step, each in CHANGES.items() if step >= stop}, resume=True)

    one, two = newest_state(whole), newest_state(parted)
    one.pop("stopwatch"), two.pop("stopwatch")
    assert differences(one, two) == []
    assert rows(whole, "steps", "loss", "lr") == rows(parted, "steps", "loss", "lr")


def test_the_worker_the_commands_and_the_form_agree_on_the_configuration_after_live_changes(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, '[freeze]\nkind = "pattern"\npatterns = ["linear1.*"]\n\n[schedule]\nkind = "cosine"\nmin_lr = 1e-5')
    session = train_with(
        run,
        {
            2: {"lr": 0.01, "freeze.kind": "none"},
            4: {"freeze.kind": "pattern"},  # begins anew: nothing of what run.toml says is left
            6: {"schedule.kind": "constant", "training.clip": 0.5},
        },
        stop=7,
    )

    assert session.config.freeze == FreezePattern()
    assert effective_config(run) == session.config
    assert make_base(to_tables(load_config(run.config)), read_status(run).changes) == (session.config, "")
    assert train_with(run, {}, resume=True).config == session.config


def test_a_frozen_part_stands_still_and_moves_again(tmp_path: Path) -> None:
    run = tiny_run(tmp_path)
    train_with(run, {3: {"freeze.kind": "pattern", "freeze.patterns": ["linear1.*"]}, 9: {"freeze.kind": "none"}})

    assert [event["count"] for event in events(run, "freeze")] == [2, 0]
