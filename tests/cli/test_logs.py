"""logs and events: all of a file, its end, and what is added while somebody follows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gradtop.trainer.record import Event, Run, RunReader, append_event, new_run
from gradtop.trainer.record.log import AT_ONCE
from gradtop.tui.cli.events import print_events
from gradtop.tui.cli.logs import print_log
from tests.cli.conftest import Gradtop
from tests.tui.runs_fixture import Grower, living_run

Story = Callable[[], object]


@pytest.fixture
def living(tmp_path: Path) -> tuple[Run, Grower]:
    return living_run(tmp_path / "runs", log="first\n")


def opened_reader(run: Run) -> RunReader:
    reader = RunReader(run)
    reader.refresh()
    return reader


def telling(*story: Story) -> Callable[[float], None]:
    """A wait in which the next part of the story happens."""
    left = list(story)

    def wait(_seconds: float) -> None:
        assert left, "the following goes on after the story's end"
        left.pop(0)()

    return wait


def add(run: Run, text: str) -> None:
    with run.log.open("a") as file:
        file.write(text)


def test_a_log_is_printed_whole_or_from_its_end(gradtop: Gradtop, runs: Path) -> None:
    log = next(runs.glob("*amber-finch")) / "worker.log"
    log.write_text("".join(f"line {number}\n" for number in range(20_000)) + "no end")  # more than is read at a time
    assert log.stat().st_size > 2 * 65536
    lines = log.read_text().splitlines()
    said = gradtop("logs", "amber-finch")
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines() == lines
    for count in (1, 2, 7_000, 20_001, 99_999):
        assert gradtop("logs", "amber-finch", "-n", count).out.splitlines() == lines[-count:]
    log.write_text("one\ntwo\n")
    assert gradtop("logs", "amber-finch", "--lines", "1").out == "two\n"


def test_nothing_in_a_log_steers_the_terminal(gradtop: Gradtop, runs: Path) -> None:
    log = next(runs.glob("*amber-finch")) / "worker.log"
    log.write_bytes(b"\x1b[2J\x1b]0;title\x07red \x1b[31mtext\n 10%|#\r 20%|##\r\nbad \xff byte\n" + b"x" * (2 * AT_ONCE) + b"\n")
    first, second, third, fourth = gradtop("logs", "amber-finch").out.splitlines()
    assert (first, second, third) == ("red text", " 20%|##", "bad \ufffd byte")
    assert (len(fourth), fourth[-1]) == (1000, "…")


def test_following_a_log_ends_with_the_run_and_tells_all_of_it(living: tuple[Run, Grower], capsys: pytest.CaptureFixture[str]) -> None:
    run, grower = living

    def end() -> None:
        add(run, "rd\nthe end")
        grower.status("done")

    assert print_log(opened_reader(run), None, follow=True, wait=telling(lambda: add(run, "second\nthi"), end)) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == ["first", "second", "third", "the end"]
    assert err == "quiet-heron is done.\n"


def test_a_log_that_is_rotated_while_it_is_followed_is_read_from_its_beginning(living: tuple[Run, Grower], capsys: pytest.CaptureFixture[str]) -> None:
    run, grower = living

    def rotate() -> None:
        run.log.rename(run.path / "worker.log.1")

    def cut() -> None:
        run.log.write_text("b\n")  # in place, shorter than before

    story = telling(rotate, lambda: add(run, "a longer line\n"), cut, lambda: grower.status("stopped"))
    assert print_log(opened_reader(run), 1, follow=True, wait=story) == 0
    assert capsys.readouterr().out.splitlines() == ["first", "a longer line", "b"]


def test_a_log_that_is_missing_is_told(gradtop: Gradtop, runs: Path) -> None:
    path = next(runs.glob("*amber-finch"))
    (path / "worker.log").unlink()
    said = gradtop("logs", "amber-finch")
    assert (said.code, said.out) == (1, "")
    assert said.err == f"gradtop: amber-finch has no log: there is no runs/{path.name}/worker.log, which its worker has written or could not write\n"
    new_run(runs, "", {}, name="new")
    assert gradtop("logs", "new", "-f").err == "gradtop: new has no log: it has not been started\n"
    (path / "worker.log").mkdir()
    assert gradtop("logs", "amber-finch").code == 1


def test_a_run_that_is_deleted_while_it_is_followed_is_told(living: tuple[Run, Grower], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, _ = living
    assert print_log(opened_reader(run), None, follow=True, wait=telling(lambda: run.path.rename(tmp_path / "gone"))) == 1
    assert "was deleted." in capsys.readouterr().err


def test_events_are_numbered_and_continued(gradtop: Gradtop, runs: Path) -> None:
    said = gradtop("events", "amber-finch", "--json")
    assert (said.code, said.err) == (0, "")
    records = [json.loads(line) for line in said.out.splitlines()]
    written = [json.loads(line) for line in (next(runs.glob("*amber-finch")) / "events.jsonl").read_text().splitlines()]
    assert {each.pop("schema") for each in records} == {1}
    assert [each.pop("number") for each in records] == list(range(1, len(written) + 1))
    assert records == written
    assert gradtop("events", "amber-finch", "--json", "--since", "3").out.splitlines() == said.out.splitlines()[3:]
    assert gradtop("events", "amber-finch", "--since", "999") == gradtop("events", "amber-finch", "--since", "1000")
    first = gradtop("events", "amber-finch").out.splitlines()[0].split(maxsplit=3)
    assert (first[0], first[3]) == ("1", "training starts: training started")
    assert gradtop("events", "amber-finch", "--since", "-1").code == 2


def test_a_line_that_is_no_event_counts_and_is_not_printed(gradtop: Gradtop, runs: Path) -> None:
    events = next(runs.glob("*amber-finch")) / "events.jsonl"
    events.write_text('{"time": 1, "kind": "start"}\nnonsense\n{"time": 2, "kind": "\\u001b[2Jx", "value": NaN}\n{"time": 3, "ki')
    lines = [json.loads(line) for line in gradtop("events", "amber-finch", "--json").out.splitlines()]
    assert [(line["number"], line["time"]) for line in lines] == [(1, 1), (3, 2)]
    assert "\x1b" not in gradtop("events", "amber-finch").out


def test_following_events_ends_with_the_run(living: tuple[Run, Grower]) -> None:
    run, grower = living
    seen: list[tuple[int, object]] = []

    def show(number: int, event: Event) -> None:
        seen.append((number, event["kind"]))

    def end() -> None:
        append_event(run, "end", state="done")
        grower.status("done")

    reader = opened_reader(run)
    there = len(run.events.read_text().splitlines())
    assert print_events(reader, there, follow=True, show=show, wait=telling(lambda: append_event(run, "warning", message="hot"), end)) == 0
    assert seen == [(there + 1, "warning"), (there + 2, "end")]
