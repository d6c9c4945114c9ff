"""What a test draws at random: the same for the same run, test and call, and nothing else."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from grading.grader.draws import Draws

DRAWN: dict[str, Callable[[Draws], float]] = {
    "rng": lambda draws: float(draws.rng.random()),
    "rng, 32 bits": lambda draws: int(draws.rng.integers(2**31, dtype=np.int32)),
    "torch_rng": lambda draws: float(torch.randn((), generator=draws.torch_rng)),
    "a child of rng": lambda draws: float(draws.rng.spawn(1)[0].random()),
    "torch": lambda draws: float(torch.randn(())),
    "numpy": lambda draws: float(np.random.standard_normal()),
    "random": lambda draws: random.random(),
}


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = random.getstate(), np.random.get_state(), torch.get_rng_state()
    yield
    random.setstate(before[0])
    np.random.set_state(before[1])
    torch.set_rng_state(before[2])


def a_run(draws: Draws, draw: Callable[[Draws], float], test: str = "test_a") -> list[float]:
    draws.begin(test)
    drawn = [draw(draws), draw(draws)]
    draws.answered()
    drawn += [draw(draws), draw(draws)]
    draws.called_back()
    drawn += [draw(draws)]
    draws.answered()
    return [*drawn, draw(draws)]


@pytest.mark.parametrize("name", DRAWN)
def test_who_runs_again_draws_the_same(name: str) -> None:
    draws = Draws(7)
    first = a_run(draws, DRAWN[name])
    assert len(set(first)) == len(first)
    assert a_run(draws, DRAWN[name]) == first == a_run(Draws(7), DRAWN[name])
    assert not set(first) & set(a_run(Draws(8), DRAWN[name]))
    assert not set(first) & set(a_run(draws, DRAWN[name], "test_b"))


@pytest.mark.parametrize("name", [name for name in DRAWN if "child" not in name])
def test_what_comes_after_a_call_does_not_hang_on_what_came_before(name: str) -> None:
    """Neither on how much was drawn, nor on how often the submission called back."""
    draws = Draws(7)
    expected = a_run(draws, DRAWN[name])[-1]
    draws.begin("test_a")
    for _ in range(5):
        DRAWN[name](draws)
    draws.answered()
    for _ in range(3):
        draws.called_back()
    draws.answered()
    assert DRAWN[name](draws) == expected


def test_the_whole_state_of_torchs_generator_is_keyed() -> None:
    """Its own seeding would keep 32 bits, and all else would follow from these."""
    draws = Draws(7)
    words = draws.torch_rng.get_state()[24 : 24 + 8 * 624].view(torch.int64).numpy()
    follows = 1812433253 * (words[0] ^ words[0] >> 30) + 1 & 0xFFFFFFFF
    assert len(set(words)) > 600 and words[1] != follows
    assert words.max() < 2**32


def test_normal_numbers_are_normal() -> None:
    sample = torch.randn(100_000, generator=Draws(7).torch_rng)
    assert abs(float(sample.mean())) < 0.02 and abs(float(sample.std()) - 1) < 0.02
