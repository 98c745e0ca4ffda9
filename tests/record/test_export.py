"""Exports hold what was recorded: all of it, once, and what was not measured is not made up."""

from __future__ import annotations

import csv
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gradtop.trainer.record import Column, RecordError, Run, SegmentWriter, StreamReader, new_run
from gradtop.trainer.record.event_file import masked_crc, varint
from gradtop.trainer.record.export import ExportFolder, export_run, readable_streams, write_csv
from tests.record.event_files import events
from tests.tui.fake_model import PARAMETERS
from tests.tui.runs_fixture import fake_run

NAN, INF = math.nan, math.inf


@pytest.fixture
def resumed(tmp_path: Path) -> Run:
    """Three steps, of which the last was done anew with another column; every second norm was measured."""
    run = new_run(tmp_path / "runs", "", {}, name="heron")
    first = SegmentWriter(run, "steps", [Column("loss"), Column("norm", sparse=True)])
    first.append_many([(1, 10.0, 0.5, NAN), (2, 11.0, NAN, 3.0), (3, 12.0, 9.0, 9.0)])
    first.close()
    second = SegmentWriter(run, "steps", [Column("loss"), Column("norm", sparse=True), Column("rate", "1/s")], first_step=3)
    second.append_many([(3, 20.0, -INF, INF, 7.0)])
    second.close()
    SegmentWriter(run, "evals", [Column("loss")]).close()
    return run


def read_csv(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_csv_has_a_line_for_each_record_and_nothing_where_nothing_was_measured(resumed: Run, tmp_path: Path) -> None:
    exported = export_run(resumed, "csv", tmp_path / "new" / "out")
    assert exported.paths == (tmp_path / "new" / "out" / "evals.csv", tmp_path / "new" / "out" / "steps.csv")
    assert exported.empty == ("evals", "layers", "activations", "system", "histograms", "plan")
    assert read_csv(exported.paths[0]) == [["step", "time", "loss"]]
    assert read_csv(tmp_path / "new" / "out" / "steps.csv") == [
        ["step", "time", "loss", "norm", "rate"],
        ["1", "10.0", "0.5", "", ""],
        ["2", "11.0", "nan", "3.0", ""],
        ["3", "20.0", "-inf", "inf", "7.0"],
    ]
    assert {path.name for path in (tmp_path / "new" / "out").iterdir()} == {"evals.csv", "steps.csv"}


def test_parquet_has_null_where_nothing_was_measured(resumed: Run, tmp_path: Path) -> None:
    from pyarrow import parquet

    empty, path = export_run(resumed, "parquet", tmp_path).paths
    assert parquet.read_table(empty).to_pydict() == {"step": [], "time": [], "loss": []}
    table = parquet.read_table(path)
    found = table.to_pydict()
    assert found["step"] == [1.0, 2.0, 3.0]
    assert repr(found["loss"]) == "[0.5, nan, -inf]"
    assert found["norm"] == [None, 3.0, INF]
    assert found["rate"] == [None, None, 7.0]
    assert table.schema.field("rate").metadata == {b"unit": b"1/s"}


def test_all_streams_of_a_run_are_exported_whole(tmp_path: Path) -> None:
    from pyarrow import parquet

    run, grower = fake_run(tmp_path / "runs", state="done", steps=1000)
    grower.close()
    names = ["activations", "evals", "histograms", "layers", "plan", "steps", "system"]
    for to, ending in (("csv", "csv"), ("parquet", "parquet")):
        paths = export_run(run, to, tmp_path / to).paths
        assert [path.name for path in paths] == [f"{name}.{ending}" for name in names]
    for name in names:
        reader = StreamReader(run, name)
        reader.refresh()
        assert len(read_csv(tmp_path / "csv" / f"{name}.csv")) == reader.count + 1
        assert parquet.read_metadata(tmp_path / "parquet" / f"{name}.parquet").num_rows == reader.count


def test_tensorboard_reads_the_scalars(resumed: Run, tmp_path: Path) -> None:
    (path,) = export_run(resumed, "tensorboard", tmp_path).paths
    version, *rest = events(path)
    assert version.file_version == "brain.Event:2"
    found = [(event.step, event.wall_time, {value.tag: value.simple_value for value in event.summary.value}) for event in rest]
    assert repr(found) == repr(
        [
            (1, 10.0, {"steps/loss": 0.5}),
            (2, 11.0, {"steps/loss": NAN, "steps/norm": 3.0}),
            (3, 20.0, {"steps/loss": -INF, "steps/norm": INF, "steps/rate": 7.0}),
        ]
    )


def test_tensorboard_reads_the_histograms(tmp_path: Path) -> None:
    run = new_run(tmp_path / "runs", "", {}, name="heron")
    names = ["parameter", "low", "high", "mean", "std", "min", "max", "zeros", "count", "b0", "b1"]
    writer = SegmentWriter(run, "histograms", [Column(name) for name in names], rollup=False, extra={"parameters": ["stem.weight"]})
    writer.append(7, 10.0, [0, -2.0, 2.0, 0.5, 1.0, -1.5, 1.9, 0.25, 8, 3, 5])
    writer.append(8, 11.0, [3, NAN, NAN, NAN, NAN, NAN, NAN, NAN, 8, 0, 0])  # weights that are not finite
    writer.close()
    (path,) = export_run(run, "tensorboard", tmp_path).paths
    _, event = events(path)
    (value,) = event.summary.value
    found = value.histo
    assert (event.step, value.tag) == (7, "histograms/stem.weight")
    assert (found.min, found.max, found.num, found.sum, found.sum_squares) == (-1.5, 1.9, 8, 4.0, 10.0)
    assert (list(found.bucket_limit), list(found.bucket)) == ([0.0, 2.0], [3, 5])


def test_values_beyond_a_float32_and_negative_steps_are_written(tmp_path: Path) -> None:
    run = new_run(tmp_path / "runs", "", {}, name="heron")
    writer = SegmentWriter(run, "steps", [Column("a"), Column("b")])
    writer.append(-1, 10.0, [1e300, -1e300])
    writer.close()
    (path,) = export_run(run, "tensorboard", tmp_path).paths
    _, event = events(path)
    assert event.step == -1
    assert [value.simple_value for value in event.summary.value] == [INF, -INF]


def test_the_checksum_is_that_of_the_format() -> None:
    # RFC 3720, B.4: CRC-32C of 32 zero bytes is 0x8A9136AA.
    crc = 0x8A9136AA
    assert masked_crc(bytes(32)) == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
    assert varint(300) == b"\xac\x02"


@pytest.mark.parametrize("to", ["csv", "parquet", "tensorboard"])
def test_a_run_without_records_is_said(tmp_path: Path, to: str) -> None:
    run = new_run(tmp_path / "runs", "", {}, name="heron")
    with pytest.raises(RecordError, match="has no records yet"):
        export_run(run, to, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_stream_that_cannot_be_read_is_said_rather_than_left_out(resumed: Run, tmp_path: Path) -> None:
    (resumed.streams / "evals.0.json").write_text('{"format": 99}')
    with pytest.raises(RecordError, match=r"evals\.0 has format 99"):
        export_run(resumed, "csv", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_files_that_are_there_are_replaced_only_where_that_is_told(resumed: Run, tmp_path: Path) -> None:
    (tmp_path / "steps.csv").write_text("mine")
    with pytest.raises(RecordError, match=r"steps\.csv already exists. Replace it with --overwrite"):
        export_run(resumed, "csv", tmp_path)
    assert (tmp_path / "steps.csv").read_text() == "mine"
    assert not list(tmp_path.glob("*evals*"))
    assert not list(tmp_path.glob(".*"))
    export_run(resumed, "csv", tmp_path, overwrite=True)
    assert len(read_csv(tmp_path / "steps.csv")) == 4


def test_a_link_in_a_run_is_not_followed(resumed: Run, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (resumed.path / "export").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RecordError, match="export is a symbolic link"):
        export_run(resumed, "csv", resumed.path / "export" / "csv")
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_link_that_appears_while_an_export_is_written_is_not_followed(resumed: Run, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "csv").mkdir(parents=True)
    with ExportFolder(resumed, resumed.path / "export" / "csv", overwrite=True) as folder:
        (resumed.path / "export").rename(resumed.path / "moved")
        (resumed.path / "export").symlink_to(elsewhere)
        write_csv(readable_streams(resumed), folder)
    assert list((elsewhere / "csv").iterdir()) == []
    assert "steps.csv" in {path.name for path in (resumed.path / "moved" / "csv").iterdir()}


def test_what_a_killed_export_has_left_in_a_run_is_removed_by_the_next_one(resumed: Run) -> None:
    folder = resumed.path / "export" / "csv"
    folder.mkdir(parents=True)
    old, young, other = (folder / name for name in (f".{'0a' * 8}.part", f".{'0b' * 8}.part", ".notes.part"))
    for path in (old, young, other):
        path.touch()
    for path in (old, other):
        os.utime(path, (0, 0))
    export_run(resumed, "csv", folder)
    assert (old.exists(), young.exists(), other.exists()) == (False, True, True)


def test_a_link_in_a_run_is_not_followed_whatever_name_leads_to_the_run(resumed: Run, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "alias").symlink_to(resumed.path)
    (resumed.path / "export").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RecordError, match="alias/export is a symbolic link"):
        export_run(resumed, "csv", tmp_path / "alias" / "export" / "csv")
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert export_run(resumed, "csv", resumed.path / ".." / "figures").paths


@pytest.mark.parametrize("to", ["csv", "parquet"])
def test_histograms_name_their_parameters(tmp_path: Path, to: str) -> None:
    run, grower = fake_run(tmp_path / "runs", state="done", steps=200)
    grower.close()
    path = next(path for path in export_run(run, to, tmp_path).paths if path.stem == "histograms")
    if to == "csv":
        head, *rows = read_csv(path)
        names = [row[head.index("parameter")] for row in rows]
    else:
        from pyarrow import parquet

        names = parquet.read_table(path).column("parameter").to_pylist()
    assert names == [name for name, _, _ in PARAMETERS] * 2


def test_a_place_that_cannot_be_written_to_is_said(resumed: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordError, match="file: cannot be written"):
        export_run(resumed, "csv", tmp_path / "file")


def test_an_unknown_format_is_said(resumed: Run, tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="Unknown format 'xlsx'; available: csv, parquet, tensorboard"):
        export_run(resumed, "xlsx", tmp_path)


def test_without_pyarrow_parquet_says_what_to_install_and_the_rest_works(resumed: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(RecordError, match=r"pip install 'gradtop\[export\]'"):
        export_run(resumed, "parquet", tmp_path / "new" / "out")
    assert not (tmp_path / "new").exists()
    assert export_run(resumed, "csv", tmp_path)


def test_exporting_imports_neither_torch_nor_tensorflow(resumed: Run, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from gradtop.trainer.record import Run; from gradtop.trainer.record.export import ExportFolder, export_run, readable_streams, write_csv\n"
        "for to in ('csv', 'tensorboard', 'parquet'): export_run(Run(sys.argv[1]), to, Path(sys.argv[2]))\n"
        "print([name for name in ('torch', 'tensorflow', 'tensorboard', 'textual') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(resumed.path), str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
