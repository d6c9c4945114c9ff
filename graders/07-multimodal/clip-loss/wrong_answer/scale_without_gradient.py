"""en: Your losses are right, but logit_scale was turned into a plain number: the temperature can't be learned.
zh: 损失的值是对的，但 logit_scale 被转成了普通数字，温度就学不到了。
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
    logits = float(logit_scale) * (images @ texts.T)
    target = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
