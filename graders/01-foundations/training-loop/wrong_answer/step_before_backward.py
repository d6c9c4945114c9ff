"""en: Your parameters are what one gets by stepping before backward: each step uses the previous batch's gradient.
zh: 你的参数与先更新、后反向传播时的结果一致：每一步用的是上一个批次的梯度。
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
            optimizer.step()
            optimizer.zero_grad()
            loss.backward()
            losses.append(loss.item())
        history.append(sum(losses) / len(losses))
    model.train(came_in_training)
    return history
