"""The learning rates that the form plans, drawn over those of its base while somebody types."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual.message import Message

from gradtop.tui.reading.lr_preview import NO_CURVES, LrCurves, series_of
from gradtop.tui.screens.tune.data import TunePart
from gradtop.tui.widgets.chart import Curve
from gradtop.tui.widgets.line_chart import LineChart

if TYPE_CHECKING:
    from textual.timer import Timer

    from gradtop.trainer.config import Config
    from gradtop.tui.app import GradtopApp
    from gradtop.tui.screens.tune.texts import FormTexts

DEBOUNCE = 0.25
SOON = "the preview appears in a few seconds"


class LrPreview(LineChart):
    """Both curves; what is shown stays until the new ones are there."""

    class Planned(Message):
        """The curves of a draft's configuration."""

        def __init__(self, config: Config, curves: LrCurves) -> None:
            super().__init__()
            self.config, self.curves = config, curves

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id, empty=SOON)
        self._asked: Config | None = None  # whose curves were asked for last
        self._soon: Timer | None = None

    @property
    def gradtop(self) -> GradtopApp:
        return cast("GradtopApp", self.app)

    def follow(self, draft: FormTexts, base: TunePart) -> bool:
        """Ask for the curves once nothing was typed for a moment; whether there is something to draw."""
        if draft.configs is None:
            return self._nothing()
        from gradtop.trainer.config.fork_preview import same_epochs, same_lr_curve

        # What the thread works with is taken here: the draft itself goes on changing.
        old, config = draft.configs
        if same_lr_curve(old, config):
            return self._nothing()
        if config != self._asked:
            self._asked, same = config, same_epochs(old, config)
            if self._soon is not None:
                self._soon.stop()
            self._soon = self.set_timer(DEBOUNCE, lambda: self._plan(config, old, base, same=same))
        return True

    def _nothing(self) -> bool:
        self.gradtop.drafted = NO_CURVES
        self._asked = None
        return False

    def _plan(self, config: Config, old: Config, base: TunePart, *, same: bool) -> None:
        launcher = self.gradtop.launcher
        per_epoch = base.steps_per_epoch

        def plan() -> None:
            if config != self._asked:
                return
            before, after = launcher.plan(old, per_epoch), launcher.plan(config, per_epoch if same else 0)
            curves = LrCurves(base.run, config, series_of(before.points), series_of(after.points), max(before.steps, after.steps), after.problem)
            self.post_message(self.Planned(config, curves))

        self.run_worker(plan, thread=True, name="curves")

    def on_lr_preview_planned(self, message: Planned) -> None:
        if message.config != self._asked:
            return
        self.gradtop.drafted = curves = message.curves
        self.set_empty(f"no preview: {curves.problem}" if curves.problem else SOON)
        lines = [Curve("old", curves.old, "a", planned=True), Curve("new", curves.new, "b")]
        self.set_series(lines if curves.new.x else [], x_max=float(max(curves.steps, 1)))
