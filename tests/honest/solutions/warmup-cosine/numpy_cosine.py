"""NumPy's cosine."""

import numpy as np


def lr_at(step, warmup, total, peak, floor):
    if step < 0 or warmup < 0 or warmup > total:
        raise ValueError("no such schedule")
    if step >= total and step >= warmup:
        return float(floor)
    if step < warmup:
        return peak * step / warmup
    t = (step - warmup) / (total - warmup)
    return float(floor + 0.5 * (peak - floor) * (1.0 + np.cos(np.pi * t)))
