"""The one table of modes and keys: bindings, the quiet footer, the help, the palette and docs/keys.md are made from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Mode:
    """One screen on a number key; `screen` is imported on the first visit."""

    name: str
    number: str
    title: str
    screen: str
    help: str


MODES = (
    Mode("overview", "1", "Overview", "gradtop.tui.screens.overview.screen:Overview", "Is it going well? Loss, accuracy, gradient norm, learning rate, findings, events."),
    Mode("parameters", "2", "Parameters", "gradtop.tui.screens.parameters.screen:Parameters", "The model as a tree: kind, shape, formula, parameters, bytes."),
    Mode("gradients", "3", "Gradients", "gradtop.tui.screens.gradients.screen:Gradients", "One row per parameter: its gradient norm over time, and what is wrong with it."),
    Mode("weights", "4", "Weights", "gradtop.tui.screens.weights.screen:Weights", "The histogram of one parameter, and how it moved since the start."),
    Mode("schedule", "5", "Schedule", "gradtop.tui.screens.schedule.screen:Schedule", "The learning rate so far and planned to the end."),
    Mode("tune", "6", "Tune", "gradtop.tui.screens.tune.screen:Tune", "Change the configuration and start the next run."),
    Mode("runs", "7", "Runs", "gradtop.tui.screens.runs.screen:Runs", "All runs, newest first, with what changed between them."),
)
LISTS = ("parameters", "gradients", "weights", "runs")
CURSORS = ("overview", "schedule", "gradients")


@dataclass(frozen=True, slots=True)
class Key:
    """One key: what it does (`action`, in Textual's notation), where (`modes`, empty = everywhere) and how it is named.

    `key` may be several, separated by commas. `bound` is False where the widget that has the focus binds the key itself (a
    list its arrows): the row is there for the help alone. `footer` puts it into the key bar while it can act.
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

    @property
    def name(self) -> str:
        """How the key is written for people: `?`, `ctrl+p`, `←`."""
        return self.shown or " ".join(NAMES.get(key, key) for key in self.key.split(","))

    @property
    def fixed(self) -> bool:
        """Whether the key cannot be remapped: those of a field and a filter while typing, and ctrl+c."""
        return self.id.startswith(("field.", "filter.")) or self.id == "leave.interrupt"


NAMES = {
    "question_mark": "?", "slash": "/", "left": "←", "right": "→", "up": "↑", "down": "↓", "escape": "esc", "pageup": "pgup",
    "pagedown": "pgdn", "shift+left": "shift+←", "shift+right": "shift+→",
}

KEYS: tuple[Key, ...] = (
    *(Key(m.number, f"app.mode('{m.name}')", f"mode.{m.name}", m.title, m.help, group="modes") for m in MODES),
    Key("e", "app.mode('tune')", "edit", "edit", "Change the configuration (Tune).", group="modes"),
    # The run. Each answers with what the worker said.
    Key("space", "app.pause_or_continue", "run.pause", "pause", "Pause the run after this step, or continue it.", "the run", footer=True),
    Key("c", "app.command('checkpoint')", "run.checkpoint", "checkpoint", "Write a checkpoint after this step.", "the run", footer=True),
    Key("s", "app.stop", "run.stop", "stop", "Stop the run: finish the step, write a checkpoint, end. Asks first.", "the run", footer=True),
    # Everywhere.
    Key("l", "app.log", "log", "log", "Show what the worker printed.", "everywhere", footer=True),
    Key("y", "app.copy", "copy", "copy", "Copy the value or path that is shown (works over ssh and in tmux).", "everywhere"),
    Key("tab", "app.focus_next", "next", "next pane", "Go to the next pane; in a small terminal, show the next panes.", "everywhere", footer=True),
    Key("shift+tab", "app.focus_previous", "previous", "previous pane", "Go to the previous pane.", "everywhere"),
    Key("escape", "app.back", "back", "back", "Come out: of a chart, a list, a pane, a question.", "everywhere"),
    Key("ctrl+p", "app.command_palette", "palette", "palette", "Find any command by its name.", "everywhere", priority=True),
    Key("ctrl+t", "app.toggle_theme", "theme", "light/dark", "Change between the dark and the light theme.", "everywhere"),
    Key("question_mark", "app.help", "help", "help", "Show these keys.", "everywhere", footer=True),
    Key("q", "app.leave", "leave", "leave", "Leave. The run goes on.", "everywhere", footer=True),
    Key("ctrl+c,ctrl+q", "app.leave", "leave.interrupt", "leave", "Leave, like q: it never stops the run.", "everywhere", shown="ctrl+c"),
    # Charts with a cursor.
    Key("left", "screen.read(-1)", "cursor.left", "read left", "Read the chart: one column to the left (shift: ten).", modes=CURSORS),
    Key("right", "screen.read(1)", "cursor.right", "read right", "Read the chart: one column to the right (shift: ten).", modes=CURSORS),
    Key("shift+left", "screen.read(-10)", "cursor.left10", "read 10 left", "Read the chart: ten columns to the left.", modes=CURSORS),
    Key("shift+right", "screen.read(10)", "cursor.right10", "read 10 right", "Read the chart: ten columns to the right.", modes=CURSORS),
    Key("home", "screen.read(-100000)", "cursor.first", "first value", "Read the chart at its first value.", modes=CURSORS),
    Key("end", "screen.read(100000)", "cursor.last", "last value", "Read the chart at its newest value.", modes=CURSORS),
    # Lists.
    Key("down,j", "cursor_down", "list.down", "down", "Next row.", modes=LISTS, bound=False, shown="↓ j"),
    Key("up,k", "cursor_up", "list.up", "up", "Previous row.", modes=LISTS, bound=False, shown="↑ k"),
    Key("pagedown", "page_down", "list.pagedown", "page down", "One page down.", modes=LISTS, bound=False),
    Key("pageup", "page_up", "list.pageup", "page up", "One page up.", modes=LISTS, bound=False),
    Key("home", "first", "list.first", "first", "First row.", modes=LISTS, bound=False),
    Key("end", "last", "list.last", "last", "Last row.", modes=LISTS, bound=False),
    Key("slash", "filter", "list.filter", "filter", "Show only the rows that contain what you type.", modes=LISTS, footer=True, bound=False),
    Key("enter", "keep_filter", "filter.keep", "keep", "While typing a filter: keep it and come out.", modes=LISTS, footer=True, bound=False),
    Key("escape", "clear_filter", "filter.clear", "show all", "Take the filter away.", modes=LISTS, footer=True, bound=False),
    # 1 Overview
    Key("enter", "screen.zoom", "overview.zoom", "enlarge", "Show the chosen pane alone; esc brings the others back.", modes=("overview",)),
    # 2 Parameters
    Key("enter", "screen.unfold", "parameters.unfold", "open", "Open or close this module.", modes=("parameters",), footer=True),
    Key("right", "screen.open", "parameters.open", "open", "Open this module; where it is open, go into it.", modes=("parameters",)),
    Key("left", "screen.shut", "parameters.shut", "close", "Close this module; where it is closed, go to the one that it is in.", modes=("parameters",)),
    Key("plus", "screen.open_all", "parameters.open_all", "open all", "Open all modules.", modes=("parameters",), shown="+"),
    Key("minus", "screen.shut_all", "parameters.shut_all", "close all", "Close all modules.", modes=("parameters",), shown="-"),
    # 3 Gradients
    Key("enter", "screen.choose", "gradients.chart", "chart", "Show this parameter's norm in a large chart; esc brings the list back.", modes=("gradients",), footer=True),
    Key("o", "screen.sort", "gradients.sort", "order", "Order by trouble, or by depth.", modes=("gradients",), footer=True),
    Key("down,j", "screen.walk(1)", "gradients.next", "next", "In the chart: the next parameter.", modes=("gradients",), shown="↓ j"),
    Key("up,k", "screen.walk(-1)", "gradients.previous", "previous", "In the chart: the previous parameter.", modes=("gradients",), shown="↑ k"),
    # 6 Tune
    Key("enter", "screen.edit", "tune.edit", "edit", "Type into this field, or choose among its values.", modes=("tune",), footer=True),
    Key("ctrl+s", "screen.start", "tune.start", "start", "Start a new run by the least costly way: a fork from the newest checkpoint where the changes allow it, else from the start.", modes=("tune",), footer=True),
    Key("ctrl+n", "screen.start_next", "tune.next", "start next", "Start as ctrl+s does, but in line: when the runs before it on its device have ended.", modes=("tune",)),
    Key("ctrl+l", "screen.apply_live", "tune.live", "apply live", "Apply what can be changed live in the running training, after this step.", modes=("tune",), footer=True),
    Key("ctrl+f", "screen.fork", "tune.fork", "fork", "Fork: a new run that goes on from a checkpoint, which you choose.", modes=("tune",), footer=True),
    Key("ctrl+r", "screen.restart", "tune.restart", "restart", "Start a new run with this configuration from the start, always.", modes=("tune",), footer=True),
    Key("ctrl+o", "screen.save", "tune.save", "save as", "Save this configuration as a TOML file. Asks before it overwrites one.", modes=("tune",), footer=True),
    Key("escape", "app.back", "tune.discard", "discard", "Take back what was typed. Asks first.", modes=("tune",), footer=True),
    Key("down,j", "screen.move(1)", "tune.down", "down", "Next field.", modes=("tune",), shown="↓ j"),
    Key("up,k", "screen.move(-1)", "tune.up", "up", "Previous field.", modes=("tune",), shown="↑ k"),
    Key("left,h", "screen.beside(-1)", "tune.left", "left", "The field on the left.", modes=("tune",), shown="← h"),
    Key("right", "screen.beside(1)", "tune.right", "right", "The field on the right.", modes=("tune",)),
    Key("pagedown", "screen.section(1)", "tune.pagedown", "next section", "Next section.", modes=("tune",)),
    Key("pageup", "screen.section(-1)", "tune.pageup", "previous section", "Previous section.", modes=("tune",)),
    Key("home", "screen.move(-1000)", "tune.first", "first", "First field.", modes=("tune",)),
    Key("end", "screen.move(1000)", "tune.last", "last", "Last field.", modes=("tune",)),
    Key("backspace", "screen.reset", "tune.reset", "reset", "Put back what this field had.", modes=("tune",)),
    Key("slash", "screen.filter", "tune.filter", "filter", "Show only the fields whose names contain what you type; esc shows all.", modes=("tune",)),
    Key("minus", "screen.fold", "tune.fold", "fold", "Fold this section into one line, or open it.", modes=("tune",), shown="-"),
    Key("enter", "leave(0)", "field.enter", "keep", "In a field: keep what was typed and come out; number keys change modes again.", modes=("tune",), footer=True, bound=False),
    Key("escape", "take_back", "field.escape", "take back", "In a field: take back what was typed and come out.", modes=("tune",), footer=True, bound=False),
    Key("tab", "leave(1)", "field.tab", "next field", "In a field: keep what was typed and go on to the next field.", modes=("tune",), footer=True, bound=False),
    Key("shift+tab", "leave(-1)", "field.back", "previous field", "In a field: keep what was typed and go back to the previous field.", modes=("tune",), bound=False),
    Key("down", "leave(1)", "field.down", "next field", "In a field: like tab.", modes=("tune",), bound=False),
    Key("up", "leave(-1)", "field.up", "previous field", "In a field: like shift+tab.", modes=("tune",), bound=False),
    # 7 Runs
    Key("enter", "screen.choose", "runs.watch", "watch", "Watch this run.", modes=("runs",), footer=True),
    Key("r", "screen.resume", "runs.resume", "resume", "Go on from the last checkpoint of this run.", modes=("runs",), footer=True),
    Key("a", "screen.rerun", "runs.rerun", "again", "Start a new run with the same configuration.", modes=("runs",), footer=True),
    Key("o", "screen.sort", "runs.sort", "sort", "Change the order: newest first with families together, best first, by name.", modes=("runs",), footer=True),
    Key("f", "screen.fork", "runs.fork", "fork", "Go on from this run with changes: opens Tune on it.", modes=("runs",), footer=True),
    Key("m", "screen.mark", "runs.mark", "mark", "Mark this run, to compare it with another; once more takes the mark away.", modes=("runs",), footer=True),
    Key("x,equals_sign", "screen.compare", "runs.compare", "compare", "Compare the marked run, or else the parent, with this one: configurations and results side by side (also =).", modes=("runs",), footer=True, shown="x"),
    Key("n", "screen.rename", "runs.rename", "rename", "Give this run another name.", modes=("runs",)),
    Key("d", "screen.delete", "runs.delete", "delete", "Move this run to the trash folder inside the runs directory. Asks first.", modes=("runs",)),
)


def remapped(keymap: Mapping[str, str]) -> tuple[Key, ...]:
    """The table with other keys for the ids in the keymap."""
    return tuple(replace(row, key=keymap[row.id], shown="") if row.id in keymap else row for row in KEYS)


def mode_named(name: str) -> Mode:
    return next(mode for mode in MODES if mode.name == name)


def app_keys() -> Iterator[Key]:
    """The keys that mean the same everywhere."""
    return (key for key in KEYS if not key.modes and key.bound)


def mode_keys(mode: str) -> Iterator[Key]:
    """The keys that belong to one mode, those included that its widgets bind."""
    return (key for key in KEYS if mode in key.modes)


def groups(mode: str, table: tuple[Key, ...] = KEYS) -> list[tuple[str, list[Key]]]:
    """The help of one mode: its own keys first, then the others, under their headings."""
    order = ["this screen", "the run", "modes", "everywhere"]
    rows = [key for key in table if not key.modes or mode in key.modes]
    return [(title, [key for key in rows if key.group == title]) for title in order if any(key.group == title for key in rows)]


def markdown() -> str:
    """The table of docs/keys.md."""
    lines = ["| key | id | what it does | where |", "|---|---|---|---|"]
    for key in KEYS:
        where = ", ".join(mode_named(mode).title for mode in key.modes) or "everywhere"
        lines.append(f"| `{key.name}` | {'–' if key.fixed else f'`{key.id}`'} | {key.help} | {where} |")
    return "\n".join(lines) + "\n"
