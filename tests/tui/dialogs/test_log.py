from __future__ import annotations

from pathlib import Path

from gradtop.trainer.record import Run
from gradtop.tui.dialogs.log import Log
from gradtop.tui.reading.log import LogTail
from gradtop.tui.widgets.log_view import LogView
from tests.tui.piloting import piloted
from tests.tui.runs_fixture import NOW, Grower, fake_run

HOSTILE = "\x1b]0;title\x07\x1b[31mred\x1b[0m [bold]markup[/bold] \x1b[2J\x9b1m\n" + "漢" * 90 + "\n" + "x" * 10_000 + "\nwrong \udcff utf-8\n"


async def test_the_log_opens_over_the_mode_and_closes_again(tmp_path: Path, training: tuple[Run, Grower]) -> None:
    async with piloted(tmp_path, training[0]) as screen:
        for close in ("L", "escape", "q"):
            await screen.press("L")
            await screen.shows("epoch 2: loss 0.511")
            assert isinstance(screen.app.screen, Log)
            assert "worker.log of quiet-heron" in screen.shown()
            await screen.press(close)
            assert not isinstance(screen.app.screen, Log)
        assert screen.app.is_running


async def test_what_the_worker_prints_comes_while_the_log_is_open_and_is_not_read_afterwards(
    tmp_path: Path, training: tuple[Run, Grower]
) -> None:
    run, _ = training
    async with piloted(tmp_path, run) as screen:
        await screen.press("L")
        await screen.shows("epoch 2")
        with run.log.open("a") as file:
            file.write("epoch 3: loss 0.402\n")
        await screen.shows("epoch 3: loss 0.402")
        assert screen.app.snapshot.log.run == run
        await screen.press("L")
        await screen.until(lambda: screen.app.snapshot.log.run is None, "no log")


async def test_hostile_lines_are_data(tmp_path: Path, training: tuple[Run, Grower]) -> None:
    run, _ = training
    run.log.write_bytes(HOSTILE.encode("utf-8", "surrogateescape"))
    async with piloted(tmp_path, run) as screen:
        await screen.press("L")
        await screen.shows("wrong \ufffd utf-8")
        await screen.press("home")
        await screen.shows("red [bold]markup[/bold]")
        assert not set(screen.shown()) & {"\x1b", "\x07", "\x9b"}
        assert "漢" * 58 in screen.shown()


async def test_scrolling_back_says_how_much_lies_below_and_end_follows_again(tmp_path: Path, training: tuple[Run, Grower]) -> None:
    run, _ = training
    run.log.write_text("".join(f"line {number}\n" for number in range(300)))
    async with piloted(tmp_path, run) as screen:
        await screen.press("L")
        await screen.shows("line 299")
        assert "following" in screen.shown()
        await screen.press("up", "up")
        await screen.shows("2 lines below · end: latest")
        await screen.press("pageup", "home")
        await screen.shows("line 0 ")
        await screen.press("end")
        await screen.shows("following")


async def test_y_copies_the_path_of_the_log(tmp_path: Path, training: tuple[Run, Grower]) -> None:
    run, _ = training
    async with piloted(tmp_path, run) as screen:
        await screen.press("L")
        await screen.until(lambda: isinstance(screen.app.screen, Log), "the log")
        await screen.press("y")
        assert screen.app.clipboard == str(run.log)


async def test_in_the_list_of_runs_it_is_the_log_of_the_row(tmp_path: Path, runs: Path, training: tuple[Run, Grower]) -> None:
    fake_run(runs, "grey-lynx", state="died", steps=10, created=NOW - 500, log="its last words\n")
    async with piloted(tmp_path, training[0], mode="runs") as screen:
        await screen.shows("grey-lynx")
        await screen.press("j", "L")
        await screen.shows("worker.log of grey-lynx")
        await screen.shows("its last words")


async def test_a_run_without_a_log_says_that_nothing_was_printed(tmp_path: Path, training: tuple[Run, Grower]) -> None:
    run, _ = training
    run.log.unlink()
    async with piloted(tmp_path, run) as screen:
        await screen.press("L")
        await screen.shows("The worker has not printed anything yet")
        run.log.write_text("the first line\n")
        await screen.shows("the first line")


async def test_a_log_under_another_mode_is_read_again_when_it_is_seen_again(tmp_path: Path, training: tuple[Run, Grower]) -> None:
    async with piloted(tmp_path, training[0]) as screen:
        await screen.press("L")
        await screen.shows("epoch 2")
        screen.app.action_mode("schedule")
        await screen.until(lambda: screen.app.snapshot.mode == "schedule" and screen.app.snapshot.log.run is None, "no log")
        screen.app.action_mode("overview")
        await screen.until(lambda: screen.app.snapshot.log.run is not None, "the log")
        assert screen.app.screen.query_one(LogView).has_focus


def test_a_log_that_did_not_grow_gives_the_same_lines_and_a_long_one_its_end(tmp_path: Path, runs: Path) -> None:
    run, _ = fake_run(runs, steps=0)
    tail = LogTail(run, monotonic=lambda: 0.0)
    assert tail.read() is tail.read()
    assert not tail.read().cut
    run.log.write_text("".join(f"line {number} {'x' * 100}\n" for number in range(5000)))
    part = tail.read()
    assert part.cut
    assert part.lines[-1].startswith("line 4999")
    assert len(part.lines) < 700
    run.log.unlink()
    assert tail.read() is part
