"""1 Sensitivity: how much the metric depends on each field, its values, and heat maps of pairs."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult
from textual.containers import Container

from gradtop.trainer.fields.text import to_text
from gradtop.trainer.jobs.sensitivity.outcome import FieldEffect, PairGrid
from gradtop.trainer.record.streams.registry import shown_by
from gradtop.trainer.trials.space import Value
from gradtop.tui.framework.lines import Lines
from gradtop.tui.framework.mode_screen import ModeScreen, bindings
from gradtop.tui.framework.notices import no_run_text
from gradtop.tui.reading.snapshot import Snapshot
from gradtop.tui.screens.sensitivity.data import SensitivityPart, best_of_pair, ranked_effects, read_sensitivity
from gradtop.tui.screens.sensitivity.pair_map import PairMap
from gradtop.tui.screens.sensitivity.text import (
    effect_in_full,
    effect_rows,
    heading,
    importance_rows,
    summary_rows,
    value_rows,
)

BORDER = 2  # rows
LEAST_PANEL = 6  # rows of values or of a heat map, its border included


class Sensitivity(ModeScreen):
    """Ranked bars, one of which is chosen; below it the values of that field, or the heat map of a pair."""

    CSS_PATH = "style.tcss"
    BINDINGS = bindings("sensitivity")
    mode = "sensitivity"
    streams = shown_by(mode)
    read = staticmethod(read_sensitivity)

    def __init__(self) -> None:
        super().__init__()
        self._key = ""  # of the field that somebody chose; it may change its rank
        self._page = 0  # 0: values; n: the nth pair
        self._normalised: bool | None = None

    def body(self) -> ComposeResult:
        yield Lines(id="summary")
        yield Lines(id="fields")
        yield Lines(id="chosen")
        with Container(id="panel"):
            yield Lines(id="values")
            yield PairMap(id="pair", colours=self.gradtop.capabilities.colours >= 256)
        yield Lines(id="importances")

    @property
    def part(self) -> SensitivityPart:
        part = self.snapshot.part
        return part if isinstance(part, SensitivityPart) else SensitivityPart()

    @property
    def normalised(self) -> bool:
        """As the analysis has it, until somebody switches."""
        return self.part.outcome.normalised if self._normalised is None else self._normalised

    @property
    def effects(self) -> Sequence[FieldEffect]:
        return ranked_effects(self.part.outcome, normalised=self.normalised)

    @property
    def at(self) -> int:
        return next((place for place, each in enumerate(self.effects) if each.key == self._key), 0)

    @property
    def pair(self) -> PairGrid | None:
        """The pair that is shown in place of the values."""
        pairs = self.part.outcome.pairs
        return pairs[self._page - 1] if 0 < self._page <= len(pairs) else None

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        self.call_after_refresh(self._fill)

    def show(self, snapshot: Snapshot) -> None:
        if snapshot.facts.run is None or not isinstance(snapshot.part, SensitivityPart):
            self.explain("" if snapshot.facts.run else no_run_text())
            return
        self.explain("")
        self._fill()
        self.refresh_bindings()

    def _fill(self) -> None:
        if not self.is_mounted:
            return
        part, effects, fields = self.part, self.effects, self.query_one("#fields", Lines)
        outcome = part.outcome
        self.query_one("#summary", Lines).show(summary_rows(part, normalised=self.normalised))
        importances = list(importance_rows(outcome))
        for name in ("chosen", "panel"):
            self.query_one(f"#{name}").display = bool(effects)
        around = self.query_one("#importances", Lines)
        around.display = bool(importances)
        around.styles.height = max(len(importances), 1)
        around.show(importances)
        if not effects:
            words = "nothing was measured" if part.ended else "the configuration as it is is being trained; the fields follow, one at a time"
            fields.show([[(f" {words}", "muted")]])
            return
        height, width = self.query_one("#body").size.height or self.size.height - 3, self.size.width - BORDER
        room = max(height - 4 - len(importances) - LEAST_PANEL, BORDER + 2)
        wanted = min(len(effects) + 1 + BORDER, room)
        fields.styles.height = wanted
        fields.border_title = f"{part.metric.title} by field"
        at = self.at
        fields.show([heading(width, normalised=self.normalised), *effect_rows(effects, at, width, wanted - BORDER - 1, normalised=self.normalised)])
        self.query_one("#chosen", Lines).show(effect_in_full(effects[at], normalised=self.normalised))
        self._fill_panel(effects[at], width, height - 4 - len(importances) - wanted - BORDER)

    def _fill_panel(self, effect: FieldEffect, width: int, height: int) -> None:
        part, panel, pair = self.part, self.query_one("#panel"), self.pair
        values, heat = self.query_one("#values", Lines), self.query_one("#pair", PairMap)
        values.display, heat.display = pair is None, pair is not None
        turn = f"   v: {len(part.outcome.pairs)} pair{'s' if len(part.outcome.pairs) > 1 else ''}" if part.outcome.pairs else ""
        rows = min(len(effect.points) + 1 if pair is None else len(pair.rows) + 3, max(height, 1))
        panel.styles.height = rows + BORDER
        if pair is None:
            panel.border_title = f"{part.metric.title} by {effect.key}{turn}"
            values.show(list(value_rows(effect, width, rows)))
            return
        panel.border_title = f"{part.metric.title}: {pair.first} (down) × {pair.second} (across)   {self._page}/{len(part.outcome.pairs)}"
        bases: dict[str, Value] = {each.key: each.base for each in part.outcome.fields}
        heat.show(pair, part.metric, (bases.get(pair.first, ""), bases.get(pair.second, "")))

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in {"choose", "normalise"}:
            return True if self.is_mounted and self.part.outcome.fields else None
        if action == "turn":
            return True if self.is_mounted and self.part.outcome.pairs else None
        if action == "use":
            return True if self.is_mounted and self._best() else None
        return super().check_action(action, parameters)

    def action_choose(self, step: int) -> None:
        if effects := self.effects:
            self._key = effects[(self.at + step) % len(effects)].key
            self._page = 0
            self._again()

    def action_turn(self) -> None:
        self._page = (self._page + 1) % (len(self.part.outcome.pairs) + 1)
        self._again()

    def action_normalise(self) -> None:
        effects = self.effects
        self._key = effects[self.at].key if effects else ""
        self._normalised = not self.normalised
        self._again()

    def _again(self) -> None:
        self._fill()
        self.refresh_bindings()

    def _best(self) -> dict[str, Value]:
        """The best values of what is chosen, by key."""
        if (pair := self.pair) is not None:
            return best_of_pair(pair, self.part.metric)
        effects = self.effects
        return {effects[self.at].key: effects[self.at].best} if effects and effects[self.at].best != "" else {}

    def action_use(self) -> None:
        """Put the best values into Tune: over the run that was analysed, or over the configuration itself."""
        run = self.part.source or self.snapshot.facts.run
        if run is not None and (best := self._best()):
            self.gradtop.tune(run, {key: value if isinstance(value, str) else to_text(value) for key, value in best.items()})

    def copied(self) -> tuple[str, str]:
        if best := self._best():
            return " ".join(f"{key}={to_text(value)}" for key, value in best.items()), "the best values"
        return super().copied()
