"""What Textual (8.2) and Rich (15) remember, in less memory and let go of at once: theirs grows for hours, or waits for a full collection."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from rich.segment import Segment
from textual import dom, widget
from textual._compositor import Compositor
from textual._styles_cache import StylesCache
from textual.cache import FIFOCache
from textual.color import Color
from textual.dom import DOMNode
from textual.filter import LineFilter
from textual.geometry import Region, Size
from textual.map_geometry import MapGeometry
from textual.screen import Screen
from textual.strip import Strip
from textual.style import Style
from textual.timer import Timer
from textual.widget import Widget

from gradtop.tui.framework.compositor import forget_widget
from gradtop.tui.framework.stylesheet import release

CUTS, BACKGROUNDS, ANSWERS, SIZES, PLACES = 1024, 1024, 32, 4, 1024
OF_REGION = ("__contains__", "grow", "shrink", "intersection", "union")
OF_STRIP = {
    "_divide_cache": 4,
    "_crop_cache": 16,
    "_style_cache": 16,
    "_filter_cache": 4,
    "_line_length_cache": 4,
    "_crop_extend_cache": 4,
    "_offsets_cache": 4,
}


divide, arrange = Strip.divide, Compositor._arrange_root  # noqa: SLF001
draw, draw_line = StylesCache.render, StylesCache.render_line
end, end_whole, tick = Widget._message_loop_exit, Screen._message_loop_exit, Timer._run_timer  # noqa: SLF001


@lru_cache(BACKGROUNDS)
def backgrounds(base: Color, background: Color) -> tuple[Style, Style]:
    """A widget's background inside and outside of its border."""
    return Style(background=base + background), Style(background=base)


def begin_strip(strip: Strip, segments: Iterable[Segment], cell_length: int | None = None) -> None:
    """Begin a strip without its caches; `cache_of_strip` makes those that are used."""
    strip._segments = list(segments)  # noqa: SLF001
    strip._cell_length = cell_length  # noqa: SLF001
    strip._render_cache = strip._link_ids = strip._cell_count = None  # noqa: SLF001


def cache_of_strip(strip: Strip, name: str) -> FIFOCache[Any, Any]:
    """A strip's cache when it is first asked for, as an attribute that is not there yet."""
    if name not in OF_STRIP:
        raise AttributeError(name)
    cache: FIFOCache[Any, Any] = FIFOCache(OF_STRIP[name])
    setattr(strip, name, cache)
    return cache


def divide_strip(strip: Strip, cuts: Iterable[int]) -> Sequence[Strip]:
    """Theirs has a strip that is all of itself remember that, and so hold itself, until a full collection."""
    cuts = [cut for cut in cuts if cut <= strip.cell_length]
    return [strip] if cuts == [strip.cell_length] else divide(strip, cuts)


def draw_filtered(
    cache: StylesCache, styles: Any, size: Size, base: Color, background: Color, content: Any, filters: Sequence[LineFilter], *arguments: Any, **options: Any
) -> list[Strip]:
    """A widget's lines, remembered as they are shown: theirs keeps each as it was before the filters too, with a cache that holds what they made of it."""
    if getattr(cache, "_filters", filters) != filters:
        cache.clear()
    cache._filters = filters  # type: ignore[attr-defined]  # noqa: SLF001
    return draw(cache, styles, size, base, background, content, (), *arguments, **options)


def draw_line_filtered(
    cache: StylesCache, styles: Any, y: int, size: Size, content_size: Size, padding: Any, base: Color, background: Color, *arguments: Any
) -> Strip:
    strip = draw_line(cache, styles, y, size, content_size, padding, base, background, *arguments)
    for each in cache._filters:  # type: ignore[attr-defined]  # noqa: SLF001
        segments = each.apply(strip._segments, background)  # noqa: SLF001
        if segments != strip._segments:  # noqa: SLF001 - most have nothing that it would change
            strip = Strip(segments, strip._cell_length)  # noqa: SLF001
    return strip


def arrange_root(compositor: Compositor, root: Widget, size: Size, visible_only: bool = True) -> tuple[dict[Widget, MapGeometry], set[Widget]]:
    """Theirs is filled by a function that holds itself: each layout would stay until a full collection, with the widgets that it shows."""
    places, widgets = arrange(compositor, root, size, visible_only)
    kept = dict(places), set(widgets)
    places.clear()
    widgets.clear()
    return kept


async def end_widget(widget: Widget) -> None:
    """Theirs leaves a widget that is gone in the hands of its own styles until a full collection, with a hundred objects and more."""
    components = list(widget._component_styles.values())  # noqa: SLF001
    above = list(widget.ancestors)
    await end(widget)
    widget._layout_cache.clear()  # noqa: SLF001
    for styles in (widget.styles, *components):
        release(styles)
    let_go(widget, above)


def let_go(widget: Widget, above: Sequence[DOMNode]) -> None:
    """Have what is not laid out again let a widget go that ended: a toast would stay with a screen that is not seen, until somebody comes back."""
    if isinstance(parent := above[0], Widget):  # its last layout, and list of what is shown
        parent._clear_arrangement_cache()  # noqa: SLF001
        parent._nodes._displayed_nodes = parent._nodes._displayed_visible_nodes = -1, []  # noqa: SLF001
    screen = next((each for each in above if isinstance(each, Screen)), None)
    if screen is None or screen.is_current:
        return
    forget_widget(screen._compositor, widget)  # noqa: SLF001
    screen._dirty_widgets.discard(widget)  # noqa: SLF001
    screen._layout_widgets.pop(widget, None)  # noqa: SLF001
    for waiting in screen._layout_widgets.values():  # noqa: SLF001
        waiting.discard(widget)


async def run_timer(timer: Timer) -> None:
    """Theirs is held by the widget whose method it calls, which it holds for ever."""
    try:
        await tick(timer)
    finally:
        timer._callback = None  # noqa: SLF001


async def end_screen(screen: Screen[Any]) -> None:
    """The same of a screen, which its compositor holds too."""
    await end_whole(screen)
    screen._compositor.root = None  # noqa: SLF001
    components = list(screen._component_styles.values())  # noqa: SLF001 - its widgets have asked for them as they went
    screen._component_styles.clear()  # noqa: SLF001
    for styles in components:
        release(styles)


def keep_small() -> None:
    """Put them in the place of theirs."""
    # Remembered by the widget's cache of drawn lines too, theirs keeps those of a thousand widgets that are gone: 60 MB.
    StylesCache.get_inner_outer = staticmethod(backgrounds)  # type: ignore[assignment,method-assign]  # it is called as a method
    StylesCache.render = draw_filtered  # type: ignore[assignment,method-assign]
    StylesCache.render_line = draw_line_filtered  # type: ignore[assignment,method-assign]
    # Of cuts of texts 16,384 are remembered, and each frame brings new ones: more than 10 MB.
    if isinstance(cut := vars(Segment).get("_split_cells"), classmethod):
        Segment._split_cells = classmethod(lru_cache(CUTS)(inspect.unwrap(cut.__func__)))  # type: ignore[arg-type,assignment,method-assign]  # noqa: SLF001
    # Of each calculation with regions 4,096 are remembered, by hours of toasts and lists in all sizes: 8 MB. A layout needs a few hundred.
    for name in OF_REGION:
        if (remembered := vars(Region)[name]).cache_parameters()["maxsize"] > PLACES:
            setattr(Region, name, lru_cache(PLACES)(inspect.unwrap(remembered)))
    # 1024 answers to `query_one` for each widget and 16 sizes of it, most of which are outdated with the next dialog or mode; and in a ring,
    # which holds itself.
    dom.LRUCache = lambda maxsize: FIFOCache(min(maxsize, ANSWERS))  # type: ignore[assignment,attr-defined,misc,return-value]
    widget.LRUCache = lambda maxsize: FIFOCache(min(maxsize, SIZES))  # type: ignore[assignment,attr-defined,misc,return-value]
    # Seven caches for each line that is drawn, of which most lines use one: four fifths of what a line takes, and a sixth of all objects.
    Strip.__init__ = begin_strip  # type: ignore[assignment,method-assign]
    Strip.__getattr__ = cache_of_strip  # type: ignore[attr-defined]
    Strip.divide = divide_strip  # type: ignore[assignment,method-assign]
    Widget._message_loop_exit = end_widget  # type: ignore[assignment,method-assign]  # noqa: SLF001
    Timer._run_timer = run_timer  # type: ignore[assignment,method-assign]  # noqa: SLF001
    Screen._message_loop_exit = end_screen  # type: ignore[assignment,method-assign]  # noqa: SLF001
    Compositor._arrange_root = arrange_root  # type: ignore[assignment,method-assign]  # noqa: SLF001
