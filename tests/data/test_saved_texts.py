"""A column of texts in a data set as the library datasets saves it, for a language model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import pytest

from gradtop.trainer.config import ConfigProblems, Text, parse_config
from gradtop.trainer.data.held_out import with_held_out
from gradtop.trainer.data.kinds.text.loader import TextSource, load
from gradtop.trainer.runtime.errors import UserError
from tests.data.saved_datasets import saved

LINES = ["the cat sat on the mat", "and the dog sat on the log", "", "the frog, it is said, sat on a rock"] * 5


@pytest.fixture(autouse=True)
def no_bars() -> None:
    datasets.disable_progress_bars()


def stories(root: Path, lines: Any = LINES, name: str = "text", **splits: range) -> Path:
    return saved(root, {name: lines, "author": ["nobody"] * len(lines), "year": list(range(len(lines)))}, **splits)


def opened(root: Path, **settings: Any) -> TextSource:
    return load(Text(file=str(root), **settings), seed=0, context=8)


def refused(root: Path, **settings: Any) -> str:
    with pytest.raises(UserError) as caught:
        opened(root, **settings)
    return str(caught.value).replace(str(root), "ROOT")


def written(source: TextSource) -> tuple[str, str]:
    return source.encoding.decode(source.training_part), source.encoding.decode(source.validation_part)


def test_each_row_is_a_line_and_the_splits_are_those_of_the_text(tmp_path: Path) -> None:
    root = stories(tmp_path / "stories", train=range(12), VALID=range(12, 16), test=range(16, 20))
    source = opened(root)
    assert written(source) == ("\n".join(LINES[:12]), "\n".join(LINES[12:16]))
    assert list(source.survey.notes) == [
        f"{root}: the text is column text, a line for each row",
        f"test in {root} is a test set: it is evaluated once, at the end, by the best weights, and training does not look at it",
    ]
    held_out = with_held_out(source)
    assert isinstance(held_out, TextSource)
    assert held_out.encoding.decode(held_out.validation_part) == "\n".join(LINES[16:])


def test_without_splits_the_end_of_the_text_is_for_validation_as_of_a_file(tmp_path: Path) -> None:
    root, file = stories(tmp_path / "stories"), tmp_path / "stories.txt"
    file.write_text("\n".join(LINES))
    for settings in ({"validation": 0.25}, {"validation": 0.25, "test": 0.2}):
        one, other = opened(root, **settings), opened(file, **settings)
        assert written(one) == written(other)
        assert one.fingerprint() == other.fingerprint()


def test_it_is_encoded_by_any_tokenizer(tmp_path: Path) -> None:
    source = opened(stories(tmp_path / "stories", LINES * 10, name="content"), tokenizer="bpe", vocab_size=270)
    whole = "\n".join(LINES * 10)
    assert "".join(written(source)) == whole
    assert len(source.training_part) + len(source.validation_part) < len(whole)
    assert source.survey.notes[0].endswith("the text is column content, a line for each row")


def test_another_column_may_be_named(tmp_path: Path) -> None:
    assert written(opened(stories(tmp_path / "stories", name="said"), column="said"))[0].startswith("the cat sat")


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    vague = stories(tmp_path / "vague", name="said")
    assert refused(vague) == "data.column: which column of ROOT has the text is not clear; name it: said, author"
    assert refused(vague, column="year").startswith("data.column: ROOT has no column of texts 'year'; it has said (string), author (string), year (integer)")
    lacking = stories(tmp_path / "lacking", ["a b c d e f g"] * 3 + [None] + ["h"])
    assert refused(lacking) == "data.file: ROOT, train, row 3: column text has no value; remove such rows with Dataset.filter"
    assert refused(stories(tmp_path / "short", train=range(10), val=range(2, 3))).startswith("data.file: the validation split of column text of ROOT has 0 characters")
    (tmp_path / "plain").mkdir()
    assert refused(tmp_path / "plain") == "data.file: ROOT is a folder; a text file is expected"
    (tmp_path / "plain.txt").write_text("text")
    assert refused(tmp_path / "plain.txt", column="text").startswith("data.column: ROOT is no folder that save_to_disk")
    assert "but no split train; rename one of them" in refused(stories(tmp_path / "split", first=range(4)))
    with pytest.raises(ConfigProblems, match=r"data\.column: requires data\.file"):
        parse_config("[model]\nkind = 'language_model'\n[data]\nkind = 'text'\ncolumn = 'text'")
