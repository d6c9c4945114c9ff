"""Whose memory it is: what a submission makes its grader hold, and who is told so."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.sandbox

FINE = "\ndef test_fine(submission):\n    assert submission.f(1) == 1\n"

ROUND_TRIP = """
def test_twice(submission):
    once = submission.f(1)
    assert submission.f(once) == once
"""


@pytest.mark.parametrize("depth", [47, 62, 64, 66])
def test_what_was_accepted_of_a_submission_can_be_passed_back_to_it(grade, made_up, depth):
    path = made_up(ROUND_TRIP)
    nest = f"def f(x):\n    for _ in range({depth} if x == 1 else 0): x = [x]\n    return x\n"
    result = grade(nest, path)
    if depth > 48:
        assert "nested more than 48 levels deep" in result.outcomes["test_twice"].message["en"]
    assert result.verdict == ("accepted" if depth <= 48 else "wrong_answer")
