"""einsum, and forbidden weights zeroed by a product."""

import torch


def attention(q, k, v, mask=None):
    dtype = q.dtype
    if dtype.itemsize < 4:
        q, k, v = (t.float() for t in (q, k, v))
    scores = torch.einsum("...nd,...md->...nm", q, k) / q.shape[-1] ** 0.5
    if mask is None:
        weights = torch.softmax(scores, dim=-1)
    else:
        least = torch.finfo(scores.dtype).min
        weights = torch.softmax(torch.where(mask, scores, least), dim=-1) * mask
    return torch.einsum("...nm,...md->...nd", weights, v).to(dtype)
