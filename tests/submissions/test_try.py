"""Trying a few lines: stored and run like a submission, and no part of any record."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from curriculum.models import Exercise
from submissions import errors, services
from submissions.models import Submission
from submissions.verdicts import Verdict
from tests.browser.stagehand import STARTER
from tests.submissions.conftest import claimed

HTMX = {"HX-Request": "true"}
LINES = "print(attention(q, k, v))"


def tried(learner: User, exercise: Exercise, **cell: object) -> Submission:
    submission = services.submit(
        learner=learner, exercise=exercise, tests="try", source=STARTER, probe=LINES
    )
    claim = claimed(submission.latest_run)
    shown = {"output": "", "result": "", "error": None} | cell
    services.record_notebook(claim, [shown])
    services.record_verdict(claim, verdict=Verdict.RAN, score=0, max_score=0)
    return submission


@pytest.mark.parametrize("probe", ["", " \n\t"])
def test_without_lines_there_is_nothing_to_try(
    learner: User, exercise: Exercise, probe: str
) -> None:
    with pytest.raises(errors.ProbeEmpty):
        services.submit(
            learner=learner, exercise=exercise, tests="try", source=STARTER, probe=probe
        )
    assert not Submission.objects.exists()


def test_lines_that_no_file_can_hold_are_refused(learner: User, exercise: Exercise) -> None:
    with pytest.raises(errors.SourceUnreadable):
        services.submit(
            learner=learner, exercise=exercise, tests="try", source=STARTER, probe="'\ud800'"
        )


def test_the_panel_shows_what_the_lines_printed_as_text(
    client: Client, learner: User, exercise: Exercise
) -> None:
    submission = tried(learner, exercise, output="<b>tensor</b>\n", result="3")
    client.force_login(learner)
    page = client.get(submission.get_absolute_url(), headers=HTMX).content.decode()
    assert "&lt;b&gt;tensor&lt;/b&gt;\n3" in page
    assert "tests passed" not in page


def test_lines_that_print_nothing_are_told_what_to_do(
    client: Client, learner: User, exercise: Exercise
) -> None:
    submission = tried(learner, exercise)
    client.force_login(learner)
    page = client.get(submission.get_absolute_url(), headers=HTMX).content.decode()
    assert "printed nothing" in page


def test_the_form_sends_the_lines_along(client: Client, learner: User, exercise: Exercise) -> None:
    client.force_login(learner)
    sent = {"tests": "try", "source": STARTER, "probe": "a\r\nb"}
    answer = client.post(reverse("submit", args=[exercise.slug]), sent, headers=HTMX)
    assert answer.status_code == 200
    assert Submission.objects.get().probe == "a\nb"


def test_what_was_tried_is_in_no_history_and_solves_nothing(
    client: Client, learner: User, exercise: Exercise
) -> None:
    tried(learner, exercise, output="42\n")
    client.force_login(learner)
    history = client.get(reverse("submissions", args=[exercise.slug]))
    assert list(history.context["submissions"]) == []
    assert "submission" not in history.context
    assert history.context["status"] == "started"
