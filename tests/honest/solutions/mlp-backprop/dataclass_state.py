"""Pre-activations kept in a list, einsum for the gradients, an OrderedDict as result."""

from collections import OrderedDict

import torch


class MLP:
    def __init__(self, sizes, seed):
        g = torch.Generator()
        g.manual_seed(seed)
        self.weights, self.biases = [], []
        for fan_in, fan_out in zip(sizes, sizes[1:]):
            self.weights.append(
                torch.normal(0.0, (2 / fan_in) ** 0.5, (fan_out, fan_in), generator=g)
            )
            self.biases.append(torch.zeros(fan_out))
        self.cache = None

    def forward(self, x):
        seen, z = [x], None
        for i, (w, b) in enumerate(zip(self.weights, self.biases)):
            z = torch.einsum("bi,oi->bo", seen[-1], w) + b
            if i < len(self.weights) - 1:
                seen.append(torch.clamp(z, min=0))
        self.cache = seen
        return z

    def backward(self, dy):
        if self.cache is None:
            raise RuntimeError("call forward first")
        weights, biases = [None] * len(self.weights), [None] * len(self.weights)
        for i in range(len(self.weights) - 1, -1, -1):
            weights[i] = torch.einsum("bo,bi->oi", dy, self.cache[i])
            biases[i] = dy.sum(dim=0)
            dy = dy @ self.weights[i]
            if i > 0:
                dy = torch.where(self.cache[i] > 0, dy, torch.zeros_like(dy))
        return OrderedDict(weights=weights, biases=biases, x=dy)

    def step(self, grads, lr):
        self.weights = [w - lr * g for w, g in zip(self.weights, grads["weights"])]
        self.biases = [b - lr * g for b, g in zip(self.biases, grads["biases"])]
