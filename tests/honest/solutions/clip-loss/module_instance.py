"""An nn.Module's instance as the entry point."""

import torch
from torch import nn


class ClipLoss(nn.Module):
    def forward(self, image_emb, text_emb, logit_scale):
        if image_emb.shape != text_emb.shape:
            raise ValueError("shapes")
        a = image_emb / image_emb.norm(dim=1, keepdim=True).clamp_min(1e-12)
        b = text_emb / text_emb.norm(dim=1, keepdim=True).clamp_min(1e-12)
        logits = a @ b.t() * logit_scale
        labels = torch.arange(logits.shape[0])
        loss = nn.CrossEntropyLoss()
        return 0.5 * (loss(logits, labels) + loss(logits.t(), labels))


clip_loss = ClipLoss()
