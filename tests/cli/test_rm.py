"""rm, clean and rename: what is moved, what is kept and why, and what the names of runs are."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gradtop.trainer.analysis.cleaning import Selection, select
from gradtop.trainer.record import Run, find_run, label_run, list_runs, new_run, read_meta, rename_run
from gradtop.trainer.record.disk_usage import freed_by
from gradtop.trainer.trials.recorded import Trial, TrialState, append_trial
from gradtop.tui.cli import consent
from tests.cli.conftest import Gradtop
from tests.tui.runs_fixture import STEPS_PER_EPOCH, fake_run, living_run

DAY = 86400.0


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """A terminal at which somebody answers."""

    def answer(yes: bool) -> None:
        monkeypatch.setattr(consent, "at_terminal", lambda: True)
        monkeypatch.setattr(consent, "is_yes", lambda _question: yes)

    return answer


def there(runs: Path) -> set[str]:
    return {read_meta(run).name for run in list_runs(runs)}


def test_rm_moves_runs_to_the_trash_and_says_how_to_restore_them(gradtop: Gradtop, runs: Path) -> None:
    finch, wren = find_run(runs, "amber-finch"), find_run(runs, "tidy-wren")
    said = gradtop("rm", "amber-finch", "tidy-wren", "--yes")
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines() == [
        "amber-finch was moved to the trash.",
        "tidy-wren was moved to the trash.",
        f"To restore amber-finch: mv {runs}/.trash/{finch.id} {finch.path}",
        f"To restore tidy-wren: mv {runs}/.trash/{wren.id} {wren.path}",
    ]
    assert there(runs) == {"brave-otter"}
    os.rename(runs / ".trash" / wren.id, wren.path)  # noqa: PTH104 - as mv does
    assert json.loads(gradtop("lineage", "tidy-wren", "--json").out)[0]["parent"] == finch.id
    assert "which is missing" in gradtop("lineage", "tidy-wren").out


def test_of_a_search_it_is_said_that_its_trials_stay_and_what_moves_them(gradtop: Gradtop, runs: Path) -> None:
    search = new_run(runs, "", {"name": "hunt"})
    trial = new_run(runs, "", {"name": "hunt-0", "search": search.id})
    append_trial(search, Trial(0, TrialState.FAILED, run=trial.id))
    append_trial(search, Trial(1, TrialState.QUEUED))
    assert gradtop("rm", "hunt", "--yes").out.splitlines()[-1] == f"hunt: its trial stays, which gradtop clean search:{search.id} moves to the trash, too"
    assert there(runs) > {"hunt-0"}
    assert gradtop("clean", f"search:{search.id}", "--yes").code == 0
    assert there(runs) == {"amber-finch", "tidy-wren", "brave-otter"}


def test_rm_asks_first(gradtop: Gradtop, runs: Path, answers: Callable[[bool], None]) -> None:
    label_run(find_run(runs, "amber-finch"), pinned=True)
    said = gradtop("rm", "amber-finch")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("gradtop: amber-finch (amber-finch: pinned) will be moved to runs/.trash with all checkpoints, ")
    assert said.err.endswith("; to delete, add --yes\n")
    answers(False)
    assert gradtop("rm", "amber-finch").code == 1
    assert "amber-finch" in there(runs)
    answers(True)
    assert gradtop("rm", "amber-finch").code == 0
    assert "amber-finch" not in there(runs)


def test_a_run_that_lives_is_refused_and_none_is_moved(gradtop: Gradtop, runs: Path) -> None:
    living_run(runs, "quiet-heron")
    said = gradtop("rm", "amber-finch", "quiet-heron", "--yes")
    assert (said.code, said.out) == (2, "")
    assert said.err == "gradtop: quiet-heron is training; stop it first: gradtop stop quiet-heron\n"
    assert there(runs) == {"amber-finch", "tidy-wren", "brave-otter", "quiet-heron"}


def test_rm_tells_what_could_not_be_moved(gradtop: Gradtop, runs: Path) -> None:
    (runs / ".trash").write_text("in the way")
    said = gradtop("rm", "amber-finch", "--yes", "--json")
    assert said.code == 1
    (row,) = json.loads(said.out)["runs"]
    assert row["trash"] is None
    assert "cannot be moved" in row["problem"]
    assert "amber-finch" in there(runs)


def test_space_that_another_run_still_holds_is_not_freed(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
    (one / "own").write_bytes(os.urandom(100_000))
    (one / "shared").write_bytes(os.urandom(400_000))
    os.link(one / "shared", two / "shared")
    (one / "link").symlink_to("/usr")

    def disk(path: Path) -> int:
        return 512 * path.lstat().st_blocks  # as du counts

    alone = disk(one) + disk(one / "own") + disk(one / "link")
    assert freed_by([one]) == alone
    assert freed_by([one, two]) == alone + disk(two) + disk(one / "shared")
    assert freed_by([tmp_path / "nowhere"]) == 0


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Of digits, the best first: a (done), b, c (failed), d (died), e (training), p (pinned, the worst); never evaluated: n; of other data: x, y."""
    folder, now = tmp_path / "runs", time.time()
    for number, (name, state, epochs) in enumerate([("a", "done", 5), ("b", "done", 4), ("c", "failed", 3), ("d", "died", 2), ("p", "done", 1), ("n", "failed", 0), ("x", "done", 5), ("y", "done", 1)]):
        run, grower = fake_run(folder, name, state=state, steps=max(40, STEPS_PER_EPOCH * epochs), epochs=5, created=now - (10 - number) * DAY)
        grower.close()
        if name in "xy":
            run.config.write_text(run.config.read_text().replace('kind = "digits"', 'kind = "mnist"'))
    living_run(folder, "e", steps=STEPS_PER_EPOCH, epochs=5)[1].close()
    label_run(find_run(folder, "p"), pinned=True)
    return folder


def selected(runs: Path, **what: object) -> tuple[set[str], dict[str, str]]:
    found = select(runs, Selection(**what), time.time())  # type: ignore[arg-type]
    assert not found.problem
    return {row.name for row in found.rows}, {row.name: why for row, why in found.kept}


def test_what_is_given_must_all_hold_and_pinned_and_living_runs_stay(many: Path) -> None:
    assert selected(many, failed=True) == ({"c", "d", "n"}, {})
    assert selected(many, failed=True, older_than=7.5 * DAY) == ({"c"}, {})
    assert selected(many, older_than=5.5 * DAY) == ({"a", "b", "c", "d"}, {"p": "pinned"})
    assert selected(many, older_than=0.0)[1] == {"p": "pinned"}
    assert selected(many, filter="data:digits state:training") == (set(), {"e": "training"})


def test_the_best_are_kept_in_each_group_of_runs_that_compare(many: Path) -> None:
    best = {"a": "among the best 2", "b": "among the best 2", "x": "among the best 2", "y": "among the best 2"}
    assert selected(many, keep_best=2) == ({"c", "d"}, {**best, "p": "pinned", "e": "training"})
    assert selected(many, keep_best=1, filter="data:mnist") == ({"y"}, {"x": "among the best 1"})
    assert selected(many, keep_best=3, failed=True) == ({"d", "n"}, {"c": "among the best 3"})
    assert select(many, Selection(keep_best=2), time.time()).groups == 2


def test_clean_says_what_it_would_do_and_does_it(gradtop: Gradtop, many: Path) -> None:
    before = there(many)
    said = gradtop("clean", "--keep-best", "1", "--dry-run")
    assert (said.code, said.err) == (0, "")
    title, *rows = said.out.splitlines()
    assert title.split() == ["run", "state", "ended", "best", "loss", "size", "data"]
    assert [row.split()[0] for row in rows[:4]] == ["b", "c", "d", "y"]
    assert rows[4].startswith("4 runs, ")
    assert rows[5] == "Runs of different data or monitor are not ranked against each other: the best are kept in each of 2 groups."
    assert rows[6:] == ["Kept, among the best 1: a, x", "Kept, pinned: p", "Kept, training: e"]
    assert there(many) == before
    assert gradtop("clean", "--keep-best", "1").code == 2
    found = json.loads(gradtop("clean", "--keep-best", "1", "--yes", "--json").out)
    assert {row["name"] for row in found["runs"]} == {"b", "c", "d", "y"}
    assert all(Path(row["trash"]).is_dir() for row in found["runs"])
    assert there(many) == before - {"b", "c", "d", "y"}
    said = gradtop("clean", "--trash", "--dry-run")
    assert said.out.startswith("4 runs would be deleted, ")
    assert gradtop("clean", "--trash").code == 2
    assert json.loads(gradtop("clean", "--trash", "--yes", "--json").out)["count"] == 4
    assert list((many / ".trash").iterdir()) == []
    assert gradtop("clean", "--trash").out == "The trash is empty.\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "say which runs: --failed, --older-than AGE, --keep-best N, or a FILTER"),
        (["--trash", "--failed"], "leave the other conditions out"),
        (["--older-than", "soon"], "'soon' is not a duration"),
        (["--keep-best", "0"], "'0' is not a positive integer"),
        (["optimzer.lr>1"], "no run has the key optimzer.lr"),
    ],
)
@pytest.mark.usefixtures("runs")
def test_a_cleaning_that_says_not_what_is_refused(gradtop: Gradtop, arguments: list[str], sentence: str) -> None:
    said = gradtop("clean", *arguments, "--yes")
    assert (said.code, said.out) == (2, "")
    assert sentence in said.err


def test_a_renamed_run_keeps_its_id_and_no_two_have_one_name(gradtop: Gradtop, runs: Path) -> None:
    finch = find_run(runs, "amber-finch")
    assert gradtop("rename", "amber-finch", "baseline").out == "amber-finch renamed to baseline\n"
    assert find_run(runs, "baseline") == finch
    assert json.loads(gradtop("lineage", "tidy-wren", "--json").out)[1]["parent"] == finch.id
    for taken in ("brave-otter", find_run(runs, "brave-otter").id):
        said = gradtop("rename", "baseline", taken)
        assert (said.code, said.out) == (2, "")
        assert "is the name of another run" in said.err
    assert gradtop("rename", "baseline", "baseline").code == 0
    assert gradtop("rename", "baseline", "a/b").code == 2


def test_a_second_run_of_a_name_gets_a_number_in_whatever_minute(tmp_path: Path) -> None:
    made = [new_run(tmp_path, "", {}, name="base", now=1_795_600_000 + 3600.0 * number) for number in range(3)]
    assert [read_meta(run).name for run in made] == ["base", "base-2", "base-3"]
    rename_run(made[0], "other")
    assert read_meta(new_run(tmp_path, "", {}, name="other", now=1_795_700_000)).name == "other-2"
    assert read_meta(new_run(tmp_path, "", {}, name=made[1].id, now=1_795_700_000)).name == f"{made[1].id}-2"
    long = [new_run(tmp_path, "", {}, name="x" * 60, now=1_795_600_000) for _ in range(3)]
    assert [read_meta(run).name for run in long] == ["x" * 60, f"{'x' * 58}-2", f"{'x' * 58}-3"]


def test_of_two_that_take_a_name_at_the_same_time_one_gives_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gradtop.trainer.record import creation

    first = Run(tmp_path / "20261124-1200-base")  # another process has just made it, and not written its files yet

    def look(_runs: Path) -> set[str]:
        first.path.mkdir(exist_ok=True)
        return set()

    monkeypatch.setattr(creation, "names_in", look)
    assert read_meta(new_run(tmp_path, "", {}, name="base", now=1_795_700_000)).name == "base-2"
    assert sorted(path.name[14:] for path in tmp_path.iterdir()) == ["base", "base-2"]
