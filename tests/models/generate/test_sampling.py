"""Draws of many rows at once: by each row's own parameters, noise and calm, and in mlx-lm's distribution."""

import mlx.core as mx
import numpy as np
import pytest
from mlx_lm.sample_utils import apply_min_p, apply_top_k, apply_top_p

from models.families import Advice
from models.generate.calm import DAMPING
from models.generate.sampling import RowSampling, Sampler, seed_of_sample

VOCAB = 40
ADVICES = [
    Advice(temperature=0.0),
    Advice(temperature=1.0),
    Advice(temperature=0.6, top_p=0.5),
    Advice(temperature=1.5, top_k=3),
    Advice(temperature=0.8, min_p=0.3),
    Advice(temperature=0.7, top_p=0.9, top_k=10, min_p=0.02),
]


def logits_of(rows: int) -> mx.array:
    return mx.random.normal((rows, VOCAB), key=mx.random.key(4)) * 2


def rows(advices: list[Advice]) -> list[RowSampling]:
    return [RowSampling(advice, seed) for seed, advice in enumerate(advices)]


def test_a_rows_draws_are_those_that_it_has_alone():
    logits = logits_of(len(ADVICES))
    every = rows(ADVICES)
    for number in range(20):
        together = Sampler(every).draw(logits, [number] * len(every), [False] * len(every)).tolist()
        alone = [
            Sampler([row]).draw(logits[index : index + 1], [number], [False]).item() for index, row in enumerate(every)
        ]
        assert together == alone
        order = [3, 0, 5]
        some = Sampler([every[index] for index in order]).draw(logits[mx.array(order)], [number] * 3, [False] * 3)
        assert some.tolist() == [alone[index] for index in order]


@pytest.mark.parametrize("advice", ADVICES[1:], ids=lambda advice: f"{advice.top_p}-{advice.top_k}-{advice.min_p}")
def test_the_distribution_is_that_of_mlx_lms_sampler(advice: Advice):
    row = logits_of(1)
    logprobs = row - mx.logsumexp(row)
    if 0 < advice.top_p < 1:
        logprobs = apply_top_p(logprobs, advice.top_p)
    if advice.min_p:
        logprobs = apply_min_p(logprobs, advice.min_p)
    if advice.top_k:
        logprobs = apply_top_k(logprobs, advice.top_k)
    expected = np.array(mx.softmax(logprobs / advice.temperature)[0])
    count = 4000
    sampler = Sampler([RowSampling(advice, 7)] * count)
    drawn = sampler.draw(mx.broadcast_to(row, (count, VOCAB)), list(range(count)), [False] * count)
    found = np.bincount(np.array(drawn), minlength=VOCAB) / count
    assert not found[expected == 0].any()
    assert np.abs(found - expected).sum() < 0.08


def test_seeds_and_numbers_have_noise_of_their_own():
    row = mx.zeros((1, 1000))
    advice = Advice(temperature=1.0)
    seeds = [0, 1, 2, 2**32 + 5, seed_of_sample(0, 1), seed_of_sample(1, 1)]
    drawn = {
        Sampler([RowSampling(advice, seed)]).draw(row, [number], [False]).item()
        for seed in seeds
        for number in range(30)
    }
    assert len(drawn) > 140  # of 180, when chance alone makes them meet
    assert seed_of_sample(5, 0) == 5
    assert len({seed_of_sample(seed, sample) for seed in range(50) for sample in range(64)}) == 50 * 64


def test_calm_rows_alone_are_damped():
    logits = mx.zeros((2, VOCAB))
    logits[:, 3] = DAMPING - 0.5
    sampler = Sampler(rows([Advice(temperature=0.0)] * 2), hesitations=[3, 5])
    calm, as_ever = sampler.draw(logits, [0, 0], [True, False]).tolist()
    assert calm not in (3, 5)
    assert as_ever == 3
    logits[:, 3] = DAMPING + 0.5  # what the model is sure of stays
    assert sampler.draw(logits, [0, 0], [True, True]).tolist() == [3, 3]
