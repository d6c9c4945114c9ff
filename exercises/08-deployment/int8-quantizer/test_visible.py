"""Visible tests of int8-quantizer: the statement's own example, and its edges."""

import pytest
import torch

from grading.checks import assert_equal


@pytest.mark.title(en="The statement's example, 4 bits", zh="题面中的例子（4 位）")
@pytest.mark.hint(
    en="The first row's scale is 7 / 7 = 1; 2.5 lies between 2 and 3, and 2 is even.",
    zh="第一行的缩放系数是 7 / 7 = 1；2.5 在 2 与 3 正中间，而 2 是偶数。",
)
def test_example(submission):
    w = torch.tensor([[-7.0, 2.5, 0.5], [0.0, 0.0, 0.0]])
    q, scale, zero = submission.quantize(w, 4, 0)
    assert_equal(q, torch.tensor([[-7, 2, 0], [0, 0, 0]], dtype=torch.int8), "q")
    assert_equal(scale, torch.ones(2, 1), "scale")
    assert_equal(zero, torch.zeros(2, 1, dtype=torch.int8), "zero")


@pytest.mark.title(en="One scale for the whole tensor", zh="整个张量共用一个缩放系数")
@pytest.mark.hint(
    en="With axis=None the scale has shape (1, 1): as many dimensions as w.",
    zh="axis=None 时，scale 的形状是 (1, 1)：维数与 w 相同。",
)
def test_whole_tensor(submission):
    w = torch.tensor([[254.0, 2.0], [-100.0, 5.0]])
    q, scale, _ = submission.quantize(w, 8, None)
    assert_equal(scale, torch.tensor([[2.0]]), "scale")
    assert_equal(q, torch.tensor([[127, 1], [-50, 2]], dtype=torch.int8), "q")


@pytest.mark.title(en="Dequantizing takes the zero point off first", zh="反量化时先减去零点")
@pytest.mark.hint(
    en="127 - (-100) = 227 doesn't fit into int8: convert before you subtract.",
    zh="127 - (-100) = 227 超出 int8 的范围：先转换类型再相减。",
)
def test_dequantize(submission):
    q = torch.tensor([[127, -100]], dtype=torch.int8)
    zero = torch.tensor([[-100]], dtype=torch.int8)
    back = submission.dequantize(q, torch.tensor([[0.5]]), zero)
    assert_equal(back, torch.tensor([[113.5, 0.0]]))


@pytest.mark.title(en="Only 8 and 4 bits exist", zh="只支持 8 位和 4 位")
@pytest.mark.hint(en="Raise ValueError for other bits.", zh="其他位数抛出 ValueError。")
def test_other_bits(submission):
    with pytest.raises(ValueError):
        submission.quantize(torch.ones(2, 2), 16, 0)
