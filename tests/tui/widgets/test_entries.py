from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from gradtop.tui.widgets.entries import Entry, flowed, wrapped


def test_a_body_flows_below_its_text_with_its_line_breaks_and_tones() -> None:
    entry = Entry(" ", "muted", "epoch 5", "primary", body=(("Ali", "muted"), ("ce was\nbeginning to get", "text")))
    assert wrapped(entry, (("more", "muted"),), 13) == [
        [(" ", "muted"), ("epoch 5", "primary")],
        [(" ", "muted"), ("Ali", "muted"), ("ce", "text"), (" ", "text"), ("was", "text")],
        [(" ", "muted"), ("beginning", "text"), (" ", "text"), ("to", "text")],
        [(" ", "muted"), ("get", "text")],
        [(" ", "muted"), ("more", "muted")],
    ]


def test_a_screen_that_is_open_for_long_remembers_the_lines_of_few_entries() -> None:
    """What is found out about a run names other numbers each second."""
    for second in range(1000):
        wrapped(Entry("▲ ", "warning", f"the loss rises since step {second}", "text"), (), 40)
    assert wrapped.cache_info().currsize <= 256


@given(st.lists(st.text(st.sampled_from("ab \n日é")), max_size=4), st.integers(2, 9))
def test_no_line_is_too_wide_and_nothing_but_space_is_lost(texts: list[str], width: int) -> None:
    lines = flowed([(text, "text") for text in texts], width)
    assert all(sum(cell_len(piece) for piece, _ in line) <= width for line in lines)
    assert "".join("".join(piece for piece, _ in line) for line in lines).replace(" ", "") == "".join(texts).replace(" ", "").replace("\n", "")
