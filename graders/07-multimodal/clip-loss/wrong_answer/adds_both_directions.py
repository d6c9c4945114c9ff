"""en: Your outputs are twice as large as they should be: average the two directions.
zh: 你的输出恰好大了一倍：两个方向应取平均，而不是相加。
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
    return F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)
