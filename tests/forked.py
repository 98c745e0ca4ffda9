"""Code that needs a process of its own and PyTorch: a fork of this one, which imports it once for all of them."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from typing import Any


def forked(code: str, *, anew: Sequence[str] = (), **names: Any) -> str:
    """What `code` prints in a fork with these names in it, where modules of the packages `anew` are as if they had never been imported."""
    import torch  # noqa: F401 - before the fork, so that the next one need not

    with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
        child = os.fork()
        if not child:
            failed = 1
            try:
                sys.stdout = sys.stderr = said
                for name in [name for name in sys.modules if name.partition(".")[0] in anew]:
                    del sys.modules[name]
                exec(compile(code, "<forked>", "exec"), {"__name__": "__forked__", **names})  # noqa: S102 - code of a test
                failed = 0
            except BaseException:  # noqa: BLE001 - whatever it is, the parent says it
                traceback.print_exc()
            finally:
                said.flush()
                os._exit(failed)
        code_of_exit = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        said.seek(0)
        text = said.read()
    assert code_of_exit == 0, text
    return text
