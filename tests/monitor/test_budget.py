from __future__ import annotations

import pytest

from gradtop.trainer.monitor.budget import Governor, Meter, Price, Spending, StepTime
from tests.monitor.support import CPU, Clock


def governed(share: float, step: float) -> Governor:
    step_time = StepTime()
    step_time.observe(step)
    return Governor(share, step_time)


def test_a_meter_tells_each_piece_of_work_once() -> None:
    clock = Clock(tick=0.0)
    meter = Meter(CPU, clock)
    for seconds in (0.25, 0.5):
        for _ in range(2):
            meter.begin()
            clock.now += seconds
            meter.end()
            clock.now += 100
        meter.close()

    assert list(meter.costs()) == [0.5, 1.0]
    assert list(meter.costs()) == []


@pytest.mark.parametrize(
    ("cost", "step", "share", "wait"),
    [(1e-4, 1e-3, 0.01, 10), (1e-4, 1e-1, 0.01, 1), (1.0, 1e-3, 0.5, 2000), (3e-5, 2e-4, 0.006, 25)],
)
def test_the_wait_keeps_the_share(cost: float, step: float, share: float, wait: int) -> None:
    governor = governed(share, step)
    for _ in range(3):
        governor.observe_cost(cost)

    assert governor.wait() == wait
    assert cost <= share * step * wait * (1 + 1e-9)


def test_it_waits_ever_longer_until_it_knows() -> None:
    step_time = StepTime()
    governor = Governor(0.01, step_time)
    assert [governor.wait() for _ in range(4)] == [2, 4, 8, 16]
    for _ in range(3):
        governor.observe_cost(1e-6)
    assert governor.wait() == 32

    step_time.observe(1.0)

    assert governor.wait() == 1


def test_one_slow_measurement_and_one_slow_step_change_nothing() -> None:
    step_time = StepTime()
    governor = Governor(0.01, step_time)
    for _ in range(8):
        governor.observe_cost(1e-4)
        step_time.observe(1e-3)
    before = governor.wait()

    governor.observe_cost(5.0)
    step_time.observe(60.0)

    assert governor.wait() == before


def test_it_follows_when_steps_become_faster() -> None:
    step_time = StepTime()
    governor = Governor(0.01, step_time)
    for _ in range(9):
        governor.observe_cost(1e-4)
        step_time.observe(1e-3)
    slow = governor.wait()
    for _ in range(9):
        step_time.observe(1e-4)

    assert governor.wait() == 10 * slow


def test_what_handing_over_costs_is_counted() -> None:
    governor = governed(0.01, 1e-3)
    for _ in range(3):
        governor.observe_cost(1e-4)

    governor.overhead = 1e-4

    assert governor.wait() == 20


@pytest.mark.gpu
def test_on_a_gpu_the_time_of_the_device_counts() -> None:
    import torch

    device = torch.device("cuda", 0)
    meter = Meter(device, lambda: 0.0)
    big = torch.ones(4096, 4096, device=device)
    meter.begin()
    for _ in range(10):
        big = big @ big / 4096
    meter.end()
    meter.close()
    torch.cuda.synchronize()

    (cost,) = meter.costs()
    assert cost > 0


def test_what_measurements_cost_lately_is_told_with_their_period() -> None:
    now = [0.0]
    step_time = StepTime()
    norms, histograms = (Price(0.01, 0.3, step_time, CPU, lambda: now[0]) for _ in range(2))
    spending = Spending(lambda: now[0])

    def measure(price: Price, seconds: float) -> None:
        price.begin()
        now[0] += seconds
        price.end()
        price.close()
        price.observe()

    prices = {"layers": norms, "histograms": histograms}
    assert spending.read(prices) == {}
    measure(norms, 0.5)
    measure(norms, 0.3)
    now[0] = 10.0
    found = spending.read(prices)
    assert found["layers.share"] == pytest.approx(0.08)
    assert (found["layers.every"], found["histograms.share"], "histograms.every" in found) == (5.0, 0.0, False)
    now[0] = 71.0
    spending.read(prices)
    now[0] = 80.0
    assert spending.read(prices)["layers.share"] == 0.0  # what is older than a minute counts no more
