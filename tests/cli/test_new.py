"""new: what it writes is a configuration that trains, and nothing is overwritten."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli
from PIL import Image

from gradtop.trainer.config import dump_config, load_config, to_tables
from gradtop.trainer.config.schema import sections
from gradtop.trainer.config.starter import STARTERS
from gradtop.trainer.record import find_run, new_run, read_status
from gradtop.trainer.runtime.worker import work
from gradtop.tui.cli.new import KINDS, STDOUT
from tests.cli.conftest import Gradtop
from tests.disk import mounted, occupy

QUICK = ["training.steps=2", "training.epochs=1", "training.device=cpu", "schedule.warmup_epochs=0"]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("images")
    for name in ("cat", "dog"):
        (root / name).mkdir()
        for number in range(40):
            Image.fromarray(np.random.default_rng(number).integers(0, 255, (12, 12, 3)).astype("uint8")).save(root / name / f"{number}.png")
    return root


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("table") / "prices.csv"
    file.write_text("size,city,target\n" + "".join(f"{number / 3:.3f},{'AB'[number % 2]},{number * 1.5}\n" for number in range(200)))
    return file


@pytest.mark.parametrize("kind", KINDS)
def test_each_starter_trains(gradtop: Gradtop, images: Path, table: Path, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = gradtop("new", kind)
    name = f"{kind.replace('-', '_')}.toml"
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[-1] == f"Check it: gradtop check {name} · train: gradtop train {name} --watch"
    assert said.out.count("wrote ") == (2 if STARTERS[kind].module else 1)
    own = {"image-folder": [f"data.root={images}", "data.workers=0", "data.image_size=8"], "table": [f"data.file={table}"]}
    changes = [*QUICK, *own.get(kind, [])]
    config = load_config(name, changes)
    if STARTERS[kind].module:
        monkeypatch.syspath_prepend(tmp_path)
    run = new_run(tmp_path / "runs", dump_config(config), {"cwd": str(tmp_path)}, name=kind)
    assert work(run) == 0, read_status(find_run(tmp_path / "runs", kind)).error
    status = read_status(run)
    assert (status.state, status.step) == ("done", 2)
    assert status.val_loss is not None


def uncommented(text: str) -> dict[str, Any]:
    """The configuration with every key that stands after a #."""
    lines = [line[1:] if line.startswith("#") and not line.startswith(("# ", "#\n")) and line.strip() != "#" else line for line in text.splitlines()]
    return tomli.loads("\n".join(lines))


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_of_its_sections_stands_there_with_its_default(gradtop: Gradtop, kind: str, tmp_path: Path) -> None:
    text = gradtop("new", kind, STDOUT).out
    assert list(tmp_path.iterdir()) == []
    file = tmp_path / "file.toml"
    file.write_text(text)
    found = uncommented(text)
    chosen = {part.name: found[part.name].get("kind", "") for part in sections() if part.name in STARTERS[kind].written}
    assert {name: set(table) for name, table in found.items()} == {
        part.name: {spec.name for spec in part.of(chosen[part.name] or part.default_kind)} for part in sections() if part.name in STARTERS[kind].written
    }
    defaults = to_tables(load_config(file))
    for name, table in found.items():
        for key, value in table.items():
            assert defaults[name][key] == value, (name, key)
    assert max(map(len, text.splitlines())) <= 110


def test_kinds_are_told_with_the_same_names_everywhere() -> None:
    assert set(KINDS) == set(STARTERS)


def test_nothing_is_overwritten_and_nothing_half_written(gradtop: Gradtop, tmp_path: Path) -> None:
    (tmp_path / "my_model.py").write_text("mine")
    said = gradtop("new", "model", "mine.toml")
    assert (said.code, said.out, said.err) == (2, "", "gradtop: my_model.py exists already; name another file, or remove it first\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["my_model.py"]
    (tmp_path / "my_model.py").unlink()
    assert gradtop("new", "model", "mine.toml").code == 0
    before = (tmp_path / "mine.toml").read_text()
    assert gradtop("new", "digits", "mine.toml").code == 2
    assert (tmp_path / "mine.toml").read_text() == before
    said = gradtop("new", "digits", "nowhere/a.toml")
    assert (said.code, said.err) == (2, "gradtop: nowhere/a.toml: No such file or directory\n")
    said = gradtop("new", "data", "/dev/full/x")
    assert said.code == 2
    assert not (tmp_path / "my_data.py").exists()
    assert gradtop("new", "spreadsheet").code == 2


def test_a_kind_may_be_written_as_the_configuration_has_it(gradtop: Gradtop, tmp_path: Path) -> None:
    assert gradtop("new", "image_folder", "-").out == gradtop("new", "image-folder", "-").out


def test_a_full_disk_leaves_nothing_half_written(gradtop: Gradtop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with mounted(tmp_path, "64k") as disk:
        occupy(disk)
        monkeypatch.chdir(disk)
        said = gradtop("new", "model")
        left = [path.name for path in disk.iterdir()]
        monkeypatch.chdir(tmp_path)
    assert (said.code, said.out) == (2, "")
    assert "No space left on device" in said.err
    assert left == ["ballast"]


def test_it_says_in_json_what_it_wrote(gradtop: Gradtop, tmp_path: Path) -> None:
    found = json.loads(gradtop("new", "data", "a b.toml", "--json").out)
    assert found == {"schema": 1, "kind": "data", "files": [str(tmp_path / "a b.toml"), str(tmp_path / "my_data.py")]}
    assert "gradtop check 'a b.toml'" in (tmp_path / "a b.toml").read_text()


def test_what_has_several_models_is_a_script(gradtop: Gradtop) -> None:
    said = gradtop("new", "GAN")
    assert said.code == 2
    assert "what has several, or a loop of its own, is a script of yours" in said.err
