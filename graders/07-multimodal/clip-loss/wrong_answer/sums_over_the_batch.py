"""en: Your outputs are sums over the batch; the loss is the mean, so that it doesn't grow with n.
zh: 你的输出是对批次求和的结果；损失应取平均，才不会随 n 增大。
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
    return (
        F.cross_entropy(logits, target, reduction="sum")
        + F.cross_entropy(logits.T, target, reduction="sum")
    ) / 2
