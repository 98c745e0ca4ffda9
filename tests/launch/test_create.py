from __future__ import annotations

import os
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import pytest

from gradtop.trainer import __version__
from gradtop.trainer.config import apply_overrides, diff_config, load_config, to_tables
from gradtop.trainer.launch import create_run, origin
from gradtop.trainer.record import RecordedChange, RecordError, read_meta, read_status
from tests.launch.support import CONFIG, make_run
from tests.support import wait_until


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit, as the current directory."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    (folder / "train.py").write_text("print('one')\n")
    git("init", "-q")
    git("add", ".")
    git("-c", "user.name=n", "-c", "user.email=e@x", "commit", "-q", "-m", "one")
    return folder


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout.strip()


def a_git_that(does: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a program called git before the real one."""
    folder.mkdir()
    program = folder / "git"
    program.write_text(f"#!/bin/sh\n{does}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)


def test_what_is_installed_and_what_the_code_differs_in_are_recorded(tmp_path: Path, repository: Path) -> None:
    (repository / "train.py").write_text("print('two')\n")

    run = make_run(tmp_path)
    wait_until(run.diff.exists, 30, "the diff")

    assert "-print('one')\n+print('two')\n" in run.diff.read_text()
    assert f"torch=={version('torch')}\n" in run.packages.read_text()


def test_a_large_diff_is_cut_off(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(origin, "LARGEST_DIFF", 1000)
    (repository / "train.py").write_text("print('two')\n" * 1000)

    run = make_run(tmp_path)
    wait_until(run.diff.exists, 30, "the diff")

    text = run.diff.read_text()
    assert len(text) < 1100
    assert text.endswith("\n… cut off here\n")


def test_a_fork_works_where_its_parent_did_and_finds_the_paths_that_were_given_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    here.mkdir()
    monkeypatch.chdir(home)
    old = apply_overrides(CONFIG, ["data.kind=image_folder", "data.root=images", "init.pretrained=weights.pt"])
    parent = make_run(tmp_path, old)
    monkeypatch.chdir(here)
    new = apply_overrides(old, ["data.root=others"])

    run = create_run(tmp_path / "runs", new, parent=parent, changes=diff_config(old, new))
    assert read_meta(run).cwd == str(home)
    tables = to_tables(load_config(run.config))
    assert (tables["data"]["root"], tables["init"]["pretrained"]) == (str(here / "others"), "weights.pt")

    (home).rmdir()
    assert read_meta(create_run(tmp_path / "runs", old, parent=parent)).cwd == str(here)


def test_the_whole_configuration_is_written_and_reads_back_the_same(tmp_path: Path) -> None:
    config = apply_overrides(CONFIG, ["optimizer.lr=3e-4", "model.channels=8,16"])

    run = make_run(tmp_path, config)

    assert load_config(run.config) == config
    text = run.config.read_text()
    assert "keep_checkpoints" in text, "a default that changes one day must not change this run"
    assert read_status(run).state == "created"


def test_a_run_knows_its_parent_what_was_changed_and_how_it_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    parent = make_run(tmp_path)
    config = apply_overrides(CONFIG, ["optimizer.lr=3e-4", "optimizer.betas=0.8,0.99"])

    before = time.time()
    run = create_run(
        tmp_path / "runs", config, parent=parent, changes=diff_config(CONFIG, config), command=["gradtop", "rerun", "last"]
    )
    meta = read_meta(run)

    assert meta.parent == parent.id
    assert meta.changes == (RecordedChange("optimizer.lr", 1e-3, 3e-4), RecordedChange("optimizer.betas", [0.9, 0.999], [0.8, 0.99]))
    assert meta.command == ("gradtop", "rerun", "last")
    assert meta.cwd == str(tmp_path)
    assert meta.host == os.uname().nodename
    assert meta.user == origin.user_name() != ""
    assert before <= meta.created <= time.time()
    assert meta.name in run.id


def test_versions_are_recorded_without_importing_what_they_are_of(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from gradtop.trainer.config import parse_config; from gradtop.trainer.launch import create_run\n"
        "create_run(Path(sys.argv[1]), parse_config(''), name='v')\n"
        "assert not {'torch', 'torchvision', 'numpy', 'textual'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-P", "-c", code, str(tmp_path)], check=True)

    from importlib.metadata import version

    from gradtop.trainer.record import list_runs

    found = read_meta(list_runs(tmp_path)[0]).versions
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["gradtop"] == __version__
    assert {name: found[name] for name in ("torch", "torchvision", "numpy")} == {
        name: version(name) for name in ("torch", "torchvision", "numpy")
    }


def test_a_package_that_is_not_installed_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(origin, "PACKAGES", ("no-such-package",))

    assert set(origin.versions()) == {"python", "gradtop"}


def test_the_commit_is_recorded_and_whether_the_code_differs_from_it(repository: Path, tmp_path: Path) -> None:
    commit = git("rev-parse", "HEAD")
    (repository / "notes.txt").write_text("not code that git knows")

    clean = make_run(tmp_path)
    wait_until(lambda: read_meta(clean).git_commit, 30, "the commit")
    (repository / "train.py").write_text("print('two')\n")
    dirty = make_run(tmp_path)
    wait_until(lambda: read_meta(dirty).git_commit, 30, "the commit")

    assert (read_meta(clean).git_commit, read_meta(clean).git_dirty) == (commit, False)
    assert (read_meta(dirty).git_commit, read_meta(dirty).git_dirty) == (commit, True)


def test_a_staged_change_is_a_difference_too(repository: Path) -> None:
    (repository / "more.py").write_text("")
    git("add", "more.py")

    assert origin.CodeState().read() == (git("rev-parse", "HEAD"), True)


def test_no_program_that_a_repository_names_is_run(repository: Path) -> None:
    """`core.fsmonitor` may name any program, which `git status` would run."""
    trap = repository / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {repository}/sprung\n")
    trap.chmod(0o755)
    git("config", "core.fsmonitor", str(trap))

    commit, _ = origin.CodeState().read()

    assert commit
    assert not (repository / "sprung").exists()


def test_outside_a_repository_and_before_the_first_commit_there_is_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert origin.CodeState().read() == ("", False)
    git("init", "-q")
    assert origin.CodeState().read() == ("", False)


def test_without_git_there_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    run = make_run(tmp_path)
    wait_until(run.packages.exists, 30, "what is installed")

    assert read_meta(run).git_commit == ""


def test_a_git_that_fails_is_not_believed(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_git_that(f"echo '# branch.oid {'a' * 40}'; exit 1", tmp_path / "bin", monkeypatch)

    assert origin.CodeState().read() == ("", False)


def test_a_slow_git_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_git_that(f"echo '# branch.oid {'a' * 40}'; exec sleep 1000", tmp_path / "bin", monkeypatch)

    monkeypatch.setattr(origin, "GIT_TIME", 0.1)

    before = time.monotonic()
    run = make_run(tmp_path)
    wait_until(run.packages.exists, 30, "what is installed")

    assert time.monotonic() - before < 10
    assert (read_meta(run).git_commit, read_meta(run).git_dirty) == ("", False)


def test_a_directory_that_was_deleted_is_no_reason_not_to_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    assert read_meta(make_run(tmp_path)).cwd == ""


def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000_001)
    monkeypatch.delenv("USER", raising=False)

    assert origin.user_name() == "4000000001"


def test_a_place_that_takes_no_runs_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")

    with pytest.raises(RecordError, match=r"runs: the run directory cannot be created"):
        make_run(tmp_path)
    assert (tmp_path / "runs").read_text() == "a file"
