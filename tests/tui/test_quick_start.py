from __future__ import annotations

import json
import subprocess
import sys


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
print(json.dumps(lean))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"ssl", "textual.widgets._directory_tree", "textual.widgets._select", "textual.types", "pydantic", "tomli"} & set(json.loads(done.stdout))
