"""tag, note, pin: what a command writes, and where it is read."""

from __future__ import annotations

import json
from pathlib import Path

from gradtop.trainer.record import find_run, list_runs, read_meta
from tests.cli.conftest import Gradtop, Starts


def test_labels_are_written_by_their_commands_and_read_by_show_and_ls(gradtop: Gradtop, runs: Path) -> None:
    assert gradtop("tag", "amber-finch", "base", "wide").out == "amber-finch: base, wide\n"
    assert gradtop("tag", "amber-finch", "--remove", "wide").out == "amber-finch: base\n"
    assert gradtop("note", "amber-finch", "a first\ntry").out == "a first try\n"
    assert gradtop("pin", "amber-finch").out == "amber-finch is pinned\n"
    shown = gradtop("show", "amber-finch").out
    assert "pinned, base" in shown
    assert "a first try" in shown
    (row,) = [each for each in json.loads(gradtop("ls", "--json").out) if each["name"] == "amber-finch"]
    assert (row["tags"], row["note"], row["pinned"]) == (["base"], "a first try", True)
    assert gradtop("unpin", "amber-finch").out == "amber-finch is not pinned\n"
    assert gradtop("note", "amber-finch", "").out == "no note\n"
    said = gradtop("tag", "amber-finch", "two words")
    assert said.code == 2
    assert "is not a tag" in said.err


def test_labels_are_printed_as_json(gradtop: Gradtop, runs: Path) -> None:
    run = find_run(runs, "amber-finch")
    about = {"schema": 1, "id": run.id, "name": "amber-finch", "path": str(run.path)}
    for words, labels in (
        (["tag", "amber-finch", "base"], (["base"], "", False)),
        (["note", "amber-finch", "first"], (["base"], "first", False)),
        (["pin", "amber-finch"], (["base"], "first", True)),
        (["unpin", "amber-finch"], (["base"], "first", False)),
    ):
        said = gradtop(*words, "--json")
        assert (said.code, said.err) == (0, "")
        assert json.loads(said.out) == {**about, **dict(zip(("tags", "note", "pinned"), labels, strict=True))}


def test_a_new_run_has_the_labels_it_was_given_and_not_those_of_its_parent(gradtop: Gradtop, runs: Path, starts: Starts) -> None:
    gradtop("tag", "tidy-wren", "base")
    gradtop("note", "tidy-wren", "of the parent")
    config = runs.parent / "config.toml"
    config.write_text((find_run(runs, "tidy-wren").path / "run.toml").read_text())
    assert gradtop("train", config, "--detach", "--tag", "a", "--tag", "b", "--note", "first", "--name", "new").code == 0
    assert gradtop("rerun", "tidy-wren", "--detach", "--name", "again").code == 0
    found = {read_meta(run).name: read_meta(run) for run in list_runs(runs)}
    assert (found["new"].tags, found["new"].note) == (("a", "b"), "first")
    assert (found["again"].tags, found["again"].note) == ((), "")
