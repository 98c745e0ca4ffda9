"""The one table of modes and keys: bindings, the quiet footer, the help, the palette and docs/keys.md are made from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from gradtop.tui.mode import CHARTS, CURSOR, NAMES, Key, Mode

if TYPE_CHECKING:
    from textual.binding import Binding

    from gradtop.trainer.config import Config
    from gradtop.tui.dialogs.start_job import StartJob

MODES = (
    Mode("overview", "1", "Overview", "gradtop.tui.screens.overview.screen:Overview", "Loss, accuracy, gradient norm, learning rate, findings and events."),
    Mode("parameters", "2", "Parameters", "gradtop.tui.screens.parameters.screen:Parameters", "Model tree: kind, shape, formula, parameter count, bytes."),
    Mode("gradients", "3", "Gradients", "gradtop.tui.screens.gradients.screen:Gradients", "Gradient norm of each parameter over time, with its diagnosis."),
    Mode("weights", "4", "Weights", "gradtop.tui.screens.weights.screen:Weights", "Weights of one parameter: histogram, change since the start, kernels as pictures, heat map."),
    Mode("schedule", "5", "Schedule", "gradtop.tui.screens.schedule.screen:Schedule", "Learning rate: recorded and planned."),
    Mode("tune", "6", "Tune", "gradtop.tui.screens.tune.screen:Tune", "Change the configuration and start the next run."),
    Mode("runs", "7", "Runs", "gradtop.tui.screens.runs.screen:Runs", "All runs with their changes and results; compare, fork, resume."),
    Mode("search", "8", "Search", "gradtop.tui.screens.search.screen:TrialsScreen", "A search: history, importances, parallel coordinates, slices, Pareto front, trials.", asks="gradtop.tui.screens.search.asking:AskSearch"),
    Mode("system", "9", "System", "gradtop.tui.screens.system.screen:System", "Processor, memory, disk, network and GPU: usage by the run and by the whole host."),
)

SCREENS = "gradtop.tui.screens"


def _rooms() -> Iterator[ModuleType]:
    """The `mode.py` of each job that has a screen of its own: MODE, and KEYS."""
    for name in sorted(path.parent.name for folder in import_module(SCREENS).__path__ for path in Path(folder).glob("*/mode.py")):
        yield import_module(f"{SCREENS}.{name}.mode")


ROOMS = tuple(_rooms())
# Named after its job, each stands in place of the Overview while a run of that job is watched.
JOB_MODES: tuple[Mode, ...] = tuple(room.MODE for room in ROOMS)
# Opened by a key of its own, and not among the numbers of the key bar.
PAGES = (
    Mode("metrics", "M", "Metrics", "gradtop.tui.screens.metrics.screen:Metrics", "Every recorded metric of the run as a chart."),
    Mode("profiles", "F", "Profiles", "gradtop.tui.screens.profile.screen:ProfilePage", "Profiles of the run's steps: what their time goes into, by phase, operator and module."),
    Mode("classes", "C", "Classes", "gradtop.tui.screens.classes.screen:Classes", "Of a classification: confusion matrix, accuracy of each class, samples with the largest loss."),
)
LISTS = ("parameters", "gradients", "weights", "runs", "search", "profile", "profiles")
PROFILED = ("overview", "parameters", "gradients", "weights", "schedule", "system", "classes", "profile", "profiles")
SCROLLED = (*LISTS, "overview")
SORTED = LISTS
PROFILES = "profiles"
OVER_STEPS = ("overview", "schedule", "gradients", "system", "metrics")
CURSORS = (*OVER_STEPS, *(mode.name for mode in JOB_MODES if CURSOR in mode.shares))
CHARTED = (*OVER_STEPS, *(mode.name for mode in JOB_MODES if CHARTS in mode.shares))

KEYS: tuple[Key, ...] = (
    *(Key(m.number, f"app.mode('{m.name}')", f"mode.{m.name}", m.title, m.help, group="modes") for m in MODES),
    *(Key(m.number, f"app.mode('{m.name}')", f"mode.{m.name}", m.title, m.help, group="modes") for m in PAGES),
    Key("e", "app.mode('tune')", "edit", "edit", "Edit the configuration (Tune).", group="modes"),
    # The run. Each answers with what the worker said.
    Key("space", "app.pause_or_continue", "run.pause", "pause", "Pause the run after the current step, or continue it.", "the run", footer=True),
    Key("c", "app.command('checkpoint')", "run.checkpoint", "checkpoint", "Write a checkpoint after the current step.", "the run", footer=True),
    Key("s", "app.stop", "run.stop", "stop", "Stop the run after the current step, with a checkpoint. Asks first.", "the run", footer=True),
    Key("r", "app.resume", "run.resume", "resume", "Resume the run from its last checkpoint.", "the run", footer=True),
    Key("p", "app.profile", "run.profile", "profile", "Profile the next 10 steps of the run, which goes on; of one that has ended, steps of its configuration in a run of its own.", "the run", modes=PROFILED, spare="profile"),
    # Everywhere.
    Key("L", "app.log", "log", "log", "Show the worker's log.", "everywhere", footer=True),
    Key("y", "app.copy", "copy", "copy", "Copy the current value or path (also over ssh and in tmux).", "everywhere"),
    Key("tab", "app.focus_next", "next", "next pane", "Focus the next pane; in a small terminal, show the next panes.", "everywhere", footer=True),
    Key("shift+tab", "app.focus_previous", "previous", "previous pane", "Focus the previous pane.", "everywhere"),
    Key("escape", "app.back", "back", "back", "Leave a chart, list, pane or dialog.", "everywhere", footer=True),
    Key("ctrl+p", "app.command_palette", "palette", "palette", "Command palette: search all actions by name.", "everywhere", priority=True),
    Key("colon", "app.command_palette", "palette.colon", "palette", "Command palette, like ctrl+p; not while typing.", "everywhere"),
    Key("ctrl+t", "app.toggle_theme", "theme", "light/dark", "Switch between dark and light theme.", "everywhere"),
    Key("question_mark", "app.help", "help", "help", "Show this help.", "everywhere", footer=True),
    Key("q", "app.leave", "leave", "leave", "Leave; the run continues.", "everywhere", footer=True),
    Key("ctrl+c,ctrl+q", "app.leave", "leave.interrupt", "leave", "Leave, like q; never stops the run.", "everywhere", shown="ctrl+c"),
    # Charts with a cursor.
    Key("left,h", "screen.read(-1)", "cursor.left", "read left", "Move the cursor of all charts to the recorded value one column left (shift: ten).", modes=CURSORS, spare="read", beside="cursor.right"),
    Key("right,l", "screen.read(1)", "cursor.right", "read right", "Move the cursor of all charts to the recorded value one column right (shift: ten).", modes=CURSORS),
    Key("shift+left", "screen.read(-10)", "cursor.left10", "read 10 left", "Move the chart cursor ten columns left.", modes=CURSORS),
    Key("shift+right", "screen.read(10)", "cursor.right10", "read 10 right", "Move the chart cursor ten columns right.", modes=CURSORS),
    Key("home,g", "screen.read(-100000)", "cursor.first", "first value", "Move the chart cursor to the first value.", modes=CURSORS),
    Key("end,G", "screen.read(100000)", "cursor.last", "last value", "Move the chart cursor to the newest value.", modes=CURSORS),
    # Charts over steps.
    Key("plus,equals_sign", "screen.zoom_steps(2)", "charts.zoom_in", "zoom in", "Zoom in: half the width, around the cursor or at the newest end (also the mouse wheel).", modes=CHARTED, shown="+", spare="zoom", beside="charts.zoom_out"),
    Key("minus", "screen.zoom_steps(0.5)", "charts.zoom_out", "zoom out", "Zoom out: twice the width.", modes=CHARTED, shown="-"),
    Key("left_square_bracket", "screen.pan(-1)", "charts.pan_left", "earlier", "Zoomed in: a quarter of the width to the left.", modes=CHARTED, shown="[", spare="pan", beside="charts.pan_right"),
    Key("right_square_bracket", "screen.pan(1)", "charts.pan_right", "later", "Zoomed in: a quarter of the width to the right.", modes=CHARTED, shown="]"),
    Key("0", "screen.all_steps", "charts.all", "all steps", "Show all steps again, or the whole range.", modes=CHARTED, footer=True),
    Key("Y", "screen.log_axis", "charts.log", "log axis", "Switch the focused chart (else the first) between linear and logarithmic axis.", modes=CHARTED, spare="log axis"),
    Key("t", "screen.quantity", "charts.quantity", "step/epoch/time", "Draw charts over steps, epochs or time; in the overlay of runs also over the time of day.", modes=OVER_STEPS, spare="step/epoch/time"),
    Key("w", "screen.smooth", "charts.smooth", "smooth", "Smooth curves by an exponential moving average: off, 0.6, 0.9, 0.97 or 0.99 per step. Recorded values stay dim.", modes=OVER_STEPS, spare="smooth"),
    # Lists.
    Key("down,j", "cursor_down", "list.down", "down", "Next row.", modes=LISTS, bound=False, shown="↓ j"),
    Key("up,k", "cursor_up", "list.up", "up", "Previous row.", modes=LISTS, bound=False, shown="↑ k"),
    Key("pagedown", "page_down", "list.pagedown", "page down", "One page down.", modes=SCROLLED, bound=False),
    Key("pageup", "page_up", "list.pageup", "page up", "One page up.", modes=SCROLLED, bound=False),
    Key("ctrl+d", "half_page(1)", "list.halfdown", "half page down", "Half a page down.", modes=SCROLLED, bound=False),
    Key("ctrl+u", "half_page(-1)", "list.halfup", "half page up", "Half a page up.", modes=SCROLLED, bound=False),
    Key("home,g", "first", "list.first", "first", "First row.", modes=LISTS, bound=False),
    Key("end,G", "last", "list.last", "last", "Last row.", modes=LISTS, bound=False),
    Key("slash", "filter", "list.filter", "filter", "Filter rows by the text you type.", modes=SCROLLED, footer=True, bound=False),
    Key("enter", "keep_filter", "filter.keep", "apply", "While typing a filter: apply it.", modes=SCROLLED, footer=True, bound=False),
    Key("escape", "clear_filter", "filter.clear", "show all", "Clear the filter.", modes=SCROLLED, footer=True, bound=False),
    Key("less_than_sign", "sort_by(-1)", "list.sortleft", "sort by column", "Sort by the column to the left of the sorted one; a click on a column's name sorts by it, another one reverses.", modes=SORTED, bound=False, spare="sort", beside="list.sortright"),
    Key("greater_than_sign", "sort_by(1)", "list.sortright", "sort by column", "Sort by the column to the right.", modes=SORTED, bound=False),
    # 1 Overview
    Key("enter", "screen.zoom", "overview.zoom", "enlarge", "Enlarge the focused pane, else the first; esc restores the others. On a finding: open the mode that shows it.", modes=("overview",), footer=True),
    Key("down,j", "screen.step(1)", "overview.down", "down", "Focus the pane below; in findings and events, the next row.", modes=("overview",), shown="↓ j"),
    Key("up,k", "screen.step(-1)", "overview.up", "up", "Focus the pane above; in findings and events, the previous row.", modes=("overview",), shown="↑ k"),
    # M Metrics
    Key("down,j", "screen.scroll_rows(1)", "metrics.down", "down", "Next row of charts.", modes=("metrics",), shown="↓ j"),
    Key("up,k", "screen.scroll_rows(-1)", "metrics.up", "up", "Previous row of charts.", modes=("metrics",), shown="↑ k"),
    Key("pagedown,ctrl+d", "screen.turn_page(1)", "metrics.pagedown", "page down", "Next page of charts.", modes=("metrics",), shown="pgdn"),
    Key("pageup,ctrl+u", "screen.turn_page(-1)", "metrics.pageup", "page up", "Previous page of charts.", modes=("metrics",), shown="pgup"),
    Key("slash", "screen.filter", "metrics.filter", "filter", "Show the metrics whose names match what you type, letter by letter; esc shows all.", modes=("metrics",), footer=True),
    Key("enter", "screen.zoom", "metrics.zoom", "enlarge", "Enlarge the focused chart (else the first); esc restores the others.", modes=("metrics",), footer=True),
    Key("p", "screen.pick", "metrics.pick", "on Overview", "Put the focused chart (else the first) on the Overview, or take it away; remembered.", modes=("metrics",), footer=True),
    # C Classes
    Key("down,j", "screen.scroll_rows(1)", "classes.down", "down", "Next class in the list.", modes=("classes",), shown="↓ j"),
    Key("up,k", "screen.scroll_rows(-1)", "classes.up", "up", "Previous class in the list.", modes=("classes",), shown="↑ k"),
    Key("pagedown,ctrl+d", "screen.turn_page(1)", "classes.pagedown", "page down", "Next page of the list of classes.", modes=("classes",), shown="pgdn"),
    Key("pageup,ctrl+u", "screen.turn_page(-1)", "classes.pageup", "page up", "Previous page of the list of classes.", modes=("classes",), shown="pgup"),
    Key("home,g", "screen.scroll_rows(-1000000)", "classes.first", "first", "First class of the list.", modes=("classes",)),
    Key("end,G", "screen.scroll_rows(1000000)", "classes.last", "last", "Last class of the list.", modes=("classes",)),
    Key("b", "screen.evaluation", "classes.evaluation", "best", "Switch between the newest and the best evaluation.", modes=("classes",), footer=True),
    # 2 Parameters
    Key("enter", "screen.unfold", "parameters.unfold", "open", "Expand or collapse this module.", modes=("parameters",), footer=True),
    Key("right,l", "screen.open", "parameters.open", "open", "Expand this module; if expanded, go to its first child.", modes=("parameters",)),
    Key("left,h", "screen.shut", "parameters.shut", "close", "Collapse this module; if collapsed, go to its parent.", modes=("parameters",)),
    Key("plus", "screen.open_all", "parameters.open_all", "open all", "Expand all modules.", modes=("parameters",), shown="+"),
    Key("minus", "screen.shut_all", "parameters.shut_all", "close all", "Collapse all modules.", modes=("parameters",), shown="-"),
    # 3 Gradients
    Key("enter", "screen.choose", "gradients.chart", "chart", "Show this parameter's norm in a large chart; esc returns to the list.", modes=("gradients",), footer=True),
    Key("o", "screen.sort", "gradients.sort", "order", "Sort by severity or by depth.", modes=("gradients",), footer=True),
    Key("down,j", "screen.walk(1)", "gradients.next", "next", "In the chart: the next parameter.", modes=("gradients",), shown="↓ j"),
    Key("up,k", "screen.walk(-1)", "gradients.previous", "previous", "In the chart: the previous parameter.", modes=("gradients",), shown="↑ k"),
    # 4 Weights
    Key("K", "screen.kernels", "weights.kernels", "kernels", "Show the kernels of a convolution as pictures; esc or again shows the histogram.", modes=("weights",), footer=True),
    Key("m", "screen.map", "weights.map", "heat map", "Show the mean of |W| as a heat map, one cell for each kernel and channel or for a block of a matrix; again shows the maximum.", modes=("weights",), footer=True),
    Key("a", "screen.average", "weights.average", "weights", "In a picture from the checkpoint of a run with an EMA of its weights: show the EMA, whose score counts, or the weights themselves.", modes=("weights",), footer=True),
    Key("left,h", "screen.walk(-1)", "weights.previous", "previous", "In the picture of kernels: the previous kernel.", modes=("weights",)),
    Key("right,l", "screen.walk(1)", "weights.next", "kernel", "In the picture of kernels: the next kernel.", modes=("weights",), footer=True, shown="← →"),
    Key("left_square_bracket", "screen.channel(-1)", "weights.previous_channel", "previous channel", "In the picture of kernels: the previous channel; before the first, the mean of |W| over all.", modes=("weights",), shown="["),
    Key("right_square_bracket", "screen.channel(1)", "weights.next_channel", "channel", "In the picture of kernels: the next channel.", modes=("weights",), footer=True, shown="[ ]"),
    # 6 Tune
    Key("enter", "screen.edit", "tune.edit", "edit", "Edit this field, or choose one of its values.", modes=("tune",), footer=True),
    Key("ctrl+s", "screen.start", "tune.start", "start", "Start a new run: a fork from the newest checkpoint if the changes allow it, else from the beginning.", modes=("tune",), footer=True),
    Key("ctrl+n", "screen.start_next", "tune.next", "start next", "Like ctrl+s, but queued until the device is free.", modes=("tune",)),
    Key("ctrl+l", "screen.apply_live", "tune.live", "apply live", "Apply live changes to the running training after the current step.", modes=("tune",), footer=True),
    Key("ctrl+f", "screen.fork", "tune.fork", "fork", "Fork: start a new run from a checkpoint that you choose.", modes=("tune",), footer=True),
    Key("ctrl+r", "screen.restart", "tune.restart", "restart", "Restart: start a new run from the beginning, even if a fork is possible.", modes=("tune",), footer=True),
    Key("ctrl+w", "screen.start_job('search')", "tune.search", "search", "Search hyperparameters of this configuration: asks for the space.", modes=("tune",)),
    Key("ctrl+e", "screen.enqueue_trial", "tune.enqueue", "enqueue trial", "Over a search or one of its trials: have the search train a trial with these values.", modes=("tune",), footer=True),
    Key("ctrl+o", "screen.save", "tune.save", "save as", "Save this configuration as a TOML file. Asks before overwriting.", modes=("tune",), footer=True),
    Key("escape", "app.back", "tune.discard", "discard", "Discard all edits. Asks first.", modes=("tune",), footer=True),
    Key("down,j", "screen.move(1)", "tune.down", "down", "Next field.", modes=("tune",), shown="↓ j"),
    Key("up,k", "screen.move(-1)", "tune.up", "up", "Previous field.", modes=("tune",), shown="↑ k"),
    Key("left,h", "screen.beside(-1)", "tune.left", "left", "The field on the left.", modes=("tune",)),
    Key("right,l", "screen.beside(1)", "tune.right", "right", "The field on the right.", modes=("tune",)),
    Key("pagedown", "screen.section(1)", "tune.pagedown", "next section", "Next section.", modes=("tune",)),
    Key("pageup", "screen.section(-1)", "tune.pageup", "previous section", "Previous section.", modes=("tune",)),
    Key("ctrl+d", "screen.move(10)", "tune.halfdown", "ten down", "Ten fields down.", modes=("tune",)),
    Key("ctrl+u", "screen.move(-10)", "tune.halfup", "ten up", "Ten fields up.", modes=("tune",)),
    Key("home,g", "screen.move(-1000)", "tune.first", "first", "First field.", modes=("tune",)),
    Key("end,G", "screen.move(1000)", "tune.last", "last", "Last field.", modes=("tune",)),
    Key("backspace", "screen.reset", "tune.reset", "reset", "Reset this field to its original value.", modes=("tune",)),
    Key("slash", "screen.filter", "tune.filter", "filter", "Filter fields by name; esc shows all.", modes=("tune",)),
    Key("minus", "screen.fold", "tune.fold", "fold", "Collapse or expand this section.", modes=("tune",), shown="-"),
    Key("enter", "leave(0)", "field.enter", "confirm", "In a field: confirm and leave it; number keys switch modes again.", modes=("tune",), footer=True, bound=False),
    Key("escape", "take_back", "field.escape", "discard", "In a field: discard the edit and leave it.", modes=("tune",), footer=True, bound=False),
    Key("tab", "leave(1)", "field.tab", "next field", "In a field: confirm and go to the next field.", modes=("tune",), footer=True, bound=False),
    Key("shift+tab", "leave(-1)", "field.back", "previous field", "In a field: confirm and go to the previous field.", modes=("tune",), bound=False),
    Key("down", "leave(1)", "field.down", "next field", "In a field: like tab.", modes=("tune",), bound=False),
    Key("up", "leave(-1)", "field.up", "previous field", "In a field: like shift+tab.", modes=("tune",), bound=False),
    # 8 Search
    Key("enter", "screen.choose", "search.open", "open", "Open the run of this trial in the ordinary modes; esc returns to the search. In the list of searches: watch it.", modes=("search",), footer=True),
    Key("v", "screen.next_plot(1)", "search.plot", "plot", "The next plot: history, parallel coordinates, slice, Pareto front of two objectives, importance in a narrow terminal.", modes=("search",), footer=True),
    Key("V", "screen.next_plot(-1)", "search.plot_back", "previous plot", "The previous plot.", modes=("search",)),
    Key("right_square_bracket", "screen.parameter(1)", "search.parameter", "parameter", "In the slice: the next parameter.", modes=("search",), footer=True, shown="[ ]"),
    Key("left_square_bracket", "screen.parameter(-1)", "search.parameter_back", "previous parameter", "In the slice: the previous parameter.", modes=("search",), shown="["),
    Key("f", "screen.enlarge", "search.enlarge", "enlarge", "Enlarge the plot; again or esc restores the others.", modes=("search",), footer=True),
    Key("t", "screen.tune", "search.tune", "use in Tune", "Put the parameters of this trial into Tune, over the configuration that is searched: to train it longer, or to save it.", modes=("search",), footer=True),
    Key("a", "screen.enqueue", "search.enqueue", "enqueue", "Enqueue a trial by hand, with the parameters of this one as a proposal.", modes=("search",), footer=True),
    Key("x", "screen.stop_trial", "search.stop_trial", "stop trial", "Stop this trial; the search goes on. Asks first.", modes=("search",), footer=True),
    Key("b", "screen.extend", "search.extend", "extend", "Extend the budget of the search. Asks by how many trials.", modes=("search",), footer=True),
    # 9 System
    Key("enter", "screen.zoom", "system.zoom", "enlarge", "Enlarge the focused chart, else the first pane; esc restores the others.", modes=("system",), footer=True),
    Key("down,j", "screen.step(1)", "system.down", "down", "Focus the chart below.", modes=("system",), shown="↓ j"),
    Key("up,k", "screen.step(-1)", "system.up", "up", "Focus the chart above.", modes=("system",), shown="↑ k"),
    # 7 Runs
    Key("enter", "screen.choose", "runs.watch", "watch", "Watch this run.", modes=("runs",), footer=True),
    Key("a", "screen.rerun", "runs.rerun", "again", "Start a new run with the same configuration. Asks first.", modes=("runs",), footer=True),
    Key("o", "screen.sort", "runs.sort", "sort", "Change the order: newest first by family, best first within the same data, by name.", modes=("runs",), footer=True),
    Key("f", "screen.fork", "runs.fork", "fork", "Fork this run: opens Tune with its configuration.", modes=("runs",), footer=True),
    Key("m", "screen.mark", "runs.mark", "mark", "Mark this run for the overlay and for comparison, or unmark it; any number can be marked.", modes=("runs",), footer=True),
    Key("u", "screen.unmark", "runs.unmark", "unmark all", "Unmark all runs.", modes=("runs",)),
    Key("v", "screen.overlay", "runs.overlay", "overlay", "Draw the marked runs over each other: loss, validation loss and accuracy, or any metrics (/); runs that differ in the seed alone as their mean with a band of one deviation.", modes=("runs",), footer=True),
    Key("x,equals_sign", "screen.compare", "runs.compare", "compare", "Compare this run with the one marked last, else with its parent (also =).", modes=("runs",), footer=True, shown="x"),
    Key("O", "screen.columns", "runs.columns", "columns", "Choose the columns: results, keys of the configuration, metrics of evaluations; remembered.", modes=("runs",), footer=True),
    Key("t", "screen.tag", "runs.tag", "tags", "Edit the tags of this run.", modes=("runs",), footer=True),
    Key("N", "screen.note", "runs.note", "note", "Write a note on this run.", modes=("runs",)),
    Key("p", "screen.pin", "runs.pin", "pin", "Keep this run on top of the list, or no longer; stored in the run.", modes=("runs",), footer=True),
    Key("S", "screen.seeds", "runs.seeds", "seeds", "Queue more runs of this configuration that differ in the seed alone. Asks how many.", modes=("runs",)),
    Key("E", "screen.use", "runs.use", "evaluate, export", "Evaluate this run's best checkpoint, or export its model as safetensors, pt2 or ONNX into the run's directory.", modes=("runs",)),
    Key("n", "screen.rename", "runs.rename", "rename", "Rename this run.", modes=("runs",)),
    Key("d", "screen.delete", "runs.delete", "delete", "Move this run to the trash folder in the runs directory. Asks first.", modes=("runs",)),
    # 1, of jobs with a screen of their own
    *(key for room in ROOMS for key in room.KEYS),
)

HELP = next(row for row in KEYS if row.id == "help")  # in dialogs, where those of the app do not act

_in_use = KEYS


def use(table: tuple[Key, ...]) -> None:
    """Make `name` answer from this table; the app does so at its start."""
    global _in_use  # noqa: PLW0603 - a process has one screen, and sentences in many places name its keys
    _in_use = table


def name(id_: str) -> str:
    """How the key of an id is written for people, such as `ctrl+s`."""
    return next(row.name for row in _in_use if row.id == id_)


def number(mode: Mode) -> str:
    """The key that opens a mode; that of a job stands in place of the Overview."""
    return name(f"mode.{(MODES[0] if mode in JOB_MODES else mode).name}")


def in_bar(row: Key) -> str:
    """How the key bar names a key that stands there with the one beside it: `+ -`."""
    return " ".join(name(each).split()[0] for each in (row.id, row.beside) if each)


def remapped(keymap: Mapping[str, str]) -> tuple[Key, ...]:
    """The table with other keys for the ids in the keymap."""
    return tuple(row._replace(key=keymap[row.id], shown="") if row.id in keymap else row for row in KEYS)


def all_modes() -> tuple[Mode, ...]:
    return (*MODES, *JOB_MODES, *PAGES)


def mode_named(name: str) -> Mode:
    return next(mode for mode in all_modes() if mode.name == name)


def start_question(job: str) -> Callable[[Config, float], StartJob] | None:
    """The dialog that asks how Tune is to start a job; None where it asks nothing."""
    asks = next((mode.asks for mode in (*JOB_MODES, *MODES) if mode.name == job), "")
    if not asks:
        return None
    module, _, name = asks.partition(":")
    found: Callable[[Config, float], StartJob] = getattr(import_module(module), name)
    return found


def front_of(job: str) -> str:
    """The mode that shows a run of this job first: its own where it has one, else the Overview."""
    return next((mode.name for mode in (*JOB_MODES, *MODES) if mode.name == job), MODES[0].name)


def beside(name: str) -> tuple[Mode, ...]:
    """The modes as the key bar shows them in a mode: that of a job stands in place of the Overview."""
    return (mode_named(name), *MODES[1:]) if any(mode.name == name for mode in JOB_MODES) else MODES


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


def of_bindings(bindings: Iterable[Binding]) -> list[Key]:
    """The help of a dialog: the keys that are bound in it and say what they do, those of one action in one row."""
    found: dict[str, list[Binding]] = {}
    for binding in bindings:
        found.setdefault(binding.action, []).append(binding)
    rows = []
    for action, same in found.items():
        said = next((each for each in same if each.tooltip), None)
        if said is not None:
            shown = " ".join(dict.fromkeys(each.key_display or NAMES.get(each.key, each.key) for each in same))
            rows.append(Key(same[0].key, action, said.id or action, said.description, said.tooltip, shown=shown))
    return rows


def markdown() -> str:
    """The table of docs/keys.md."""
    lines = ["| key | id | what it does | where |", "|---|---|---|---|"]
    for key in KEYS:
        where = ", ".join(mode_named(mode).title for mode in key.modes) or "everywhere"
        lines.append(f"| `{key.name}` | {'–' if key.fixed else f'`{key.id}`'} | {key.help} | {where} |")
    return "\n".join(lines) + "\n"
