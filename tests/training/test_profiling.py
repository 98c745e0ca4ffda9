"""Steps of a running training are profiled: what is found, that nothing else changes by it, and what goes wrong with it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from gradtop.trainer.record import EventReader, Run, read_status, send
from gradtop.trainer.record.profiles import KEPT, Profile, list_profiles, read_profile, trace_of, write_profile
from gradtop.trainer.runtime.worker import work
from gradtop.trainer.training.phases import ignore
from gradtop.trainer.training.profiling.stages import Stage, planned
from gradtop.trainer.training.session import Session
from tests.training.profiles import answers, asked, only_profile, profiler_enabled
from tests.training.runs import check_alike, tiny_run, trained

PHASES = ["loading", "forward", "backward", "optimizer", "monitoring"]


@pytest.fixture(scope="module")
def profiled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Session]:
    run = tiny_run(tmp_path_factory.mktemp("runs"), epochs=12)
    return run, trained(run, asked(6))


def test_the_phases_of_the_steps_add_up_and_operators_and_modules_are_told(profiled: tuple[Run, Session]) -> None:
    run, _ = profiled
    _, found = only_profile(run)
    assert found.steps == found.last - found.step + 1 == 6
    assert [row.name for row in found.phases] == PHASES
    assert sum(row.before for row in found.phases) == pytest.approx(found.before)
    assert sum(row.profiled for row in found.phases) == pytest.approx(found.profiled)
    assert min(found.before, found.profiled, found.after) > 0
    operators, modules = {row.name: row for row in found.operators}, {row.name: row for row in found.modules}
    assert operators["aten::addmm"].calls == 2  # two linear layers
    assert {name: row.kind for name, row in modules.items()} == {"": "MLP", "flatten": "Flatten", "linear1": "Linear", "relu1": "ReLU", "dropout1": "Dropout", "head": "Linear"}
    assert {row.calls for row in modules.values()} == {1}
    assert all(modules[name].backward > 0 for name in ("linear1", "head"))
    # What runs on the host within the phases is no longer than these.
    assert sum(row.self_cpu for row in found.operators) <= found.profiled * 1.05
    told = next(event for event in EventReader(run).refresh() if event["kind"] == "profile")
    assert (told["step"], told["last"], told["path"]) == (found.step, found.last, f"step-{found.step:06d}.json")


def test_the_answer_says_which_steps_are_recorded(profiled: tuple[Run, Session]) -> None:
    run, _ = profiled
    _, found = only_profile(run)
    (answer,) = answers(run)
    assert (answer["ok"], answer["steps"], answer["first"], answer["last"]) == (True, 6, found.step, found.last)


def test_the_trace_is_one_that_perfetto_opens(profiled: tuple[Run, Session]) -> None:
    path, found = only_profile(profiled[0])
    trace = trace_of(path, found)
    assert trace is not None
    assert trace.stat().st_size == found.trace_bytes
    content: dict[str, Any] = json.loads(gzip.decompress(trace.read_bytes()))
    complete = [event for event in content["traceEvents"] if event.get("ph") == "X"]
    assert len(content["traceEvents"]) == found.events
    assert all(event["dur"] >= 0 and event["name"] and event["ts"] > 0 and "tid" in event and "pid" in event for event in complete)
    names = [event["name"] for event in complete]
    for phase in PHASES:
        assert names.count(f"phase: {phase}") >= found.steps
    assert names.count("module: head (Linear)") == found.steps
    assert "aten::addmm" in names


def test_training_gives_the_same_to_the_last_bit(tmp_path: Path, profiled: tuple[Run, Session]) -> None:
    whole = tiny_run(tmp_path, epochs=12)
    trained(whole)
    check_alike(whole, profiled[0])


def test_no_hook_is_left_and_nobody_listens(profiled: tuple[Run, Session]) -> None:
    _, session = profiled
    assert session.compute.enter is ignore
    assert not session.profiler.busy
    for module in session.model.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
    assert not profiler_enabled()


def test_nothing_temporary_is_left(profiled: tuple[Run, Session]) -> None:
    run, _ = profiled
    assert not list(run.path.rglob(".*tmp*"))


def test_a_slow_layer_and_slow_data_show_on_top(tmp_path: Path) -> None:
    """The loading of every batch, and one layer, are made to compute for a while, so that neither clock nor load matter."""

    def burn() -> None:
        much = torch.ones(300, 300)
        for _ in range(8):
            much = much @ much / 300

    def slow_layer(session: Session) -> None:
        session.model.get_submodule("relu1").register_forward_pre_hook(lambda *_: burn())
        send(session.run, "profile", steps=4)

    run = tiny_run(tmp_path, epochs=8)
    trained(run, slow_layer)
    _, found = only_profile(run)
    assert max(found.phases, key=lambda row: row.before).name == "forward"
    assert found.operators[0].name == "aten::mm"
    assert max((row for row in found.modules if row.name), key=lambda row: row.self_forward).name in {"relu1", ""}

    def slow_data(session: Session) -> None:
        batches = session.batches.epoch

        def slowly(*arguments: Any, **named: Any) -> Any:
            for batch in batches(*arguments, **named):
                burn()
                yield batch

        session.batches.epoch = slowly  # type: ignore[method-assign]
        send(session.run, "profile", steps=4)

    run = tiny_run(tmp_path, epochs=8)
    trained(run, slow_data)
    assert max(only_profile(run)[1].phases, key=lambda row: row.before).name == "loading"


def test_a_second_profile_is_refused_while_one_is_taken(tmp_path: Path) -> None:
    def twice(session: Session) -> None:
        asked(3)(session)
        asked(4)(session)

    run = tiny_run(tmp_path, epochs=6)
    trained(run, twice)
    first, second = answers(run)
    assert (first["ok"], second["ok"]) == (True, False)
    assert "being profiled" in second["reason"]
    assert only_profile(run)[1].steps == 3


def test_fewer_steps_are_taken_where_fewer_are_left_and_none_where_there_are_too_few(tmp_path: Path) -> None:
    plan = planned(10, 12)
    assert sum(plan.steps.values()) + 1 <= 12
    assert 1 <= plan.active < 10
    with pytest.raises(ValueError, match="too few steps are left to profile: 4"):
        planned(10, 4)
    run = tiny_run(tmp_path, epochs=2)
    trained(run, asked(50))
    found = only_profile(run)[1]
    assert found.steps < 50
    assert found.asked == 50
    assert "no more were left" in found.notes[0]


@pytest.mark.parametrize("stop", ["before", "active"])
def test_a_stop_in_the_middle_keeps_what_was_recorded_and_the_run_resumes(tmp_path: Path, stop: str) -> None:
    def when(session: Session) -> None:
        asked(20)(session)
        prepare = session.profiler._prepare

        def stopping(plan: Any, collector: Any) -> None:
            prepare(plan, collector)
            if len(plan.done[Stage.BEFORE if stop == "before" else Stage.ACTIVE]) == 3:
                send(session.run, "stop")
                session.control._next_look = 0.0

        session.profiler._prepare = stopping  # type: ignore[method-assign]

    run = tiny_run(tmp_path, epochs=20)
    trained(run, when)
    assert read_status(run).state == "stopped"
    (told,) = [event for event in EventReader(run).refresh() if event["kind"] == "profile"]
    if stop == "before":
        assert "the run ended before" in told["reason"]
        assert not list_profiles(run)
    else:
        _, found = only_profile(run)
        assert 3 <= found.steps < 20
        assert found.after == 0
        assert any("as the run ended" in note for note in found.notes)
    assert work(run, resume=True) == 0
    whole = tiny_run(tmp_path, epochs=20)
    trained(whole)
    check_alike(whole, run)


def test_only_the_newest_profiles_are_kept(tmp_path: Path) -> None:
    run = tiny_run(tmp_path)
    for step in range(1, KEPT + 4):
        path = write_profile(run, Profile(step=step))
        path.with_name(f"step-{step:06d}.trace.json.gz").write_bytes(b"")
    assert [read_profile(path).step for path in list_profiles(run)] == list(range(4, KEPT + 4))
    assert len(list(run.profiles.iterdir())) == 2 * KEPT


def test_a_profile_waits_while_the_run_is_paused(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, epochs=12)

    def paused(session: Session) -> None:
        wait = session.control._wait
        send(session.run, "pause")
        send(session.run, "profile", steps=3)
        waits: list[float] = []

        def waiting(seconds: float) -> None:
            waits.append(seconds)
            if len(waits) == 3:
                send(session.run, "continue")
            wait(seconds)

        session.control._wait = waiting

    trained(run, paused)
    assert [event["ok"] for event in answers(run)] == [True] * 3
    assert only_profile(run)[1].steps == 3
