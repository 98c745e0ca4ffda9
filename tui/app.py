"""The application: a table of contents. Modes, keys, theme, wiring; screens draw, the poll thread reads."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from textual.app import SystemCommand
from textual.screen import Screen
from textual.worker import get_current_worker

from gradtop.trainer.record import Run, clean, read_meta
from gradtop.tui import keys, theme
from gradtop.tui.commanding import CommandingApp
from gradtop.tui.framework.mode_screen import ModeScreen, Receiver, bindings
from gradtop.tui.framework.stylesheet import ParsedOnce
from gradtop.tui.framework.terminal_app import LONGEST_COPY
from gradtop.tui.keymap import DEFAULT, Keymap
from gradtop.tui.launcher import Launcher, Starts
from gradtop.tui.launching import UNTIL_PREPARED
from gradtop.tui.loading import LOADERS, import_ahead
from gradtop.tui.reading.lr_preview import NO_CURVES
from gradtop.tui.reading.messages import Answered, NewSnapshot
from gradtop.tui.reading.poll import TICK, Poll
from gradtop.tui.reading.snapshot import EMPTY, Facts, Snapshot
from gradtop.tui.terminal import Capabilities
from gradtop.tui.ui_state import UiState, state_file

FULL = Capabilities()
OVERVIEW = keys.MODES[0].name

REMEMBERED = ("overview", "parameters", "gradients", "weights", "schedule")
WITHOUT_A_RUN = frozenset({"runs", "search", "tune"})  # modes that show something where no run is watched


class GradtopApp(CommandingApp):
    """One app over one runs directory; `run` is what it watches, None for the list of runs."""

    TITLE = "gradtop"
    CSS_PATH = "app.tcss"
    BINDINGS = bindings("")
    MODES: ClassVar[dict[str, Any]] = LOADERS
    NOTIFICATION_TIMEOUT = 4

    def __init__(
        self,
        run: Run | None,
        runs: Path,
        *,
        mode: str | None = None,
        memory: UiState | None = None,
        launcher: Starts | None = None,
        keymap: Keymap = DEFAULT,
        capabilities: Capabilities = FULL,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        interval: float = TICK,
    ) -> None:
        self.memory = memory if memory is not None else UiState(state_file(os.environ))
        if mode is None:
            mode = self.memory.get("mode") if run is not None else "runs"
        self.front = keys.front_of(read_meta(run).job) if run is not None else OVERVIEW
        self.typed: dict[str, str] = {}  # what Tune is to take as typed, by key
        self.DEFAULT_MODE = mode if mode in self.MODES and mode != OVERVIEW else self.front  # type: ignore[misc]  # which one is this app's to say
        super().__init__(capabilities, launcher if launcher is not None else Launcher(runs, server=False))
        self.keymap = keymap
        keys.use(keymap.table)
        self.set_keymap(dict(keymap.overrides))
        for each in theme.THEMES.values():
            self.register_theme(each)
        self.theme = theme.THEMES[self.memory.get("theme") != "light", capabilities.ansi].name
        self.stylesheet = ParsedOnce(self.get_css_variables())
        self.animation_level = "none"
        self.watched = run
        self.within: Run | None = None  # the search from which a trial was opened
        self.runs = runs
        self.snapshot = EMPTY
        self.drafted = NO_CURVES  # the learning rate as the form has it
        self._logged: Run | None = None
        self._polling = False
        self._visited: set[str] = set()
        self.poll = Poll(
            runs,
            on_snapshot=self._take,
            on_answer=lambda answer: self.post_message(Answered(answer)),
            clock=clock,
            monotonic=monotonic,
            interval=interval,
        )

    # Reading

    def request_data(self, screen: ModeScreen) -> None:
        """Have the visible screen's part read: at once before the first frame, afterwards by the poll thread."""
        if screen is not self.screen_stack[0]:
            return
        self.poll.request(screen.request()._replace(log=self._logged))
        if not self._polling and self.snapshot is EMPTY:
            self.poll.tick(keep_lease=False)  # the frame waits for nothing but what it shows; the thread's first look follows at once
            screen.receive(self.snapshot)

    def read_log(self, run: Run | None) -> None:
        """Have a run's log read too, as long as somebody looks at it."""
        self._logged = run
        screen = self.screen_stack[0]
        if isinstance(screen, ModeScreen):
            screen.request_data()

    def _take(self, snapshot: Snapshot) -> None:
        if self._polling:
            self.post_message(NewSnapshot(snapshot))
        else:
            self.snapshot = snapshot

    def on_mount(self) -> None:
        self.call_after_refresh(self._start_polling)  # two threads that share a lock would draw the first frame later
        self.call_after_refresh(self.collect_garbage)
        if self.keymap.problems:
            self.notify("\n".join(self.keymap.problems), title="default keys are used", severity="warning", timeout=15)
        self.call_after_refresh(self.prepare_launcher)
        self.set_timer(UNTIL_PREPARED, self._import_ahead)

    def _import_ahead(self) -> None:
        if self.is_running:  # else nobody would end it
            self.run_worker(lambda: import_ahead(get_current_worker().cancelled_event.wait), thread=True, name="import")

    def _start_polling(self) -> None:
        self._polling = True
        # Asked to leave as it begins, the app has cancelled its workers before this one is there.
        worker = self.run_worker(lambda: self.poll.run(lambda: worker.is_cancelled or self._exit), thread=True, name="poll")
        self.poll.wake = worker.cancelled_event

    def on_new_snapshot(self, message: NewSnapshot) -> None:
        if not self.is_running:
            return  # leaving: the screens are being taken apart
        before, self.snapshot = self.snapshot, message.snapshot
        self._come_to_the_front(message.snapshot.facts)
        begin, written = time.thread_time(), self.written
        for screen in self.screen_stack:
            if isinstance(screen, Receiver):
                screen.receive(message.snapshot)
        if self.written > written:
            self._count_drawing(begin, written)
        else:
            self.call_after_refresh(self._count_drawing, begin, written)  # a layout comes first
        if message.snapshot.facts.gone and not before.facts.gone:
            self.notify(f"{message.snapshot.facts.name} was deleted.", severity="warning")
            self.action_mode("runs")

    def _count_drawing(self, begin: float, written: int) -> None:
        self.poll.spend(time.thread_time() - begin, self.written - written)

    def remember(self, key: str, value: str) -> None:
        if self.memory.put(key, value):
            self.poll.do(self.memory.save)

    # Modes

    def action_mode(self, mode: str) -> None:
        if self.watched is None and mode not in WITHOUT_A_RUN and (run := self._under_the_cursor()) is not None:
            self.watch_run(run, mode)
            return
        if mode == OVERVIEW:
            mode = self.front
        if mode == self.current_mode:
            return
        self._visited.add(self.current_mode)
        self.comes_back = mode in self._visited and self._shows_watched(mode)
        if not self.comes_back:
            self.hide_until_whole(new=mode not in self._visited)
        self.switch_mode(mode)
        if mode in REMEMBERED:
            self.remember("mode", mode)

    def _under_the_cursor(self) -> Run | None:
        """The run that keys act on in the list of runs."""
        screen = self.screen_stack[0]
        target = screen.target() if self.current_mode == "runs" and isinstance(screen, ModeScreen) else None
        return target.run if target is not None else None

    def _shows_watched(self, mode: str) -> bool:
        """Whether a mode that was visited stands as it will be shown, not with what another run had."""
        return all(screen.shows_watched for screen in self._screen_stacks.get(mode, [])[:1] if isinstance(screen, ModeScreen))

    def hidden_long(self) -> None:
        if not self.screen_stack:
            return  # the app is ending, and its screens have gone
        screen = self.screen_stack[0]
        if not isinstance(screen, ModeScreen):
            self.is_whole()
        elif screen.is_mounted:
            self.hide_at_most()
            screen.read_late()
        else:
            self.hide_longer()  # it has no place yet to say what it waits for

    def watch_run(self, run: Run, mode: str = "overview", *, within: Run | None = None) -> None:
        """Show this run from now on; as a trial, `within` the search to which escape returns."""
        self.within = within
        if run != self.watched:
            self.front = OVERVIEW  # until it is known what the run does
        self.watched = run
        if self.current_mode == (self.front if mode == OVERVIEW else mode):
            screen = self.screen_stack[0]
            if isinstance(screen, ModeScreen):
                screen.request_data()
        else:
            self.action_mode(mode)

    def tune(self, run: Run, typed: Mapping[str, str]) -> None:
        """Open Tune over this run, with these texts typed into its fields."""
        self.typed = dict(typed)
        self.watch_run(run, "tune")

    def _come_to_the_front(self, facts: Facts) -> None:
        """Show the mode of the job in place of the Overview, and the Overview in place of it, by what the watched run does."""
        if facts.run is None or facts.run != self.watched:
            return
        self.front = keys.front_of(facts.meta.job)
        if self.current_mode != self.front and self.current_mode in {OVERVIEW, *(mode.name for mode in keys.JOB_MODES)}:
            self.action_mode(self.front)

    # Everywhere

    def action_log(self) -> None:
        from gradtop.tui.dialogs.log import Log

        target = self.target()
        if target is not None:
            self.push_screen(Log(target.run, target.name))

    async def action_help(self) -> None:
        from gradtop.tui.dialogs.help import Help

        name = f"help-{self.current_mode}"
        if isinstance(self.screen, ModeScreen) and not self.is_screen_installed(name):  # made once, it is there the next time at once
            self.install_screen(Help.of_mode(self.current_mode, self.keymap.table), name)
        with self.batch_update():  # else each step of its making is sent, a screenful each
            await self.push_screen(name if isinstance(self.screen, ModeScreen) else Help.of_dialog(self.screen))

    async def action_back(self) -> None:
        if len(self.screen_stack) > 1:
            self.pop_screen()
        elif isinstance(self.screen, ModeScreen) and not self.screen.back() and self.within is not None and self.current_mode != "search":
            self.action_mode("search")

    def action_focus_next(self) -> None:
        self._turn(1)

    def action_focus_previous(self) -> None:
        self._turn(-1)

    def _turn(self, step: int) -> None:
        if isinstance(self.screen, ModeScreen):
            self.screen.turn(step)
        else:
            (self.screen.focus_next if step > 0 else self.screen.focus_previous)()

    def action_copy(self) -> None:
        screen = self.screen_stack[0]
        text, what = screen.copied() if isinstance(screen, ModeScreen) else ("", "")
        if text:
            kept = clean(text, LONGEST_COPY)
            self.copy_to_clipboard(kept)
            left_out = "" if kept == text else " without its control characters"
            self.notify(f"copied {what}{left_out}: {kept if len(kept) < 60 else kept[:57] + '…'}", severity="warning" if left_out else "information")
        else:
            self.notify("nothing to copy", severity="warning")

    def action_toggle_theme(self) -> None:
        dark = not self.current_theme.dark
        self.theme = theme.THEMES[dark, self.capabilities.ansi].name
        self.remember("theme", "dark" if dark else "light")

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        for key in self.keymap.table:
            if key.bound and (not key.modes or self.current_mode in key.modes) and key.id not in {"palette", "palette.colon", "leave.interrupt"}:
                yield SystemCommand(f"{key.label}  ({key.name})", key.help, partial(self.run_action, key.action, screen))

    def action_leave(self) -> None:
        """Leave; ask where something typed would be lost. The run goes on."""
        from gradtop.tui.dialogs.confirm import Confirm

        lost = [screen.unsaved() for stack in self._screen_stacks.values() for screen in stack if isinstance(screen, ModeScreen)]
        if not any(lost):
            self.exit()
            return
        self.push_screen(Confirm("Leave?", " ".join(filter(None, lost)), "leave", "stay"), lambda yes: self.exit() if yes else None)
