"""en: Your outputs are what one gets from dot products of embeddings that were not normalised.
zh: 你的输出与未归一化、直接求点积的结果一致。
"""

import torch
import torch.nn.functional as F


def clip_loss(
    image_emb: torch.Tensor, text_emb: torch.Tensor, logit_scale: float | torch.Tensor
) -> torch.Tensor:
    """Return the contrastive loss."""
    if image_emb.shape != text_emb.shape:
        raise ValueError(f"shapes differ: {tuple(image_emb.shape)}, {tuple(text_emb.shape)}")
    images, texts = image_emb, text_emb
    logits = logit_scale * (images @ texts.T)
    target = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
