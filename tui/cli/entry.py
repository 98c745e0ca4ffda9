"""Where the process of a command begins: nothing is imported before an interrupt is an ordinary ending."""

from _signal import SIG_DFL, SIGINT, default_int_handler, getsignal, signal  # type: ignore[import-not-found]  # has no stub of its own

INTERRUPTED = 130
OBJECTS = 50_000  # more than any command makes until it works
# Until `main` an interrupt ends the process at once, without Python's stack. `_signal` is built in: nothing is read for it.
if getsignal(SIGINT) is default_int_handler:
    signal(SIGINT, SIG_DFL)


def main() -> int:
    """Run the command in `sys.argv`; returns its exit code, 130 after Ctrl+C at any moment."""
    try:
        if getsignal(SIGINT) == SIG_DFL:
            signal(SIGINT, default_int_handler)
        import sys

        from gradtop.tui.screen_client.client import hand_over

        if (code := hand_over(sys.argv)) is not None:
            return code
    except KeyboardInterrupt:
        return INTERRUPTED
    return command_here()


def command_here() -> int:
    """As `main`, in this process whatever the command."""
    try:
        import gc
        import os
        import sys

        # What is imported stays: looking for garbage among it, a dozen times, would take 2 ms. A screen sets thresholds of its own.
        gc.set_threshold(OBJECTS)
        sys.unraisablehook = unraisable
        from gradtop.tui.cli import installation

        installation.begin()
        if "_ARGCOMPLETE" in os.environ:
            from gradtop.tui.cli.complete import complete

            complete()
        from gradtop.tui.cli.main import main as command

        code = command()
    except KeyboardInterrupt:
        code = INTERRUPTED
    except Exception as error:  # noqa: BLE001 - whatever it is, its message may hold what steers a terminal
        code = INTERRUPTED if was_interrupted(error) else crashed(error)
    # What is left is the interpreter's own ending, which would report an interrupt with a stack.
    while True:
        try:
            signal(SIGINT, SIG_DFL)
        except KeyboardInterrupt:
            code = INTERRUPTED
        else:
            return code


def was_interrupted(error: BaseException | None) -> bool:
    """Whether an error followed an interrupt, as where argparse puts back what the interrupt kept it from changing."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


def unraisable(args: object) -> None:
    """Python reports what is raised in a callback of its own (of an import lock, of a weak reference) and goes on; an interrupt ends."""
    import os
    import sys

    if getattr(args, "exc_type", None) is KeyboardInterrupt:
        os._exit(INTERRUPTED)
    sys.__unraisablehook__(args)  # type: ignore[arg-type]  # what Python hands over has no name


def crashed(error: BaseException) -> int:
    """Say where and how a command failed that should not have."""
    import sys
    import traceback

    from gradtop.tui.cli.installation import replaced

    if names := replaced():
        # Not even our own modules are sure to be found any more.
        message = "".join(each for each in f"{type(error).__name__}: {error}" if each.isprintable())[:300]
        sys.stderr.write(f"gradtop: {' and '.join(names)} changed on disk while this command ran ({message}); start it again\n")
        return 1
    from gradtop.tui.cli.output import print_line

    print_line("".join(traceback.format_exception(error)).rstrip(), sys.stderr)
    return 1
