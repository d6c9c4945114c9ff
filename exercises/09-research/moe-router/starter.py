"""The router of a mixture-of-experts layer."""

import torch


def route(
    x: torch.Tensor, w_gate: torch.Tensor, k: int, capacity: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Choose each token's experts, and their places in the experts' buffers.

    Args:
        x: tokens, shape (T, D).
        w_gate: the router's weights, shape (D, E).
        k: experts per token.
        capacity: slots of each expert.

    Returns:
        expert: int64, shape (T, k), most probable first.
        slot: int64, shape (T, k), -1 where dropped.
        weight: dtype of ``x``, shape (T, k), 0 where dropped.
        kept: bool, shape (T, k).

    Raises:
        ValueError: ``k`` is below 1 or above E.
    """
    raise NotImplementedError


def load_balancing_loss(probs: torch.Tensor, assignment: torch.Tensor) -> torch.Tensor:
    """Return E times the sum over experts of (share of tokens) x (mean probability).

    Args:
        probs: router probabilities, shape (T, E).
        assignment: each token's first choice, int64, shape (T,).
    """
    raise NotImplementedError
