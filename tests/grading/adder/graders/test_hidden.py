"""Hidden tests of the tiny exercise."""

import pytest
import torch

from grading.checks import assert_close


@pytest.mark.title(en="Adds", zh="相加")
@pytest.mark.hint(en="Use +.", zh="用 +。")
@pytest.mark.points(2)
def test_adds(submission, reference, torch_rng):
    a, b = torch.randn(2, 3, generator=torch_rng), torch.randn(2, 3, generator=torch_rng)
    assert_close(submission.add(a, b), reference.add(a, b))


@pytest.mark.title(en="Adds once more", zh="再次相加")
def test_adds_again(submission, torch_rng):
    a = torch.randn(4, generator=torch_rng)
    assert_close(submission.add(a, a), 2 * a)


@pytest.mark.title(en="Is fast", zh="足够快")
def test_speed(submission, speed, torch_rng):
    draw = lambda: torch.randn(1000, 1000, generator=torch_rng)  # noqa: E731
    speed.compare("add", lambda: (draw(), draw()))


@pytest.mark.title(en="Extra", zh="附加题")
@pytest.mark.stretch
def test_stretch(submission):
    assert submission.add(torch.tensor(1), torch.tensor(1)).dtype == torch.int64
