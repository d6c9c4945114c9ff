"""en: Your weights are renormalised after dropping; what is dropped is lost, the others keep their weight.
zh: 你在丢弃之后才归一化；被丢弃的部分应就此失去，其余权重不变。
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
    queue = F.one_hot(expert.T.reshape(-1), n_expert)
    ahead = ((queue.cumsum(0) - 1) * queue).sum(-1).reshape(k, len(x)).T
    kept = ahead < capacity
    weight = weight * kept
    if k > 1:
        weight = weight / weight.sum(-1, keepdim=True).clamp_min(1e-9)
    return expert, ahead.where(kept, -1), weight, kept


def load_balancing_loss(probs: torch.Tensor, assignment: torch.Tensor) -> torch.Tensor:
    """Return E · Σ f_i P_i."""
    n_expert = probs.shape[1]
    share = F.one_hot(assignment, n_expert).to(probs.dtype).mean(0)
    return n_expert * (share * probs.mean(0)).sum()
