"""Examples for convolution in two dimensions."""

import pytest
import torch

from grading.checks import assert_close, assert_equal

X = torch.arange(9.0).reshape(1, 1, 3, 3)
WEIGHT = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])


@pytest.mark.title(en="A 2×2 kernel on a 3×3 image, by hand", zh="3×3 图像、2×2 卷积核，手算对照")
@pytest.mark.hint(
    en="At the first place the kernel sees 0, 1, 3, 4: 1·0 + 2·1 + 3·3 + 4·4 = 27.",
    zh="在第一个位置，卷积核看到 0、1、3、4：1·0 + 2·1 + 3·3 + 4·4 = 27。",
)
def test_by_hand(submission):
    assert_close(submission.conv2d(X, WEIGHT), torch.tensor([[[[27.0, 37.0], [57.0, 67.0]]]]))


@pytest.mark.title(en="Each output channel has its own bias", zh="每个输出通道有自己的偏置")
@pytest.mark.hint(
    en="Kernel o and bias o make output channel o.",
    zh="第 o 个卷积核与第 o 个偏置得到第 o 个输出通道。",
)
def test_bias(submission):
    weight = torch.cat([WEIGHT, torch.zeros(1, 1, 2, 2)])
    out = submission.conv2d(X, weight, torch.tensor([100.0, 5.0]))
    expected = torch.tensor([[[[127.0, 137.0], [157.0, 167.0]], [[5.0, 5.0], [5.0, 5.0]]]])
    assert_close(out, expected)


@pytest.mark.title(en="Every second place of a padded image", zh="填充后每隔一个位置取一次")
@pytest.mark.hint(
    en="The padded image is 5×5; the kernel is put at rows and columns 0 and 2 of it.",
    zh="填充后的图像是 5×5；卷积核放在其中第 0、2 行与第 0、2 列。",
)
def test_stride_and_padding(submission):
    out = submission.conv2d(X, WEIGHT, stride=2, padding=1)
    assert_close(out, torch.tensor([[[[0.0, 11.0], [30.0, 67.0]]]]))


@pytest.mark.title(en="Height comes first, width second", zh="先高后宽")
@pytest.mark.hint(
    en="Use the size formula once with the first numbers of the pairs and once with the second.",
    zh="尺寸公式要用两次：一次取各数对的第一个数，一次取第二个数。",
)
def test_sizes(submission):
    x, weight = torch.ones(2, 3, 7, 10), torch.ones(4, 3, 3, 2)
    assert_equal(tuple(submission.conv2d(x, weight).shape), (2, 4, 5, 9))
    out = submission.conv2d(x, weight, stride=(2, 3), padding=(0, 1))
    assert_equal(tuple(out.shape), (2, 4, 3, 4))
