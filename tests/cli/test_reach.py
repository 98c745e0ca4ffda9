"""Whatever a key of the screen does to a run, a command does as well, with an exit code and JSON."""

from __future__ import annotations

import pytest

from gradtop.tui import keys
from gradtop.tui.cli.main import commands, parser_for

# By the ids of the keys; of several commands each does a part of it.
DOES = {
    "run.pause": ("pause", "continue"),
    "run.checkpoint": ("checkpoint",),
    "run.stop": ("stop",),
    "run.resume": ("resume",),
    "run.profile": ("profile",),
    "tune.start": ("fork", "rerun", "train"),
    "tune.next": ("train", "fork", "rerun"),
    "tune.live": ("set",),
    "tune.fork": ("fork",),
    "tune.restart": ("rerun",),
    "tune.search": ("search",),
    "tune.enqueue": ("search",),
    "tune.batch_size": ("batch-size",),
    "tune.init_comparison": ("init",),
    "tune.range_test": ("lr-range",),
    "tune.sensitivity": ("sensitivity",),
    "tune.speed": ("speed",),
    "search.enqueue": ("search",),
    "search.stop_trial": ("search",),
    "search.extend": ("search",),
    "runs.rerun": ("rerun",),
    "runs.seeds": ("rerun",),
    "runs.tag": ("tag",),
    "runs.note": ("note",),
    "runs.pin": ("pin", "unpin"),
    "runs.rename": ("rename",),
    "runs.delete": ("rm",),
    "runs.use": ("eval", "export"),
    "runs.prune": ("prune",),
    "runs.quantize": ("quantize",),
    "prune.write": ("prune",),
    "quantize.write": ("quantize",),
}
# Actions of keys by which something is done to a run, or a run is started.
ACTS = ("app.command", "app.pause_or_continue", "app.stop", "app.resume", "app.profile", "screen.start_job", "screen.write", "screen.enqueue", "screen.delete")


@pytest.mark.parametrize("key", DOES)
def test_the_key_exists_and_so_do_its_commands_with_json(key: str) -> None:
    assert key in {each.id for each in keys.KEYS}
    for name in DOES[key]:
        assert name in commands()
        assert "--json" in parser_for(name)._option_string_actions


def test_no_key_that_acts_on_a_run_is_left_out() -> None:
    assert {each.id for each in keys.KEYS if each.action.partition("(")[0] in ACTS} <= set(DOES)
