"""What a learner of the exercise begins with whose growth is judged."""


def total(text):
    """Return how many "a" there are in ``text``."""
    raise NotImplementedError
