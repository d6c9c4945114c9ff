"""en: Your parameters are what one gets by clearing the gradients only after each step: the first step sees old ones.
zh: 你的参数与只在更新之后才清梯度时的结果一致：第一步会用到旧梯度。
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
            optimizer.zero_grad()
            losses.append(loss.item())
        history.append(sum(losses) / len(losses))
    model.train(came_in_training)
    return history
