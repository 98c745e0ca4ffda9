"""What a quantization records and makes of it: packed bits, noise, the claim, trials read back."""

from __future__ import annotations

import json
import math

import pytest
import torch

from gradtop.trainer.jobs.quantize.measure.noise import signal_to_noise
from gradtop.trainer.jobs.quantize.result import headline, quantize_result
from gradtop.trainer.jobs.quantize.trial import BatchLatency, QuantizeTrial, trial_of, trial_record
from gradtop.trainer.jobs.quantize.verdict import about_quantized, claim_checked
from gradtop.trainer.models.quantized import packed, unpacked
from gradtop.trainer.record import Status


def test_four_bits_are_packed_two_to_a_byte() -> None:
    values = torch.tensor([[-8, 7, 0], [1, -1, 3]], dtype=torch.int8)
    fields = packed(values, torch.tensor([[2.0], [0.5]]), 4, values.shape)
    assert fields["values"].tolist() == [0 | 15 << 4, 8 | 9 << 4, 7 | 11 << 4]
    assert unpacked(fields).tolist() == [[-16.0, 14.0, 0.0], [0.5, -0.5, 1.5]]


def test_noise_is_a_ratio_in_decibels() -> None:
    assert signal_to_noise(torch.tensor([3.0, 4.0]), torch.tensor([3.0, 4.5])) == pytest.approx(10 * math.log10(25 / 0.25))
    assert signal_to_noise(torch.ones(2), torch.ones(2)) == 200
    assert math.isnan(signal_to_noise(torch.zeros(2), torch.ones(2)))


def trial(method: str, size: float, *speedups: float) -> QuantizeTrial:
    times = tuple(BatchLatency(8**place, 0.001, 0.001 * each) for place, each in enumerate(speedups))
    return QuantizeTrial(method, "backend", "", 1.0, 0.5, 1.0, size, size, 0.5, times)


def test_the_claim_is_checked_for_size_and_for_speed() -> None:
    whole = trial("", 1000.0)
    about = about_quantized(
        {"parameters": 100, "layers": [{"name": "head", "kind": "Linear", "parameters": 9, "dynamic": True}, {"name": "c", "kind": "Conv2d", "parameters": 91, "dynamic": False}]}
    )
    said = claim_checked([whole, trial("dynamic_int8", 770.0, 0.7, 1.1)], about)
    assert said == (
        '"75 % smaller" does not hold, "2–4 times as fast" does not hold: by dynamic_int8 the file of the weights is 23 % smaller and a prediction 0.70 × as fast at batch size 1, 1.10 × at 8; '
        "91 % of its parameters are in convolutions, which dynamic quantization does not touch"
    )
    assert claim_checked([whole, trial("dynamic_int8", 260.0, 2.5, 3.0)], about).startswith('"75 % smaller" holds, "2–4 times as fast" holds: ')
    assert '"2–4 times as fast" holds at batch size 8 alone' in claim_checked([whole, trial("dynamic_int8", 260.0, 1.5, 3.0)], about)
    assert headline(Status(result=json.loads(json.dumps(quantize_result([whole, trial("dynamic_int8", 260.0, 1.5, 3.0)], about))))) == "file 74 % smaller, 3.00 ×"
    assert claim_checked([whole], about) == ""
    unknown = claim_checked([whole, trial("dynamic_int8", 260.0, math.nan)], about)
    assert '"2–4 times as fast" is not known, as no latency could be told: by dynamic_int8 the file of the weights is 74 % smaller; 91 %' in unknown


def test_records_are_read_back_and_damaged_ones_passed_over() -> None:
    found = trial("weight_int8", 10.0, 2.0)
    assert trial_record(trial_of(json.loads(json.dumps(trial_record(found)))) or found) == trial_record(found)
    for nonsense in (3, {}, {"method": "x"}, {"method": 7}):
        assert trial_of(nonsense) is None
    damaged = trial_of({"method": "weight_int8", "latencies": [3, {"batch": "x"}], "layers": [{"name": 3}], "notes": 4, "loss": "inf"})
    assert damaged is not None
    assert (damaged.latencies, damaged.layers, damaged.notes) == ((), (), ())
    assert headline(Status(result={"trials": 3})) == ""
    assert about_quantized({"layers": [3, {"name": "x"}], "metric": 9, "parameters": "x"}).layers == ()
