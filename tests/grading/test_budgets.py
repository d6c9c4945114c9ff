"""Whose memory it is: what a submission makes its grader hold, and who is told so."""

from __future__ import annotations

import pytest

from grading.grader_process import InfrastructureError

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


HOLDS = """
def test_many(submission):
    held = [submission.f(2) for _ in range(20)]
    assert [str(each)[:9] for each in held] == ['2'] * 20
"""
LARGE = {
    "tensors": "[torch.zeros(100 << 20, dtype=torch.uint8) for _ in range(2)]",
    "arrays": "[numpy.zeros(100 << 20, 'b1') for _ in range(2)]",
}


def returns(text):
    return f"import numpy, torch\ndef f(x): return {text} if x == 2 else x\n"


@pytest.mark.slow
@pytest.mark.parametrize("text", [LARGE["tensors"], LARGE["arrays"]], ids=["tensors", "arrays"])
def test_what_a_test_has_to_hold_is_the_learners_affair(grade, made_up, text):
    path = made_up(HOLDS + FINE, test_s=60, total_s=200, memory_mib=1024)
    result = grade(returns(text), path)
    many = result.outcomes["test_many"]
    assert many.kind == "memory_limit" and "to keep and check" in many.message["en"]
    assert result.outcomes["test_fine"].kind == "passed"


DROPS = """
def test_many(submission):
    for _ in range(20):
        assert submission.f(2) is not None
"""


@pytest.mark.slow
def test_what_a_test_drops_counts_no_more(grade, made_up):
    path = made_up(DROPS + FINE, test_s=60, total_s=200, memory_mib=1024)
    assert grade(returns(LARGE["tensors"]), path).verdict == "accepted"


HUNGRY = """
def test_hungry(submission):
    held = [bytearray(256 << 20) for _ in range(20)]
    assert submission.f(1) == len(held) // 20
"""


def test_a_test_that_needs_too_much_itself_is_its_authors(grade, made_up):
    path = made_up(HUNGRY + FINE)
    with pytest.raises(InfrastructureError, match="breaks down on the reference too"):
        grade("def f(x): return x\n", path)


DIES = """
import os, signal

def test_before(submission):
    assert submission.f(1) == 1

def test_dies(submission):
    {look}
    assert submission.f(2) == 2

def test_after(submission):
    assert submission.f(3) == 3
"""
KILLS = "os.kill(os.getpid(), signal.SIGSEGV)"


def test_a_grader_that_dies_of_a_submission_gives_it_a_verdict(grade, made_up):
    path = made_up(DIES.format(look=f"if submission.f(2) != 2: {KILLS}"))
    result = grade("def f(x): return x if x != 2 else 0\n", path)
    assert result.verdict == "runtime_error" and result.graded.score == 1
    kinds = {name: outcome.kind for name, outcome in result.outcomes.items()}
    assert kinds == {
        "test_before": "passed",
        "test_dies": "runtime_error",
        "test_after": "not_run",
    }
    assert "broke down over what" in result.outcomes["test_dies"].message["en"]
    assert result.graded.receipt["sandbox"]["backend"]


def test_one_that_dies_anyhow_is_our_affair(grade, made_up):
    path = made_up(DIES.format(look=KILLS))
    with pytest.raises(InfrastructureError, match="ended without a verdict"):
        grade("def f(x): return x if x != 2 else 0\n", path)


def test_so_is_one_of_visible_tests(grade, made_up):
    public = "def test_fine(submission):\n    import os\n    submission.f(1) == 1 or os._exit(1)\n"
    path = made_up(FINE, public)
    assert grade("def f(x): return 0\n", path, "visible").verdict == "runtime_error"
