"""The app as far as keys command the run that they mean: pause, stop, resume, profile."""

from __future__ import annotations

from functools import partial

from gradtop.trainer.job import PROFILE
from gradtop.trainer.record import RunState
from gradtop.tui import keys
from gradtop.tui.framework.mode_screen import ModeScreen
from gradtop.tui.framework.target import NEW_RUN, Target, stop_consequence, way_to_profile, writes_checkpoints
from gradtop.tui.launching import LaunchingApp
from gradtop.tui.reading.messages import Answered
from gradtop.tui.reading.poll import Poll

ACTS_ON = {
    "pause": {RunState.TRAINING},
    "continue": {RunState.PAUSED},
    "checkpoint": {RunState.TRAINING, RunState.PAUSED},
    "stop": {state for state in RunState if state.is_alive},
}


class CommandingApp(LaunchingApp):
    """An app whose keys send commands to a run."""

    poll: Poll

    def action_mode(self, mode: str) -> None:
        """Show another mode."""
        raise NotImplementedError

    def target(self) -> Target | None:
        """The run that the command keys mean here: the one watched, or the one chosen in the list."""
        screen = self.screen_stack[0] if self.screen_stack else None
        return screen.target() if isinstance(screen, ModeScreen) else None

    def can(self, command: str) -> bool:
        target = self.target()
        return target is not None and target.state in ACTS_ON[command] and (command != "checkpoint" or writes_checkpoints(target))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "command":
            return True if self.can(str(parameters[0])) else None
        if action == "pause_or_continue":
            return True if self.can("pause") or self.can("continue") else None
        if action == "stop":
            return True if self.can("stop") else None
        if action == "profile":
            return True if (target := self.target()) is not None and way_to_profile(target) else None
        if action == "resume":
            return True if (target := self.target()) is not None and target.resumable else None
        if action == "log":
            return True if self.target() is not None else None
        return super().check_action(action, parameters)

    def command(self, command: str, **arguments: object) -> None:
        """Send a command to the run; a toast says what became of it."""
        target = self.target()
        if target is not None:
            self.poll.send(target.run, command, **arguments)

    def action_command(self, command: str) -> None:
        self.command(command)

    def action_pause_or_continue(self) -> None:
        self.command("continue" if self.can("continue") else "pause")

    def action_stop(self) -> None:
        from gradtop.tui.dialogs.confirm import Confirm

        target = self.target()
        if target is None:
            return

        def stop(yes: bool | None) -> None:
            if yes:
                self.poll.send(target.run, "stop")

        if target.state is RunState.QUEUED:
            self.push_screen(Confirm(f"Remove {target.name} from the queue?", f"It stays in the list; {keys.name('run.resume')} resumes it.", "remove", "keep"), stop)
            return
        self.push_screen(Confirm(f"Stop {target.name}?", stop_consequence(target), "stop", "continue"), stop)

    def action_resume(self) -> None:
        if (target := self.target()) is not None:
            self.launch(partial(self.launcher.resume, target.run), f"{target.name} resumed")

    def action_profile(self) -> None:
        """Profile the next steps of a training that goes on; else start a profile of the configuration."""
        target = self.target()
        way = way_to_profile(target) if target is not None else ""
        if target is None or not way:
            return
        if way == NEW_RUN:
            self.launch(partial(self.start_profile, target.run), f"started a profile of {target.name}")
            return
        self.command(PROFILE)
        if self.current_mode != keys.PROFILES:
            self.action_mode(keys.PROFILES)

    def on_answered(self, message: Answered) -> None:
        answer = message.answer
        notice = answer.message
        self.notify(f"{answer.command}: {notice}", severity="information" if answer.ok else "warning")
