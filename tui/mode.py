"""How a mode of the screen and a key are declared."""

from __future__ import annotations

from gradtop.trainer.named_tuple import NamedTuple

# The cursor of charts; zoom, pan and the logarithmic axis.
CURSOR, CHARTS = "cursor", "charts"


class Mode(NamedTuple):
    """One screen on a number key; `screen` is imported on the first visit.

    `shares` are the groups of keys that it has in common with others, by what they move: CURSOR, CHARTS. `asks`, of a job's mode, is the
    dialog that asks how Tune is to start it: imported then, made with the configuration and the seconds that a training of it takes (nan where
    that is not known), it gives overrides.
    """

    name: str
    number: str
    title: str
    screen: str
    help: str
    shares: frozenset[str] = frozenset()
    asks: str = ""


NAMES = {
    "question_mark": "?", "slash": "/", "left": "←", "right": "→", "up": "↑", "down": "↓", "escape": "esc", "pageup": "pgup",
    "pagedown": "pgdn", "shift+left": "shift+←", "shift+right": "shift+→", "colon": ":", "less_than_sign": "<", "greater_than_sign": ">",
}


class Key(NamedTuple):
    """One key: what it does (`action`, in Textual's notation), where (`modes`, empty = everywhere) and how it is named.

    `key` may be several, separated by commas. `bound` is False where the widget that has the focus binds the key itself (a
    list its arrows): the row is there for the help alone. `footer` puts it into the key bar while it can act; `spare` does so where
    there is room left, under this word, together with the key `beside`, an id.
    """

    key: str
    action: str
    id: str
    label: str
    help: str
    group: str = "this screen"
    modes: tuple[str, ...] = ()
    footer: bool = False
    bound: bool = True
    priority: bool = False
    shown: str = ""
    spare: str = ""
    beside: str = ""

    @property
    def name(self) -> str:
        """How the key is written for people: `?`, `ctrl+p`, `←`."""
        return self.shown or " ".join(NAMES.get(key, key) for key in self.key.split(","))

    @property
    def fixed(self) -> bool:
        """Whether the key cannot be remapped: those of a field and a filter while typing, and ctrl+c."""
        return self.id.startswith(("field.", "filter.")) or self.id == "leave.interrupt"
