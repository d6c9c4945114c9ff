"""en: Your model is what one gets by always switching to eval mode at the end, whatever mode it came in.
zh: 你的模型不论原来是什么模式，最后都被切换到了 eval 模式。
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
            losses.append(loss.item())
        history.append(sum(losses) / len(losses))
    model.eval()
    return history
