"""Examples for scaled dot-product attention."""

import pytest
import torch

from grading.checks import assert_close

Q = torch.tensor([[1.0, 0.0]])
K = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
V = torch.tensor([[10.0], [20.0]])


@pytest.mark.title(en="One query and two keys, by hand", zh="一个查询、两个键，手算对照")
@pytest.mark.hint(
    en="The scores are 1/√2 and 0, so the weights are 0.6698 and 0.3302.",
    zh="两个分数是 1/√2 和 0，因此权重是 0.6698 和 0.3302。",
)
def test_by_hand(submission):
    assert_close(submission.attention(Q, K, V), torch.tensor([[13.3024]]), atol=1e-3)


@pytest.mark.title(en="Attends only where the mask is True", zh="只关注掩码为 True 的位置")
@pytest.mark.hint(
    en="True means that the query may see that key.",
    zh="True 表示这个查询可以看到这个键。",
)
def test_mask(submission):
    mask = torch.tensor([[False, True]])
    assert_close(submission.attention(Q, K, V, mask), torch.tensor([[20.0]]))


@pytest.mark.title(en="Equal keys give the plain mean of the values", zh="键全相同时，得到值的平均")
@pytest.mark.hint(
    en="Equal scores mean equal weights: the softmax runs over the keys.",
    zh="分数相同则权重相同：softmax 沿着键的方向做。",
)
def test_equal_keys(submission):
    out = submission.attention(torch.ones(3, 2), torch.ones(2, 2), V)
    assert_close(out, torch.tensor([[15.0], [15.0], [15.0]]))


@pytest.mark.title(en="Nothing to attend to gives zeros", zh="没有可关注的键时返回零")
@pytest.mark.hint(
    en="The softmax of a row full of -inf is NaN. What else could you fill in, or zero afterwards?",
    zh="整行都是 -inf 时 softmax 得 NaN。可以换个填充值，或者之后再清零。",
)
def test_nothing_allowed(submission):
    mask = torch.tensor([[False, False]])
    assert_close(submission.attention(Q, K, V, mask), torch.tensor([[0.0]]))
