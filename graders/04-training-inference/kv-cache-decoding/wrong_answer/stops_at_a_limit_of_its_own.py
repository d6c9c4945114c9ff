"""en: You stop at a limit of your own; exactly max_new_tokens ids are asked for.
zh: 你的生成在自设的上限处停止；题目要求恰好 max_new_tokens 个 id。
"""

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
    if not prompt_ids or max_new_tokens < 0 or not 0 < top_p <= 1:
        raise ValueError("needs a prompt, max_new_tokens >= 0 and top_p in (0, 1]")
    generator = torch.Generator().manual_seed(seed)
    unread, cache = list(prompt_ids), None
    new_ids: list[int] = []
    for _ in range(min(max_new_tokens, 64)):
        logits, cache = model(unread, cache)
        probs = nucleus(torch.softmax(logits[-1], dim=-1), top_p)
        unread = [int(torch.multinomial(probs, 1, generator=generator))]
        new_ids += unread
    return new_ids


def nucleus(probs: torch.Tensor, top_p: float) -> torch.Tensor:
    """Zero all but the likeliest tokens that together reach ``top_p``, and renormalise."""
    if top_p == 1:
        return probs
    ranked, order = torch.sort(probs, descending=True, stable=True)
    mass_before = ranked.cumsum(-1).roll(1)
    mass_before[0] = 0
    kept = torch.zeros_like(probs).scatter(0, order, ranked * (mass_before < top_p))
    return kept / kept.sum()
