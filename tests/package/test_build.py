"""What is built: every file of the package and nothing else, and an install that costs no interpreter a thing at its start."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

import pytest

from gradtop.trainer import __version__
from tests.package.installing import ROOT, Builds, install, output_of

LEFT_OUT = {".pyc"}


def package_files() -> set[str]:
    """Every file of the two folders, as it is named in a wheel."""
    found = {f"gradtop/{name}.py" for name in ("__init__", "__main__")}
    for folder in ("trainer", "tui"):
        found |= {f"gradtop/{path.relative_to(ROOT)}" for path in (ROOT / folder).rglob("*") if path.is_file() and path.suffix not in LEFT_OUT}
    return found


@pytest.fixture(scope="session", params=["wheel", "editable"])
def python(request: pytest.FixtureRequest, builds: Builds, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment in which gradtop is installed in this way."""
    return install(getattr(builds, request.param), tmp_path_factory.mktemp(request.param) / "environment")


def test_the_wheel_holds_every_file_of_the_package_and_no_tests(builds: Builds) -> None:
    with zipfile.ZipFile(builds.wheel) as packed:
        names = set(packed.namelist())
    about = f"gradtop-{__version__}.dist-info/"
    assert {name for name in names if not name.startswith(about)} == package_files()
    assert f"{about}licenses/LICENSE" in names


def test_the_source_distribution_holds_what_the_wheel_is_built_from_and_no_tests(builds: Builds) -> None:
    """setuptools takes `tests/test*.py` along: a test module has its place in a folder below."""
    with tarfile.open(builds.sdist) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    assert {f".src/{name}" for name in package_files()} <= names
    assert {"README.md", "LICENSE", "pyproject.toml"} <= names
    assert not [name for name in names if name.startswith("tests/")]


def test_an_editable_install_is_one_plain_line_of_a_path(builds: Builds) -> None:
    """A line that imports, as the finders of setuptools do, costs every start of the interpreter 20 ms and hides the package from type checkers."""
    with zipfile.ZipFile(builds.editable) as packed:
        names = [name for name in packed.namelist() if ".dist-info/" not in name]
        lines = [packed.read(name).decode().splitlines() for name in names]
    assert [Path(name).suffix for name in names] == [".pth"]
    assert lines == [[str(builds.checkout / ".src")]]


def test_a_start_of_the_interpreter_imports_nothing_of_ours(python: Path) -> None:
    modules = output_of(python, "-c", "import sys; print(*sys.modules)").split()
    assert not [name for name in modules if "gradtop" in name or name == "importlib.util"]


def test_the_command_runs_as_a_script_and_as_a_module(python: Path) -> None:
    version = f"gradtop {__version__}"
    assert output_of(python.parent / "gradtop", "--version").startswith(version)
    assert output_of(python, "-m", "gradtop", "--version").startswith(version)
    assert output_of(python, "-P", "-m", "gradtop", "--version").startswith(version)


def test_types_and_styles_are_found_where_they_are_installed(python: Path) -> None:
    code = "from importlib.resources import files\nfor name in ('trainer/py.typed', 'tui/py.typed', 'tui/app.tcss'): print(files('gradtop').joinpath(name).is_file())"
    assert output_of(python, "-c", code).split() == ["True"] * 3
