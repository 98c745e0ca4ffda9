"""A text to train a language model of tokens on: the source code of Python's standard library. `python configs/python_source.py` writes python.txt."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

LEFT_OUT = {"site-packages", "dist-packages", "__pycache__"}


def main(file: Path) -> None:
    library = Path(sysconfig.get_path("stdlib"))
    modules = sorted(path for path in library.rglob("*.py") if not LEFT_OUT.intersection(path.relative_to(library).parts))
    with file.open("w", encoding="utf-8") as text:
        for module in modules:
            # One that is in another encoding is left out.
            try:
                text.write(f"# {module.relative_to(library)}\n{module.read_text(encoding='utf-8')}\n\n")
            except UnicodeDecodeError:
                continue


if __name__ == "__main__":
    main(Path(*sys.argv[1:2] or ["python.txt"]))
