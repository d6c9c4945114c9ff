"""en: Your outputs agree except for rows of zeros, which you divide by their length, zero.
zh: 除全零的行之外你的输出都对：那些行被除以了自己的长度，也就是零。
"""

import torch
import torch.nn.functional as F


def clip_loss(
    image_emb: torch.Tensor, text_emb: torch.Tensor, logit_scale: float | torch.Tensor
) -> torch.Tensor:
    """Return the contrastive loss."""
    if image_emb.shape != text_emb.shape:
        raise ValueError(f"shapes differ: {tuple(image_emb.shape)}, {tuple(text_emb.shape)}")
    images = image_emb / image_emb.norm(dim=-1, keepdim=True)
    texts = text_emb / text_emb.norm(dim=-1, keepdim=True)
    logits = logit_scale * (images @ texts.T)
    target = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
