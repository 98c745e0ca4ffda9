from __future__ import annotations

import json
from pathlib import Path

import pytest

from gradtop.trainer.record import RecordError, Run, label_run, new_run, read_meta, rename_run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return new_run(tmp_path / "runs", "", {"command": ["gradtop"], "later": {"of": "another version"}}, name="heron")


def test_tags_a_note_and_a_pin_are_kept_beside_all_that_meta_has(run: Run) -> None:
    label_run(run, add=["base", "wide", "base"], note="  loss jumps\nat the end  ")
    label_run(run, remove=["wide"], pinned=True)
    meta = read_meta(run)
    assert (meta.tags, meta.note, meta.pinned) == (("base",), "loss jumps at the end", True)
    rename_run(run, "crane")
    label_run(run, note="", pinned=False)
    meta = read_meta(run)
    assert (meta.name, meta.tags, meta.note, meta.pinned) == ("crane", ("base",), "", False)
    assert json.loads(run.meta.read_text())["later"] == {"of": "another version"}
    assert not [path for path in run.path.iterdir() if path.name.endswith(".tmp")]


@pytest.mark.parametrize("tag", ["", "two words", "a:b", "x" * 41, "-x", "a\x1b[2Jb", 'a"b', "lr=3"])
def test_a_tag_that_no_filter_could_name_is_refused(run: Run, tag: str) -> None:
    with pytest.raises(RecordError, match="is not a tag"):
        label_run(run, add=[tag])
    assert read_meta(run).tags == ()


def test_labels_have_a_limit(run: Run) -> None:
    with pytest.raises(RecordError, match="at most 20 tags"):
        label_run(run, add=[str(number) for number in range(21)])
    with pytest.raises(RecordError, match="at most 2000 characters"):
        label_run(run, note="x" * 2001)


def test_meta_that_cannot_be_read_is_not_overwritten(run: Run) -> None:
    run.meta.write_text("{half")
    with pytest.raises(RecordError, match=r"meta\.json cannot be read"):
        label_run(run, add=["base"])
    with pytest.raises(RecordError, match=r"meta\.json cannot be read"):
        rename_run(run, "crane")
    assert run.meta.read_text() == "{half"


def test_what_another_program_wrote_as_labels_is_bounded(run: Run) -> None:
    run.meta.write_text(json.dumps({"tags": ["x" * 1000] * 100, "note": "y" * 100_000, "pinned": "yes"}))
    meta = read_meta(run)
    assert (len(meta.tags), len(meta.tags[0]), len(meta.note), meta.pinned) == (20, 40, 2000, False)
