"""What each screen would import and parse for itself."""

from __future__ import annotations

import contextlib
import gc
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

from gradtop import tui
from gradtop.tui import quick_start

# What a command that opens a screen imports, and what it would import ahead, or as a mode or a dialog is opened for the first time.
COMMANDS = ("entry", "main", "home", "watch", "crash", "ending", "output", "locate", "installation")
# Packages of which every module is wanted, sooner or later, by what an open screen does.
WHOLE = ("gradtop.trainer.analysis", "gradtop.tui.dialogs", "gradtop.tui.framework", "gradtop.tui.reading", "gradtop.tui.screens", "gradtop.tui.widgets")
# What functions import, of ours and of libraries.
LATER = (
    "concurrent.futures.thread", "encodings.ascii", "gradtop.trainer.launch.forks", "gradtop.trainer.record.data_facts",
    "gradtop.trainer.record.lease", "gradtop.tui.screen_client.client", "pickle", "textual.pilot", "textual.scrollbar", "tomllib",
)  # fmt: skip
LITTLE, USUAL = b"10", b"0"


def preload_screen() -> None:
    """Import it all. Textual's own settings are read now, those of gradtop among them."""
    quick_start.import_paths()
    quick_start.begin()
    with quick_start.lean_imports():
        node_classes = importlib.import_module("gradtop.tui.framework.node_classes")
        node_classes.begin()
        for name in ("gradtop.tui.app", "gradtop.tui.framework.driver", *(f"gradtop.tui.cli.{each}" for each in COMMANDS)):
            importlib.import_module(name)
    # From here on without stand-ins, as in a screen of its own once it has started: the palette needs what they stand for.
    from rich.cells import cell_len

    from gradtop.trainer.config.schema import build_all
    from gradtop.tui import loading
    from gradtop.tui.app import GradtopApp
    from gradtop.tui.framework.stylesheet import ParsedOnce

    for name in (*loading.SLOW, *LATER):
        importlib.import_module(name)
    for package in WHOLE:
        for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            importlib.import_module(module.name)
    build_all()  # what Tune checks with
    cell_len("…")  # reads the widths of characters, of the Unicode version that the environment asks for
    quick_start.compile_late_patterns()
    app = GradtopApp(None, Path("/"))  # with the theme that its user has chosen
    ParsedOnce(app.get_css_variables()).parse_ahead(Path(tui.__file__).parent)
    del app
    gc.collect()
    gc.freeze()


@contextlib.contextmanager
def weighing_little() -> Iterator[None]:
    """In here this process, a session of its own, takes what others leave: a training may be running."""
    weigh(LITTLE)
    try:
        yield
    finally:
        weigh(USUAL)


def weigh(nice: bytes) -> None:
    with contextlib.suppress(OSError), open("/proc/self/autogroup", "wb", buffering=0) as file:  # noqa: PTH123 - not a file to be kept
        file.write(nice)
