"""en: Your rate falls along a straight line after the warmup.
zh: 预热之后，你的学习率沿直线下降。
"""


def lr_at(step: int, warmup: int, total: int, peak: float, floor: float) -> float:
    """Return the learning rate at ``step``: linear warmup, cosine decay, then ``floor``.

    Args:
        step: the step, counted from 0; may lie beyond ``total``.
        warmup: number of steps over which the rate rises from 0 to ``peak``.
        total: the step from which the rate is ``floor``.
        peak: the highest rate.
        floor: the rate that the cosine ends at.

    Raises:
        ValueError: if ``step < 0``, ``warmup < 0`` or ``warmup > total``.
    """
    if step < 0 or not 0 <= warmup <= total:
        raise ValueError(f"no rate for step {step}, warmup {warmup}, total {total}")
    if step < warmup:
        return float(peak * step / warmup)
    if step >= total:
        return float(floor)
    progress = (step - warmup) / (total - warmup)
    return floor + (peak - floor) * (1 - progress)
