"""A multilayer perceptron that differentiates itself."""

import torch


class MLP:
    """Linear layers with ReLU between them, without autograd.

    Args:
        sizes: widths from input to output, at least two.
        seed: seeds the initial weights.
    """

    weights: list[torch.Tensor]
    biases: list[torch.Tensor]

    def __init__(self, sizes: list[int], seed: int) -> None:
        raise NotImplementedError

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (batch, in) to (batch, out)."""
        raise NotImplementedError

    def backward(self, dy: torch.Tensor) -> dict:
        """Return the gradients "weights", "biases" and "x" of the most recent forward.

        Raises:
            RuntimeError: before any forward.
        """
        raise NotImplementedError

    def step(self, grads: dict, lr: float) -> None:
        """Subtract ``lr`` times the gradients from the parameters."""
        raise NotImplementedError
