"""What a failed test tells: the failure in words, numbers side by side, a hint where it helps."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.sandbox

HINTED = '@pytest.mark.hint(en="The weights are 0.6698.", zh="权重是 0.6698。")\n'
TESTS = f"""
import pytest
import torch
from grading.checks import assert_close, assert_equal

SECRET = torch.tensor([[13.25, 2.0]])

{HINTED}
def test_values(submission):
    assert_close(submission.add(torch.ones(1, 2), 3), SECRET)

{HINTED}
def test_scalar(submission):
    assert_close(submission.add(4, 5), 7.125, rtol=0, atol=1e-3)

{HINTED}
def test_raises(submission):
    with pytest.raises(ValueError):
        submission.add(-1, 2)

{HINTED}
def test_odd_subject(submission):
    assert_equal(submission.add(0, 0) is None, True)

{HINTED}
@pytest.mark.feedback("values")
def test_told(submission):
    assert_close(submission.add(torch.ones(1, 2), 3), SECRET)
"""
SECRETS = ("13.25", "7.125", "[1.0, 1.0]")
REFERENCE = "def add(a, b): return a + b\n"


def test_titles_of_parametrised_tests_name_what_varies(course):
    tests = """
import pytest
@pytest.mark.title(en="Adds", zh="相加")
@pytest.mark.parametrize(
    ("a", "mask", "expected"), [(1, None, 2), ([0.25], "x" * 500, [0.25, 0.25])]
)
def test_adds(submission, a, mask, expected):
    assert submission.add(a, a) == expected
"""
    first, second = course(tests, REFERENCE)(REFERENCE).outcomes.values()
    assert first.title == {"en": "Adds (a = 1, mask = None)", "zh": "相加 (a = 1, mask = None)"}
    assert second.title["en"].startswith("Adds (a = [0.25], mask = 'xxx")
    assert len(second.title["en"]) < 200


@pytest.fixture
def outcomes(course):
    """Return the outcomes of a source by the tests' names."""
    return lambda source, tests="hidden": (
        course(TESTS, REFERENCE, visible=TESTS)(source, tests=tests).outcomes
    )


def test_a_visible_test_shows_the_call_and_the_numbers_side_by_side(outcomes):
    found = outcomes(REFERENCE, "visible")
    details = found["test_values"].details
    assert details["call"] == "add(\n    [[1.0, 1.0]],  # float32[1, 2]\n    3,\n)"
    assert details["rows"] == [
        {"place": "[0, 0]", "expected": "13.25", "actual": "4.0", "off": True},
        {"place": "[0, 1]", "expected": "2.0", "actual": "4.0", "off": True},
    ]


def test_a_hidden_test_tells_the_call_but_no_right_value_unless_the_author_allows(outcomes):
    found = outcomes(REFERENCE)
    assert found["test_values"].details == {"call": "add(float32[1, 2], 3) → float32[1, 2]"}
    quiet = [outcome for name, outcome in found.items() if name != "test_told"]
    assert not any(secret in str(outcome) for secret in SECRETS for outcome in quiet)
    assert found["test_told"].details["rows"][0]["expected"] == "13.25"
    assert "[1.0, 1.0]" in found["test_told"].details["call"]


def test_a_number_comes_with_its_tolerance_and_its_arguments(outcomes):
    outcome = outcomes("def add(a, b): return a + b + 0.5\n")["test_scalar"]
    assert "it is 9.5, off by 2.38 (allowed: 0.001 + 0·|value|)" in outcome.message["en"]
    assert outcome.details == {"call": "add(4, 5) → 9.5"}


def test_a_missing_exception_is_named_with_what_came(outcomes):
    message = outcomes(REFERENCE)["test_raises"].message
    assert message["en"] == "Expected ValueError, but `add(-1, 2)` returned 1."
    assert message["zh"] == "应抛出 ValueError，但 `add(-1, 2)` 返回了 1。"


def test_a_check_of_what_the_test_made_of_an_answer_says_what_was_called(outcomes):
    message = outcomes(REFERENCE)["test_odd_subject"].message["en"]
    assert message == "The result is not right: it is False. The last call was add(0, 0) → 0."
    assert outcomes(REFERENCE)["test_odd_subject"].details is None


def test_a_missing_return_is_named(outcomes):
    found = outcomes("def add(a, b): a + b\n")
    for name in ("test_values", "test_scalar"):
        assert found[name].message == {
            "en": "`add` returned None: is a `return` missing?",
            "zh": "`add` 返回了 None：是不是漏写了 `return`？",
        }


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("def add(a, b): raise NotImplementedError\n", "runtime_error"),
        ("def add(a, b): pass\n", "wrong_answer"),
        ("def add(a, b): return [a]\n", "wrong_answer"),
        ("def add(a, b): import os; os._exit(1)\n", "runtime_error"),
        ("def add(a, b): return bytearray(10**10)\n", "memory_limit"),
    ],
)
def test_a_hint_about_values_belongs_to_wrong_values(outcomes, source, kind):
    outcome = outcomes(source)["test_values"]
    assert (outcome.kind, outcome.hint) == (kind, None)


def test_wrong_values_have_their_hint(outcomes):
    found = outcomes(REFERENCE)
    assert all(outcome.hint for outcome in found.values())
