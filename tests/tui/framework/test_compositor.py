from __future__ import annotations

from textual.app import App, ComposeResult
from textual.widget import Widget

from gradtop.tui.framework.compositor import CellCompositor


class Application(App[None]):
    CSS = "Widget { height: 3; }"

    def compose(self) -> ComposeResult:
        yield Widget()
        yield Widget(id="later")


async def test_a_widget_is_told_that_it_is_shown_even_if_a_scroll_found_it_before() -> None:
    app = Application()
    async with app.run_test(size=(40, 12)):
        screen, later = app.screen, app.screen.query_one("#later")
        compositor = CellCompositor()
        later.display = False
        screen._clear_arrangement_cache()
        assert later not in compositor.reflow(screen, screen.size).shown
        later.display = True
        screen._clear_arrangement_cache()
        compositor.reflow_visible(screen, screen.size)
        assert later in compositor.full_map  # made anew
        assert later in compositor.reflow(screen, screen.size).shown
        later.styles.height = 4
        screen._clear_arrangement_cache()
        compositor.reflow_visible(screen, screen.size)
        assert compositor.full_map[later].region.height == 4
        assert later in compositor.reflow(screen, screen.size).resized
        assert not any(compositor.reflow(screen, screen.size))
