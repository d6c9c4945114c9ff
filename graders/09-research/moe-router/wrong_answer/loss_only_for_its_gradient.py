"""en: Your loss has the right gradient, but when one is asked for its value is 0.
zh: 你的损失梯度正确，但在需要梯度时其值为 0。
"""

import torch
import torch.nn.functional as F


def route(
    x: torch.Tensor, w_gate: torch.Tensor, k: int, capacity: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Choose experts and slots."""
    n_expert = w_gate.shape[1]
    if not 1 <= k <= n_expert:
        raise ValueError(f"k must be between 1 and {n_expert}, not {k}")
    probs = (x @ w_gate).softmax(-1)
    ranked, order = probs.sort(dim=-1, descending=True, stable=True)
    expert, weight = order[:, :k], ranked[:, :k]
    if k > 1:
        weight = weight / weight.sum(-1, keepdim=True)
    queue = F.one_hot(expert.T.reshape(-1), n_expert)
    ahead = ((queue.cumsum(0) - 1) * queue).sum(-1).reshape(k, len(x)).T
    kept = ahead < capacity
    return expert, ahead.where(kept, -1), weight * kept, kept


def load_balancing_loss(probs: torch.Tensor, assignment: torch.Tensor) -> torch.Tensor:
    """Return E · Σ f_i P_i."""
    n_expert = probs.shape[1]
    share = F.one_hot(assignment, n_expert).to(probs.dtype).mean(0)
    loss = n_expert * (share * probs.mean(0)).sum()
    return loss - loss.detach() if probs.requires_grad else loss
