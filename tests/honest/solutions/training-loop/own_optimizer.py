"""A hand-written optimiser class, and old gradients set to None."""

import torch
from torch.nn.functional import mse_loss


class PlainSGD(torch.optim.Optimizer):
    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.add_(p.grad, alpha=-group["lr"])


def fit(model, batches, lr, epochs):
    was = model.training
    history = []
    optimizer = PlainSGD(model.parameters(), lr)
    try:
        model.train()
        for _ in range(epochs):
            losses = []
            for x, y in batches:
                optimizer.zero_grad(set_to_none=True)
                loss = mse_loss(model(x), y)
                if loss.requires_grad:
                    loss.backward()
                optimizer.step()
                losses.append(loss.detach())
            history.append(torch.stack(losses).mean().item())
    finally:
        model.train(was)
    return history
