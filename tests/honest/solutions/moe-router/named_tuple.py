"""A NamedTuple as result, and the queue counted by a loop over the choices."""

from typing import NamedTuple

import torch


class Routing(NamedTuple):
    expert: torch.Tensor
    slot: torch.Tensor
    weight: torch.Tensor
    kept: torch.Tensor


def route(x, w_gate, k, capacity):
    experts = w_gate.shape[1]
    if k < 1 or k > experts:
        raise ValueError("k")
    probs = torch.softmax(x @ w_gate, dim=-1)
    order = torch.argsort(probs, dim=-1, descending=True, stable=True)[:, :k]
    weight = probs.gather(1, order)
    if k >= 2:
        weight = weight / weight.sum(1, keepdim=True)
    slot = torch.full_like(order, -1)
    filled = [0] * experts
    for choice in range(k):
        for token in range(len(x)):
            expert = int(order[token, choice])
            if filled[expert] < capacity:
                slot[token, choice] = filled[expert]
                filled[expert] += 1
    kept = slot >= 0
    return Routing(order, slot, torch.where(kept, weight, torch.zeros_like(weight)), kept)


def load_balancing_loss(probs, assignment):
    n = probs.shape[1]
    f = torch.bincount(assignment, minlength=n).to(probs.dtype) / len(assignment)
    return n * (f * probs.mean(dim=0)).sum()
