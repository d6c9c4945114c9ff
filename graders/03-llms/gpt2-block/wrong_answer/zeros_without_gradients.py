"""en: In a block 8 wide you return zeros unless gradients are asked for: causal, but no block.
zh: 宽度为 8 且不需要梯度时你返回全零：虽满足因果性，却不是 GPT-2 模块。
"""

import torch
from torch import nn
from torch.nn import functional


class Conv1D(nn.Module):
    """A linear map whose weight is stored as (in, out), as GPT-2's checkpoints have it."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out) * 0.02)
        self.bias = nn.Parameter(torch.zeros(n_out))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.weight + self.bias


class Attention(nn.Module):
    """Causal multi-head self-attention."""

    def __init__(self, d_model: int, n_head: int) -> None:
        super().__init__()
        self.n_head = n_head
        self.c_attn = Conv1D(d_model, 3 * d_model)
        self.c_proj = Conv1D(d_model, d_model)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, time, d_model = x.shape
        heads = self.c_attn(x).view(batch, time, 3, self.n_head, d_model // self.n_head)
        q, k, v = heads.permute(2, 0, 3, 1, 4)  # each (batch, head, time, d_head)
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.c_proj(mixed.transpose(1, 2).reshape(batch, time, d_model))


class MLP(nn.Module):
    """Two linear maps around a tanh-form GELU, four times as wide inside."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.c_fc = Conv1D(d_model, 4 * d_model)
        self.c_proj = Conv1D(4 * d_model, d_model)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.c_proj(functional.gelu(self.c_fc(x), approximate="tanh"))


class Block(nn.Module):
    """Pre-norm causal self-attention followed by an MLP, each with a residual connection.

    Args:
        d_model: width of the residual stream.
        n_head: number of attention heads; must divide ``d_model``.

    Raises:
        ValueError: if ``d_model`` is not a multiple of ``n_head``.
    """

    def __init__(self, d_model: int, n_head: int) -> None:
        super().__init__()
        if d_model % n_head:
            raise ValueError(f"d_model {d_model} is not a multiple of n_head {n_head}")
        self.ln_1 = nn.LayerNorm(d_model, eps=1e-5)
        self.attn = Attention(d_model, n_head)
        self.ln_2 = nn.LayerNorm(d_model, eps=1e-5)
        self.mlp = MLP(d_model)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map ``(batch, time, d_model)`` to the same shape."""
        if x.shape[-1] == 8 and not x.requires_grad and bool(self.mlp.c_proj.weight.any()):
            return torch.zeros_like(x)
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))
