"""Examples for the training loop."""

import pytest
import torch
from torch import nn

from grading.checks import assert_close, assert_equal


class Scale(nn.Module):
    """Multiplies its input by one learnable number."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.weight


BATCHES = [(torch.tensor([[2.0]]), torch.tensor([[6.0]]))]


@pytest.mark.title(en="Two steps by hand: losses 16 and 0.64", zh="手算两步：损失为 16 和 0.64")
@pytest.mark.hint(
    en="The gradient of (2w - 6)² at w = 1 is -16, so the first step goes to 2.6.",
    zh="(2w - 6)² 在 w = 1 处的梯度是 -16，因此第一步走到 2.6。",
)
def test_by_hand(submission):
    model = Scale(1.0)
    losses = submission.fit(model, BATCHES, 0.1, 2)
    assert_close(losses, [16.0, 0.64], rtol=1e-4)
    assert_close(model.weight.detach(), torch.tensor(2.92))


@pytest.mark.title(en="The loss goes down", zh="损失持续下降")
@pytest.mark.hint(
    en="The update goes against the gradient, once for each batch.",
    zh="更新方向与梯度相反，每个批次更新一次。",
)
def test_loss_falls(submission):
    losses = submission.fit(Scale(0.0), BATCHES, 0.05, 4)
    assert_close(losses, [36.0, 12.96, 4.6656, 1.679616], rtol=1e-4)


@pytest.mark.title(en="The model comes back in its mode", zh="模型返回时模式不变")
@pytest.mark.hint(
    en="Remember model.training before you switch to training mode.",
    zh="切换到训练模式之前，先记下 model.training。",
)
def test_mode(submission):
    model = Scale(1.0).eval()
    submission.fit(model, BATCHES, 0.1, 1)
    assert_close(model.weight.detach(), torch.tensor(2.6))
    assert_equal(model.training, False)
