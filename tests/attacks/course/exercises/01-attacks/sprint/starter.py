"""What a learner of the timed exercise begins with."""


def product(x):
    """Return the Gram matrix."""
    raise NotImplementedError
