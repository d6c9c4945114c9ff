"""What a learner of the attacked exercise begins with."""


def double(numbers):
    """Return each number times two."""
    raise NotImplementedError
