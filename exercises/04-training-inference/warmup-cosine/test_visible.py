"""Examples for the learning-rate schedule."""

import pytest

from grading.checks import assert_close


@pytest.mark.title(en="Rises in a straight line from 0 to the peak", zh="沿直线从 0 升到峰值")
@pytest.mark.hint(en="During warmup: peak * step / warmup.", zh="预热阶段：peak * step / warmup。")
@pytest.mark.parametrize(("step", "expected"), [(0, 0.0), (5, 0.5), (9, 0.9), (10, 1.0)])
def test_warmup(submission, step, expected):
    assert_close(submission.lr_at(step, 10, 110, 1.0, 0.1), expected)


@pytest.mark.title(en="Falls along a cosine to the floor", zh="沿余弦降到下限")
@pytest.mark.hint(
    en="The cosine runs from step warmup to step total, and from peak to floor.",
    zh="余弦段从第 warmup 步到第 total 步，从 peak 降到 floor。",
)
@pytest.mark.parametrize(("step", "expected"), [(60, 0.55), (110, 0.1), (500, 0.1)])
def test_decay(submission, step, expected):
    assert_close(submission.lr_at(step, 10, 110, 1.0, 0.1), expected)


@pytest.mark.title(en="Works without warmup", zh="没有预热时也能工作")
@pytest.mark.hint(
    en="With warmup = 0 the first step is already at the peak.",
    zh="warmup = 0 时，第一步就处于峰值。",
)
def test_no_warmup(submission):
    assert_close(submission.lr_at(0, 0, 8, 2.0, 0.0), 2.0)
    assert_close(submission.lr_at(4, 0, 8, 2.0, 0.0), 1.0)
