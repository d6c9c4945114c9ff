"""Visible tests of the attacked notebook."""


def test_double_visible(submission):
    assert submission.double([1, 2]) == [2, 4]
