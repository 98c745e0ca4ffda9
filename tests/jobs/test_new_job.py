"""A job is one room in trainer/jobs and one in tui/screens: it is found by being there, by whatever deals with jobs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
# A job that nothing in gradtop knows: it counts, and tells what it counted to.
JOB = {
    "__init__.py": """
from gradtop.trainer.job import Job, JobCommand

JOB = Job("tally_up", "a count", "count", command=JobCommand("count to a number", options={"to": ("N", "what to count to")}, takes_weights=False))
""",
    "config.py": """
from gradtop.trainer.declare import Section, setting


class Settings(Section):
    to: int = setting(3, help="What to count to.", effect="restart", ge=1)
""",
    "result.py": """
from gradtop.trainer.job import JobEvent, Result


def describe(event):
    return f"counted to {event.get('counted')}", "success"


RESULT = Result(
    lines=lambda reader: [("counted", str(reader.status.result.get("counted")))],
    record=lambda reader: dict(reader.status.result),
    headline=lambda status: f"to {status.result.get('counted')}",
    events={"counted": JobEvent(("counted",), describe)},
)
""",
    "work.py": """
from gradtop.trainer.training.build import read_valid_config


def start(context):
    to = read_valid_config(context.run).part("tally_up").to
    context.progress.update(state="training", step=to, steps=to, result={"counted": to})
    context.writer.event("counted", counted=to)
""",
}
SCREEN = {
    "__init__.py": "",
    "mode.py": """
from gradtop.tui.mode import CURSOR, Key, Mode

MODE = Mode("tally_up", "1", "Count", "gradtop.tui.screens.tally_up.screen:Count", "How far it has counted.", frozenset({CURSOR}))
KEYS = (Key("enter", "screen.again", "tally_up.again", "again", "Count again.", modes=("tally_up",), footer=True),)
""",
    "screen.py": """
from gradtop.tui.framework.lines import Lines
from gradtop.tui.framework.mode_screen import ModeScreen, bindings


class Count(ModeScreen):
    BINDINGS = bindings("tally_up")
    mode = "tally_up"

    def body(self):
        yield Lines(id="count")

    def show(self, snapshot):
        self.query_one("#count", Lines).show([[(f"counted to {snapshot.facts.status.result.get('counted')} of its own", "text")]])

    def action_again(self):
        pass

    def action_read(self, cells):
        pass
""",
}
# The rooms are put beside the others; then the command is called, its run is done, told and looked at.
TRY = """
import asyncio, sys
from pathlib import Path
import gradtop.trainer.jobs, gradtop.tui.screens

here = Path(sys.argv[1])
gradtop.trainer.jobs.__path__.append(str(here / "jobs"))
gradtop.tui.screens.__path__.append(str(here / "screens"))

from gradtop.trainer import launch
from gradtop.trainer.runtime.worker import work
from gradtop.tui.cli.main import main, overview


def start(run, *, resume=False, server=True):
    assert work(run) == 0


launch.start_worker = start
(here / "tiny.toml").write_text("")
runs = ["--runs", str(here / "runs")]
assert "  tally-up    count to a number\\n" in overview()
assert main(["tally-up", str(here / "tiny.toml"), "--to", "7", "--name", "keen-newt", *runs]) == 0
assert main(["tally-up", "keen-newt", "tally_up.to=2", "--json", *runs]) == 0
assert main(["ls", *runs]) == 0
assert main(["show", "keen-newt", *runs]) == 0

from gradtop.trainer.analysis.event_text import event_lines
from gradtop.trainer.record import EventReader, Run, list_runs
from tests.tui.piloting import piloted


async def look(run):
    async with piloted(here, run) as screen:
        await screen.shows("counted to 7 of its own")
        assert screen.app.current_mode == "tally_up"
        assert "1 Count" in screen.keybar() and "again" in screen.keybar()


run = next(run for run in list_runs(here / "runs") if run.id.endswith("keen-newt"))
print(*(line.text for line in event_lines(EventReader(run).refresh())), sep="\\n")
asyncio.run(look(run))
"""


def test_a_new_job_takes_its_rooms_and_nothing_else(tmp_path: Path) -> None:
    for folder, files in (("jobs", JOB), ("screens", SCREEN)):
        room = tmp_path / folder / "tally_up"
        room.mkdir(parents=True)
        for name, text in files.items():
            (room / name).write_text(text)

    done = subprocess.run([sys.executable, "-c", TRY, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    for told in ("counted: 7", '"counted": 2', "count  to 2", "a count", "counted to 7"):
        assert told in done.stdout, told
