"""The environment that workers are started in."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from gradtop.trainer.launch.worker_environment import worker_environment

ROOT = Path(__file__).parents[2] / ".src"


def python_path(*arguments: str, cwd: Path, **env: str) -> str | None:
    """The PYTHONPATH that a process gives to its workers, which imports gradtop in the way of `arguments`."""
    code = "from gradtop.trainer.launch.worker_environment import worker_environment; print(worker_environment().get('PYTHONPATH'))"
    done = subprocess.run(
        [sys.executable, *arguments, "-c", code], cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True, check=True
    )
    found = done.stdout.strip()
    return None if found == "None" else found


def gradtop_found_with(path: str | None, cwd: Path) -> Path:
    env = dict(os.environ) | ({"PYTHONPATH": path} if path is not None else {})
    code = "import gradtop; print(gradtop.__file__)"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=cwd, env=env, capture_output=True, text=True, check=True
    )
    return Path(done.stdout.strip())


def test_an_installed_gradtop_leaves_the_environment_as_it_is(tmp_path: Path) -> None:
    assert python_path("-P", cwd=tmp_path) is None
    assert python_path(cwd=tmp_path) is None
    assert python_path("-P", cwd=tmp_path, PYTHONPATH="/elsewhere") == "/elsewhere"


def test_a_gradtop_that_only_the_current_directory_holds_is_given_to_the_worker(tmp_path: Path) -> None:
    """As when the command is run from a checkout that is not installed: here, another copy than the installed one."""
    copy = tmp_path / "checkout"
    copy.mkdir()
    shutil.copytree(ROOT / "gradtop", copy / "gradtop")

    found = python_path(cwd=copy)

    assert found == str(copy)
    assert gradtop_found_with(found, tmp_path) == copy / "gradtop" / "__init__.py"


def test_another_gradtop_on_the_path_does_not_take_the_place_of_ours(tmp_path: Path) -> None:
    (tmp_path / "gradtop.py").write_text("raise SystemExit('another gradtop')")
    before = os.pathsep.join([str(ROOT), str(tmp_path)])  # ours is found first by the command, as by its entry point

    code = (
        "import os, sys; import gradtop\n"
        f"sys.path.remove({str(ROOT)!r}); sys.path.insert(1, {str(tmp_path)!r}); os.environ['PYTHONPATH'] = {str(tmp_path)!r}\n"
        "from gradtop.trainer.launch.worker_environment import worker_environment; print(worker_environment()['PYTHONPATH'])"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], env={**os.environ, "PYTHONPATH": before}, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == os.pathsep.join([str(ROOT), str(tmp_path)])
    assert gradtop_found_with(done.stdout.strip(), tmp_path) == ROOT / "gradtop" / "__init__.py"


LARGE = """
import resource
faults = []
for _ in range(4):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    del [b"1" * (64 << 20)][:]
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(*faults[1:])
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have other settings")
def test_a_worker_keeps_the_memory_that_a_step_frees_for_the_next_one() -> None:
    def pages_fetched(env: dict[str, str]) -> list[int]:
        done = subprocess.run([sys.executable, "-c", LARGE], env=env, capture_output=True, text=True, check=True)
        return [int(word) for word in done.stdout.split()]

    assert max(pages_fetched(worker_environment())) < 100


def test_what_the_user_has_set_for_the_c_library_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_MMAP_MAX_", "7")
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.arena_max=2")
    found = worker_environment()
    assert (found["MALLOC_MMAP_MAX_"], found["GLIBC_TUNABLES"]) == ("7", "glibc.malloc.arena_max=2:glibc.malloc.hugetlb=1")

    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.hugetlb=0")
    assert worker_environment()["GLIBC_TUNABLES"] == "glibc.malloc.hugetlb=0"


SHOWN = "import ctypes, sys; ctypes.CDLL(sys.argv[1])"


@pytest.mark.skipif(platform.machine() != "x86_64", reason="only there a number of looks says how long a thread waits")
@pytest.mark.parametrize(("ours", "spins"), [({}, "10000"), ({"GOMP_SPINCOUNT": "77"}, "77"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "30000000000")])
def test_threads_of_openmp_wait_briefly_unless_the_user_says_how(monkeypatch: pytest.MonkeyPatch, ours: dict[str, str], spins: str) -> None:
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ours.items():
        monkeypatch.setenv(name, value)
    torch = find_spec("torch")
    assert torch is not None
    assert torch.origin is not None
    library = next(Path(torch.origin).parents[1].glob("torch*/**/libgomp*.so*"))

    done = subprocess.run([sys.executable, "-c", SHOWN, library], env={**worker_environment(), "OMP_DISPLAY_ENV": "VERBOSE"}, capture_output=True, text=True, check=True)

    assert f"GOMP_SPINCOUNT = '{spins}'" in done.stderr
