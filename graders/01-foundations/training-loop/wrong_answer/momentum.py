"""en: Your parameters are what one gets with momentum; plain SGD has none.
zh: 你的参数与使用了动量时的结果一致；朴素 SGD 没有动量。
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
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
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
            losses.append(loss.item())
        history.append(sum(losses) / len(losses))
    model.train(came_in_training)
    return history
