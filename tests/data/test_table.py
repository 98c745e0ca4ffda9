"""Tables as data: what columns are taken as, how they are encoded, and what is refused."""

from __future__ import annotations

import math
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from pyarrow import csv, parquet

from gradtop.trainer.config import parse_config
from gradtop.trainer.data.held_out import with_held_out
from gradtop.trainer.data.kinds.table import TableData
from gradtop.trainer.data.kinds.table.loader import TableSource, read_rows
from gradtop.trainer.data.kinds.table.reading import read_table
from gradtop.trainer.data.kinds.table.watched import CountedFile
from gradtop.trainer.data.load import encoding_record, load_data
from gradtop.trainer.data.targets import LABEL_SETS, VALUES, WantedTargets
from gradtop.trainer.launch.custom_code import code_of
from gradtop.trainer.models.build import build_model
from gradtop.trainer.models.kinds.mlp import Mlp
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.runtime.preparing import listening
from tests.data.tables import houses, write_csv
from tests.support import wait_until

OPEN = WantedTargets(open=True)


def opened(file: Path, target: str = "price", wanted: WantedTargets = OPEN, saved: Any = None, **settings: Any) -> TableSource:
    settings = {"drop": ("dear",) if target == "price" else ("price",), **settings}
    source = load_data(TableData(file=str(file), target=tuple(target.split()), **settings), seed=1, wanted=wanted, saved=saved)
    assert isinstance(source, TableSource)
    return source


def refused(file: Path, target: str = "price", wanted: WantedTargets = OPEN, **settings: Any) -> str:
    with pytest.raises(UserError) as refusal:
        opened(file, target, wanted, **settings)
    return str(refusal.value).replace(f"{file}: ", "").replace(f"{file} ", "")


def text(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


def one_column(path: Path, name: str, values: list[str], target: str = "price") -> Path:
    """Beside a column of numbers and a target of values."""
    return text(path, "\n".join([f"{name},other,{target}", *(f"{value},{number * number % 7},{number + 0.5}" for number, value in enumerate(values))]) + "\n")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_csv(tmp_path / "houses.csv", houses())


def test_columns_are_taken_as_what_they_hold(file: Path) -> None:
    source = opened(file)
    encoding = source.encoding
    assert [(column.name, column.boolean) for column in encoding.numbers] == [("area", False), ("rooms", False), ("garden", True)]
    assert {column.name: column.words for column in encoding.categories} == {"district": ("north", "old town", "south"), "heating": ("gas", "oil")}
    assert (source.info.channels, source.info.targets, source.info.classes, source.info.categories) == (5, 1, 0, (4, 4))
    assert encoding.target_kind == VALUES
    (said, missing) = source.survey.notes
    assert "numbers: area, rooms; booleans: garden; categories: district (3), heating (2)" in said
    assert "missing: the mean of the training rows" in said
    assert f"area {sum(row['area'] == '' for row in houses())}" in missing


@pytest.mark.parametrize("policy", ["mean", "median"])
def test_rows_are_encoded_as_a_reference_encodes_them(file: Path, policy: str) -> None:
    """Each training row is found again by its target, and encoded by hand."""
    source = opened(file, missing=policy)
    rows = {float(str(row["price"])): row for row in houses()}
    assert len(rows) == 120
    training = [rows[round(value, 1)] for value in source.train_labels.tolist()]
    assert len(training) == 96
    assert not {*source.train_labels.tolist()} & {*source.val_labels.tolist()}
    areas = [float(str(row["area"])) for row in training if row["area"]]
    mean = math.fsum(areas) / len(areas)
    std = math.sqrt(math.fsum((area - mean) ** 2 for area in areas) / len(areas))
    fill = mean if policy == "mean" else sorted(areas)[(len(areas) - 1) // 2]
    wanted = [((float(str(row["area"])) if row["area"] else fill) - mean) / std for row in training]
    torch.testing.assert_close(source.train_images[:, 0], torch.tensor(wanted), rtol=1e-4, atol=1e-5)
    districts, heating = {"north": 1, "old town": 2, "south": 3}, {"gas": 1, "oil": 2, "": 3}
    assert source.train_images[:, 3].tolist() == [districts[str(row["district"])] for row in training]
    assert source.train_images[:, 4].tolist() == [heating[str(row["heating"])] for row in training]


def test_the_embedding_of_a_category_is_half_as_wide_as_there_are_and_zero_is_unknown(file: Path) -> None:
    source = opened(file)
    model = build_model(Mlp(hidden=(8,)), source.info)
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    assert shapes["embed.column1.weight"] == (4, 2)
    assert shapes["linear1.weight"] == (8, 3 + 2 + 2)
    row = source.train_images[:1].clone()
    row[0, 3] = 0
    expected = torch.cat([row[:, :3], model.embed.column1.weight[:1], model.embed.column2.weight[int(row[0, 4])][None]], 1)  # type: ignore[union-attr, operator, index]
    torch.testing.assert_close(model.embed(row), expected)  # type: ignore[operator]


def test_words_and_few_integers_are_classes_and_other_numbers_values(tmp_path: Path, file: Path) -> None:
    dear = opened(file, "dear")
    assert (dear.encoding.classes, dear.info.classes, dear.info.targets) == (("no", "yes"), 2, 0)
    counts = Counter(dear.train_labels.tolist()) + Counter(dear.val_labels.tolist())
    assert counts == Counter(int(row["dear"] == "yes") for row in houses())
    assert {number: Counter(dear.val_labels.tolist())[number] for number in (0, 1)} == {number: round(counts[number] * 0.2) for number in (0, 1)}, "stratified"
    few = one_column(tmp_path / "few.csv", "a", ["x", "y"] * 20)
    assert opened(text(few, few.read_text().replace(".5", "")), drop=(), target="other").encoding.classes == ("0", "1", "2", "4")
    assert opened(few, drop=()).encoding.target_kind == VALUES
    assert opened(file, "price rooms").info.targets == 2
    assert opened(file, "garden", WantedTargets(LABEL_SETS)).train_labels.shape == (96, 1)


def test_one_target_may_be_named_without_a_list_and_is_no_code() -> None:
    assert parse_config("[model]\nkind = 'mlp'\n[data]\nkind = 'table'\ntarget = 'price'").data == TableData(target=("price",))
    assert code_of({"data": {"kind": "table", "target": "price"}}) == code_of({"data": {"kind": "table", "target": ["a:b"]}}) == ()
    assert code_of({"data": {"kind": "custom", "target": "price"}})
    assert code_of({"data": {"target": "price"}})


def test_numbers_may_be_told_to_be_categories_and_columns_chosen(file: Path) -> None:
    source = opened(file, columns=("rooms", "area"), drop=(), categories=("rooms",))
    assert [column.name for column in source.encoding.numbers] == ["area"]
    assert {*source.encoding.categories[0].words} <= {str(number) for number in range(1, 9)}


def test_columns_that_say_nothing_are_left_out_and_said(tmp_path: Path) -> None:
    rows = [{"id": number, "name": f"house {number}", "land": "x", **row} for number, row in enumerate(houses(40))]
    source = opened(write_csv(tmp_path / "a.csv", rows))
    assert source.survey.notes[-1] == "a.csv: left out: id (numbers the rows), name (is another word in each row), land (is the same in all rows)"
    assert "column name is another word in each row; take it out of data.columns" in refused(tmp_path / "a.csv", columns=("name", "area"), drop=())


def test_rows_with_missing_values_are_dropped_or_refused(file: Path) -> None:
    whole = sum(row["area"] != "" and row["heating"] != "" for row in houses())
    source = opened(file, missing="drop")
    assert len(source.train_images) + len(source.val_images) == whole
    assert f"{120 - whole} rows with a missing value were dropped" in source.survey.notes[-1]
    again = opened(file, missing="drop", saved=encoding_record(source))
    assert torch.equal(again.train_images, source.train_images)
    assert torch.equal(again.val_labels, source.val_labels)
    inputs, targets = read_rows(file, source.encoding, "--data", targets=True)
    assert targets is not None
    assert len(inputs) == len(targets) == whole
    lines = [number for number, row in enumerate(houses(), start=2) if row["area"] == ""]
    assert f"column area has no value in {len(lines)} rows (lines {', '.join(map(str, lines[:3]))} …)" in refused(file, missing="refuse")


def test_no_value_is_made_in_the_way_for_which_pyarrow_imports_pandas(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def scalar(*given: object, **_: object) -> None:
        raise AssertionError(f"pyarrow.scalar, with {given}")

    monkeypatch.setattr(pa, "scalar", scalar)
    assert len(opened(file).labels) > 0


def test_parquet_gives_what_csv_gives(file: Path) -> None:
    parquet.write_table(csv.read_csv(file, convert_options=csv.ConvertOptions(strings_can_be_null=True)), file.with_suffix(".parquet"))
    one, other = opened(file), opened(file.with_suffix(".parquet"))
    torch.testing.assert_close(one.train_images, other.train_images)
    assert one.encoding == other.encoding


def test_what_a_checkpoint_keeps_numbers_other_files_as_before(tmp_path: Path, file: Path) -> None:
    saved = encoding_record(opened(file, "dear"))
    assert opened(file, "dear", saved=saved).fingerprint() == opened(file, "dear").fingerprint()
    rows = houses(60, seed=1)
    for row in rows:
        row["district"] = {"north": "a new one"}.get(str(row["district"]), row["district"])
    source = opened(write_csv(tmp_path / "other.csv", rows[::-1]), "dear", saved=saved)
    found = torch.cat([source.train_images, source.val_images])[:, 3]
    assert Counter(found.tolist()) == Counter({"a new one": 0.0, "old town": 2.0, "south": 3.0}[str(row["district"])] for row in rows)
    assert source.encoding.classes == ("no", "yes")
    assert "words of district that the checkpoint does not know" in source.survey.notes[0]
    rows[4]["dear"] = "a third"
    assert opened(write_csv(tmp_path / "third.csv", rows), "dear", saved=saved).encoding.classes == ("no", "yes", "a third")


def test_a_column_without_any_value_is_filled_in_a_file_to_predict(tmp_path: Path, file: Path) -> None:
    encoding = opened(file).encoding
    rows = [{**row, "area": "", "garden": "", "district": "", "heating": ""} for row in houses(3)]
    inputs, targets = read_rows(write_csv(tmp_path / "new.csv", rows), encoding, "FILE", targets=False)
    assert targets is None
    # The mean, standardized; a word that is missing where training had none is unknown.
    assert inputs[:, [0, 2, 3, 4]].tolist() == [[0, 0, 0, 3]] * 3


def test_validation_may_be_a_file_of_its_own(tmp_path: Path, file: Path) -> None:
    other = write_csv(tmp_path / "other.csv", houses(30, seed=2))
    source = opened(file, validation_file=str(other))
    assert (len(source.train_images), len(source.val_images)) == (120, 30)


WRONG = {
    "a broken line": ("a,price\n1,2.5\n1,2,3\n4,5.5\n", "line 3 has 3 fields, and the header names 2 columns"),
    "a broken line below empty ones": ("\n\na,price\n1,2.5\n\n1,2,3\n", "line 6 has 3 fields, and the header names 2 columns"),
    "a quoted line break before a broken line": ('a,price\n"x\ny",2.5\n1,2,3\n', "line 4 has 3 fields"),
    "a quote that is not closed": ('a,price\n1,2.5\n"2,3.5\n3,4.5\n4,5.5\n', "a quote opens in line 3 or after it, and is not closed before line 5"),
    "numbers with separators": ('a,price\n"1,234.5",2.5\n"2,000",3.5\n7,4.5\n', "line 2, column a: '1,234.5' is a number with separators or signs"),
    "numbers with a sign": ("a,price\n12 %,2.5\n13 %,3.5\n", "line 2, column a: '12 %' is a number with separators or signs"),
    "a word among numbers with a decimal comma": ("a;price\n" + "1,5;2,5\n2,5;3,5\n" * 20 + "many;4,5\n", "line 42, column a: 'many' is no number, and other values of the column are"),
    "a target with separators": ('a,price\n1,"1,234.5"\n2,"2,345.5"\n3,"2,345.0"\n', "line 2, column price: '1,234.5' is a number with separators or signs"),
    "no CSV": ("x" * 3_000_000, "the file is no CSV"),
    "a number that is a word": ("a,price\n" + "1,2.5\n2,3.5\n" * 20 + "many,4.5\n", "line 42, column a: 'many' is no number, and other values of the column are"),
    "a target that is missing": ("a,price\n1,2.5\n2,\n3,NaN\n4,4.5\n", "2 rows have no value of the target price (lines 3, 4)"),
    "an unknown column": ("a,prize\n1,2.5\n", "has no column 'price'; did you mean prize?"),
    "an empty file": ("", "is empty"),
    "a header alone": ("a,price\n", "has a header and no rows"),
    "dates": ("a,price\n2024-01-01,2.5\n2024-01-02,3.5\n", "column a has dates or times"),
    "one class": ("a,price\n1,x\n2,x\n3,x\n", "every row has the target price = 'x'; a classifier needs at least two classes"),
    "an infinite number": ("a,price\n1,2.5\ninf,3.5\n2,4.5\n", "line 3, column a: the number is infinite"),
    "two columns of a name": ("a,a,price\n1,2,2.5\n", "has several columns 'a'"),
    "nothing to learn from": ("a,price\n1,2.5\n1,3.5\n1,4.5\n", "has no column that says anything of the target"),
}


@pytest.mark.parametrize(("content", "sentence"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_a_file_is_said_by_line_and_column(tmp_path: Path, content: str, sentence: str) -> None:
    assert sentence in refused(text(tmp_path / "a.csv", content), drop=())


def test_numbers_with_a_decimal_comma_are_numbers(tmp_path: Path) -> None:
    rows = [(number / 7, ["red", "blue"][number % 2], number % 3, number / 3) for number in range(40)]
    plain = text(tmp_path / "plain.csv", "a;colour;rooms;price\n" + "".join(f"{a:.3f};{word};{rooms};{price:.2f}\n" for a, word, rooms, price in rows))
    comma = text(tmp_path / "comma.csv", plain.read_text().replace(".", ","))
    of_plain, of_comma = (opened(each, drop=()) for each in (plain, comma))
    assert torch.equal(of_plain.train_images, of_comma.train_images)
    assert torch.equal(of_plain.labels, of_comma.labels)
    assert "comma.csv: numbers have a decimal comma" in of_comma.survey.notes
    assert not any("decimal comma" in note for note in of_plain.survey.notes)


def test_all_words_among_the_numbers_of_a_column_are_named_at_once(tmp_path: Path) -> None:
    rows = [f"{number},{number}.5" for number in range(60)]
    for place, word in ((3, "seventy"), (10, "?"), (20, "-"), (30, "?"), (40, "NA"), (50, "?")):
        rows[place] = f"{word},1.5"
    said = refused(text(tmp_path / "a.csv", "\n".join(["a,price", *rows, ""])), drop=())
    assert "line 5, column a: 'seventy' is no number, and other values of the column are; nor are '?' (3 times), '-'; correct them" in said
    assert "'NA'" not in said  # a missing value


def test_a_type_that_changes_far_into_a_file_is_found(tmp_path: Path) -> None:
    """Beyond what is looked at to tell the types."""
    content = one_column(tmp_path / "a.csv", "a", [str(number * 3 % 11) for number in range(150_000)]).read_text()
    assert len(content) > 1 << 20
    path = text(tmp_path / "b.csv", content + "many,1,2.5\nfew,1,2.5\nmany,1,2.5\n")
    said = refused(path, drop=())
    assert "line 150,002, column a: 'many' is no number (2 times), and other values of the column are; nor is 'few'" in said
    assert opened(path, drop=(), categories=("a",)).encoding.categories[0].words[:2] == ("0", "1")


def test_a_file_that_is_not_utf8_is_said_by_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,price\nx,1.5\nM\xfcnchen,2.5\n")
    assert "line 3 is not UTF-8 (byte 0xfc)" in refused(path, drop=())


def test_a_file_that_does_not_fit_into_memory_is_refused_before_it_is_read(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import psutil

    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": 100}))
    assert "in memory, and 0 MiB are free; take fewer rows or columns" in refused(file)


def test_without_pyarrow_the_extra_is_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert refused(file) == "data.kind = table reads CSV and Parquet files by pyarrow, which is not installed: pip install 'gradtop[table]'"


def test_values_where_classes_are_wanted_are_refused_and_words_where_values_are(file: Path) -> None:
    assert "classes are words or whole numbers; set task.kind = regression" in refused(file, wanted=WantedTargets())
    assert "line 2: the target dear is 'no', and numbers are expected" in refused(file, "dear", WantedTargets(VALUES)).replace("'yes'", "'no'")


@pytest.mark.parametrize("target", ["price", "dear"])
def test_a_share_of_the_rows_is_held_out_and_is_the_same_in_a_resume(tmp_path: Path, target: str) -> None:
    file = write_csv(tmp_path / "houses.csv", houses(120))
    source = opened(file, target, test=0.25)
    held_out, again = with_held_out(source), with_held_out(opened(file, target, test=0.25, saved=encoding_record(source)))
    assert isinstance(held_out, TableSource)
    assert isinstance(again, TableSource)
    assert len(held_out.val_labels) == pytest.approx(30, abs=1)
    assert len(source.train_labels) + len(source.val_labels) + len(held_out.val_labels) == 120
    assert torch.equal(held_out.val_images, again.val_images)  # type: ignore[arg-type]
    assert torch.equal(held_out.val_labels, again.val_labels)
    if target == "price":
        assert not set(source.train_labels.flatten().tolist()) & set(held_out.val_labels.flatten().tolist())


def test_a_test_file_is_read_when_the_test_set_is_wanted(tmp_path: Path) -> None:
    file, other = write_csv(tmp_path / "houses.csv", houses(60)), write_csv(tmp_path / "test.csv", houses(20, seed=9))
    source = opened(file, test_file=str(other))
    assert len(source.train_labels) + len(source.val_labels) == 60
    text(other, "no,table\n1,2\n")
    with pytest.raises(UserError, match=r"data.test_file: .*lacks the columns"):
        with_held_out(source)
    write_csv(other, houses(20, seed=9))
    held_out = with_held_out(source)
    assert isinstance(held_out, TableSource)
    assert len(held_out.val_labels) == 20
    other.unlink()
    assert refused(file, test_file=str(other)) == f"data.test_file: there is no file {other}"


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_reading_says_how_far_it_is_and_can_be_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    path, drawn = tmp_path / f"table.{kind}", np.random.default_rng(0)
    table = pa.table({name: drawn.random(200_000) for name in ("a", "b", "price")})
    csv.write_csv(table, path) if kind == "csv" else parquet.write_table(table, path, row_group_size=20_000)
    reached: list[int] = []
    read = CountedFile.read

    def held(self: CountedFile, size: int | None = -1, /) -> bytes:
        reached.append(self.taken)
        wait_until(lambda: self.ended, 60, "the end")
        return read(self, size)

    class Ended(Exception):
        pass

    def listener(doing: str, done: int, of: int) -> None:
        assert (doing, done) == (f"reading table.{kind}, MiB", 0)
        assert of == pytest.approx(path.stat().st_size / (1 << 20), abs=1.01)
        raise Ended

    monkeypatch.setattr(CountedFile, "read", held)
    with listening(listener), pytest.raises(Ended):
        read_table(path, "data.file")
    assert {*reached} <= {0}
    monkeypatch.setattr(CountedFile, "read", read)
    told: list[tuple[str, int, int]] = []
    with listening(lambda *args: told.append(args)):
        assert read_table(path, "data.file").rows == 200_000
    assert told[-1] == ("", 0, 0)
