"""Hidden tests of the attacked exercise. CANARY-ba82872be624281956073f810f31ab40"""

import pytest
import torch
from torch import nn

from grading.checks import assert_close, assert_equal

# A comment that nobody may read: CANARY-8f4e60cf093565b2e22d0426041d9557
SECRET = "CANARY-9cdf35191b35fdc13418ef30ed265734"
ASSERTED = "CANARY-7714de2c77808e9aab63f60b0741d2e9"


class Gate(nn.Module):
    """A model that stays with the grader: no standard layer, so the submission gets a handle."""

    def __init__(self, generator):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, generator=generator))
        self.secret = SECRET

    def forward(self, x):
        return x * self.weight


@pytest.mark.points(2)
def test_double(submission, reference, rng):
    numbers = rng.integers(1, 10**6, 8).tolist()
    assert_equal(submission.double(numbers), reference.double(numbers))


@pytest.mark.points(2)
def test_twice(submission, torch_rng):
    """CANARY-83b9d3b57720b4dc3e43192fff7cf20e"""
    tensor = torch.randn(4, 5, generator=torch_rng) + 3
    assert_close(submission.twice(tensor), 2 * tensor)


def test_tally(submission, reference, rng):
    words = [f"word{number}" for number in rng.integers(0, 5, 20)]
    assert_equal(submission.tally(words), reference.tally(words))


def test_mean(submission, rng):
    numbers = rng.normal(50, 5, 7).tolist()
    expected = sum(numbers) / 7
    assert abs(submission.mean(numbers) - expected) < 1e-9, f"{ASSERTED} {expected}"


def test_each(submission, rng):
    """An author's usual shortcut, which a submission must not be able to cut shorter."""
    numbers = rng.integers(1, 10**6, 5).tolist()
    assert all(map(lambda n: submission.double([n]) == [2 * n], numbers)), ASSERTED  # noqa: C417


def test_run(submission, torch_rng):
    model, x = Gate(torch_rng), torch.randn(2, 3, generator=torch_rng) + 2
    assert_close(submission.run(model, x), model(x))
