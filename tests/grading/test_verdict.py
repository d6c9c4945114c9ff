"""How a verdict follows from the tests."""

from __future__ import annotations

import pytest

from grading.report import CaseResult, verdict_of

TITLE = {"en": "One", "zh": "一"}


def outcomes(*kinds: str) -> list[CaseResult]:
    """Tests that ended so; "stretch" before a kind marks one that isn't required."""
    return [
        CaseResult(
            name=f"test_{number}",
            title=TITLE,
            kind=kind.removeprefix("stretch "),
            points=0.0,
            max_points=1.0,
            seconds=0.0,
            stretch=kind.startswith("stretch "),
        )
        for number, kind in enumerate(kinds)
    ]


@pytest.mark.parametrize(
    ("kinds", "verdict"),
    [
        (["passed", "passed"], "accepted"),
        (["passed", "stretch wrong_answer"], "partially_accepted"),
        (["runtime_error", "wrong_answer"], "runtime_error"),
        (["too_slow", "wrong_answer"], "wrong_answer"),
        (["passed", "too_slow"], "too_slow"),
        (["wrong_answer", "not_run"], "wrong_answer"),
        (["stretch time_limit", "passed", "stretch not_run"], "partially_accepted"),
        (["stretch time_limit", "stretch time_limit", "not_run"], "time_limit"),
        (["stretch wrong_answer", "wrong_answer", "not_run"], "wrong_answer"),
    ],
)
def test_nothing_passes_that_a_required_test_did_not(kinds: list[str], verdict: str) -> None:
    assert verdict_of(outcomes(*kinds)) == verdict


@pytest.mark.parametrize("kinds", [[], ["not_run"], ["passed", "not_run"]])
def test_what_was_not_run_for_no_reason_is_a_fault_of_ours(kinds: list[str]) -> None:
    with pytest.raises(ValueError, match="ran"):
        verdict_of(outcomes(*kinds))
