"""Hidden tests of convolution in two dimensions: everything must equal PyTorch's own."""

from typing import Any

import pytest
import torch
from torch.nn import functional

from grading.checks import assert_close, require

Inputs = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
Pair = tuple[int, int]


def _inputs(
    rng: torch.Generator,
    size: Pair = (6, 6),
    kernel: Pair = (3, 3),
    *,
    batch: int = 2,
    c_in: int = 3,
    c_out: int = 4,
    dtype: torch.dtype = torch.float32,
) -> Inputs:
    """Fresh images, kernels and biases of unit variance."""
    shapes = (batch, c_in, *size), (c_out, c_in, *kernel), (c_out,)
    x, weight, bias = (torch.randn(s, generator=rng, dtype=torch.float64).to(dtype) for s in shapes)
    return x, weight, bias


def _truth(inputs: Inputs, stride: Any = 1, padding: Any = 0) -> torch.Tensor:
    """PyTorch's own convolution, in float64."""
    x, weight, bias = (tensor.double() for tensor in inputs)
    return functional.conv2d(x, weight, bias, stride, padding)


def _check(submission: Any, inputs: Inputs, stride: Any = 1, padding: Any = 0) -> None:
    truth = _truth(inputs, stride, padding)
    out = submission.conv2d(*inputs, stride, padding)
    assert_close(out, truth.to(inputs[0].dtype), rtol=1e-5, atol=1e-5, oracle=truth)


@pytest.mark.title(en="Agrees with PyTorch's convolution", zh="与 PyTorch 的卷积一致")
@pytest.mark.hint(
    en="Compute one number of the output on paper: which part of the image does the kernel see?",
    zh="取输出中的一个数手算一遍：卷积核看到的是图像的哪一块？",
)
@pytest.mark.points(2)
def test_parity(submission, torch_rng):
    for _ in range(3):
        _check(submission, _inputs(torch_rng))


@pytest.mark.title(en="Without bias nothing is added", zh="没有偏置时什么也不加")
@pytest.mark.hint(
    en="bias is None by default; stride and padding are 1 and 0.",
    zh="bias 默认是 None；stride 和 padding 默认是 1 和 0。",
)
def test_no_bias(submission, torch_rng):
    x, weight, bias = _inputs(torch_rng)
    truth = _truth((x, weight, torch.zeros_like(bias)))
    assert_close(submission.conv2d(x, weight), truth.float(), rtol=1e-5, atol=1e-5)
    strided = _truth((x, weight, torch.zeros_like(bias)), 2, 1)
    out = submission.conv2d(x, weight, stride=2, padding=1)
    assert_close(out, strided.float(), rtol=1e-5, atol=1e-5)


@pytest.mark.title(
    en="A kernel with a single 1 copies what lies there", zh="只含一个 1 的卷积核会照搬该处的数"
)
@pytest.mark.hint(
    en="A 1 in the kernel's top left corner copies the top left of the window. Is yours flipped?",
    zh="左上角为 1 的卷积核照搬窗口左上角的数。你的卷积核是不是翻转了？",
)
@pytest.mark.points(2)
def test_not_flipped(submission, torch_rng):
    x = torch.randn(2, 1, 5, 5, generator=torch_rng)
    for row in range(3):
        for column in range(3):
            weight = torch.zeros(1, 1, 3, 3)
            weight[0, 0, row, column] = 1.0
            out = submission.conv2d(x, weight)
            assert_close(out, x[:, :, row : row + 3, column : column + 3].contiguous())


@pytest.mark.title(en="Sums over the input channels", zh="对输入通道求和")
@pytest.mark.hint(
    en="Each output channel sees all input channels, each through a kernel slice of its own.",
    zh="每个输出通道都看到全部输入通道，各用自己的一片卷积核。",
)
def test_channels(submission, torch_rng):
    for c_in, c_out in ((1, 1), (1, 5), (5, 1), (2, 6), (6, 2)):
        _check(submission, _inputs(torch_rng, c_in=c_in, c_out=c_out))


@pytest.mark.title(en="Images that are not square", zh="图像不是正方形")
@pytest.mark.hint(
    en="Rows belong to the height, columns to the width, in the result too.",
    zh="行对应高，列对应宽，结果里也一样。",
)
@pytest.mark.points(2)
def test_image_not_square(submission, torch_rng):
    for size in ((4, 9), (9, 4), (3, 8)):
        _check(submission, _inputs(torch_rng, size))


@pytest.mark.title(en="Kernels that are not square", zh="卷积核不是正方形")
@pytest.mark.hint(
    en="kH and kW are the last two axes of weight, in this order.",
    zh="weight 的最后两维依次是 kH 和 kW。",
)
def test_kernel_not_square(submission, torch_rng):
    for kernel in ((2, 4), (4, 2), (1, 3), (3, 1), (5, 2)):
        _check(submission, _inputs(torch_rng, (7, 8), kernel))


@pytest.mark.title(en="Kernels of 1×1 mix the channels only", zh="1×1 卷积核只混合通道")
@pytest.mark.hint(
    en="With kH = kW = 1 the result is weight @ pixel for every pixel.",
    zh="kH = kW = 1 时，每个像素的结果就是 weight @ 像素。",
)
def test_one_by_one(submission, torch_rng):
    inputs = _inputs(torch_rng, (5, 7), (1, 1))
    for stride, padding in ((1, 0), (2, 0), (1, 1), ((2, 3), (1, 0))):
        _check(submission, inputs, stride, padding)


@pytest.mark.title(en="A kernel as large as the image", zh="卷积核与图像一样大")
@pytest.mark.hint(
    en="There is one place left: the result has height and width 1.",
    zh="只剩一个位置：结果的高和宽都是 1。",
)
def test_kernel_fills_image(submission, torch_rng):
    for size, kernel, padding in (
        ((4, 6), (4, 6), 0),
        ((4, 6), (6, 8), 1),
        ((2, 3), (6, 3), (2, 0)),
    ):
        for stride in (1, 3):
            _check(submission, _inputs(torch_rng, size, kernel), stride, padding)


@pytest.mark.title(en="One image, one channel, one pixel", zh="单张图像、单个通道、单个像素都能算")
@pytest.mark.hint(
    en="Don't squeeze axes of length 1 away.",
    zh="不要把长度为 1 的维度挤掉。",
)
def test_ones(submission, torch_rng):
    for sizes in ({"batch": 1}, {"batch": 1, "c_in": 1}, {"batch": 1, "c_in": 1, "c_out": 1}):
        _check(submission, _inputs(torch_rng, **sizes))
    _check(submission, _inputs(torch_rng, (1, 1), (1, 1), batch=1, c_in=1, c_out=1))
    _check(submission, _inputs(torch_rng, (1, 7), (1, 3), batch=1))


@pytest.mark.title(en="Strides skip places, on both axes", zh="步幅在两个轴上都跳过位置")
@pytest.mark.hint(
    en="An int is the step for rows and for columns alike.",
    zh="整数步幅对行和列同样有效。",
)
@pytest.mark.points(2)
def test_stride(submission, torch_rng):
    for stride in (2, 3):
        _check(submission, _inputs(torch_rng, (9, 9)), stride)
        _check(submission, _inputs(torch_rng, (7, 10), (2, 3)), stride)


@pytest.mark.title(en="Strides as a pair: height, width", zh="步幅为数对：高、宽")
@pytest.mark.hint(
    en="The first number moves down, the second to the right.",
    zh="第一个数管向下走，第二个数管向右走。",
)
def test_stride_pair(submission, torch_rng):
    for stride in ((1, 2), (2, 1), (3, 2)):
        _check(submission, _inputs(torch_rng, (9, 9)), stride)


@pytest.mark.title(
    en="Places where the kernel doesn't fit are left out", zh="放不下卷积核的位置不算"
)
@pytest.mark.hint(
    en="The division in the size formula rounds down; rows that are left over count for nothing.",
    zh="尺寸公式中的除法向下取整；剩下的行不参与计算。",
)
def test_sizes(submission, torch_rng):
    for height in (5, 6, 7, 8):
        _check(submission, _inputs(torch_rng, (height, 11 - height), (3, 2)), 3)
        _check(submission, _inputs(torch_rng, (11 - height, height), (2, 3)), 2, 1)


@pytest.mark.title(en="Zeros on all four sides", zh="四边都补零")
@pytest.mark.hint(
    en="With padding p the image grows by 2p in height and 2p in width.",
    zh="填充为 p 时，图像的高和宽都增加 2p。",
)
@pytest.mark.points(2)
def test_padding(submission, torch_rng):
    for padding in (1, 2):
        _check(submission, _inputs(torch_rng), 1, padding)
        _check(submission, _inputs(torch_rng, (4, 7)), 1, padding)
    _check(submission, _inputs(torch_rng, (4, 7), (2, 3)), 2, 3)


@pytest.mark.title(en="Padding as a pair: height, width", zh="填充为数对：高、宽")
@pytest.mark.hint(
    en="The first number goes above and below, the second left and right. F.pad wants the last axis first.",
    zh="第一个数用于上下，第二个数用于左右。注意 F.pad 的参数从最后一维写起。",
)
def test_padding_pair(submission, torch_rng):
    for padding in ((1, 0), (0, 1), (2, 1)):
        _check(submission, _inputs(torch_rng), 1, padding)


@pytest.mark.title(en="Stride and padding together", zh="步幅与填充同时使用")
@pytest.mark.hint(
    en="Pad first; the strides count from the corner of the padded image.",
    zh="先填充；步幅从填充后图像的左上角数起。",
)
def test_stride_and_padding(submission, torch_rng):
    for stride, padding in ((2, 1), ((2, 1), (1, 2)), ((1, 3), 2), (2, (0, 3))):
        _check(submission, _inputs(torch_rng, (7, 10), (3, 2)), stride, padding)


@pytest.mark.title(en="Linear in the image and in the kernel", zh="对图像和卷积核都是线性的")
@pytest.mark.hint(
    en="Without bias, a weighted sum of two images gives the weighted sum of their results.",
    zh="没有偏置时，两张图像的加权和得到各自结果的加权和。",
)
def test_linear(submission, torch_rng):
    x, weight, _ = _inputs(torch_rng)
    other, kernel, _ = _inputs(torch_rng)

    def out(x: torch.Tensor, weight: torch.Tensor) -> Any:
        return submission.conv2d(x, weight, None, 1, 1)

    def truth(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return _truth((x, weight, torch.zeros(4)), 1, 1).float()

    first = truth(x, weight)
    assert_close(out(x, weight), first, rtol=1e-5, atol=1e-5)
    mixed = 3 * first - truth(other, weight)
    assert_close(out(3 * x - other, weight), mixed, rtol=1e-4, atol=1e-4)
    mixed = first + 2 * truth(x, kernel)
    assert_close(out(x, weight + 2 * kernel), mixed, rtol=1e-4, atol=1e-4)


@pytest.mark.title(en="A moved image gives a moved result", zh="图像平移，结果随之平移")
@pytest.mark.hint(
    en="Every place is treated alike: moving the image by one stride moves the result by one.",
    zh="所有位置一视同仁：图像平移一个步幅，结果平移一格。",
)
def test_shift(submission, torch_rng):
    x, weight, bias = _inputs(torch_rng, (11, 13), (3, 2))
    for stride in ((1, 1), (2, 3)):
        whole = _truth((x, weight, bias), stride).float()
        assert_close(submission.conv2d(x, weight, bias, stride), whole, rtol=1e-5, atol=1e-5)
        moved = submission.conv2d(x[:, :, stride[0] :, stride[1] :], weight, bias, stride)
        assert_close(moved, whole[:, :, 1:, 1:].contiguous(), rtol=1e-5, atol=1e-5)


@pytest.mark.title(
    en="Images of a batch don't mix, whatever their values", zh="批次中的图像互不影响"
)
@pytest.mark.hint(
    en="Each image alone must give the same as within the batch.",
    zh="每张图像单独计算，应与放在批次里的结果相同。",
)
def test_batch(submission, torch_rng):
    x, weight, bias = _inputs(torch_rng, (5, 6), batch=3)
    for image in (x, *x.split(1)):
        _check(submission, (image, weight, bias), 2, 1)
    x[1] *= 1e4  # a neighbour of another size
    truth = _truth((x, weight, bias), 2, 1).float()
    out = submission.conv2d(x, weight, bias, 2, 1)
    assert_close(out[::2], truth[::2].contiguous(), rtol=1e-5, atol=1e-5)


@pytest.mark.title(en="Keeps float32 and float64", zh="保持 float32 与 float64")
@pytest.mark.hint(
    en="float64 inputs are computed in float64; new tensors (zeros, say) need dtype=x.dtype.",
    zh="float64 输入要用 float64 计算；新建的张量（比如零）要写 dtype=x.dtype。",
)
def test_dtypes(submission, torch_rng):
    for dtype, tolerance in ((torch.float32, 1e-5), (torch.float64, 1e-12)):
        inputs = _inputs(torch_rng, dtype=dtype)
        for stride, padding in ((1, 0), (2, 1)):
            truth = _truth(inputs, stride, padding)
            out = submission.conv2d(*inputs, stride, padding)
            assert_close(out, truth.to(dtype), rtol=tolerance, atol=tolerance, oracle=truth)


def _check_gradients(submission: Any, rng: torch.Generator, inputs: Inputs, *geometry: Any) -> None:
    """Compare the result and the three gradients with those that PyTorch finds in float64."""
    dtype = inputs[0].dtype
    tolerance = {torch.float32: 1e-4, torch.float64: 1e-10}[dtype]
    for tensor in inputs:
        tensor.requires_grad_()
    truth = _truth(inputs, *geometry)
    upstream = torch.randn(truth.shape, generator=rng, dtype=dtype)
    expected = torch.autograd.grad(truth, inputs, upstream.double())
    out = submission.conv2d(*inputs, *geometry)
    assert_close(out.detach(), truth.detach().to(dtype), rtol=tolerance, atol=tolerance)
    require(
        out.requires_grad,
        en="The result requires no gradient although all of the inputs do.",
        zh="所有输入都需要梯度，返回值却不需要梯度。",
    )
    found = torch.autograd.grad(out, inputs, upstream, allow_unused=True)
    for name, actual, wanted in zip(("x", "weight", "bias"), found, expected, strict=True):
        require(
            actual is not None,
            en=f"No gradient reaches {name}.",
            zh=f"梯度没有传到 {name}。",
        )
        label = {"en": f"the gradient of {name}", "zh": f"{name} 的梯度"}
        assert_close(actual, wanted, rtol=tolerance, atol=tolerance, label=label)


@pytest.mark.title(
    en="Gradients of x, weight and bias equal PyTorch's", zh="x、weight、bias 的梯度与 PyTorch 一致"
)
@pytest.mark.hint(
    en="Stay in PyTorch operations, without .detach(), .data, .item() or NumPy on the way.",
    zh="全程使用 PyTorch 运算，中途不要用 .detach()、.data、.item() 或 NumPy。",
)
@pytest.mark.points(2)
def test_gradients(submission, torch_rng):
    for stride, padding in ((1, 0), ((2, 1), (1, 2))):
        inputs = _inputs(torch_rng, (6, 8), (3, 2))
        _check_gradients(submission, torch_rng, inputs, stride, padding)


@pytest.mark.title(
    en="Gradients equal finite differences in float64", zh="float64 下梯度与有限差分一致"
)
@pytest.mark.hint(
    en="If the result is right and this fails, something on the way is rounded or cut off.",
    zh="若结果正确而这里失败，说明中途有舍入，或梯度被截断。",
)
def test_gradcheck(submission, torch_rng):
    inputs = _inputs(torch_rng, (4, 3), (2, 2), batch=1, c_in=2, c_out=2, dtype=torch.float64)
    _check_gradients(submission, torch_rng, inputs, (2, 1), (1, 0))
    assert torch.autograd.gradcheck(submission.conv2d, (*inputs, (2, 1), (1, 0)))


@pytest.mark.title(en="Leaves its inputs as they are", zh="不修改输入")
@pytest.mark.hint(
    en="Operations whose name ends in _ (resize_, squeeze_, mul_), += and .data change the tensor that you were given.",
    zh="名字以 _ 结尾的运算（resize_、squeeze_、mul_）、+= 和 .data 会改动传进来的张量。",
)
def test_inputs_unchanged(submission, torch_rng):
    # The sandbox has copies. But PyTorch refuses to change a leaf in place, and one that is changed
    # behind its back (.data) between forward and backward yields wrong gradients.
    for kernel, stride, padding in (((1, 1), 1, 0), ((5, 5), 1, 0), ((3, 3), 2, 1)):
        _check_gradients(submission, torch_rng, _inputs(torch_rng, (5, 5), kernel), stride, padding)


@pytest.mark.title(
    en="Fast on (2, 8, 96, 96), without a loop over places",
    zh="在 (2, 8, 96, 96) 上够快，不逐个位置循环",
)
@pytest.mark.hint(
    en="Gather all windows at once (F.unfold, Tensor.unfold, as_strided); then one matrix product does it.",
    zh="一次性取出所有窗口（F.unfold、Tensor.unfold、as_strided），再做一次矩阵乘法即可。",
)
@pytest.mark.points(2)
def test_speed(speed, torch_rng):
    speed.compare("conv2d", lambda: (*_inputs(torch_rng, (96, 96), c_in=8, c_out=16), 1, 1))
