"""Two questions before a change takes effect: from which checkpoint to go on, and what becomes of the schedule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from gradtop.trainer.analysis.formatting import number, significant
from gradtop.trainer.record import CheckpointInfo, Status
from gradtop.tui.framework.dialog import Dialog
from gradtop.tui.screens.tune.effect import consequences_of, problem_of, scaled_text
from gradtop.tui.screens.tune.weights import WeightsQuery
from gradtop.tui.widgets.options import Options

if TYPE_CHECKING:
    from gradtop.tui.app import GradtopApp
    from gradtop.tui.screens.tune.draft import Draft

CLOSED: list[BindingType] = [
    Binding("escape,q", "dismiss(None)", "back", id="fork.back", tooltip="Leave everything as it is."),
]


class ChooseCheckpoint(Dialog[CheckpointInfo | None]):
    """A short list of a run's checkpoints, the newest first, and what a fork from the chosen one keeps and drops."""

    CSS_PATH = "fork_dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = CLOSED

    def __init__(self, name: str, checkpoints: Sequence[CheckpointInfo], draft: Draft) -> None:
        super().__init__()
        self._name, self._draft = name, draft
        self._weights = WeightsQuery(self)
        self._checkpoints = list(reversed(checkpoints))
        # Each that was the best when it was written says so: the newest of them still is.
        self._best = next((each for each in self._checkpoints if each.best), None)

    def compose(self) -> ComposeResult:
        with Vertical(id="fork"):
            yield Static(f"{'step':>10}  {'epoch':>6}  {'val loss':>9}", id="columns", markup=False)
            yield Options(*(Option(Content(row(each, newest=not index, best=each is self._best))) for index, each in enumerate(self._checkpoints)), compact=True)
            # Told at once, so that the first layout has room for it.
            yield Static(self._consequence(self._checkpoints[0]), id="consequence", markup=False)

    def on_mount(self) -> None:
        self.query_one("#fork").border_title = f"fork {self._name} from"
        self.query_one("#fork").border_subtitle = "enter forks, esc cancels"
        options = self.query_one(Options)
        options.highlighted = 0
        options.styles.max_height = max(2, min(12, self.size.height - 15))

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        self._tell(self._checkpoints[event.option_index])

    def on_weights_query_compared(self, message: WeightsQuery.Compared) -> None:
        index = self.query_one(Options).highlighted
        if self._weights.take(message) and index is not None:
            self._tell(self._checkpoints[index])

    def _tell(self, checkpoint: CheckpointInfo) -> None:
        self._weights.ask(self._draft, checkpoint)
        self.query_one("#consequence", Static).update(self._consequence(checkpoint))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        checkpoint = self._checkpoints[event.option_index]
        if not problem_of(self._draft, checkpoint, self._weights.known(self._draft)):
            self.dismiss(checkpoint)

    def _consequence(self, checkpoint: CheckpointInfo) -> str:
        weights = self._weights.known(self._draft)
        if problem := problem_of(self._draft, checkpoint, weights):
            return f"✕ {problem}"
        kept, dropped = consequences_of(self._draft, checkpoint, weights)
        return f"keeps {kept}" + (f"\ndrops {dropped}" if dropped else "")


class AskScaleOrReplace(Dialog[bool | None]):
    """True to scale the whole schedule to a new learning rate, False to put a constant one in its place."""

    CSS_PATH = "fork_dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = CLOSED

    def __init__(self, question: str, scaled: str, constant: str) -> None:
        super().__init__()
        self._question, self._scaled, self._constant = question, scaled, constant

    def compose(self) -> ComposeResult:
        with Vertical(id="fork"):
            yield Static(self._question, id="consequence", markup=False)
            yield Options(
                Option(f"scale the schedule: {self._scaled}", id="scale"),
                Option(f"end the schedule: {self._constant}", id="constant"),
                compact=True,
            )

    def on_mount(self) -> None:
        self.query_one("#fork").border_title = "a new learning rate, live"
        self.query_one("#fork").border_subtitle = "enter applies, esc cancels"
        self.query_one(Options).highlighted = 0

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_id == "scale")


def apply_live(app: GradtopApp, draft: Draft, status: Status, now: str = "") -> None:
    """Have the running training changed, after a question where it does `now` what is hard to undo.

    A new learning rate scales its schedule or takes its place, as the user says.
    """
    from gradtop.tui.dialogs.confirm import Confirm

    changes = draft.live_changes()

    def send(changed: Mapping[str, object]) -> None:
        if now:
            sure = Confirm("Apply the changes live?", f"{now[0].upper()}{now[1:]}.", "apply", "keep")
            app.push_screen(sure, lambda yes: app.command("set", changes=changed, confirmed=True) if yes else None)
        else:
            app.command("set", changes=changed)

    if not changes or not draft.asks_for_the_schedule():
        if changes:
            send(changes)
        return

    def apply(scale: bool | None) -> None:
        if scale is not None:
            send(changes if scale else {**changes, "schedule.kind": "constant"})

    old, new = draft.base.optimizer.lr, float(changes["optimizer.lr"])
    question = (
        f"optimizer.lr {significant(old)} → {significant(new)}. The {draft.base.schedule.kind} schedule can be scaled, which multiplies its whole curve, "
        f"warm-up and lower bound included, by {significant(new / old)}; or it can end here."
    )
    scaled, constant = scaled_text(draft, status)
    app.push_screen(AskScaleOrReplace(question, scaled or "the whole curve", constant or f"→ {significant(new)}, constant"), apply)


def row(checkpoint: CheckpointInfo, *, newest: bool, best: bool) -> str:
    loss = significant(checkpoint.val_loss) if checkpoint.val_loss is not None else "–"
    words = " ".join(word for word, applies in (("newest", newest), ("best", best)) if applies)
    return f"{number(checkpoint.step):>10}  {checkpoint.epoch:>6}  {loss:>9}  {words}"
