"""ls, show, params and export: what they print for people, and what for programs."""

from __future__ import annotations

import csv
import json
import os
import time
from pathlib import Path

import pytest

from gradtop.trainer.record import (
    RunState,
    Status,
    append_event,
    find_run,
    new_run,
    process_start,
    read_status,
    this_host,
    write_status,
)
from gradtop.tui.cli.output import table
from tests.cli.conftest import Gradtop
from tests.tui.runs_fixture import fake_run, living_run


def test_ls_prints_the_columns_that_are_asked_for(gradtop: Gradtop, runs: Path) -> None:
    said = gradtop("ls", "--columns", "state, optimizer.lr,batch_size,change", "--sort", "name")
    assert (said.code, said.err) == (0, "")
    title, *lines = said.out.splitlines()
    assert title.split() == ["run", "state", "optimizer.lr", "batch", "change"]
    assert [line.split()[:5] for line in lines] == [
        ["amber-finch", "■", "done", "1e-3", "64"],
        ["brave-otter", "✕", "failed", "1e-3", "512"],
        ["tidy-wren", "□", "stopped", "1e-3", "64"],
    ]
    assert lines[2].endswith("lr 1e-3 → 3e-4")
    (row,) = json.loads(gradtop("ls", "amber-finch", "--columns", "optimizer.lr,tag,val_loss", "--json").out)
    assert row["columns"] == {"optimizer.lr": 1e-3, "tag": [], "val_loss": row["val_loss"]}
    assert "columns" not in json.loads(gradtop("ls", "--json").out)[0]
    said = gradtop("ls", "--columns", "run,took,best loss,changes or error", "--sort", "took", "took>1s", "run:amber-finch")
    assert said.out.splitlines()[0].split() == ["run", "took", "best", "change"]
    assert [line.split()[0] for line in said.out.splitlines()[1:]] == ["amber-finch"]
    assert gradtop("ls", "--columns", "best acc").out == gradtop("ls", "--columns", "best").out
    said = gradtop("ls", "--columns", "optimzer.lr")
    assert (said.code, said.out, said.err) == (2, "", "gradtop: no run has the key optimzer.lr; did you mean optimizer.lr?\n")
    assert gradtop("ls", "--columns", ",").code == 2


def test_ls_has_a_line_for_each_run_families_together_the_newest_first(gradtop: Gradtop, runs: Path) -> None:
    said = gradtop("ls")
    title, otter, finch, wren = said.out.splitlines()
    assert " ".join(title.split()) == "run state started took epoch val loss best loss accuracy changes or error"
    assert otter.startswith("brave-otter  ✕ failed ")
    assert otter.endswith("out of memory on cuda:0 with batch_size 512: try training.batch_size=256")
    assert wren.startswith("└ tidy-wren  □ stopped ")
    assert wren.endswith("lr 1e-3 → 3e-4")
    assert finch.startswith("amber-finch  ■ done ")
    assert "  2/2  " in finch
    assert (said.code, said.err) == (0, "")


def test_ls_as_json_keeps_its_contract(gradtop: Gradtop, runs: Path) -> None:
    found = json.loads(gradtop("ls", "--json").out)
    assert [row["name"] for row in found] == ["brave-otter", "tidy-wren", "amber-finch"]
    keys = (
        "schema id name job path state created started ended updated seconds epoch epochs step steps loss val_loss val_accuracy "
        "metrics headline baselines stopped_early skipped_steps monitor monitor_mode best best_epoch val_loss_at_best accuracy_at_best metrics_at_best best_val_loss best_loss_epoch best_val_accuracy best_accuracy_epoch test test_baselines test_step device model parameters parent changes result error unreadable tags note pinned findings"
    )
    assert all(list(row) == keys.split() for row in found)
    _, wren, finch = found
    assert wren["parent"] == finch["id"]
    assert wren["changes"] == [{"key": "optimizer.lr", "old": 1e-3, "new": 3e-4}]
    assert (finch["state"], finch["epoch"], finch["path"]) == ("done", 2, str(find_run(runs, "amber-finch").path))
    assert 0 < finch["best_val_accuracy"] < 1
    for word in ("created", "started", "ended", "updated", "seconds", "loss"):
        assert finch[word] > 0


@pytest.mark.usefixtures("runs")
def test_ls_keeps_the_runs_that_have_all_the_words_and_the_newest_n(gradtop: Gradtop) -> None:
    assert [row["name"] for row in json.loads(gradtop("ls", "CUDA", "failed", "--json").out)] == ["brave-otter"]
    assert [row["name"] for row in json.loads(gradtop("ls", "--json", "-n", "2").out)] == ["brave-otter", "tidy-wren"]
    said = gradtop("ls", "nothing", "such")
    assert (said.code, said.out, said.err) == (0, "", "None of the 3 runs in runs matches.\n")


def test_ls_without_runs_says_how_to_start_one_and_the_json_is_an_empty_list(gradtop: Gradtop) -> None:
    said = gradtop("ls")
    assert (said.code, said.out) == (0, "")
    assert said.err == "No runs in runs yet. Start one: gradtop new digits && gradtop train digits.toml\n"
    assert gradtop("ls", "--json").out == "[]\n"


def test_a_narrow_table_gives_up_columns_before_it_cuts_the_last_one_short() -> None:
    titles, rows = ("name", "value", "why"), [("a", "1.5", "because of a long story"), ("日本", "2", "")]
    wide = table(titles, rows, right=["value"])
    assert wide == ["name  value  why", "a       1.5  because of a long story", "日本      2"]
    assert table(titles, rows, right=["value"], limit=26) == ["name  value  why", "a       1.5  because of a…", "日本      2"]
    assert table(titles, rows, limit=24, spare=["value"]) == ["name  why", "a     because of a long…", "日本"]


def test_show_says_how_a_run_stands_and_what_it_left(gradtop: Gradtop, runs: Path) -> None:
    said = gradtop("show", "tidy-wren")
    head, *lines = said.out.splitlines()
    assert head == "tidy-wren  □ stopped"
    found = {line[2:16].strip(): line[16:] for line in lines}
    assert found["progress"] == "epoch 3/30, step 400 of 5\u202f160 (7 %)"
    assert found["parent"] == f"{find_run(runs, 'amber-finch').id}: optimizer.lr 1e-3 → 3e-4"
    assert found["checkpoints"] == "2, newest at step 343, best at step 343"
    assert found["directory"] == str(find_run(runs, "tidy-wren").path)
    assert "error" not in found
    assert gradtop("show", "brave").out.splitlines()[1].split(maxsplit=1)[0] == "error"


def test_show_as_json_keeps_its_contract(gradtop: Gradtop, runs: Path) -> None:
    found = json.loads(gradtop("show", "tidy-wren", "--json").out)
    assert found["pid"] is None
    assert list(found) == ["schema", "id", "name", "path", "state", "pid", "status", "meta", "result", "config", "run_toml", "waits", "classes", "checkpoints", "events", "findings", "samples", "death", "last_words", "health"]
    assert found["state"] == found["status"]["state"] == "stopped"
    assert found["config"]["optimizer"]["lr"] == found["run_toml"]["optimizer"]["lr"] == 1e-3
    assert found["waits"] is None
    assert [checkpoint["step"] for checkpoint in found["checkpoints"]] == [171, 343]
    assert found["checkpoints"][0]["path"].endswith("step-000171.pt")
    assert found["events"][-1]["kind"] == "end"
    assert found["health"] == {"records_lost": 0, "unreadable": {}}
    assert json.loads(gradtop("show", "brave", "--json").out)["last_words"][-1] == "epoch 2: loss 0.511"


def test_findings_are_the_same_in_show_and_ls(gradtop: Gradtop, runs: Path) -> None:
    (listed,) = (row for row in json.loads(gradtop("ls", "--json").out) if row["name"] == "brave-otter")
    shown = json.loads(gradtop("show", "brave", "--json").out)["findings"]
    assert listed["findings"] == shown
    assert set(shown[0]) == {"name", "severity", "title", "sentence", "evidence", "advice", "since_step", "mode", "passed"}
    assert (shown[0]["name"], shown[0]["severity"]) == ("failed", "error")


def test_the_streams_of_many_runs_that_have_ended_are_read_only_when_asked(gradtop: Gradtop, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradtop.tui.cli.ls.MOST_JUDGED", 2)
    assert [row["findings"] for row in json.loads(gradtop("ls", "--json").out)] == [None] * 3
    assert all(row["findings"] is not None for row in json.loads(gradtop("ls", "--json", "--findings").out))


def test_findings_of_ended_runs_are_kept_until_the_run_changes(gradtop: Gradtop, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradtop.tui.cli.ls.MOST_JUDGED", 0)
    assert [row["findings"] for row in json.loads(gradtop("ls", "--json").out)] == [None] * 3
    found = json.loads(gradtop("ls", "--json", "--findings").out)
    assert json.loads(gradtop("ls", "--json").out) == found
    gradtop("tag", "brave-otter", "base")  # no finding depends on that
    assert all(row["findings"] is not None for row in json.loads(gradtop("ls", "--json").out))
    append_event(find_run(runs, "brave-otter"), "warning", message="later")
    assert [row["name"] for row in json.loads(gradtop("ls", "--json").out) if row["findings"] is None] == ["brave-otter"]
    (kept,) = Path(os.environ["XDG_STATE_HOME"], "gradtop", "findings").iterdir()
    kept.write_text('{"rules": "' + json.loads(kept.read_text())["rules"] + '", "runs": {"x": 3}}')
    assert [row["findings"] for row in json.loads(gradtop("ls", "--json").out)] == [None] * 3


def test_ls_filters_and_sorts_and_says_what_is_wrong_with_either(gradtop: Gradtop, runs: Path) -> None:
    def names(*arguments: str) -> list[str]:
        return [row["name"] for row in json.loads(gradtop("ls", "--json", *arguments).out)]

    assert names("training.batch_size=512", "state:failed") == names("--filter", "training.batch_size=512 state:failed") == ["brave-otter"]
    assert names("--sort", "duration", "--reverse") == ["brave-otter", "amber-finch", "tidy-wren"]
    assert "epochs" in gradtop("ls", "--sort", "training.epochs").out.splitlines()[0]
    for arguments, sentence in ((("optimzer.lr>1",), "did you mean optimizer.lr?"), (("--sort", "accurac"), "did you mean accuracy?"), (("lr>x",), "is followed by a number")):
        said = gradtop("ls", *arguments)
        assert said.code == 2
        assert sentence in said.err


def test_show_tells_what_was_changed_live_beside_what_the_run_began_with(gradtop: Gradtop, runs: Path) -> None:
    run = find_run(runs, "tidy-wren")
    write_status(run, read_status(run)._replace(changes={"optimizer.lr": 3e-4, "freeze.kind": "pattern", "freeze.patterns": ["stem.*"]}))
    found = json.loads(gradtop("show", "tidy-wren", "--json").out)
    assert (found["run_toml"]["optimizer"]["lr"], found["config"]["optimizer"]["lr"]) == (1e-3, 3e-4)
    assert found["config"]["freeze"] == {"kind": "pattern", "patterns": ["stem.*"]}
    write_status(run, read_status(run)._replace(changes={**read_status(run).changes, "optimizer.weight_decay": 0.01}))
    assert "  changed live  optimizer.lr 1e-3 → 3e-4, freeze.kind pattern, freeze.patterns [stem.*]\n" in gradtop("show", "tidy-wren").out


def test_show_and_ls_tell_the_place_in_line_and_what_is_waited_for(gradtop: Gradtop, tmp_path: Path) -> None:
    host, boot = this_host()
    own = {"host": host, "boot": boot, "pid": os.getpid(), "pid_started": process_start(os.getpid()), "updated": time.time()}
    made = {}
    for name, device, state in (("first", "cpu", "training"), ("other", "cuda:1", "training"), ("second", "cpu", "queued"), ("third", "cpu", "queued")):
        made[name] = run = new_run(tmp_path / "runs", f'[training]\ndevice = "{device}"\n', {"name": name}, name=name)
        write_status(run, Status(state=state, device=device, queued=float(len(made)), **own))  # type: ignore[arg-type]
    assert "  queue         2nd in the queue, behind first and second on cpu\n" in gradtop("show", "third").out
    assert json.loads(gradtop("show", "third", "--json").out)["waits"] == {"place": 2, "device": "cpu", "for": [made["first"].id, made["second"].id]}
    assert "in the queue" not in gradtop("show", "first").out
    assert {line.split()[0]: " ".join(line.split()[2:4]) for line in gradtop("ls").out.splitlines()}["third"] == "queued 2"


def test_show_tells_how_far_the_preparation_of_the_data_is(gradtop: Gradtop, tmp_path: Path) -> None:
    run, grower = living_run(tmp_path / "runs")
    grower.status("starting")
    found = {"doing": "reading the labels", "done": 900, "of": 3000, "since": 10.0, "at": 19.0}
    write_status(run, read_status(run)._replace(preparing=found))
    assert "\n  preparing     reading the labels: 900 of 3\u202f000, 0:21 left (30 %)\n" in gradtop("show", "last").out
    grower.status("training")
    assert "preparing" not in gradtop("show", "last").out


def test_a_dead_worker_is_shown_dead_with_its_last_words(gradtop: Gradtop, tmp_path: Path) -> None:
    fake_run(tmp_path / "runs", "grey-lynx", state="died", steps=200, log="epoch 1\nKilled\n")
    assert json.loads(gradtop("ls", "--json").out)[0]["state"] == "died"
    said = gradtop("show", "last").out
    assert said.startswith("grey-lynx  † died\n")
    assert said.endswith("  worker.log    Killed\n")


def test_values_that_are_not_finite_are_null_in_json_and_words_for_people(gradtop: Gradtop, tmp_path: Path) -> None:
    run, _ = fake_run(tmp_path / "runs", steps=0)
    write_status(run, Status(state=RunState.FAILED, loss=float("nan"), val_loss=float("inf"), best_val_accuracy=float("nan")))
    row = json.loads(gradtop("ls", "--json").out)[0]
    assert (row["loss"], row["val_loss"], row["best_val_accuracy"]) == (None, None, None)
    assert "loss nan" in gradtop("show", "last").out
    assert "inf" in gradtop("ls").out


def test_a_run_with_broken_files_is_shown_as_far_as_it_goes(gradtop: Gradtop, runs: Path) -> None:
    run = find_run(runs, "tidy-wren")
    for path in (run.config, run.meta, run.status, run.events, *run.streams.iterdir(), *run.checkpoints.iterdir()):
        path.write_bytes(b"\xff{")
    for command in ("ls", "ls --json", f"show {run.id}", f"show {run.id} --json", "watch amber-finch"):
        said = gradtop(*command.split())
        assert (said.code, said.err) == (0, "")
        assert said.out
    for command in ("plot", "export --to csv", "rerun", "params"):
        said = gradtop(*command.split(), run.id)
        assert said.code == 2, command
        assert said.err.startswith("gradtop: ")


def test_a_run_that_has_recorded_nothing_is_said(gradtop: Gradtop, tmp_path: Path) -> None:
    new_run(tmp_path / "runs", "", {}, name="heron")
    for metrics in ([], ["loss"]):
        assert gradtop("plot", "heron", *metrics).err == "gradtop: heron has no recorded values yet\n"
    assert "no records yet" in gradtop("export", "heron", "--to", "csv").err


def test_params_of_a_run_are_what_its_worker_counted(gradtop: Gradtop, runs: Path) -> None:
    found = json.loads(gradtop("params", "amber", "--json").out)
    assert list(found) == ["schema", "model", "total", "trainable", "bytes", "rows", "modules", "masked", "quantized", "could_tie"]
    assert found["total"] == found["trainable"] == sum(row["count"] for row in found["rows"]) == 25_866
    assert found["bytes"] == 4 * 25_866
    out = gradtop("params", "amber").out
    assert "stem         Conv2d  16×1×3×3   1·3·3·16 + 16" in out
    assert out.endswith("total 25\u202f866 · trainable 25\u202f866 · frozen 0 · tied 0 · 101 KiB\n")
    assert gradtop("params", "amber", "model.dropout=0").code == 2


def test_export_writes_where_it_is_told_and_says_what(gradtop: Gradtop, runs: Path, tmp_path: Path) -> None:
    names = ["activations", "evals", "histograms", "layers", "plan", "steps", "system"]
    assert gradtop("export", "amber", "--to", "csv", "--output", "out").out.splitlines() == [f"out/{name}.csv" for name in names]
    with (tmp_path / "out" / "steps.csv").open(newline="") as file:
        assert len(list(csv.reader(file))) == 2 * 172 + 1
    folder = f"runs/{find_run(runs, 'amber').id}/export"
    assert gradtop("export", "amber", "--to", "parquet").out.splitlines() == [f"{folder}/parquet/{name}.parquet" for name in names]
    assert gradtop("export", "amber", "--to", "tensorboard").out.startswith(f"{folder}/tensorboard/events.out.tfevents.")


def test_an_export_onto_a_full_disk_is_one_sentence_and_leaves_nothing_half(gradtop: Gradtop, runs: Path, tmp_path: Path) -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))  # as a quota: "File too large"
        said = gradtop("export", "amber", "--to", "csv", "--output", "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert said.code == 2
    assert said.err == "gradtop: out: cannot be written: File too large. Choose another directory with --output.\n"
    assert not (tmp_path / "out").exists()


def test_show_says_once_where_the_weights_of_a_run_come_from_though_it_began_twice(gradtop: Gradtop, runs: Path) -> None:
    # Killed before its first checkpoint, a fork takes its weights over again.
    run, grower = fake_run(runs, "keen-newt", state="done", steps=10)
    grower.close()
    for sentence in ("weights from an old file", "weights of resnet18", "weights of resnet18"):
        append_event(run, "init", message=sentence)
    for _ in range(2):
        append_event(run, "forked", step=4, kept=["all weights"], dropped=[], all_weights=True)
    told = [line.split(maxsplit=1)[1] for line in gradtop("show", "keen-newt").out.splitlines() if line.startswith("  weights ")]
    assert told == ["weights from an old file", "weights of resnet18", "continues from step 4: kept all weights"]
