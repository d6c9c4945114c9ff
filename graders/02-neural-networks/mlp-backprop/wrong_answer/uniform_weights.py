"""en: Your weights have the right variance, but they are uniform, not normal.
zh: 你的权重方差正确，但服从均匀分布，而不是正态分布。
"""

from itertools import pairwise

import torch


class MLP:
    def __init__(self, sizes: list[int], seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.weights = [
            (2 * torch.rand(n_out, n_in, generator=generator) - 1) * (6 / n_in) ** 0.5
            for n_in, n_out in pairwise(sizes)
        ]
        self.biases = [torch.zeros(n_out) for n_out in sizes[1:]]
        self.inputs, self.before = [], []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.inputs, self.before = [], []
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases)):
            self.inputs.append(x)
            z = x @ weight.T + bias
            self.before.append(z)
            x = z.relu() if layer < len(self.weights) - 1 else z
        return x

    def backward(self, dy: torch.Tensor) -> dict:
        if not self.inputs:
            raise RuntimeError("backward needs a forward first")
        weights, biases = [], []
        for layer in reversed(range(len(self.weights))):
            if layer < len(self.weights) - 1:
                dy = dy * (self.before[layer] > 0)
            weights.insert(0, dy.T @ self.inputs[layer])
            biases.insert(0, dy.sum(0))
            dy = dy @ self.weights[layer]
        return {"weights": weights, "biases": biases, "x": dy}

    def step(self, grads: dict, lr: float) -> None:
        for i in range(len(self.weights)):
            self.weights[i] = self.weights[i] - lr * grads["weights"][i]
            self.biases[i] = self.biases[i] - lr * grads["biases"][i]
