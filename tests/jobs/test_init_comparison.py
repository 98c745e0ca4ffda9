"""Which initialization a comparison calls the best, and what it goes on from: functions, without a process."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from gradtop.trainer.analysis.significance import moments, welch
from gradtop.trainer.config import parse_config
from gradtop.trainer.config.problems import ConfigProblems
from gradtop.trainer.jobs.init_comparison.result import (
    describe,
    headline,
    init_result,
    ranking_of,
    read_init_trials,
    verdict,
)
from gradtop.trainer.jobs.init_comparison.summary import InitTrial, rank, trials_left
from gradtop.trainer.record import RunReader, RunState, Status
from tests.tui.init_fixture import KINDS, LAST, STEPS, init_run, init_trial, init_trials


def test_the_lowest_loss_is_the_best_and_what_differs_by_no_more_than_seeds_do_is_like_it() -> None:
    ranking = rank(init_trials(), KINDS)
    found = {each.init: each for each in ranking.inits}
    assert (ranking.best, ranking.indistinguishable) == ("xavier_uniform", ("kaiming_normal",))
    for init, each in found.items():
        mean, deviation = moments(LAST[init])
        assert each.loss == pytest.approx(mean)
        assert each.half_width == pytest.approx(4.302653 * deviation / math.sqrt(3), rel=1e-6)  # Student's t for two degrees of freedom
        assert each.first_loss == pytest.approx(1.1)
    clear = welch(LAST["xavier_uniform"], LAST["normal"])
    assert clear is not None
    assert found["normal"].p == pytest.approx(clear.p)
    assert found["kaiming_normal"].p > 0.05
    assert (found["xavier_uniform"].activation_ratio, found["normal"].gradient_ratio) == pytest.approx((0.25, 0.01))


def test_what_is_wrong_with_an_initialization_is_said_in_figures() -> None:
    blown = InitTrial("normal", 1, (1.1, 40.0, math.inf))
    dead = init_trial("kaiming_normal", 0)
    dead = replace(dead, layers=(replace(dead.layers[0], gradient_rms=0.0), *dead.layers[1:]))
    trials = [init_trial("xavier_uniform", 0), init_trial("normal", 0), init_trial("zeros", 0), dead, blown, InitTrial("orthogonal", 0, (), error="the process was killed by SIGKILL without a reply")]
    remarks = {each.init: each.remarks for each in rank(trials, (*KINDS, "orthogonal")).inits}
    assert remarks == {
        "xavier_uniform": (),
        "kaiming_normal": ("no gradient reaches stem.weight",),
        "normal": ("the loss is not finite at step 3 of seed 1",),
        "zeros": ("no weight gets a gradient", "the loss does not fall"),
        "orthogonal": ("the process was killed by SIGKILL without a reply",),
    }
    alone = rank([init_trial("zeros", seed) for seed in range(3)], KINDS)
    assert (alone.best, verdict(alone)) == ("", "none: with no initialization does the loss fall")


def test_one_seed_claims_nothing_and_losses_without_noise_are_compared_as_they_are() -> None:
    one = rank([init_trial(init, 0) for init in KINDS], KINDS)
    assert (one.best, one.indistinguishable) == ("kaiming_normal", ("xavier_uniform", "normal"))
    assert "one seed tells nothing of the noise" in verdict(one)
    few = [replace(init_trial("zeros", 0), seed=seed, losses=(1.1, *[loss] * (STEPS - 1))) for seed, loss in enumerate((0.2, 1.0))]
    few += [replace(each, init="orthogonal", losses=(1.1, *[0.3 + 0.01 * each.seed] * (STEPS - 1))) for each in few]
    unsure = rank(few, (*KINDS, "orthogonal"))
    assert (unsure.best, unsure.indistinguishable) == ("orthogonal", ("zeros",))
    assert unsure.inits[0].remarks == ("no weight gets a gradient", "the loss falls by no more than the noise of the seeds")
    still = [replace(init_trial(init, 0), seed=seed) for seed in range(3) for init in KINDS[:2]]
    assert rank(still, KINDS).indistinguishable == ()


def test_taken_up_after_any_measurement_it_goes_on_where_it_was_left(tmp_path: Path) -> None:
    trials = init_trials()
    order = [(each.init, each.seed) for each in trials]
    assert trials_left([], KINDS, range(3)) == order
    for cut in range(0, len(trials), 5):
        kept = read_init_trials(RunReader(init_run(tmp_path / f"{cut}", trials=trials[:cut])))
        assert kept == trials[:cut]
        assert trials_left(kept, KINDS, range(3)) == order[cut:]
    torn = [*trials[:3], replace(trials[3], losses=trials[3].losses[: STEPS - 1])]
    assert read_init_trials(RunReader(init_run(tmp_path / "torn", trials=torn))) == trials[:3]
    failed = InitTrial("zeros", 0, (), error="killed")
    assert [each for each in trials_left([failed], KINDS, range(3)) if each[0] == "zeros"] == []
    kept = read_init_trials(RunReader(init_run(tmp_path / "failed", trials=[trials[0], failed])))
    assert kept[1] == failed


def test_lists_and_events_tell_it_in_a_few_words_and_survive_nonsense() -> None:
    result = init_result(init_trials(), KINDS)
    assert headline(Status(result=result)) == "xavier_uniform or 1 more"
    sentence, tone = describe({"kind": "init_comparison", **result})
    assert (sentence, tone) == ("initialization: xavier_uniform, loss 0.540 ± 0.099; cannot be told apart from it: kaiming_normal (Welch's t-test, 5 %)", "success")
    assert headline(Status(state=RunState.DONE, result=init_result([init_trial("zeros", 0)], KINDS))) == "no loss falls"
    damaged: list[dict[str, object]] = [{"inits": {}}, {"inits": [3, {"init": 4}], "best": 7, "indistinguishable": "many"}]
    for nonsense in damaged:
        assert (ranking_of(nonsense).inits, headline(Status(result=nonsense))) == ((), "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("init_comparison.kinds=xavier", "'xavier' is not one of default, xavier_uniform"), ("init_comparison.kinds=zeros,zeros", "zeros is named twice"),
        ("init_comparison.kinds=", "at least one"), ("init_comparison.seeds=0", "init_comparison.seeds"), ("init_comparison.steps=1", "init_comparison.steps"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused_by_name(words: str, said: str) -> None:
    with pytest.raises(ConfigProblems) as refused:
        parse_config("", overrides=[words], job="init_comparison")
    assert said in str(refused.value)
