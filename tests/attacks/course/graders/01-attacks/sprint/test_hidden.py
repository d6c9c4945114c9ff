"""Hidden tests of the timed exercise. CANARY-9b88e29ab5d648d9fc2051c5909dcb0f"""

import torch

from grading.checks import assert_close

SIZE = 500


def test_right(submission, reference, torch_rng):
    x = torch.randn(20, 20, generator=torch_rng)
    assert_close(submission.product(x), reference.product(x))


def test_fast(submission, speed, torch_rng):
    speed.compare("product", lambda: (torch.randn(SIZE, SIZE, generator=torch_rng),))
