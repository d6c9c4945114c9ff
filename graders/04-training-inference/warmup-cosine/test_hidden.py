"""Hidden tests of the learning-rate schedule."""

import math
from typing import Any

import numpy as np
import pytest

from grading.checks import assert_close, assert_equal, require

STEP = {"en": "lr_at at step {}", "zh": "第 {} 步的 lr_at"}


def _at(step: int) -> dict[str, str]:
    return {language: text.format(step) for language, text in STEP.items()}


def _schedule(rng: np.random.Generator) -> tuple[int, int, float, float]:
    """A random (warmup, total, peak, floor) with all four pieces well apart."""
    warmup = int(rng.integers(5, 50))
    total = warmup + int(rng.integers(20, 200))
    peak = float(10 ** rng.uniform(-4, -2))
    return warmup, total, peak, peak * float(rng.uniform(0.05, 0.3))


def _check(submission: Any, step: int, schedule: tuple[int, int, float, float], lr: float) -> None:
    assert_close(submission.lr_at(step, *schedule), lr, rtol=1e-9, atol=1e-15, label=_at(step))


@pytest.mark.title(en="Warms up linearly, and from 0", zh="从 0 开始线性预热")
@pytest.mark.hint(
    en="Step 0 has rate 0; the line does not start at the floor or one step ahead.",
    zh="第 0 步的学习率为 0；直线既不从 floor 起步，也不提前一步。",
)
def test_linear_warmup(submission, rng):
    schedule = warmup, _, peak, _ = _schedule(rng)
    for step in {0, 1, 2, int(rng.integers(3, warmup)), warmup - 1}:
        _check(submission, step, schedule, peak * (step / warmup))


@pytest.mark.title(en="Reaches the peak exactly at step warmup", zh="恰好在第 warmup 步达到峰值")
@pytest.mark.hint(
    en="The cosine is 1 at step = warmup: measure its progress from there.",
    zh="step = warmup 时余弦为 1：进度从这一步算起。",
)
def test_peak(submission, rng):
    for _ in range(5):
        schedule = warmup, _, peak, _ = _schedule(rng)
        _check(submission, warmup, schedule, peak)


@pytest.mark.title(
    en="The cosine spans the steps from warmup to total", zh="余弦段从第 warmup 步到第 total 步"
)
@pytest.mark.hint(
    en="Progress is (step - warmup) / (total - warmup), not step / total.",
    zh="进度是 (step - warmup) / (total - warmup)，不是 step / total。",
)
@pytest.mark.points(2)
def test_cosine(submission, rng):
    schedule = warmup, total, peak, floor = _schedule(rng)
    for step in range(warmup, total):
        # (1 + cos 2a) / 2 = cos² a: the same curve by another road
        share = math.cos(math.pi * (step - warmup) / (total - warmup) / 2) ** 2
        _check(submission, step, schedule, peak * share + floor * (1 - share))


@pytest.mark.title(en="The cosine ends at the floor, not at 0", zh="余弦段的终点是 floor，而不是 0")
@pytest.mark.hint(
    en="Steps equally far from both ends of the cosine average to (peak + floor) / 2.",
    zh="与余弦段两端等距的两步，其平均值是 (peak + floor) / 2。",
)
def test_floor_is_approached(submission, rng):
    schedule = warmup, total, peak, floor = _schedule(rng)
    for offset in rng.integers(0, total - warmup, size=8).tolist():
        early = submission.lr_at(warmup + offset, *schedule)
        late = submission.lr_at(total - offset, *schedule)
        assert_close(early + late, peak + floor, rtol=1e-9)
    last = submission.lr_at(total - 1, *schedule)
    require(
        floor < last < floor + 0.01 * (peak - floor),
        en="One step before total, the rate should be just above floor.",
        zh="在 total 的前一步，学习率应略高于 floor。",
    )


@pytest.mark.title(
    en="Stays at the floor at step total and ever after", zh="从第 total 步起一直保持 floor"
)
@pytest.mark.hint(
    en="A cosine rises again after half a period: clamp.", zh="余弦过了半个周期又会上升：需要截断。"
)
def test_clamped(submission, rng):
    schedule = warmup, total, _, floor = _schedule(rng)
    beyond = [total, total + 1, 2 * total - warmup, total + int(rng.integers(2, 999)), 10**9]
    for step in beyond:
        _check(submission, step, schedule, floor)


@pytest.mark.title(en="warmup = 0: starts at the peak", zh="warmup = 0：一开始就是峰值")
@pytest.mark.hint(en="Mind the division by warmup.", zh="当心除以 warmup。")
def test_no_warmup(submission, rng):
    _, total, peak, floor = _schedule(rng)
    for step in (0, 1, int(rng.integers(2, total)), total, total + 5):
        progress = min(step / total, 1.0)
        expected = floor + (peak - floor) * math.cos(math.pi * progress / 2) ** 2
        _check(submission, step, (0, total, peak, floor), expected)


@pytest.mark.title(
    en="warmup = total: the line, then the floor", zh="warmup = total：先走直线，随后为 floor"
)
@pytest.mark.hint(
    en="The cosine has no steps then; total may even be 0.",
    zh="此时余弦段没有任何一步；total 甚至可以为 0。",
)
def test_only_warmup(submission, rng):
    warmup, _, peak, floor = _schedule(rng)
    schedule = (warmup, warmup, peak, floor)
    _check(submission, warmup - 1, schedule, peak * ((warmup - 1) / warmup))
    _check(submission, warmup, schedule, floor)
    _check(submission, warmup + 1, schedule, floor)
    _check(submission, 0, (0, 0, peak, floor), floor)


@pytest.mark.title(en="A floor of 0 and a floor equal to the peak", zh="floor 为 0 或等于峰值")
@pytest.mark.hint(
    en="floor = 0 is a value, not a missing one; floor = peak makes the curve flat.",
    zh="floor = 0 是有效值而非缺省；floor = peak 时曲线是平的。",
)
def test_extreme_floors(submission, rng):
    warmup, total, peak, _ = _schedule(rng)
    middle = (warmup + total) // 2
    progress = (middle - warmup) / (total - warmup)
    half = peak * math.cos(math.pi * progress / 2) ** 2
    _check(submission, middle, (warmup, total, peak, 0.0), half)
    _check(submission, total, (warmup, total, peak, 0.0), 0.0)
    _check(submission, middle, (warmup, total, peak, peak), peak)


@pytest.mark.title(en="Always returns a Python float", zh="返回值始终是 Python 的 float")
@pytest.mark.hint(
    en="Ints for peak and floor must not make the result an int, nor torch or numpy a scalar.",
    zh="peak 与 floor 为整数时也不能返回 int，也不要返回 torch 或 numpy 的标量。",
)
def test_plain_floats(submission):
    for step in (0, 2, 4, 7, 12, 99):
        assert_equal(type(submission.lr_at(step, 4, 12, 3, 1)).__name__, "float", label=_at(step))


@pytest.mark.title(en="Refuses impossible arguments", zh="拒绝不合理的参数")
@pytest.mark.hint(
    en="ValueError for step < 0, warmup < 0 and warmup > total.",
    zh="step < 0、warmup < 0、warmup > total 时抛出 ValueError。",
)
@pytest.mark.parametrize(
    ("step", "warmup", "total"), [(-1, 5, 10), (3, -1, 10), (3, 11, 10), (20, 11, 10), (0, 0, -1)]
)
def test_bad_arguments(submission, step, warmup, total):
    with pytest.raises(ValueError):
        submission.lr_at(step, warmup, total, 1.0, 0.1)
