"""The screen in a real terminal."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from gradtop.trainer.config import load_config
from gradtop.trainer.record import Run, list_runs, read_meta, read_status, send, wait_for_answer
from tests.process.support import (
    CONFIG,
    FOREVER,
    GRADTOP,
    Process,
    Worker,
    let_others_go_first,
    resting_run,
    state_of,
    wait_for_run,
    wait_for_state,
    wait_for_step,
)
from tests.process.terminals import Tmux
from tests.support import wait_until

Terminal = Callable[..., Tmux]
Adopt = Callable[[Run], Process]

# What each mode shows of this model as soon as the first records are there.
MODES = {
    "1": ("loss", "accuracy", "gradient norm", "learning rate"),
    "2": ("formula", r"16 × 8 \+ 8|16·8 \+ 8", r"share"),
    "3": ("norm now", r"weight .*\d", "finding"),
    "4": ("mean", "std", "since the start"),
    "5": ("so far", "planned"),
    "6": ("what will change", r"lr +1e-3"),
    "7": ("changed against its parent", "● training"),
}


def config_file(folder: Path, epochs: int = FOREVER) -> Path:
    path = folder / "run.toml"
    path.write_text(CONFIG.format(epochs=epochs))
    return path


def test_start_watch_all_modes_edit_restart_leave_and_come_back(tmp_path: Path, tmux: Terminal, adopt: Adopt) -> None:
    runs = tmp_path / "runs"
    screen = tmux(str(GRADTOP), "train", str(config_file(tmp_path)), "--watch", "--runs", str(runs))
    first = wait_for_run(runs)
    adopt(first)
    screen.wait_for("● training", timeout=90)
    for key, shown in MODES.items():
        screen.keys(key)
        screen.wait_for(*shown)

    let_others_go_first(first)
    screen.keys("6")
    screen.wait_for("what will change")
    screen.press_until("j", lambda shown: re.search(r"─ optimizer\.lr ─", shown) is not None)
    screen.keys("Enter", "C-u")
    screen.type("3e-4")
    screen.keys("Enter")
    screen.wait_for(r"1e-3 → 3e-4")
    screen.keys("C-s")

    wait_until(lambda: len(list_runs(runs)) == 2, 60, "the second run")
    second = next(run for run in list_runs(runs) if run != first)
    adopt(second)
    screen.wait_for(read_meta(second).name, "● training", timeout=90)
    wait_for_step(second, 20)
    let_others_go_first(second)
    assert load_config(second.config).optimizer.lr == 3e-4
    assert read_meta(second).parent == first.id
    assert [(change.key, change.old, change.new) for change in read_meta(second).changes] == [("optimizer.lr", 1e-3, 3e-4)]
    assert state_of(first) == "training", "a new run ends the one beside it"

    screen.keys("q")
    said = screen.wait_for(f"{read_meta(second).name} continues in the background", "gradtop watch")
    assert "Traceback" not in said
    wait_until(lambda: screen.ended, 60, "the screen to end")
    wait_for_step(second, read_status(second).step + 50)

    screen.again(str(GRADTOP), "--runs", str(runs), "--no-server")
    screen.wait_for(read_meta(second).name, "● training")
    screen.keys("q")
    screen.wait_for("continues in the background")


def test_a_terminal_that_is_closed_under_the_screen_leaves_the_run_to_its_end(tmp_path: Path, tmux: Terminal, adopt: Adopt) -> None:
    runs = tmp_path / "runs"
    screen = tmux(str(GRADTOP), "train", str(config_file(tmp_path)), "--watch", "--runs", str(runs))
    run = wait_for_run(runs)
    adopt(run)
    screen.wait_for("● training", timeout=90)
    command = Process(screen.pid)

    screen.kill()

    assert command.ends_within(20), "the screen goes on without a terminal"
    step = wait_for_step(run, read_status(run).step + 50).step
    epochs = step // 25 + 40  # near enough to be waited for
    answer = wait_for_answer(run, send(run, "set", changes={"training.epochs": epochs}, confirmed=True), 60)
    assert answer is not None
    assert answer["ok"], answer
    wait_for_state(run, "done", timeout=90)
    assert read_status(run).step == epochs * 25
    command.close()


def test_two_screens_watch_and_steer_one_run(tmp_path: Path, tmux: Terminal, start: Callable[..., Worker]) -> None:
    run = resting_run(tmp_path / "runs")
    worker = start(run)
    watch = (str(GRADTOP), "watch", str(run.path), "--no-server")
    one, other = tmux(*watch), tmux(*watch, columns=80, rows=24)
    for screen in (one, other):
        screen.wait_for("● training")

    one.keys("Space")
    other.wait_for("‖ paused")
    step = wait_for_step(run, 1).step
    other.keys("Space")
    one.wait_for("● training")
    wait_for_step(run, step + 50)
    one.keys("q")
    one.wait_for("continues in the background")

    other.wait_for("● training")
    assert worker.alive
