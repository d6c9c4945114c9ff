"""The learning-rate schedule of language-model pre-training."""


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
    raise NotImplementedError("Implement the three pieces of the schedule")
