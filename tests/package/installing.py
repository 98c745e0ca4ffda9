"""Builds of this checkout, and environments in which they are installed: without pip, an index or a network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from configparser import ConfigParser
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
# What a build reads, but for compiled modules and what an earlier build left.
SOURCES = (".src", "trainer", "tui", "tests", "pyproject.toml", "README.md", "LICENSE")
LEFT_OVER = shutil.ignore_patterns("__pycache__", "*.egg-info")
# The hooks of PEP 517 and PEP 660, as a build frontend calls them.
SDIST = "from setuptools import build_meta; print(build_meta.build_sdist({out!r}))"
WHEEL = "from setuptools import build_meta; print(build_meta.build_wheel({out!r}))"
EDITABLE = "from setuptools import build_meta; print(build_meta.build_editable({out!r}))"


@dataclass(frozen=True)
class Builds:
    checkout: Path  # a copy, where the editable wheel finds the package
    sdist: Path
    wheel: Path
    editable: Path


def build(folder: Path) -> Builds:
    checkout = folder / "checkout"
    checkout.mkdir(parents=True)
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, checkout / name, symlinks=True, ignore=LEFT_OVER)
        else:
            shutil.copy(ROOT / name, checkout)
    sdist = hook(SDIST, checkout, folder / "sdist")
    shutil.unpack_archive(sdist, folder / "unpacked", filter="data")
    (unpacked,) = (folder / "unpacked").iterdir()
    wheel = hook(WHEEL, unpacked, folder / "wheel")
    editable = hook(EDITABLE, checkout, folder / "editable")
    take_compiled(checkout)
    return Builds(checkout, sdist, wheel, editable)


def take_compiled(folder: Path) -> None:
    """Give each module below the folder that is one of ours what Python has compiled of it: a process would compile hundreds."""
    for name in ("tui", "trainer"):
        for package in [found for found in folder.rglob(name) if found.is_dir() and not found.is_symlink()]:
            for compiled in (ROOT / name).rglob("__pycache__/*.pyc"):
                place = compiled.relative_to(ROOT / name)
                source = compiled.parents[1] / f"{compiled.name.partition('.')[0]}.py"
                copy = package / source.relative_to(ROOT / name)
                if source.exists() and copy.exists() and copy.read_bytes() == source.read_bytes():
                    shutil.copystat(source, copy)  # by its time and length Python knows that it is the source of what was compiled
                    (package / place).parent.mkdir(exist_ok=True)
                    shutil.copy(compiled, package / place)


def hook(code: str, source: Path, out: Path) -> Path:
    out.mkdir()
    done = subprocess.run([sys.executable, "-P", "-c", code.format(out=str(out))], cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out / done.stdout.splitlines()[-1]


def install(wheel: Path, folder: Path) -> Path:
    """A virtual environment with the wheel in it, beside all that this process can import but gradtop; returns its python."""
    venv.create(folder, symlinks=True, with_pip=False)
    (site,) = folder.glob("lib/python*/site-packages")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(site)
    take_compiled(site)
    # Lines of a .pth file are added to the path; the .pth files in those directories, our own editable install among them, are not read.
    (site / "dependencies.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
    python = folder / "bin" / "python"
    for name, (module, function) in console_scripts(site).items():
        script = folder / "bin" / name
        script.write_text(f"#!{python}\nimport sys\nfrom {module} import {function}\nsys.exit({function}())\n")
        script.chmod(0o755)
    return python


def console_scripts(site: Path) -> dict[str, tuple[str, str]]:
    (file,) = site.glob("gradtop-*.dist-info/entry_points.txt")
    found = ConfigParser()
    found.read(file)
    return {name: (module, function) for name, target in found["console_scripts"].items() for module, _, function in [target.partition(":")]}


def output_of(*command: str | Path, cwd: Path | None = None) -> str:
    """What the command printed. Fails where it ends with another code than 0."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([str(word) for word in command], cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout
