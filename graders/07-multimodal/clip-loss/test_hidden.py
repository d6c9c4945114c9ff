"""Hidden tests of clip-loss: properties of CLIP's loss, on fresh embeddings."""

import math

import pytest
import torch

from grading.checks import assert_close, require


def pairs(torch_rng, n, d, dtype=torch.float64):
    """Return two unnormalised batches of embeddings whose lengths differ by row."""
    batches = torch.randn(2, n, d, generator=torch_rng, dtype=dtype)
    return batches * (0.2 + 5 * torch.rand(2, n, 1, generator=torch_rng, dtype=dtype))


def by_hand(image_emb, text_emb, scale):
    """Return the loss as written in the statement, pair by pair, with no matrix operation."""
    n, total = len(image_emb), 0.0
    logits = [
        [scale * float(torch.dot(u, v) / u.norm() / v.norm()) for v in text_emb] for u in image_emb
    ]
    for i in range(n):
        row, column = logits[i], [logits[j][i] for j in range(n)]
        for line in (row, column):
            total += math.log(sum(math.exp(x - max(line)) for x in line)) + max(line) - line[i]
    return total / (2 * n)


def right(images, texts, scale):
    """The same as a float64 tensor."""
    return torch.tensor(by_hand(images, texts, scale), dtype=torch.float64)


def differentiable(images, texts, scale):
    """Return the loss once more, for autograd; a row of zeros has no direction."""
    unit = [batch / batch.norm(dim=1, keepdim=True).clamp(min=1e-12) for batch in (images, texts)]
    logits = scale * unit[0] @ unit[1].T
    return (logits.logsumexp(0) + logits.logsumexp(1) - 2 * logits.diagonal()).mean() / 2


@pytest.mark.title(
    en="Equals the formula, both directions averaged", zh="与公式一致，两个方向取平均"
)
@pytest.mark.hint(
    en="Average over the batch and over the two directions: rows of the logits and columns.",
    zh="对批次取平均，再对两个方向取平均：logits 的行与列都要算。",
)
@pytest.mark.points(3)
def test_equals_the_formula(submission, rng, torch_rng):
    for n in (2, 5, 9):
        images, texts = pairs(torch_rng, n, 7)
        scale = float(rng.uniform(2, 12))
        expected = right(images, texts, scale)
        assert_close(submission.clip_loss(images, texts, scale), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.title(en="Exchanging images and texts changes nothing", zh="图像与文本互换，结果不变")
@pytest.mark.hint(
    en="The loss is symmetric: is there a second cross-entropy, over the transposed logits?",
    zh="损失是对称的：有没有对转置后的 logits 再求一次交叉熵？",
)
def test_symmetric(submission, torch_rng):
    images, texts = pairs(torch_rng, 6, 4)
    forth = right(images, texts, 8.0)
    assert_close(submission.clip_loss(images, texts, 8.0), forth)
    back = submission.clip_loss(texts, images, 8.0)
    assert_close(back, forth, label={"en": "the loss with both exchanged", "zh": "互换后的损失"})


@pytest.mark.title(en="Only directions count: rows are normalised", zh="只看方向：每一行都要归一化")
@pytest.mark.hint(
    en="Multiplying a row of either side by a positive number must not change the loss.",
    zh="任一侧的任一行乘以正数，损失都不应改变。",
)
def test_length_does_not_count(submission, torch_rng):
    images, texts = pairs(torch_rng, 5, 8)
    lengths = 0.1 + 9 * torch.rand(2, 5, 1, generator=torch_rng, dtype=torch.float64)
    before = right(images, texts, 5.0)
    assert_close(submission.clip_loss(images, texts, 5.0), before)
    after = submission.clip_loss(images * lengths[0], texts * lengths[1], 5.0)
    assert_close(after, before, label={"en": "the loss of rescaled rows", "zh": "缩放各行后的损失"})


@pytest.mark.title(en="The order of the pairs doesn't count", zh="图文对的次序不影响结果")
@pytest.mark.hint(
    en="Shuffling both sides alike leaves the pairs as they are: the target of row i is i.",
    zh="两侧以同样的方式打乱，配对关系不变：第 i 行的目标就是 i。",
)
def test_order_does_not_count(submission, torch_rng):
    images, texts = pairs(torch_rng, 7, 3)
    order = torch.randperm(7, generator=torch_rng)
    before = right(images, texts, 6.0)
    assert_close(submission.clip_loss(images, texts, 6.0), before)
    assert_close(submission.clip_loss(images[order], texts[order], 6.0), before)


@pytest.mark.title(
    en="The scale multiplies the cosines, nothing more", zh="logit_scale 只与余弦相乘"
)
@pytest.mark.hint(
    en="The scale comes in ready to use: don't exponentiate it and don't divide by it.",
    zh="传入的 logit_scale 可直接使用：不要再取指数，也不要用它去除。",
)
@pytest.mark.points(2)
def test_scale_multiplies(submission, rng):
    n, scale = int(rng.integers(3, 9)), float(rng.uniform(1.5, 4))
    eye = torch.eye(n, dtype=torch.float64)
    expected = torch.tensor(math.log1p((n - 1) * math.exp(-scale)), dtype=torch.float64)
    assert_close(submission.clip_loss(eye, eye, scale), expected)


@pytest.mark.title(en="A scale given as a tensor works as well", zh="logit_scale 为张量时同样可用")
@pytest.mark.hint(
    en="A 0-d tensor times a matrix needs no conversion; keep the embeddings' dtype.",
    zh="0 维张量可直接与矩阵相乘，无需转换；结果的 dtype 应与嵌入一致。",
)
def test_tensor_scale(submission, torch_rng):
    images, texts = pairs(torch_rng, 4, 6, torch.float32)
    scale = torch.tensor(3.5)
    expected = right(images.double(), texts.double(), 3.5).float()
    assert_close(submission.clip_loss(images, texts, scale), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.title(en="A single pair costs nothing", zh="只有一对时损失为零")
@pytest.mark.hint(
    en="With one candidate its probability is 1, whatever the cosine.",
    zh="只有一个候选时，无论余弦是多少，其概率都是 1。",
)
def test_single_pair(submission, torch_rng):
    images, texts = pairs(torch_rng, 1, 5)
    assert_close(submission.clip_loss(images, texts, 7.0), torch.zeros((), dtype=torch.float64))


@pytest.mark.title(
    en="A large scale neither overflows nor loses the loss", zh="logit_scale 很大时既不溢出也不失真"
)
@pytest.mark.hint(
    en="exp(10000) is inf. Work with log-sum-exp, never with the softmax's own values.",
    zh="exp(10000) 是 inf。请用 log-sum-exp 的形式计算，不要先算出 softmax 再取对数。",
)
@pytest.mark.points(2)
def test_large_scale(submission, rng):
    n = int(rng.integers(3, 7))
    eye = torch.eye(n)
    right = submission.clip_loss(eye, eye, 10_000.0)
    assert_close(
        right, torch.tensor(0.0), label={"en": "the loss of right pairs", "zh": "配对正确时的损失"}
    )
    wrong = submission.clip_loss(eye, eye.roll(1, 0), 10_000.0)
    assert_close(
        wrong, torch.tensor(1e4), label={"en": "the loss of wrong pairs", "zh": "配对错误时的损失"}
    )


def check_gradients(actual, expected, tolerance):
    names = ("image_emb", "text_emb", "logit_scale")[: len(expected)]
    for name, found, wanted in zip(names, actual, expected, strict=True):
        label = {"en": f"the gradient of {name}", "zh": f"{name} 的梯度"}
        assert_close(found, wanted, rtol=tolerance, atol=tolerance, label=label)


@pytest.mark.title(en="A row of zeros gives no NaN", zh="全零的行不产生 NaN")
@pytest.mark.hint(
    en="0 / 0 is NaN: the length that you divide by needs a tiny lower bound.",
    zh="0 / 0 会得到 NaN：作除数的长度需要一个极小的下限。",
)
def test_zero_row(submission, torch_rng):
    images, texts = pairs(torch_rng, 3, 4)
    images[1] = 0.0
    images.requires_grad_()
    texts.requires_grad_()
    loss = submission.clip_loss(images, texts, 2.0)
    loss.backward()
    expected = differentiable(images, texts, 2.0)
    assert_close(loss.detach(), expected.detach(), rtol=1e-6, atol=1e-6)
    finite = bool(images.grad.isfinite().all() and texts.grad.isfinite().all())
    require(finite, en="A gradient is NaN or infinite.", zh="梯度中出现了 NaN 或无穷大。")
    gradients = torch.autograd.grad(expected, (images, texts))
    check_gradients((images.grad[::2], texts.grad), (gradients[0][::2], gradients[1]), 1e-4)


@pytest.mark.title(
    en="Gradients of both embeddings and of the scale", zh="两侧嵌入与 logit_scale 的梯度都正确"
)
@pytest.mark.hint(
    en="Stay in torch from end to end: .item(), float(), .detach() and .data cut the graph.",
    zh="全程使用 torch 运算：.item()、float()、.detach()、.data 都会切断计算图。",
)
@pytest.mark.points(2)
def test_gradients(submission, torch_rng):
    images, texts = (batch.requires_grad_() for batch in pairs(torch_rng, 3, 2))
    scale = torch.tensor(2.5, dtype=torch.float64, requires_grad=True)
    loss = submission.clip_loss(images, texts, scale)
    require(
        loss.requires_grad,
        en="The loss isn't connected to its inputs: no gradient can flow.",
        zh="损失与输入之间没有计算图，梯度传不回去。",
    )
    inputs = (images, texts, scale)
    expected = differentiable(*inputs)
    assert_close(loss.detach(), expected.detach())
    found = torch.autograd.grad(loss, inputs, allow_unused=True)
    check_gradients(found, torch.autograd.grad(expected, inputs), 1e-8)
    assert torch.autograd.gradcheck(submission.clip_loss, inputs)


@pytest.mark.title(en="Different shapes are refused", zh="形状不同时报错")
@pytest.mark.hint(
    en="Compare the shapes first and raise ValueError.",
    zh="先比较两者的形状，不同则抛出 ValueError。",
)
def test_different_shapes(submission, torch_rng):
    images, texts = pairs(torch_rng, 4, 3)
    for bad in (texts[:3], texts[:, :2]):
        with pytest.raises(ValueError):
            submission.clip_loss(images, bad, 1.0)
