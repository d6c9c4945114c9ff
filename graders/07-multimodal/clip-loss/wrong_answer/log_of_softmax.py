"""en: Your outputs agree until the softmax over- or underflows: take the log-softmax in one step.
zh: 在 softmax 溢出或下溢之前你的输出都对：请一步算出 log-softmax。
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
    weights = logits.exp()
    rows = weights.diagonal() / weights.sum(1)
    columns = weights.diagonal() / weights.sum(0)
    return -(rows.log() + columns.log()).mean() / 2
