"""Examples for backpropagation by hand."""

import pytest
import torch

from grading.checks import assert_close, assert_equal


def _given(submission, sizes, weights, biases):
    """An MLP whose parameters are set by one step from wherever they are."""
    mlp = submission.MLP(sizes, 0)
    grads = {
        "weights": [old - new for old, new in zip(mlp.weights, weights, strict=True)],
        "biases": [old - new for old, new in zip(mlp.biases, biases, strict=True)],
    }
    mlp.step(grads, 1.0)
    return mlp


@pytest.mark.title(en="One linear layer, by hand", zh="一个线性层，手算对照")
@pytest.mark.hint(
    en="The last layer has no ReLU: y = x @ W.T + b, here (1·1 + 2·2 + 0.5) = 5.5.",
    zh="最后一层没有 ReLU：y = x @ W.T + b，这里是 1·1 + 2·2 + 0.5 = 5.5。",
)
def test_one_layer(submission):
    mlp = _given(submission, [2, 1], [torch.tensor([[1.0, 2.0]])], [torch.tensor([0.5])])
    assert_close(mlp.forward(torch.tensor([[1.0, 2.0]])), torch.tensor([[5.5]]))
    grads = mlp.backward(torch.tensor([[10.0]]))
    assert_close(grads["weights"][0], torch.tensor([[10.0, 20.0]]))
    assert_close(grads["biases"][0], torch.tensor([10.0]))
    assert_close(grads["x"], torch.tensor([[10.0, 20.0]]))


@pytest.mark.title(en="ReLU blocks the gradient where z is negative", zh="z 为负时，ReLU 阻断梯度")
@pytest.mark.hint(
    en="The hidden values are relu(3) and relu(-3): only the first passes anything on.",
    zh="两个隐藏值是 relu(3) 和 relu(-3)：只有第一个会传递梯度。",
)
def test_relu(submission):
    weights = [torch.tensor([[1.0], [-1.0]]), torch.tensor([[2.0, 5.0]])]
    mlp = _given(submission, [1, 2, 1], weights, [torch.zeros(2), torch.zeros(1)])
    assert_close(mlp.forward(torch.tensor([[3.0]])), torch.tensor([[6.0]]))
    grads = mlp.backward(torch.tensor([[1.0]]))
    assert_close(grads["weights"][0], torch.tensor([[6.0], [0.0]]))
    assert_close(grads["weights"][1], torch.tensor([[3.0, 0.0]]))


@pytest.mark.title(en="Shapes of parameters and gradients", zh="参数与梯度的形状")
@pytest.mark.hint(
    en="Weights are (out, in), like those of nn.Linear.",
    zh="权重形状是 (out, in)，与 nn.Linear 相同。",
)
def test_shapes(submission):
    mlp = submission.MLP([3, 4, 2], 0)
    mlp.forward(torch.ones(5, 3))
    grads = mlp.backward(torch.ones(5, 2))
    assert_equal([tuple(w.shape) for w in mlp.weights], [(4, 3), (2, 4)])
    assert_equal([tuple(g.shape) for g in grads["weights"]], [(4, 3), (2, 4)])
    assert_equal([tuple(g.shape) for g in grads["biases"]], [(4,), (2,)])
