"""What may go wrong anywhere is done in one place: opening files of a run to write, printing, looking for a home directory."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
WRITES = {"write_text", "write_bytes", "touch", "mkdir", "makedirs", "symlink_to", "hardlink_to", "copyfile", "copy2", "copytree", "mkstemp"}
FLAGS = {"O_WRONLY", "O_RDWR", "O_CREAT", "O_APPEND", "O_TRUNC"}
# What writes something else than a run.
OTHER_FILES = {
    "trainer/record/writing.py": "the place itself",
    "trainer/record/creation.py": "the runs directory, and the run's own, which it claims",
    "trainer/record/runs.py": "the trash",
    "tui/cli/search.py": "a configuration that the user names",
    "tui/cli/new.py": "files that the user names",
    "trainer/record/export.py": "a folder that the user names",
    "trainer/data/kinds/downloaded/fetch.py": "data sets",
    "trainer/data/kinds/downloaded/loader.py": "data sets",
    "trainer/data/kinds/table/cache.py": "the user's cache",
    "trainer/data/tokens.py": "the user's cache",
    "trainer/data/kinds/text/token_cache.py": "the user's cache",
    "trainer/data/prepared.py": "the user's cache",
    "trainer/inference/predicted_masks.py": "a folder that the user names",
    "trainer/analysis/findings/kept.py": "the state directory of the user",
    "trainer/launch/custom_code.py": "the state directory of the user",
    "trainer/runtime/death.py": "/proc/self/comm",
    "trainer/runtime/usage.py": "/proc/self/clear_refs",
    "trainer/socket_directory.py": "the directory of torch servers",
    "trainer/launch/listener.py": "the same",
    "trainer/server/__main__.py": "the same",
    "trainer/launch/forking.py": "/proc/self/comm",
    "trainer/server/process.py": "/dev/null",
    "tui/cli/main.py": "/dev/null",
    "tui/cli/plot.py": "a file that the user names",
    "tui/cli/predict.py": "a temporary file",
    "trainer/inference/export/written.py": "a file that the command has made where the user wants it",
    "tui/cli/crash.py": "the state directory of the user",
    "tui/screens/tune/draft.py": "a configuration that the user saves",
    "tui/screen_client/relay.py": "/proc/PID/autogroup",
    "tui/screen_server/preload.py": "the same",
    "tui/screen_server/__main__.py": "the directory of servers",
    "tui/ui_state.py": "the state directory of the user",
}
# The second says that our own modules have changed, and imports none of them.
PRINTS = {"tui/cli/output.py", "tui/cli/entry.py"}


def modules(*words: str) -> Iterator[tuple[str, ast.AST]]:
    """Our modules in which one of these words stands: the others need not be parsed."""
    for part in ("trainer", "tui"):
        for file in sorted((ROOT / part).rglob("*.py")):
            text = file.read_text(encoding="utf-8")
            if any(word in text for word in words):
                yield str(file.relative_to(ROOT)), ast.parse(text)


def writes(call: ast.Call) -> bool:
    """Whether a call opens or makes a file or folder to write."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id if isinstance(call.func, ast.Name) else ""
    if name == "open":
        flags = {node.attr for argument in call.args for node in ast.walk(argument) if isinstance(node, ast.Attribute)}
        modes = [a.value for a in (*call.args, *(k.value for k in call.keywords)) if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        return bool(flags & FLAGS) or any(mode in {"w", "a", "x", "wb", "ab", "xb", "r+b", "w+b", "rb+", "wb+"} for mode in modes)
    return name in WRITES


def test_files_of_a_run_are_opened_to_write_in_one_place() -> None:
    found = {
        name for name, tree in modules("open", *WRITES) for node in ast.walk(tree) if isinstance(node, ast.Call) and writes(node)
    }
    assert found - OTHER_FILES.keys() == set(), "writes past trainer/record/writing.py, which follows no link and knows the modes"
    assert OTHER_FILES.keys() - found == set(), "writes nothing any more"


def test_nothing_is_printed_for_people_but_by_the_function_that_cleans_it() -> None:
    for name, tree in modules("print", "sys.std"):
        if not name.startswith("tui/") or name in PRINTS:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in {"print", "sys.stdout.write", "sys.stderr.write", "sys.stdout.writelines"}, f"{name}:{node.lineno} prints past print_line()"


def test_a_path_that_somebody_wrote_finds_its_home_in_one_place() -> None:
    calls = {name for name, tree in modules("expanduser") for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "expanduser"}
    assert calls == {"trainer/home.py"}, "pathlib's fails where there is no such user"
