"""PyTorch's own attention, with rows that may attend to nothing mended."""

import torch
import torch.nn.functional as F


def attention(q, k, v, mask=None):
    dtype = q.dtype
    if dtype in (torch.float16, torch.bfloat16):
        q, k, v = q.float(), k.float(), v.float()
    if mask is None:
        return F.scaled_dot_product_attention(q, k, v).to(dtype)
    full = mask.broadcast_to(*q.shape[:-1], k.shape[-2])
    some = full.any(-1, keepdim=True)
    out = F.scaled_dot_product_attention(q, k, v, full | ~some)
    return (out * some).to(dtype)
