"""Who may import whom, looked at where it counts: in `sys.modules` of a process of its own."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from gradtop.tui import keys
from gradtop.tui.cli.main import commands
from tests.process.support import Zygote
from tests.sources import module_name, parsed

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / ".src"
HEAVY = {"torch", "torchvision", "numpy", "textual", "pydantic", "rich", "plotext", "psutil", "pynvml", "tomli"}
TORCH = {"torch", "torchvision", "numpy"}
OPEN_TO_THE_SCREEN = {"config", "record", "analysis", "launch", "job", "jobs", "metrics", "named_tuple", "trials", "fields", "home", "socket_directory"}
TRIALS = {f"gradtop.trainer.trials.{name}" for name in ("failures", "sweep_job", "trial_job", "trial_run")}  # what runs them
WORK = ("work", "measure")  # the parts of a job's room that run in the worker, and in the processes that measure for it


def imported(code: str, *, cwd: Path | None = None) -> set[str]:
    """The top-level packages and our own modules that a fresh process has imported after running `code`."""
    script = f"{code}\nimport json, sys\nprint('\\n' + json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, cwd=cwd, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def modules_of(package: str) -> list[str]:
    files = sorted((SOURCE / package).rglob("*.py"))
    names = [".".join(file.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__") for file in files]
    return [name for name in names if not name.endswith("__main__")]


def test_the_whole_screen_runs_without_torch_and_numpy() -> None:
    code = f"import importlib\nfor name in {modules_of('gradtop/tui')!r}: importlib.import_module(name)"
    assert not TORCH & imported(code)


@pytest.mark.parametrize("package", ["gradtop.trainer.config", "gradtop.trainer.record", "gradtop.trainer.analysis", "gradtop.trainer.launch"])
def test_what_the_screen_may_import_runs_without_torch_and_without_a_screen(package: str) -> None:
    code = f"import importlib\nfor name in {modules_of(package.replace('.', '/'))!r}: importlib.import_module(name)"
    assert not (TORCH | {"textual", "gradtop.tui"}) & imported(code)


def test_the_screen_names_no_other_part_of_the_trainer() -> None:
    """import-linter needs a list of what is forbidden; this has a list of what is allowed, so a new module is covered."""
    for file in (SOURCE / "gradtop" / "tui").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            for name in names:
                parts = name.split(".")
                if parts[:2] == ["gradtop", "trainer"] and len(parts) > 2 and parts[2] != "__version__":
                    assert parts[2] in OPEN_TO_THE_SCREEN, f"{file} imports {name}"
                    assert parts[2] != "jobs" or not set(WORK) & set(parts), f"{file} imports {name}"


def test_the_import_contracts_name_every_closed_part_of_the_trainer() -> None:
    import tomllib

    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    closed = set(contracts[0]["forbidden_modules"]) - {f"gradtop.trainer.jobs.*.{part}" for part in WORK} - TRIALS
    parts = {f"gradtop.trainer.{path.stem}" for path in (SOURCE / "gradtop" / "trainer").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert parts - {f"gradtop.trainer.{name}" for name in OPEN_TO_THE_SCREEN} - {"gradtop.trainer.__init__"} == closed


def test_a_storage_of_optunas_is_looked_at_without_optuna() -> None:
    code = "from gradtop.trainer.jobs.search.storage import why_unusable; assert why_unusable('sqlite:////nowhere/x.db', '/'); assert why_unusable('postgres://host/x', '/')"
    assert not (TORCH | {"optuna", "sqlalchemy", "pydantic"}) & imported(code)


def test_the_form_is_shown_without_what_checks_it() -> None:
    code = "from gradtop.tui.screens.tune.screen import Tune; from gradtop.trainer.fields.outline import declared_sections; declared_sections()"
    assert not {"pydantic", "gradtop.trainer.config", "gradtop.trainer.declare"} & imported(code)


def test_the_declarations_of_jobs_import_neither_torch_nor_a_screen() -> None:
    names = [name for name in modules_of("gradtop/trainer/jobs") if not set(name.split(".")) & set(WORK)]
    code = f"import importlib\nfor name in {names!r}: importlib.import_module(name)"
    assert not (TORCH | {"textual", "gradtop.tui"}) & imported(code)


def test_what_commands_read_of_jobs_imports_no_pydantic() -> None:
    code = "from gradtop.trainer.job import find_job, job_names\nfor name in job_names(): find_job(name)"
    assert not HEAVY & imported(code)


def test_the_run_directory_needs_the_standard_library_alone() -> None:
    code = f"import importlib\nfor name in {modules_of('gradtop/trainer/record')!r}: importlib.import_module(name)"
    found = {name.partition(".")[0] for name in imported(code)} - {"gradtop"}
    site = {name.partition(".")[0] for name in imported("pass")}
    assert found - site <= sys.stdlib_module_names


def test_showing_a_run_imports_nothing_that_writes_one() -> None:
    found = {name.removeprefix("gradtop.trainer.record.") for name in imported("import gradtop.tui.app, gradtop.tui.screens.overview.screen")}
    assert "streams.reader" in found
    assert not {"control", "lease", "profiles", "queue", "streams.writer"} & found


def test_the_first_frame_waits_for_no_mode_but_the_overview() -> None:
    later = ("gradtop.trainer.analysis.findings", "gradtop.trainer.config", "gradtop.tui.dialogs", "gradtop.tui.reading.metrics", "gradtop.tui.screens.")
    found = imported("import gradtop.tui.app, gradtop.tui.screens.overview.screen")
    # The keys of the jobs' modes belong to the one table of keys.
    assert {name for name in found if name.startswith(later) and not name.startswith("gradtop.tui.screens.overview")} == {part for room in keys.ROOMS for part in (room.__name__, room.__name__.rpartition(".")[0])}


def test_all_that_the_run_directory_offers_is_there() -> None:
    from gradtop.trainer import record

    assert [name for name in record.__all__ if not hasattr(record, name)] == []
    assert not hasattr(record, "overwrite")


def test_the_worker_runs_without_a_screen(zygote: Zygote, tmp_path: Path) -> None:
    zygote.ask(imported=str(tmp_path / "imported"))
    found = set(json.loads((tmp_path / "imported").read_text(encoding="utf-8")))
    assert set(modules_of("gradtop/trainer")) <= found
    assert not {"textual", "gradtop.tui", "rich", "plotext"} & found


def test_help_imports_nothing_heavy() -> None:
    every = [["--help"], ["--version"], *([name, "--help"] for name in commands())]
    code = f"""
import contextlib, sys
from gradtop.tui.cli.main import main
for arguments in {every!r}:
    with contextlib.suppress(SystemExit):
        main(arguments)
    assert not {HEAVY!r} & sys.modules.keys(), arguments
"""
    assert "gradtop.tui.cli.main" in imported(code)


def test_listing_and_showing_runs_imports_neither_textual_nor_pydantic(tmp_path: Path) -> None:
    from tests.tui.runs_fixture import fake_run

    fake_run(tmp_path, "quiet-heron", steps=200)
    for command in (["ls"], ["show", "last"], ["plot", "last"]):
        code = f"from gradtop.tui.cli.main import main\nassert main([*{command!r}, '--runs', {str(tmp_path)!r}]) == 0"
        assert not (TORCH | {"textual", "pydantic"}) & imported(code)


def is_for_types(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def names_imported(tree: ast.AST) -> Iterator[str]:
    """What the module imports when it runs, at its top or in a function: `package.module`, and `package.module.name` for each name."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.stmt) and is_for_types(node):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif not isinstance(node, ast.expr):
            yield from names_imported(node)


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Imports in functions count: a circle through one is a circle. Those for type checkers alone do not."""
    with parsed() as trees:
        modules = {f"gradtop.{file.stem}".removesuffix(".__init__"): ast.parse(file.read_text(encoding="utf-8")) for file in (SOURCE / "gradtop").glob("*.py")}
        modules |= {module_name(path): tree for path, tree in trees.items()}
        imports = {
            importer: {found if found in modules else found.rpartition(".")[0] for found in names_imported(tree)} & modules.keys()
            for importer, tree in modules.items()
        }
    assert len(modules) > 250
    assert sum(map(len, imports.values())) > 750
    list(TopologicalSorter(imports).static_order())  # a CycleError names the circle


def test_no_test_module_imports_another() -> None:
    """What several of them use stands in a module of its own, so that each can be run, moved and removed alone."""
    for file in (ROOT / "tests").rglob("*.py"):
        found = re.search(r"^\s*(from|import) [\w.]*\btest_\w+", file.read_text(encoding="utf-8"), re.MULTILINE)
        assert found is None, f"{file}: {found[0]}"
