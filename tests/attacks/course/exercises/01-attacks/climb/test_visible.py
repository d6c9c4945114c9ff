"""Visible tests of the exercise whose growth is judged."""


def test_total_visible(submission):
    assert submission.total("abca") == 2
