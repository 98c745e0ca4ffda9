"""The pane that shows a parameter as a picture in place of its histogram: from the worker while it trains, else from a checkpoint."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import TYPE_CHECKING, cast

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from gradtop.trainer.analysis.formatting import number
from gradtop.trainer.record import Run, clean
from gradtop.trainer.record.pictures import ALL_CHANNELS, Picture, PictureKind, Wanted, layout
from gradtop.tui.screens.weights.data import WeightsPart
from gradtop.tui.screens.weights.pictures import PicturePart, Shown, heat, picture_title, why_none
from gradtop.tui.screens.weights.text import AVERAGED, NOT_AVERAGED
from gradtop.tui.widgets.border import retitle
from gradtop.tui.widgets.heat_map import HeatMap

if TYPE_CHECKING:
    from gradtop.tui.app import GradtopApp
    from gradtop.tui.reading.snapshot import Facts

PictureKey = tuple[Path, Wanted, bool]  # the last is whether it is of the EMA
KEPT = 32  # pictures from checkpoints
OTHER = {PictureKind.KERNELS: PictureKind.MEAN, PictureKind.MEAN: PictureKind.MAX, PictureKind.MAX: PictureKind.MEAN}
NAMES = {PictureKind.MEAN: "mean |W|", PictureKind.MAX: "max |W|"}


class PicturePane(Vertical):
    """Knows which picture is wanted; one request at a time goes to the torch server, for the newest that is wanted."""

    class Changed(Message):
        """Another picture is wanted, or none."""

    class Loaded(Message):
        """A picture from a checkpoint, or in words why there is none."""

        def __init__(self, key: PictureKey, shown: Shown | str) -> None:
            super().__init__()
            self.key, self.shown = key, shown

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self.wanted: Wanted | None = None
        self._part = WeightsPart()
        self._loaded: dict[PictureKey, Shown | str] = {}
        self._loading: PictureKey | None = None
        self._facts: Facts | None = None
        self._last: tuple[Hashable, Shown] | None = None
        self._raw = False

    def compose(self) -> ComposeResult:
        yield HeatMap(id="picture", colours=self.gradtop.capabilities.colours >= 256)

    @property
    def gradtop(self) -> GradtopApp:
        return cast("GradtopApp", self.app)

    # Which picture

    @property
    def is_open(self) -> bool:
        return self.wanted is not None

    @property
    def has_kernels(self) -> bool:
        return self.wanted is not None and self.wanted.kind is PictureKind.KERNELS and layout(self._sizes, self.wanted) is not None

    @property
    def other_map(self) -> str:
        """What the key of the heat map shows next."""
        return NAMES[OTHER[self.wanted.kind]] if self.wanted is not None else ""

    @property
    def has_average(self) -> bool:
        """Whether the picture is from a checkpoint with an EMA of the weights beside them."""
        picture = self._part.picture
        return self.is_open and self._part.averaged and picture is not None and not picture.live and picture.checkpoint is not None

    @property
    def _averaged(self) -> bool:
        return self.has_average and not self._raw

    @property
    def other_weights(self) -> str:
        """What `change_average` shows."""
        return "weights" if self._averaged else "EMA"

    def change_average(self) -> None:
        self._raw = not self._raw
        if self._facts is not None:
            self.show_part(self._part, self._facts)

    @property
    def _sizes(self) -> tuple[int, ...]:
        wanted = self.wanted
        return next((each.shape for each in self._part.parameters if wanted is not None and each.name == wanted.parameter), ())

    def show_kernels(self, parameter: str) -> None:
        """Show its kernels; where they are shown, the histogram again."""
        if self.wanted is not None and self.wanted.kind is PictureKind.KERNELS:
            self.shut()
        else:
            self._want(Wanted(parameter, PictureKind.KERNELS))

    def show_map(self, parameter: str) -> None:
        kind = OTHER[self.wanted.kind] if self.wanted is not None else PictureKind.MEAN
        self._want(Wanted(parameter, kind, height=self._room[1], width=self._room[0]))

    def turn_to(self, parameter: str) -> None:
        """The same kind of picture of another parameter."""
        if self.wanted is not None:
            self.wanted = self.wanted._replace(parameter=parameter, kernel=0, channel=0)

    def walk(self, step: int) -> None:
        """Another kernel."""
        if self.wanted is not None and self.has_kernels:
            self._want(self.wanted._replace(kernel=max(0, min(self._sizes[0] - 1, self.wanted.kernel + step))))

    def on_heat_map_tile_clicked(self, message: HeatMap.TileClicked) -> None:
        message.stop()
        self.walk(message.step)

    def walk_channels(self, step: int) -> None:
        """Another channel; before the first stands the mean over all."""
        if self.wanted is not None and self.has_kernels:
            self._want(self.wanted._replace(channel=max(ALL_CHANNELS, min(self._sizes[1] - 1, self.wanted.channel + step))))

    def shut(self) -> None:
        self._want(None)

    def _want(self, wanted: Wanted | None) -> None:
        if wanted != self.wanted:
            self.wanted = wanted
            if wanted is not None and self._part.picture is not None and self._part.picture.wanted.parameter == wanted.parameter:
                self._draw(self._part.picture._replace(wanted=wanted))  # another kernel of what is there already needs no answer
            self.post_message(self.Changed())

    @property
    def _room(self) -> tuple[int, int]:
        """Pixels across and down; those that it will have where it is not shown yet."""
        width, height = self.parent.size if self.parent is not None else (0, 0)  # type: ignore[attr-defined]
        across, down = self.query_one(HeatMap).pixels(max(2, width - 2), max(2, height - 2))
        return max(1, across), max(1, down)

    def on_resize(self) -> None:
        if self.wanted is not None and self.wanted.kind is not PictureKind.KERNELS:
            self._want(self.wanted._replace(height=self._room[1], width=self._room[0]))

    # Drawing

    def show_part(self, part: WeightsPart, facts: Facts) -> None:
        self._part, self._facts = part, facts
        if self.wanted is not None and part.picture is not None and part.picture.wanted.parameter == self.wanted.parameter:
            self._draw(part.picture._replace(wanted=self.wanted))

    def _draw(self, part: PicturePart) -> None:
        named = next((each.shown for each in self._part.parameters if each.name == part.wanted.parameter), part.wanted.parameter)
        plot, words = self.query_one(HeatMap), f"{named}  {picture_title(part.wanted, part.shape)}"
        if why := why_none(part.wanted, part.shape):
            retitle(self, words, "")
            plot.show(None, why)
            return
        found = self._found(part)
        if isinstance(found, str):
            retitle(self, words, "")
            plot.show(None, found)
            return
        which = (AVERAGED if self._averaged else NOT_AVERAGED) if self._part.averaged else ""
        retitle(self, words, " · ".join(filter(None, (f"step {number(found.step)}", "" if found.time else "checkpoint", which))))
        drawn = heat(found, part.wanted, part.shape)
        plot.show(drawn, "none of these weights is finite")

    def _found(self, part: PicturePart) -> Shown | str:
        """The picture, or what is said until it is there."""
        run = self._facts.run if self._facts is not None else None
        key = (run.path if run is not None else None, part.wanted.parameter, self._averaged)
        found: Shown | str = "measuring: the picture follows after the current step"
        if part.live:
            found = part.shown if part.shown is not None and part.shown.picture.shows(part.wanted, part.shape) else found
        elif part.checkpoint is None or run is None:
            paused = self._facts is not None and self._facts.alive and self._part.measured
            found = "paused before the first checkpoint: the picture follows when the run continues" if paused else "no checkpoint is kept from which the weights could be read"
        else:
            found = self._stored(run, part.checkpoint, part)
        if isinstance(found, Shown):
            self._last = (key, found)
        elif self._last is not None and self._last[0] == key and self._last[1].picture.shows(part.wanted, part.shape):
            return self._last[1]
        return found

    def _stored(self, run: Run, checkpoint: Path, part: PicturePart) -> Shown | str:
        for (path, wanted, averaged), shown in self._loaded.items():
            same = path == checkpoint and wanted.parameter == part.wanted.parameter and averaged is self._averaged
            if same and (wanted == part.wanted or (isinstance(shown, Shown) and shown.picture.shows(part.wanted, part.shape))):
                return shown
        self._load(run, checkpoint, part.wanted)
        return "reading the checkpoint; the first time PyTorch is imported for it, which takes some seconds"

    def _load(self, run: Run, checkpoint: Path, wanted: Wanted) -> None:
        if self._loading is not None:
            return
        averaged = self._averaged
        self._loading = key = (checkpoint, wanted, averaged)
        launcher = self.gradtop.launcher

        def load() -> None:
            try:
                answer = launcher.picture(run, checkpoint, wanted, averaged=averaged)
                picture = Picture.from_numbers(answer["numbers"])
                found = Shown(picture, answer["step"]) if picture is not None else "the checkpoint holds another shape of it"
            except OSError as error:
                found = clean(str(error), 300)
            self.post_message(self.Loaded(key, found))

        self.run_worker(load, thread=True, name="picture")

    def on_picture_pane_loaded(self, message: Loaded) -> None:
        self._loading = None
        self._loaded[message.key] = message.shown
        if len(self._loaded) > KEPT:
            del self._loaded[next(iter(self._loaded))]
        if self._facts is not None:
            self.show_part(self._part, self._facts)
