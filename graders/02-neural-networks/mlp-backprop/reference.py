"""A multilayer perceptron that differentiates itself."""

from itertools import pairwise
from typing import TypedDict

import torch


class Gradients(TypedDict):
    """Gradients of a loss, shaped like what they belong to."""

    weights: list[torch.Tensor]
    biases: list[torch.Tensor]
    x: torch.Tensor


class MLP:
    """Linear layers with ReLU between them, without autograd.

    Args:
        sizes: widths from input to output, at least two.
        seed: seeds the initial weights.

    Source: Rumelhart et al. 1986; initial variance 2 / in: He et al. 2015, section 2.2.
    """

    def __init__(self, sizes: list[int], seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.weights = [
            torch.randn(n_out, n_in, generator=generator) * (2 / n_in) ** 0.5
            for n_in, n_out in pairwise(sizes)
        ]
        self.biases = [torch.zeros(n_out) for n_out in sizes[1:]]
        self._inputs: list[torch.Tensor] = []  # what each layer saw in the last forward

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (batch, in) to (batch, out)."""
        self._inputs = [x]
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            x = (x @ weight.T + bias).relu()
            self._inputs.append(x)
        return x @ self.weights[-1].T + self.biases[-1]

    def backward(self, dy: torch.Tensor) -> Gradients:
        """Return the gradients of the most recent forward, summed over the batch.

        Raises:
            RuntimeError: before any forward.
        """
        if not self._inputs:
            raise RuntimeError("backward needs a forward first")
        weights, biases = [], []
        for layer in reversed(range(len(self.weights))):
            weights.append(dy.T @ self._inputs[layer])
            biases.append(dy.sum(0))
            dy = dy @ self.weights[layer]
            if layer:  # the input of any later layer is a relu: positive exactly where z is
                dy = dy * (self._inputs[layer] > 0)
        return {"weights": weights[::-1], "biases": biases[::-1], "x": dy}

    def step(self, grads: Gradients, lr: float) -> None:
        """Subtract ``lr`` times the gradients from the parameters."""
        for name in ("weights", "biases"):
            for parameter, gradient in zip(getattr(self, name), grads[name], strict=True):
                parameter -= lr * gradient
