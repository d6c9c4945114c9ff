"""en: Your losses are what one gets by computing the loss again after the step.
zh: 你返回的损失与更新之后重新计算时的结果一致。
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
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(functional.mse_loss(model(x), y).item())
        history.append(sum(losses) / len(losses))
    model.train(came_in_training)
    return history
