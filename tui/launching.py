"""The app as far as it starts runs: in threads, through the launcher, after asking about code that was not run here before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from gradtop.trainer.job import PROFILE
from gradtop.trainer.record import RecordError, Run
from gradtop.tui.framework.terminal_app import TerminalApp
from gradtop.tui.launcher import Starts
from gradtop.tui.reading.messages import CodeNeedsConsent, Launched, ServerChecked
from gradtop.tui.terminal import Capabilities

if TYPE_CHECKING:
    from gradtop.trainer.launch.custom_code import Code

# A server that was started for a run listens by then; the next run is not edited as soon.
UNTIL_PREPARED = 2.0


class LaunchingApp(TerminalApp):
    """An app whose screens start runs."""

    def __init__(self, capabilities: Capabilities, launcher: Starts) -> None:
        super().__init__(capabilities)
        self.launcher = launcher
        self._no_server = ""  # why there was none the last time: told once

    def watch_run(self, run: Run, mode: str = "overview") -> None:
        """Show this run from now on."""
        raise NotImplementedError

    def launch(self, work: Callable[[], Run], notice: str, *, watch: bool = True, codes: Sequence[Code] = ()) -> None:
        """Start a run in a thread (`work` may block), then watch it, unless it is to wait. `codes`: custom code that it may run."""

        def begin() -> None:
            from gradtop.trainer.config import ConfigProblems
            from gradtop.trainer.launch.custom_code import UnknownCode, admit

            try:
                admit(codes)
                self.post_message(Launched(work(), notice, watch=watch))
            except UnknownCode as error:
                self.post_message(CodeNeedsConsent(error.codes, partial(self.launch, work, notice, watch=watch, codes=error.codes)))
            except (ConfigProblems, OSError, RecordError, ValueError) as error:
                # A run may be of another version, or changed by hand: what it says need not be a configuration.
                self.post_message(Launched(None, problem=str(error)))

        self.run_worker(begin, thread=True, name="launch")

    def start_profile(self, run: Run) -> Run:
        """A profile of a run's configuration, with its newest weights; blocks. Raises ConfigProblems, OSError, RecordError and ValueError."""
        from gradtop.trainer.launch.forks import newest_weights
        from gradtop.trainer.launch.run_config import changed_config

        _, config, changes = changed_config(run, (), job=PROFILE)
        return self.launcher.start(config, parent=run, changes=changes, checkpoint=newest_weights(run, changes)[0])

    def on_launched(self, message: Launched) -> None:
        self.set_timer(UNTIL_PREPARED, self.expect_start)
        if message.run is None:
            self.notify(message.problem, title="not started", severity="error", timeout=10)
            return
        self.notify(message.notice)
        if message.watch:
            self.watch_run(message.run)

    def on_code_needs_consent(self, message: CodeNeedsConsent) -> None:
        from gradtop.tui.dialogs.run_code import confirm_custom_code

        confirm_custom_code(self, message.codes, message.again)

    def prepare_launcher(self) -> None:
        """Have what starts the next run ready."""
        self._prepare(self.launcher.prepare)

    def expect_start(self) -> None:
        """A run may be started soon: have a process ready for it."""
        self._prepare(self.launcher.expect_start)

    def _prepare(self, prepare: Callable[[], None]) -> None:
        def work() -> None:
            try:
                prepare()
                problem = ""
            except OSError as error:
                problem = str(error)
            self.post_message(ServerChecked(problem))

        self.run_worker(work, thread=True, name="prepare")

    def on_server_checked(self, message: ServerChecked) -> None:
        before, self._no_server = self._no_server, message.problem
        if message.problem and message.problem != before:
            self.notify(f"{message.problem}; runs still start, after importing PyTorch", title="no torch server", severity="warning")
