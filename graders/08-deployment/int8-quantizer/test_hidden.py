"""Hidden tests of int8-quantizer: properties of any symmetric quantizer, on fresh weights."""

import pytest
import torch

from grading.checks import assert_close, assert_equal, require

TOP = {8: 127, 4: 7}


def weights(torch_rng, *shape, dtype=torch.float32):
    """Return weights whose channels along every axis differ widely in size."""
    w = torch.randn(shape, generator=torch_rng, dtype=dtype)
    for dim, size in enumerate(shape):
        view = [1] * len(shape)
        view[dim] = size
        w = w * torch.exp2(torch.randint(-3, 4, view, generator=torch_rng).to(dtype))
    return w


def step(w, bits, axis):
    """Return the right scale, channel by channel in float64, shaped like the answer."""
    if axis is None:
        return (w.abs().max() / TOP[bits]).reshape([1] * w.ndim).double()
    shape = [1] * w.ndim
    shape[axis] = w.shape[axis]
    steps = [
        float(w.select(axis, i).double().abs().max()) / TOP[bits] for i in range(w.shape[axis])
    ]
    return torch.tensor(steps, dtype=torch.float64).reshape(shape)


def check_kind(w, q):
    require(
        q.dtype == torch.int8 and q.shape == w.shape,
        en=f"q should be int8 of shape {tuple(w.shape)}, not {q.dtype} of {tuple(q.shape)}.",
        zh=f"q 应为形状 {tuple(w.shape)} 的 int8，实际是形状 {tuple(q.shape)} 的 {q.dtype}。",
    )


def check_scale(w, answer, bits, axis):
    """Compare scale and zero point with the right ones, and look at the kind of q."""
    q, scale, zero = answer
    right = step(w, bits, axis)
    rtol = 1e-6 if w.dtype == torch.float32 else 1e-12
    assert_close(scale, right.to(w.dtype), rtol=rtol, atol=0.0, label="scale")
    assert_equal(zero, torch.zeros(right.shape, dtype=torch.int8), "zero")
    check_kind(w, q)


def check_q(w, q, bits, axis):
    """Hold q against the weights, in steps of the right size."""
    check_kind(w, q)
    worst = float((w.double() / step(w, bits, axis) - q.double()).abs().max())
    require(
        worst <= 0.5 + 1e-4,
        en=f"A weight is off by {worst:.3f} steps; 0.5 is the most that rounding needs.",
        zh=f"有权重的误差达到 {worst:.3f} 个步长；正确舍入时最多 0.5。",
    )


@pytest.mark.title(
    en="The scale is the channel's largest magnitude over 127 or 7",
    zh="缩放系数等于通道内最大绝对值除以 127 或 7",
)
@pytest.mark.hint(
    en="For axis=0 of a matrix each row has its own scale: reduce over all the other dimensions.",
    zh="矩阵取 axis=0 时每一行各有缩放系数：要在其余所有维度上取最大值。",
)
@pytest.mark.points(3)
@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("axis", [0, 1, -1, None])
def test_scale_per_channel(submission, torch_rng, bits, axis):
    w = weights(torch_rng, 5, 9)
    check_scale(w, submission.quantize(w, bits, axis), bits, axis)


@pytest.mark.title(
    en="No weight is off by more than half a step", zh="每个权重的误差都不超过半个步长"
)
@pytest.mark.hint(
    en="Round to the nearest integer: truncating or taking the floor errs by up to a whole step.",
    zh="要舍入到最近的整数：截断或向下取整的误差可达一整个步长。",
)
@pytest.mark.points(3)
@pytest.mark.parametrize("bits", [8, 4])
def test_half_a_step(submission, torch_rng, bits):
    w = weights(torch_rng, 16, 33)
    for axis in (0, 1, -1, None):
        check_q(w, submission.quantize(w, bits, axis)[0], bits, axis)


@pytest.mark.title(
    en="The whole range is used, and -128 or -8 never", zh="用满取值范围，但不用 -128 或 -8"
)
@pytest.mark.hint(
    en="The largest magnitude of each channel becomes +127 or -127 (8 bits), +7 or -7 (4 bits).",
    zh="每个通道里绝对值最大的数应变成 ±127（8 位）或 ±7（4 位）。",
)
@pytest.mark.points(2)
@pytest.mark.parametrize("bits", [8, 4])
def test_symmetric_range(submission, torch_rng, bits):
    w = weights(torch_rng, 12, 20)
    w[:6] = -w[:6] * w[:6].gather(1, w[:6].abs().argmax(1, keepdim=True)).sign()
    q = submission.quantize(w, bits, 0)[0].int()
    lowest = int(q.min())
    require(
        lowest >= -TOP[bits],
        en=f"q contains {lowest}: the range ends at {-TOP[bits]}, as far from 0 as its other end.",
        zh=f"q 中出现了 {lowest}：取值下限是 {-TOP[bits]}，与上限关于 0 对称。",
    )
    used = torch.full((12,), TOP[bits], dtype=torch.int32)
    assert_equal(q.abs().amax(1), used, {"en": "max |q| of each row", "zh": "每行 |q| 的最大值"})


@pytest.mark.title(en="Ties go to the even neighbour", zh="恰在正中间时舍入到偶数")
@pytest.mark.hint(
    en="0.5 → 0, 1.5 → 2, 2.5 → 2. floor(x + 0.5) rounds them all upwards.",
    zh="0.5 → 0、1.5 → 2、2.5 → 2。floor(x + 0.5) 会把它们全部向上舍入。",
)
@pytest.mark.parametrize("bits", [8, 4])
def test_ties_to_even(submission, rng, bits):
    half = torch.arange(-TOP[bits] + 1, TOP[bits], dtype=torch.float32) - 0.5
    unit = 2.0 ** int(rng.integers(-6, 7))  # a power of two: every quotient is exact
    w = torch.cat([half, torch.tensor([float(TOP[bits])])])[None] * unit
    even = [round(float(x)) for x in half] + [TOP[bits]]
    assert_equal(submission.quantize(w, bits, 0)[0], torch.tensor([even], dtype=torch.int8), "q")


@pytest.mark.title(en="Negating the weights negates q", zh="权重取相反数，q 也取相反数")
@pytest.mark.hint(
    en="Scale, range and rounding treat both signs alike.",
    zh="缩放系数、取值范围和舍入方式对正负号一视同仁。",
)
def test_odd(submission, torch_rng):
    w = weights(torch_rng, 6, 31)
    w[:, :2] = w.abs().amax(1, keepdim=True) * torch.tensor([1.0, -1.0])
    q = submission.quantize(w, 8, 0)[0]
    check_q(w, q, 8, 0)
    assert_equal(submission.quantize(-w, 8, 0)[0], -q, {"en": "q of -w", "zh": "-w 的 q"})


@pytest.mark.title(
    en="A channel of zeros stays zero, with scale 1", zh="全零通道仍为零，缩放系数为 1"
)
@pytest.mark.hint(
    en="0 / 0 is NaN. What does the scale become when the largest magnitude is 0?",
    zh="0 / 0 会得到 NaN。最大绝对值为 0 时，缩放系数应取多少？",
)
@pytest.mark.points(2)
def test_zero_channel(submission, torch_rng):
    w = weights(torch_rng, 4, 10)
    w[2] = 0.0
    w[3] = 1e-45  # the smallest float32: its 127th part is 0
    q, scale, zero = submission.quantize(w, 8, 0)
    assert_equal(
        scale[2:],
        torch.ones(2, 1),
        {"en": "scale of zero and tiny rows", "zh": "零行与极小行的 scale"},
    )
    assert_equal(
        q[2:], torch.zeros(2, 10, dtype=torch.int8), {"en": "q of those rows", "zh": "这些行的 q"}
    )
    check_scale(w[:2], (q[:2], scale[:2], zero[:2]), 8, 0)
    check_q(w[:2], q[:2], 8, 0)
    whole = submission.quantize(torch.zeros(3, 2), 4, None)
    assert_equal(whole[0], torch.zeros(3, 2, dtype=torch.int8), "q")
    assert_equal(
        whole[1], torch.ones(1, 1), {"en": "scale of an all-zero tensor", "zh": "全零张量的 scale"}
    )


@pytest.mark.title(
    en="Vectors and four-dimensional kernels work as well", zh="一维向量与四维卷积核同样适用"
)
@pytest.mark.hint(
    en="Reduce over all dimensions but axis, and keep them with size 1 so that scale broadcasts.",
    zh="对 axis 以外的所有维度取最大值，并保留为大小 1 的维度，scale 才能广播。",
)
def test_other_ranks(submission, torch_rng):
    for shape, axis in [((7,), 0), ((7,), None), ((4, 3, 2, 5), 1), ((4, 3, 2, 5), -4)]:
        w = weights(torch_rng, *shape, dtype=torch.float64)
        answer = submission.quantize(w, 8, axis)
        check_scale(w, answer, 8, axis)
        check_q(w, answer[0], 8, axis)
        back = answer[0] * step(w, 8, axis)
        label = {"en": f"what comes back of shape {shape}", "zh": f"形状为 {shape} 的还原结果"}
        assert_close(submission.dequantize(*answer), back, rtol=1e-12, atol=0.0, label=label)


@pytest.mark.title(
    en="Quantizing what was dequantized changes nothing", zh="对反量化的结果再量化，结果不变"
)
@pytest.mark.hint(
    en="The stored values lie on the grid already: the second rounding has nothing to do.",
    zh="还原出的值已经在网格点上，再次舍入不应有任何变化。",
)
def test_idempotent(submission, torch_rng):
    for bits in (8, 4):
        w = weights(torch_rng, 8, 16)
        q, scale, zero = submission.quantize(w, bits, 0)
        check_scale(w, (q, scale, zero), bits, 0)
        check_q(w, q, bits, 0)
        back = submission.dequantize(q, scale, zero)
        assert_close(back, (q * step(w, bits, 0)).float(), rtol=1e-5, atol=0.0)
        again = submission.quantize(back, bits, 0)[0]
        assert_equal(again, q, {"en": "q of the second round", "zh": "第二次量化的 q"})


@pytest.mark.title(
    en="Dequantizing honours any zero point, without overflow", zh="反量化支持任意零点且不溢出"
)
@pytest.mark.hint(
    en="int8 minus int8 wraps around at 127: convert q to the dtype of scale first.",
    zh="int8 减 int8 会在 127 处回绕：先把 q 转成 scale 的 dtype。",
)
@pytest.mark.points(2)
def test_dequantize_any_zero(submission, torch_rng):
    for dtype in (torch.float32, torch.float64):
        q = torch.randint(-128, 128, (6, 50), generator=torch_rng, dtype=torch.int8)
        q[:, :2] = torch.tensor([-128, 127], dtype=torch.int8)
        zero = torch.tensor([[-128], [-77], [-1], [0], [64], [127]], dtype=torch.int8)
        scale = torch.rand(6, 1, generator=torch_rng, dtype=dtype) + 0.1
        expected = ((q.double() - zero.double()) * scale.double()).to(dtype)
        assert_close(submission.dequantize(q, scale, zero), expected)


@pytest.mark.title(en="Other bit widths are refused", zh="其他位数一律报错")
@pytest.mark.hint(
    en="Only 8 and 4 are known; raise ValueError.", zh="只支持 8 和 4；其余抛出 ValueError。"
)
def test_other_bits(submission):
    for bits in (0, 2, 7, 16, 32):
        with pytest.raises(ValueError):
            submission.quantize(torch.ones(2, 2), bits, 0)


def _as_good(mine, truth):
    """Where ``w / s`` lies near a tie, ``w * (1 / s)`` may be the next step: both are right."""
    (q, scale, zero), (right, right_scale, right_zero) = mine, truth
    if q.shape != right.shape or q.dtype != right.dtype or not torch.equal(zero, right_zero):
        return False
    off = (q.int() - right.int()).abs()
    near = torch.allclose(scale, right_scale, rtol=1e-5, atol=0.0)
    return near and int(off.max()) <= 1 and float(off.double().mean()) < 1e-4


@pytest.mark.title(en="Fast enough on a 2048 × 1024 matrix", zh="在 2048 × 1024 矩阵上足够快")
@pytest.mark.hint(
    en="Treat all channels at once: a Python loop over rows pays torch's overhead 2048 times.",
    zh="一次处理所有通道：用 Python 逐行循环要付 2048 次 torch 调用的开销。",
)
@pytest.mark.points(2)
def test_speed(speed, torch_rng):
    def make_inputs():
        return torch.randn(2048, 1024, generator=torch_rng), 8, 0

    speed.compare("quantize", make_inputs, same=_as_good)
