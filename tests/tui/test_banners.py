"""What stands under the header or in place of a mode's body names keys that act there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gradtop.trainer.record import read_status, write_status
from gradtop.tui import keys
from tests.tui.piloting import Piloted, piloted
from tests.tui.runs_fixture import NOW, fake_run

# A key that a sentence names, as it is written there, and what it does.
NAMED = {keys.name(key.id): key for key in keys.KEYS if key.id in {"log", "run.resume", "run.pause"}} | {
    mode.number: mode for mode in keys.MODES if mode.name in {"runs", "tune", "overview"}
}
SAYS = re.compile(r"(?<![\w.])(\w+|space) (shows the|resumes it|lists the|starts |changes it|continues|shows it)")


def acts(screen: Piloted, key: str) -> str:
    """What a key does here, "" where it does nothing."""
    active = screen.mode.active_bindings.get(key)
    return active.binding.action if active is not None and active.enabled else ""


@pytest.mark.parametrize(("state", "wanted"), [("failed", {"L"}), ("died", {"r"}), (None, {"7", "6"})])
async def test_every_key_that_a_banner_names_acts_where_it_stands(tmp_path: Path, runs: Path, state: str | None, wanted: set[str]) -> None:
    run = fake_run(runs, state=state, created=NOW - 31)[0] if state else None
    found: dict[str, set[str]] = {}
    async with piloted(tmp_path, run) as screen:
        for mode in keys.MODES:
            await screen.press(mode.number)
            await screen.until(lambda mode=mode: screen.mode.mode == mode.name and not screen.app.hides, mode.title)  # type: ignore[misc]
            await screen.pilot.pause()
            said = [word for word, _ in SAYS.findall(screen.shown()) if word in NAMED]
            found[mode.name] = set(said)
            for word in said:
                action = acts(screen, getattr(NAMED[word], "key", word))
                assert action, f"{word!r} does nothing in {mode.title}:\n{screen.shown()}"
                assert action == getattr(NAMED[word], "action", f"app.mode('{getattr(NAMED[word], 'name', '')}')"), (mode.title, word, action)
    elsewhere = {name for name, words in found.items() if not words >= wanted}
    # Runs tells of the run under its cursor; Tune, Search and Runs need no run.
    assert elsewhere <= {"runs", *({"tune", "search"} if state is None else ())}, found


@pytest.mark.parametrize("state", ["died", "failed", "stopped"])
async def test_a_run_that_could_not_be_resumed_says_why_whatever_it_was_before(tmp_path: Path, runs: Path, state: str) -> None:
    run, _ = fake_run(runs, state=state, created=NOW - 31, log="Traceback (most recent call last):\nUserError: no study\n")
    write_status(run, read_status(run)._replace(error="could not be resumed: the storage has no study", not_resumed=True))
    async with piloted(tmp_path, run) as screen:
        await screen.shows(" The run could not be resumed: the storage has no study")
        assert "ran out of memory" not in screen.shown()
        assert "Traceback" not in screen.shown()
        assert acts(screen, "L"), "the log"
