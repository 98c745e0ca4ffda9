"""Jobs of several trials or measurements of which every one fails: they have failed, say why, and once that is mended a resume does what they were to do."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from gradtop.trainer.config import parse_config
from gradtop.trainer.jobs.init_comparison.result import read_init_trials
from gradtop.trainer.jobs.prune.result import read_prune_trials
from gradtop.trainer.jobs.quantize.result import read_quantize_trials
from gradtop.trainer.jobs.search.asking import ask
from gradtop.trainer.jobs.search.outcome import outcome_of
from gradtop.trainer.jobs.speed.result import read_timings
from gradtop.trainer.launch import create_run, start_worker
from gradtop.trainer.record import EventKind, EventReader, Run, RunReader, RunState, read_status, send
from gradtop.trainer.trials.recorded import TrialState, read_trials
from tests.process.server.sweep import BRITTLE, CONFIG, Adopt, begin_sweep
from tests.process.support import state_of, wait_for_state
from tests.support import wait_until

FRAIL = """
import os, signal
import torch

class Frail(torch.nn.Module):
    def __init__(self, how):
        super().__init__()
        self.how = how
        self.head = torch.nn.Linear(16, 3)

    def forward(self, images):
        out = self.head(images.flatten(1))
        {body}
        return out

def build(how=""):
    return Frail(how)
"""
RAISES = 'assert not self.how or self.how == "fine", self.how'
CRASHES = "os.kill(os.getpid(), signal.SIGSEGV)"
NOT_FINITE = "out = out / 0 * 0"


@pytest.fixture
def begun(running_server: int, project: Path, tmp_path: Path, adopt: Adopt) -> Callable[..., Run]:
    def begin(job: str, sections: str = "", *, body: str = RAISES) -> Run:
        (project / "frail.py").write_text(FRAIL.format(body=body))
        run = create_run(tmp_path / "runs", parse_config(CONFIG.replace("brittle:", "frail:") + sections, job=job), name="hunt")
        start_worker(run)
        adopt(run)
        return run

    return begin


def ended(run: Run, *, resumed: bool = False) -> tuple[RunState, str]:
    """State and error at the end, where it is to be resumed of that."""
    if resumed:
        start_worker(run, resume=True)
    wait_for_state(run, *(state for state in RunState if state.has_ended), timeout=100)
    return read_status(run).state, read_status(run).error


def states(run: Run) -> list[TrialState]:
    return [trial.state for trial in read_trials(run)]


GRID = """
[search]
sampler = "grid"
trials = {trials}
[search.space]
"model.arguments.how" = ["one 1", "one 2", "other"]
"""


@pytest.mark.parametrize("trials", [3, 0])  # a number, and as many as the grid has
def test_a_search_all_of_whose_trials_fail_has_failed_and_resumed_trains_as_many_again(begun: Callable[..., Run], project: Path, trials: int) -> None:
    run = begun("search", GRID.format(trials=trials))
    state, error = ended(run)
    assert state is RunState.FAILED
    first = read_trials(run)[0].run
    assert error.startswith("all 3 trials failed: 2 × such as "), error
    assert "one 1" in error
    assert error.index("one 1") < error.index("; 1 × ") < error.index("other")
    assert "worker.log" not in error  # the traceback is in that of a trial
    assert f"; gradtop show {first} --runs {run.path.parent} tells more; " in error
    assert error.endswith(f"gradtop resume {run.id} --runs {run.path.parent} trains 3 more")
    assert outcome_of(read_status(run).result).counts == {"failed": 3}

    (project / "frail.py").write_text(FRAIL.format(body="pass"))
    assert ended(run, resumed=True) == (RunState.DONE, "")
    assert states(run) == [TrialState.FAILED] * 3 + [TrialState.DONE] * 3
    assert [trial.params for trial in read_trials(run)[3:]] == [trial.params for trial in read_trials(run)[:3]]
    assert outcome_of(read_status(run).result).counts == {"failed": 3, "done": 3}


SPACE = """
[search]
trials = 2
[search.space]
"model.arguments.how" = ["bad", "worse"]
"""


def test_a_search_all_of_whose_trials_failed_is_extended_by_what_is_asked_for_alone(begun: Callable[..., Run], project: Path) -> None:
    run = begun("search", SPACE)
    assert ended(run)[0] is RunState.FAILED
    ask(run, "extend", {"trials": 1})
    wait_until(lambda: len(read_trials(run)) > 2 and read_status(run).state.has_ended, 60, "the trial more")
    assert read_status(run).error.startswith("all 3 trials failed: ")
    (project / "frail.py").write_text(FRAIL.format(body="pass"))
    ask(run, "add_trial", {"params": {"how": "bad"}})
    wait_until(lambda: len(read_trials(run)) > 3 and read_status(run).state.has_ended, 60, "the trial by hand")
    assert (state_of(run), states(run)) == (RunState.DONE, [TrialState.FAILED] * 3 + [TrialState.DONE])


def test_one_trial_that_comes_to_its_end_makes_a_search_done(begun: Callable[..., Run]) -> None:
    run = begun("search", GRID.format(trials=3).replace('"other"', '"fine"'))
    assert ended(run) == (RunState.DONE, "")
    assert states(run) == [TrialState.FAILED, TrialState.FAILED, TrialState.DONE]


def test_a_search_that_is_stopped_after_failed_trials_was_stopped(begun: Callable[..., Run]) -> None:
    run = begun("search", SPACE.replace("trials = 2", "trials = 1000"))
    wait_until(lambda: TrialState.FAILED in states(run), 60, "a trial")
    send(run, "stop")
    state, error = ended(run)
    assert (state, "failed" in error) == (RunState.STOPPED, False)


def test_each_death_of_a_trial_is_an_event_and_so_is_every_failure(begun: Callable[..., Run]) -> None:
    run = begun("search", SPACE.replace("[search]", '[search]\nsampler = "grid"'), body=f"if self.how == 'bad': {CRASHES}\n        {RAISES}")
    assert ended(run)[0] is RunState.FAILED
    told = [str(event["message"]) for event in EventReader(run).refresh() if event["kind"] == EventKind.WARNING]
    of_each = {trial.number: [message for message in told if message.startswith(f"trial {trial.number} ")] for trial in read_trials(run)}
    for trial in read_trials(run):
        if trial.params["model.arguments.how"] == "bad":
            first, second = of_each[trial.number]
            assert re.fullmatch(r"trial \d died( \(crashed with SIGSEGV\))? and is repeated from its last checkpoint", first)
            assert re.fullmatch(r"trial \d failed: its worker died twice(, the second time crashed with SIGSEGV)?", second)
        else:
            (only,) = of_each[trial.number]
            assert re.fullmatch(r"trial \d failed: .*AssertionError: worse.*", only)


VARIED = """
[sensitivity]
seeds = 2
vary = { "model.arguments.how" = ["", "bad"] }
"""


def test_an_analysis_none_of_whose_other_values_trains_has_failed_and_resumed_trains_them_again(begun: Callable[..., Run], project: Path) -> None:
    run = begun("sensitivity", '[model.arguments]\nhow = ""\n' + VARIED)
    state, error = ended(run)
    assert state is RunState.FAILED
    assert error.startswith("nothing can be compared with the configuration itself: all 2 other trainings failed: 2 × "), error
    (project / "frail.py").write_text(FRAIL.format(body="pass"))
    assert ended(run, resumed=True) == (RunState.DONE, "")
    assert states(run) == [TrialState.DONE] * 4


def test_an_analysis_whose_base_failed_trains_it_again_when_it_is_resumed(begun: Callable[..., Run], project: Path) -> None:
    run = begun("sensitivity", '[model.arguments]\nhow = ""\n' + VARIED, body="assert self.how, 'empty'")
    state, error = ended(run)
    assert state is RunState.FAILED
    assert error.startswith("the configuration itself does not train, so there is nothing to compare with")
    (project / "frail.py").write_text(FRAIL.format(body="pass"))
    assert ended(run, resumed=True) == (RunState.DONE, "")
    assert states(run) == [TrialState.DONE] * 4


@pytest.mark.parametrize(
    ("job", "changes", "fatal", "sentence", "read"),
    [
        ("prune", ("prune.methods=layer_l1,global_l1", "prune.amounts=0.3,0.6"), "(self.first.weight == 0).any()", "no pruned model could be measured: 2 × the process was killed by SIGKILL", read_prune_trials),
        ("quantize", ("quantize.methods=dynamic_int8_torch", "quantize.batch_sizes=1", "quantize.compiled=false"), "type(self.first) is not torch.nn.Linear", "no quantized model could be measured: the process was killed by SIGKILL", read_quantize_trials),
    ],
)  # fmt: skip
def test_a_model_that_cannot_be_compressed_by_any_method_has_failed_and_resumed_is_measured(
    running_server: int, project: Path, adopt: Adopt, job: str, changes: tuple[str, ...], fatal: str, sentence: str, read: Callable[[RunReader], list[object]]
) -> None:
    run = begin_sweep(project, adopt, job, changes, fatal=fatal)
    state, error = ended(run)
    assert state is RunState.FAILED
    assert error.startswith(sentence), error
    assert error.endswith(f"gradtop resume {run.id} --runs {run.path.parent}")
    (project / "brittle.py").write_text(BRITTLE.format(fatal="False"))
    assert ended(run, resumed=True) == (RunState.DONE, "")
    assert [each.error for each in read(RunReader(run))] == [""] * (5 if job == "prune" else 2)  # type: ignore[attr-defined]


INITS = """
[init_comparison]
kinds = ["zeros"]
seeds = 2
steps = 4
"""


def test_a_comparison_all_of_whose_initializations_fail_has_failed_and_resumed_measures_them(begun: Callable[..., Run], project: Path) -> None:
    run = begun("init_comparison", INITS, body="assert self.head.weight.any(), 'all the same'")
    state, error = ended(run)
    assert state is RunState.FAILED
    assert error.startswith("no initialization could be measured: "), error
    (project / "frail.py").write_text(FRAIL.format(body="pass"))
    assert ended(run, resumed=True) == (RunState.DONE, "")
    assert [(each.init, each.seed, each.error) for each in read_init_trials(RunReader(run))] == [("zeros", 0, ""), ("zeros", 1, "")]


def test_batch_sizes_all_of_which_crash_are_no_matter_of_memory(begun: Callable[..., Run], project: Path) -> None:
    run = begun("batch_size", "\n[batch_size]\nsteps = 1\nnoise_batches = 0\nlargest = 8\n", body=CRASHES)
    state, error = ended(run)
    assert state is RunState.FAILED
    assert error.startswith("no batch size could be measured, not even 1: the process was killed by SIGSEGV"), error
    assert "memory" not in error
    (project / "frail.py").write_text(FRAIL.format(body="pass"))
    assert ended(run, resumed=True) == (RunState.DONE, "")
    assert read_status(run).result["largest"] == 8


def test_settings_cannot_be_compared_where_the_loss_as_configured_is_not_finite(begun: Callable[..., Run], project: Path) -> None:
    run = begun("speed", '\n[speed]\nsettings = ["precision"]\nsteps = 2\nseconds = 0.01\nrounds = 1\n', body=NOT_FINITE)
    state, error = ended(run)
    assert state is RunState.FAILED
    assert error.startswith("as configured the loss is not finite within the first 2 steps"), error
    (project / "frail.py").write_text(FRAIL.format(body="pass"))
    assert ended(run, resumed=True) == (RunState.DONE, "")
    assert all(each.loss == each.loss for each in read_timings(RunReader(run)))
