"""How a worker process ends."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import os
import sys
import threading
import traceback
from typing import NoReturn

from gradtop.trainer.runtime import user_code


def leave(code: int) -> NoReturn:
    """End the process with all that Python does at its end and somebody may rely on: threads are waited for, what was registered with atexit
    is called, output is written.

    Not with what is for nobody: taking apart each object that PyTorch's modules have made is a third of a second of a processor, which
    the next trial of a search is waiting for. Code of the user's own may have left files open, which are written as they are taken apart.
    """
    if user_code.was_imported():
        sys.exit(code)
    try:
        # As the interpreter does it, in its order, and as multiprocessing has its processes end.
        for step in (threading._shutdown, atexit._run_exitfuncs):  # type: ignore[attr-defined]  # noqa: SLF001 - there is no public name
            try:
                step()
            except BaseException:  # noqa: BLE001 - nor does the interpreter end for it
                traceback.print_exc()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(AttributeError, OSError, ValueError):  # worker.log may lie on a full disk
                stream.flush()
        ctypes.CDLL(None).fflush(None)  # what libraries have printed
    finally:
        os._exit(code)
