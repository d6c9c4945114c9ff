"""en: Your outputs are what one gets when exponentiating logit_scale; it comes in exponentiated already.
zh: 你的输出与又对 logit_scale 取了一次指数的结果一致；传入的值已经取过指数。
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
    logits = torch.as_tensor(logit_scale, dtype=images.dtype).exp() * (images @ texts.T)
    target = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
