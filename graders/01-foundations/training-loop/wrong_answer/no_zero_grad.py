"""en: Your parameters are what one gets without zero_grad: each step also takes all earlier batches' gradients.
zh: 你的参数与没有调用 zero_grad 时的结果一致：每一步都叠加了之前所有批次的梯度。
"""

import torch
from torch import nn
from torch.nn import functional


def fit(
    model: nn.Module,
    batches: list[tuple[torch.Tensor, torch.Tensor]],
    lr: float,
    epochs: int,
) -> list[float]:
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    came_in_training = model.training
    model.train()
    history = []
    for _ in range(epochs):
        losses = []
        for x, y in batches:
            loss = functional.mse_loss(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        history.append(sum(losses) / len(losses))
    model.train(came_in_training)
    return history
