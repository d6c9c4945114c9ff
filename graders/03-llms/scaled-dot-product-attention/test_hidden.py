"""Hidden tests of scaled dot-product attention."""

import math
from typing import Any

import pytest
import torch
from torch.nn import functional

from grading.checks import assert_close, require

Inputs = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def _inputs(
    rng: torch.Generator,
    *lead: int,
    n: int = 5,
    m: int = 7,
    d_k: int = 8,
    d_v: int = 6,
    dtype: torch.dtype = torch.float32,
) -> Inputs:
    """Fresh q, k, v of unit variance."""
    shapes = (*lead, n, d_k), (*lead, m, d_k), (*lead, m, d_v)
    q, k, v = (torch.randn(s, generator=rng).to(dtype) for s in shapes)
    return q, k, v


def _mask(rng: torch.Generator, *shape: int) -> torch.Tensor:
    """A random mask in which each query may attend to some key."""
    mask = torch.rand(shape, generator=rng) < 0.5
    mask[..., 0] |= ~mask.any(-1)
    return mask


def _truth(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: Any = None) -> torch.Tensor:
    """PyTorch's own attention, in float64."""
    if mask is not None:
        mask = mask.broadcast_to(*q.shape[:-1], k.shape[-2])
    return functional.scaled_dot_product_attention(q.double(), k.double(), v.double(), mask)


def _check(submission: Any, inputs: Inputs, mask: torch.Tensor | None = None) -> None:
    out = submission.attention(*inputs) if mask is None else submission.attention(*inputs, mask)
    truth = _truth(*inputs, mask)
    assert_close(out, truth.to(inputs[0].dtype), oracle=truth, rtol=1e-5)


@pytest.mark.title(en="Agrees with PyTorch's attention", zh="与 PyTorch 的注意力一致")
@pytest.mark.hint(
    en="Compute one query's output on paper: scores, softmax, weighted mean of the values.",
    zh="取一个查询手算一遍：分数、softmax、对值加权平均。",
)
@pytest.mark.points(2)
def test_parity(submission, torch_rng):
    for _ in range(3):
        _check(submission, _inputs(torch_rng, 2, 3))


@pytest.mark.title(en="Divides the scores by √d_k", zh="分数除以 √d_k")
@pytest.mark.hint(
    en="The scale depends on the width of the keys, not on that of the values or on their number.",
    zh="缩放系数取决于键的宽度，与值的宽度或键的个数无关。",
)
def test_scale(submission, torch_rng):
    for d_k in (1, 4, 64):
        _check(submission, _inputs(torch_rng, 2, d_k=d_k, d_v=3, m=9))


@pytest.mark.title(en="The weights of each query sum to 1", zh="每个查询的权重之和为 1")
@pytest.mark.hint(
    en="The softmax runs over the keys, the last axis of the scores.",
    zh="softmax 沿键的方向做，也就是分数的最后一维。",
)
def test_weights_sum_to_one(submission, torch_rng):
    q, k, _ = _inputs(torch_rng, 3)
    out = submission.attention(q, k, torch.ones(3, 7, 2))
    assert_close(out, torch.ones(3, 5, 2))


@pytest.mark.title(en="The order of the keys doesn't matter", zh="键的顺序不影响结果")
@pytest.mark.hint(
    en="Attention is a weighted mean over a set of keys and values: shuffle both, same result.",
    zh="注意力是对键值集合的加权平均：同时打乱两者，结果不变。",
)
def test_key_order(submission, torch_rng):
    q, k, v = _inputs(torch_rng, 2)
    order = torch.randperm(7, generator=torch_rng)
    truth = _truth(q, k, v).float()
    for shuffled in (slice(None), order):
        out = submission.attention(q, k[:, shuffled], v[:, shuffled])
        assert_close(out, truth, rtol=1e-5, atol=1e-5)


@pytest.mark.title(en="Any leading dimensions, also none", zh="任意前导维度，没有也行")
@pytest.mark.hint(
    en="Transpose the last two axes of k, whatever comes before them.",
    zh="转置 k 的最后两维，不管前面还有几维。",
)
def test_leading_dimensions(submission, torch_rng):
    for lead in ((), (1,), (2, 1, 3), (2, 2, 1, 2)):
        _check(submission, _inputs(torch_rng, *lead))


@pytest.mark.title(
    en="Works for one query, one key, one channel", zh="单个查询、单个键、单个通道都能算"
)
@pytest.mark.hint(
    en="Don't squeeze axes of length 1 away.",
    zh="不要把长度为 1 的维度挤掉。",
)
def test_ones(submission, torch_rng):
    for size in ({"n": 1}, {"m": 1}, {"d_v": 1}, {"n": 1, "m": 1, "d_k": 1, "d_v": 1}):
        _check(submission, _inputs(torch_rng, 2, **size))


@pytest.mark.title(en="True in the mask means may attend", zh="掩码中 True 表示允许关注")
@pytest.mark.hint(
    en="Are the forbidden keys those where the mask is False?",
    zh="被屏蔽的应是掩码为 False 的键，检查一下是否弄反。",
)
@pytest.mark.points(2)
def test_mask(submission, torch_rng):
    inputs = _inputs(torch_rng, 2, 3)
    _check(submission, inputs, _mask(torch_rng, 2, 3, 5, 7))
    causal = torch.ones(6, 6, dtype=torch.bool).tril()
    _check(submission, _inputs(torch_rng, 2, n=6, m=6), causal)


@pytest.mark.title(en="The mask broadcasts", zh="掩码可以广播")
@pytest.mark.hint(
    en="A mask may lack leading axes, or have length 1 in any of them.",
    zh="掩码可以缺少前导维度，任何一维的长度也可以是 1。",
)
def test_mask_broadcasts(submission, torch_rng):
    inputs = _inputs(torch_rng, 2, 3)
    for shape in ((5, 7), (1, 7), (7,), (2, 1, 1, 7), (3, 5, 7)):
        _check(submission, inputs, _mask(torch_rng, *shape))


@pytest.mark.title(
    en="Masks before the softmax: the remaining weights sum to 1",
    zh="在 softmax 之前做掩码：剩余权重之和为 1",
)
@pytest.mark.hint(
    en="If weights are zeroed after the softmax, what is left no longer sums to 1.",
    zh="若在 softmax 之后才把权重清零，剩下的权重之和就不再是 1。",
)
def test_masked_weights_sum_to_one(submission, torch_rng):
    q, k, _ = _inputs(torch_rng, 3)
    mask = torch.ones(5, 7, dtype=torch.bool)
    mask[:, 3:] = False
    out = submission.attention(q, k, torch.ones(3, 7, 2), mask)
    assert_close(out, torch.ones(3, 5, 2))


@pytest.mark.title(en="Masked keys have no influence, however large", zh="被屏蔽的键再大也毫无影响")
@pytest.mark.hint(
    en="A constant like -1e9 may not be small enough. Which number surely is?",
    zh="-1e9 这样的常数未必足够小。什么数一定足够小？",
)
def test_masked_keys_are_unseen(submission, torch_rng):
    q, k, v = _inputs(torch_rng, 2, dtype=torch.float64)
    mask = torch.ones(7, dtype=torch.bool)
    mask[4:] = False
    loud = torch.where(mask[:, None], k, k.sign() * 1e12)
    changed = torch.where(mask[:, None], v, v + 100)
    # The scores of the visible keys are about -3.5e9, below a constant such as -1e9.
    low = q.clone()
    low[..., 0] = 1e10
    visible = k.clone()
    visible[..., 0] = -1.0
    visible[..., 4:, 0] = 1.0
    assert_close(submission.attention(q, loud, changed, mask), _truth(q, k, v, mask))
    truth = _truth(low, visible, v, mask)
    assert_close(submission.attention(low, visible, changed, mask), truth, rtol=1e-5, atol=1e-5)


@pytest.mark.title(
    en="A query with nothing to attend to gets zeros", zh="没有可关注的键的查询得到零"
)
@pytest.mark.hint(
    en="Look at a row of the mask that is all False, and at its softmax.",
    zh="看看掩码中全为 False 的那一行，它的 softmax 是什么。",
)
@pytest.mark.points(2)
def test_fully_masked_rows(submission, torch_rng):
    for dtype in (torch.float32, torch.float16):
        q, k, v = _inputs(torch_rng, 2, dtype=dtype)
        mask = _mask(torch_rng, 2, 5, 7)
        alone = int(torch.randint(5, (), generator=torch_rng))
        mask[:, alone] = False
        out = submission.attention(q, k, v, mask)
        expected = _truth(q, k, v, mask | ~mask.any(-1, keepdim=True))
        expected[:, alone] = 0.0
        assert_close(out, expected.to(dtype), rtol=1e-5 if dtype == torch.float32 else 2e-3)


@pytest.mark.title(en="No keys at all gives zeros", zh="一个键都没有时返回零")
@pytest.mark.hint(
    en="With m = 0 the result still has shape (..., n, d_v).",
    zh="m = 0 时，结果的形状仍是 (..., n, d_v)。",
)
def test_no_keys(submission, torch_rng):
    assert_close(submission.attention(*_inputs(torch_rng, 2, m=0)), torch.zeros(2, 5, 6))


@pytest.mark.title(en="Large logits don't overflow", zh="logits 很大时不溢出")
@pytest.mark.hint(
    en="exp(100) is already out of float32's reach: a stable softmax subtracts the maximum first.",
    zh="exp(100) 已超出 float32 的范围：稳定的 softmax 会先减去最大值。",
)
def test_large_logits(submission, torch_rng):
    q, k, v = _inputs(torch_rng, 2, dtype=torch.float64)
    q, k, v = (100 * q).float(), (10 * k).float(), v.float()
    assert_close(submission.attention(q, k, v), _truth(q, k, v).float(), rtol=1e-3, atol=1e-3)


@pytest.mark.title(en="float16: scores above 65504 are fine", zh="float16：分数超过 65504 也没问题")
@pytest.mark.hint(
    en="The sum over d_k overflows in float16 before the division can save it.",
    zh="在 float16 中，对 d_k 求和时就已溢出，之后再除也来不及了。",
)
@pytest.mark.points(2)
def test_half_overflow(submission, torch_rng):
    q, k, v = _inputs(torch_rng, 2, d_k=64, dtype=torch.float16)
    q, k = q + 40, k * 0.05 + 40  # q . k is about 64 x 40 x 40 = 102,400
    truth = _truth(q, k, v)
    assert_close(submission.attention(q, k, v), truth.half(), rtol=5e-3, atol=5e-3)


@pytest.mark.title(en="Keeps the dtype of its inputs", zh="输出 dtype 与输入一致")
@pytest.mark.hint(
    en="Convert back at the end, and don't go through float32 when the input is float64.",
    zh="最后要转回原 dtype；输入是 float64 时不要经过 float32。",
)
def test_dtypes(submission, torch_rng):
    close = {torch.float16: 2e-3, torch.bfloat16: 1.6e-2, torch.float32: 1e-5, torch.float64: 1e-12}
    for dtype, tolerance in close.items():
        inputs = _inputs(torch_rng, 2, dtype=dtype)
        mask = _mask(torch_rng, 5, 7)
        out = submission.attention(*inputs, mask)
        truth = _truth(*inputs, mask)
        assert_close(out, truth.to(dtype), rtol=tolerance, atol=tolerance, oracle=truth)


@pytest.mark.title(
    en="Half precision is computed in float32 inside", zh="半精度输入在内部用 float32 计算"
)
@pytest.mark.hint(
    en="Rounded to 11 bits, scores around 30 are off by 0.01: convert before the product.",
    zh="分数在 30 左右时，舍入到 11 位会差 0.01：请在相乘之前转换。",
)
def test_half_accuracy(submission, torch_rng):
    q, k, v = _inputs(torch_rng, 2, 4, n=32, m=32, d_k=64, dtype=torch.float16)
    q, k = q * 4, k * 4
    truth = _truth(q, k, v)
    out = submission.attention(q, k, v)
    assert_close(out, truth.half(), rtol=0.0, atol=0.1)  # of the right shape and dtype at all
    error = (out.double() - truth).abs().max()
    # Rounding the result alone costs at most half a unit in the last place: 2^-9 for |v| < 8.
    require(
        error <= 2.0**-8,
        en=f"The largest error is {float(error):.2g}; rounding the result explains 0.002 of it.",
        zh=f"最大误差为 {float(error):.2g}，而仅对结果舍入只会造成 0.002 的误差。",
    )


@pytest.mark.title(en="Gradients of q, k and v are right", zh="q、k、v 的梯度正确")
@pytest.mark.hint(
    en="Stay in PyTorch operations, without .detach(), .data, .item() or NumPy on the way.",
    zh="全程使用 PyTorch 运算，中途不要用 .detach()、.data、.item() 或 NumPy。",
)
@pytest.mark.points(2)
def test_gradients(submission, torch_rng):
    inputs = _inputs(torch_rng, n=2, m=3, d_k=2, d_v=2, dtype=torch.float64)
    inputs = tuple(x.requires_grad_() for x in inputs)
    mask = torch.tensor([[True, False, True], [True, True, True]])
    for given in (inputs, (*inputs, mask)):
        out, truth = submission.attention(*given), _truth(*given)
        assert_close(out.detach(), truth.detach(), rtol=1e-10, atol=1e-10)
        assert torch.autograd.gradcheck(submission.attention, given)


@pytest.mark.title(
    en="Gradients stay finite when a query sees nothing", zh="查询看不到任何键时，梯度仍然有限"
)
@pytest.mark.hint(
    en="Mending NaN after the softmax mends the output only: its backward still yields NaN.",
    zh="在 softmax 之后修补 NaN 只能修好输出，反向传播仍会得到 NaN。",
)
def test_gradients_of_masked_rows(submission, torch_rng):
    inputs = tuple(x.requires_grad_() for x in _inputs(torch_rng, 2))
    mask = _mask(torch_rng, 2, 5, 7)
    mask[:, 2] = False
    weight = torch.randn(2, 5, 6, generator=torch_rng)
    mine = torch.autograd.grad((submission.attention(*inputs, mask) * weight).sum(), inputs)
    weight[:, 2] = 0.0
    free = mask | ~mask.any(-1, keepdim=True)
    scores = inputs[0] @ inputs[1].mT / math.sqrt(8)
    out = scores.masked_fill(~free, -math.inf).softmax(-1) @ inputs[2]
    truth = torch.autograd.grad((out * weight).sum(), inputs)
    for name, actual, expected in zip("qkv", mine, truth, strict=True):
        label = {"en": f"the gradient of {name}", "zh": f"{name} 的梯度"}
        assert_close(actual, expected, rtol=1e-4, atol=1e-5, label=label)


@pytest.mark.title(
    en="Fast on (4, 8, 256, 64), without Python loops",
    zh="在 (4, 8, 256, 64) 上够快，不用 Python 循环",
)
@pytest.mark.hint(
    en="One batched matrix product gives all scores at once.",
    zh="一次批量矩阵乘法就能得到全部分数。",
)
@pytest.mark.points(2)
def test_speed(speed, torch_rng):
    speed.compare("attention", lambda: _inputs(torch_rng, 4, 8, n=256, m=256, d_k=64, d_v=64))
