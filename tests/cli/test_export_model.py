"""`gradtop export RUN --model`: one whole file, or none."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load, load_file

from gradtop.trainer.analysis.formatting import size
from gradtop.trainer.launch import answers
from gradtop.trainer.record import Run
from gradtop.trainer.runtime.worker import work
from tests.cli.conftest import Gradtop
from tests.disk import mounted, occupy
from tests.support import wait_until
from tests.training.runs import tiny_run


@pytest.fixture
def trained_run(tmp_path: Path, running_server: int) -> Run:
    run = tiny_run(tmp_path / "runs", epochs=1)
    assert work(run) == 0
    return run


def test_a_model_is_written_where_it_is_wanted(gradtop: Gradtop, trained_run: Run, tmp_path: Path) -> None:
    said = gradtop("export", "last", "--model", "safetensors")
    assert (said.code, said.err) == (0, "")
    place, about = said.out.splitlines()
    file = trained_run.path / "export" / "safetensors" / "model.safetensors"
    assert place == str(file.relative_to(tmp_path))
    assert about == f"{size(file.stat().st_size)}, step 8 · inputs any×1×4×4 float32 · outputs equal those of the model, over 64 samples"
    assert file.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in file.parent.iterdir()] == [file.name]
    # An existing one stays, unless it is to be replaced.
    said = gradtop("export", "last", "--model", "safetensors")
    assert (said.code, said.err) == (2, f"gradtop: {file} already exists. Replace it with --overwrite, or choose another directory with --output.\n")
    found = json.loads(gradtop("export", "last", "--model", "pt2", "--json", "--output", "here/tiny.pt2").out)
    assert (found["file"], found["bytes"], found["shape"]) == (str(tmp_path / "here" / "tiny.pt2"), (tmp_path / "here" / "tiny.pt2").stat().st_size, ["any", 1, 4, 4])
    assert gradtop("export", "last", "--to", "csv", "--json").err == "gradtop: --checkpoint and --json belong to --model; leave them out\n"
    assert "one of the arguments --to --model is required" in gradtop("export", "last").err


def test_what_fails_leaves_nothing(gradtop: Gradtop, trained_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with mounted(tmp_path, "64k") as disk:
        ballast = occupy(disk)
        said = gradtop("export", "last", "--model", "safetensors", "--output", disk)
        assert (said.code, said.err) == (2, "gradtop: the file cannot be written: No space left on device; choose another place with --output\n")
        assert list(disk.iterdir()) == [ballast]

    def interrupted(*_: object, **__: object) -> None:
        assert list((tmp_path / "out").iterdir()), "the file is begun"
        raise KeyboardInterrupt

    monkeypatch.setattr(answers, "request_work", interrupted)
    assert gradtop("export", "last", "--model", "safetensors", "--output", "out").code == 130
    assert not (tmp_path / "out").exists()


def test_what_is_replaced_stays_whole_where_the_disk_is_full_or_the_export_is_killed(gradtop: Gradtop, trained_run: Run, tmp_path: Path) -> None:
    with mounted(tmp_path, "64k") as disk:
        assert gradtop("export", "last", "--model", "safetensors", "--output", disk).code == 0
        file = disk / "model.safetensors"
        before, again = file.read_bytes(), ("export", str(trained_run.path), "--model", "safetensors", "--output", str(disk), "--overwrite")
        ballast = occupy(disk)
        assert "No space left on device" in gradtop(*again).err
        assert {path.name for path in disk.iterdir()} == {file.name, ballast.name}
        assert file.read_bytes() == before
        ballast.unlink()
        with subprocess.Popen([sys.executable, "-m", "gradtop", *again], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as killed:
            wait_until(lambda: any(disk.glob(".*.part")) or killed.poll() is not None, 60, "its file")
            killed.kill()
        assert file.read_bytes() == before
        assert load_file(file).keys() == load(before).keys()
        assert gradtop(*again).code == 0
