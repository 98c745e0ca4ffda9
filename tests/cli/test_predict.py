"""What `gradtop predict` prints and refuses."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from gradtop.trainer.runtime.worker import work
from tests.cli.conftest import Gradtop
from tests.training.runs import tiny_run


def test_pictures_from_files_folders_and_the_standard_input(gradtop: Gradtop, running_server: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tiny_run(tmp_path / "runs", epochs=1)
    assert work(run) == 0
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(3):
        Image.new("RGB", (9, 7), (number * 90, 20, 30)).save(pictures / f"{number}.png")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO((pictures / "2.png").read_bytes())))
    said = gradtop("predict", "last", "pictures", "-", "--top", 2)
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    assert [line.split()[0] for line in lines] == ["pictures/0.png", "pictures/1.png", "pictures/2.png", "-"]
    assert all(line.count("class ") == 2 and line.count(" %") == 2 for line in lines)
    assert lines[2].split(maxsplit=1)[1] == lines[3].split(maxsplit=1)[1]
    found = json.loads(gradtop("predict", "last", pictures / "0.png", "--json").out)
    assert (found["id"], found["notes"]) == (run.id, [])
    (prediction,) = found["predictions"]
    assert prediction["file"] == str(pictures / "0.png")
    assert [each.keys() for each in prediction["top"]] == [{"class", "name", "probability"}] * 3


def test_what_cannot_be_predicted_is_said_for_each_file(gradtop: Gradtop, running_server: int, tmp_path: Path) -> None:
    assert work(tiny_run(tmp_path / "runs", epochs=1)) == 0
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "empty").mkdir()
    said = gradtop("predict", "last", "notes.txt", "gone.png")
    assert (said.code, said.out) == (2, "")
    assert said.err.splitlines() == [
        "gradtop: notes.txt: cannot be read (no image, or of a kind that Pillow does not read)",
        "gradtop: gone.png: there is no such file",
    ]
    assert gradtop("predict", "last", "empty").err == "gradtop: empty has no files in it; name a folder with pictures or texts, or the files\n"
    assert gradtop("predict", "last", "notes.txt", "--top", 0).err == "gradtop: --top must be at least 1, and is 0\n"
    assert gradtop("predict", "last", "notes.txt", "--length", 9).err == "gradtop: --length: this is a classifier, which has no use for it; leave out --length\n"


def test_samples_of_the_data_of_the_run(gradtop: Gradtop, running_server: int, tmp_path: Path) -> None:
    assert work(tiny_run(tmp_path / "runs", epochs=1)) == 0
    said = gradtop("predict", "last", "--data", "validation", "--index", "5,0", "--top", 1)
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["validation 5", "validation 0"]
    assert all("; target class " in line for line in lines)
    found = json.loads(gradtop("predict", "last", "--data", "train", "--index", 0, "--json").out)
    assert (found["data"], [each.keys() for each in found["predictions"]]) == ("train", [{"index", "top", "target"}])
    for words, sentence in (
        ((), "name a FILE to predict, or a part of the run's data with --data"),
        (("a.png", "--data", "test"), "FILE and --data cannot be combined; leave one out"),
        (("a.png", "--index", "1"), "--index chooses samples of the run's data; name their part with --data"),
        (("--data", "train", "--masks", "here"), "--masks writes those of pictures; name these as FILE in place of --data"),
        (("--data", "train", "--seed", "1"), "--seed: this is a prediction of samples, which has no use for it; leave out --seed"),
    ):
        said = gradtop("predict", "last", *words)
        assert (said.code, said.err) == (2, f"gradtop: {sentence}\n")
    assert "'1,x' is no list of whole numbers from 0 on, such as 0,3" in gradtop("predict", "last", "--data", "train", "--index", "1,x").err
