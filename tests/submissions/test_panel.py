"""What the panel of a run shows, and in which order."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from submissions import services
from submissions.verdicts import Verdict
from tests.submissions.conftest import MakeRun, claimed

PASSED = {"kind": "passed", "points": 1.0}
WRONG = {"kind": "wrong_answer", "message": {"en": "Off by 1.", "zh": "差 1。"}}
MISTAKE = {"en": "You did not divide.", "zh": "你没有除。"}


def panel(client: Client, make_run: MakeRun, tests: str, *outcomes: dict[str, Any]) -> str:
    """Grade a run with these outcomes, all mistakes known; return the page's text."""
    run = make_run(tests=tests)
    claim = claimed(run)
    names = [f"t{number}" for number, _ in enumerate(outcomes)]
    services.record_plan(
        claim,
        [{"name": n, "title": {"en": n, "zh": n}, "max_points": 1.0} for n in names],
    )
    for name, outcome in zip(names, outcomes, strict=True):
        services.record_outcome(claim, name=name, **outcome)
        if outcome["kind"] == "wrong_answer":
            services.record_diagnosis(claim, name, MISTAKE)
    failed = any(outcome["kind"] != "passed" for outcome in outcomes)
    verdict = Verdict.WRONG_ANSWER if failed else Verdict.ACCEPTED
    services.record_verdict(claim, verdict=verdict, score=0, max_score=len(outcomes))
    html = client.get(run.submission.get_absolute_url()).content.decode()
    return " ".join(re.sub(r"<[^>]*>", " ", html[html.index("data-run") :]).split())


def test_failures_come_first_and_what_passed_is_one_line(
    signed_in: Client, make_run: MakeRun
) -> None:
    text = panel(signed_in, make_run, "hidden", PASSED, WRONG, PASSED)
    assert text.index(" t1 ") < text.index("2 passed") < text.index(" t0 ") < text.index(" t2 ")
    assert "2 of 3 tests pass 0 of 10 points" in text
    assert "score" not in text


def test_a_known_mistake_is_told_once_and_with_the_verdict(
    signed_in: Client, make_run: MakeRun
) -> None:
    text = panel(signed_in, make_run, "hidden", PASSED, WRONG, WRONG)
    assert text.count("You did not divide.") == 1
    assert text.index("We know this mistake") < text.index("Off by 1.")


@pytest.mark.parametrize(
    ("tests", "outcomes", "says"),
    [
        ("visible", [PASSED, PASSED], "Visible tests pass"),
        ("visible", [PASSED, WRONG], "Wrong answer 1 of 2 visible tests pass"),
        ("hidden", [PASSED, PASSED], "Accepted 2 of 2 tests pass"),
    ],
)
def test_nobody_is_accepted_by_the_visible_tests(
    signed_in: Client, make_run: MakeRun, tests: str, outcomes: list[dict[str, Any]], says: str
) -> None:
    text = panel(signed_in, make_run, tests, *outcomes)
    assert says in text
    assert ("Accepted" in text) is (tests == "hidden")


def test_numbers_stand_side_by_side_and_a_learners_text_is_escaped(
    signed_in: Client, make_run: MakeRun
) -> None:
    row = {"place": "[0]", "expected": "1.0", "actual": "<b>2.0</b>", "off": True}
    details = {"call": "f(<i>)", "rows": [row]}
    text = panel(signed_in, make_run, "visible", WRONG | {"details": details})
    assert "Place Expected Yours [0] 1.0 &lt;b&gt;2.0&lt;/b&gt; (differs)" in text
    assert "The last call f(&lt;i&gt;)" in text
