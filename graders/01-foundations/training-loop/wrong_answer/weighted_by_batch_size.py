"""en: Your losses are what one gets by weighting batches by their size; here every batch counts the same.
zh: 你返回的损失与按批次大小加权时的结果一致；本题中每个批次权重相同。
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
            losses.append(loss.item() * len(x))
        history.append(sum(losses) / sum(len(x) for x, _ in batches))
    model.train(came_in_training)
    return history
