"""en: Your losses are what one gets when the list of batch losses isn't emptied at the start of each epoch.
zh: 你返回的损失与每轮开始时没有清空累计时的结果一致。
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
    losses = []
    for _ in range(epochs):
        for x, y in batches:
            loss = functional.mse_loss(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        history.append(sum(losses) / len(losses))
    model.train(came_in_training)
    return history
