from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).parents[2] / ".src"


def test_the_screen_comes_without_tls_and_without_widgets_that_it_never_shows() -> None:
    code = """
import json, re, sys
from gradtop.tui.quick_start import lean_imports
with lean_imports():
    import gradtop.tui.app, gradtop.tui.screens.overview.screen
lean = list(sys.modules)
import fractions, ssl, string, textual.types, textwrap
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
from rich.markup import render
from rich.style import Style
from textual.markup import to_content
assert render("[bold]a[/bold] b").spans[0].style == "bold" and to_content("[bold]a[/] b").plain == "a b"
assert Style.from_meta({"a": 1}).meta == {"a": 1} and Style(link="https://a.b").link_id
assert textual.layout.Canvas(3, 2).width == 3 and isinstance(textual.css.stylesheet.Padding("a", 1).renderable, str)
assert fractions.Fraction(" 3/4 ") == fractions.Fraction("0.75")
assert string.Template("$a $$").substitute(a=1) == "1 $" and textwrap.wrap("a b-c d", 4) == ["a", "b-c", "d"]
assert isinstance(re.compile("a"), re.Pattern)
print(json.dumps(lean))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    unwanted = {"ssl", "textual.widgets._directory_tree", "textual.widgets._select", "textual.types", "textual.command", "textual.widgets._input", "pydantic", "tomli"}
    unwanted |= {"platform", "platformdirs", "mimetypes", "uuid", "rich.table", "typing_extensions", "textual.css._help_text", "textual.suggestions", "difflib"}
    unwanted |= {"asyncio.sslproto", "pickle", "rich.padding", "rich.panel", "textual.canvas"}
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


def test_the_screen_imports_its_driver_without_what_others_need(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from gradtop.tui import terminal
from gradtop.tui.cli import home
from gradtop.tui.quick_start import lean_imports
with lean_imports():
    from gradtop.tui.app import GradtopApp
def run(self):
    from gradtop.tui.framework.driver import TerminalDriver
    assert self.driver_class is TerminalDriver
    from textual._xterm_parser import XTermParser
    assert [each.key for each in XTermParser().feed("\\x1b[A")] == ["up"]
    print("typing_extensions" in sys.modules)
GradtopApp.run = run
terminal.capabilities = lambda *_: terminal.Capabilities()
home.open_screen(None, Path(sys.argv[1]), server=False)
"""
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stdout) == (0, "False\n"), done.stderr


def test_paths_come_without_what_they_have_for_addresses() -> None:
    code = """
import sys
from gradtop.tui.quick_start import import_paths
import_paths()
print("urllib.parse" in sys.modules)
from pathlib import Path
print(Path("/a b").as_uri(), "urllib.parse" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(SOURCE)})
    assert done.stdout == "False\nfile:///a%20b True\n", done.stderr
