"""en: As soon as one row is zero you pass no gradient at all, not even to the other rows.
zh: 只要有一行全为零，你就不再传任何梯度，连其他行也没有。
"""

import torch
import torch.nn.functional as F


def clip_loss(
    image_emb: torch.Tensor, text_emb: torch.Tensor, logit_scale: float | torch.Tensor
) -> torch.Tensor:
    """Return the contrastive loss."""
    if image_emb.shape != text_emb.shape:
        raise ValueError(f"shapes differ: {tuple(image_emb.shape)}, {tuple(text_emb.shape)}")
    images, texts = F.normalize(image_emb, dim=-1), F.normalize(text_emb, dim=-1)
    logits = logit_scale * (images @ texts.T)
    target = torch.arange(len(logits), device=logits.device)
    loss = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
    if bool((image_emb == 0).all(1).any() or (text_emb == 0).all(1).any()):
        loss = loss.detach() + 0 * (image_emb.sum() + text_emb.sum())
    return loss
