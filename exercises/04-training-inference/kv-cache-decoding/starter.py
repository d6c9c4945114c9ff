"""Autoregressive decoding with a KV cache and nucleus (top-p) sampling."""

from collections.abc import Callable
from typing import Any

import torch

Model = Callable[[list[int], Any], tuple[torch.Tensor, Any]]


def generate(
    model: Model, prompt_ids: list[int], max_new_tokens: int, top_p: float, seed: int
) -> list[int]:
    """Draw ``max_new_tokens`` ids after the prompt; the model reads each token once.

    Args:
        model: ``model(ids, cache) -> (logits, cache)`` with logits ``(len(ids), vocab)``.
        prompt_ids: the ids to continue, at least one.
        max_new_tokens: how many ids to draw.
        top_p: probability mass to keep, in (0, 1].
        seed: seed of the one generator that all draws use.

    Raises:
        ValueError: for an empty prompt, a negative ``max_new_tokens`` or a bad ``top_p``.
    """
    raise NotImplementedError("Implement cached decoding")
