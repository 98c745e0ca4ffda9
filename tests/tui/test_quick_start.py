from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def test_the_screen_comes_without_tls_and_without_widgets_that_it_never_shows() -> None:
    code = """
import json, sys
from gradtop.tui.quick_start import lean_imports
with lean_imports():
    import gradtop.tui.app, gradtop.tui.screens.overview.screen
lean = list(sys.modules)
import ssl, textual.types
ssl.create_default_context
from textual.types import DirEntry, IgnoreReturnCallbackType
import textual.app, textual.design, textual.notifications
assert textual.app.user_downloads_path().is_absolute() and textual.app.mimetypes.guess_type("run.csv")[0] == "text/csv"
assert textual.app.uuid.uuid4().hex != textual.notifications.Notification("text").identity
assert textual.design.Table(box=None).columns == []
from textual.color import Color, ColorParseError
from textual.css.errors import StyleValueError
from textual.css.styles import Styles
try:
    Color.parse("blu")
except ColorParseError as error:
    assert error.suggested_color == "blue"
try:
    Styles().layout = 7
except StyleValueError as error:
    assert error.help_text is not None
else:
    raise AssertionError
print(json.dumps(lean))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    unwanted = {"ssl", "textual.widgets._directory_tree", "textual.widgets._select", "textual.types", "textual.command", "textual.widgets._input", "pydantic", "tomli"}
    unwanted |= {"platform", "platformdirs", "mimetypes", "uuid", "rich.table", "typing_extensions", "textual.css._help_text", "textual.suggestions", "difflib"}
    assert not unwanted & set(json.loads(done.stdout))


def test_the_command_palette_that_was_left_out_comes_with_its_key(tmp_path: Path) -> None:
    code = """
import asyncio, sys
from pathlib import Path
from gradtop.tui.quick_start import lean_imports
with lean_imports():
    from gradtop.tui.app import GradtopApp

async def main():
    app = GradtopApp(None, Path(sys.argv[1]))
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("ctrl+p", *"metr")
        from textual.command import CommandList
        while not (options := app.screen.query_one(CommandList).options):
            await asyncio.sleep(0.01)
        print([str(each.prompt) for each in options])
        await pilot.press("escape")
        print(type(app.screen).__name__)

asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True, timeout=60)
    assert "Every recorded metric of the run as a chart." in done.stdout
    assert done.stdout.splitlines()[-1] == "Runs"
