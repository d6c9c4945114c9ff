"""The database itself refuses rows that make no sense, whoever writes them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from curriculum.models import Exercise
from submissions.models import Draft, GradingRun, Outcome
from tests.submissions.conftest import MakeRun

NOW = timezone.now()
RUNNING = {"state": "running", "claim_token": uuid4(), "lease_expires_at": NOW}
GRADED = {"state": "graded", "verdict": "accepted", "graded_at": NOW, "max_score": 1.0}


@pytest.mark.parametrize("fields", [RUNNING, GRADED, {"state": "errored"}, {"state": "cancelled"}])
def test_runs_as_the_services_leave_them_are_taken(
    make_run: MakeRun, fields: dict[str, Any]
) -> None:
    run = make_run()
    assert GradingRun.objects.filter(pk=run.pk).update(**fields) == 1


@pytest.mark.parametrize(
    ("constraint", "fields"),
    [
        ("run_verdict_iff_graded", {"verdict": "accepted"}),
        ("run_verdict_iff_graded", {"graded_at": NOW}),
        ("run_verdict_iff_graded", {"state": "errored", "verdict": "wrong_answer"}),
        ("run_verdict_iff_graded", GRADED | {"verdict": ""}),
        ("run_verdict_iff_graded", GRADED | {"graded_at": None}),
        ("run_lease_while_held", RUNNING | {"claim_token": None}),
        ("run_lease_while_held", RUNNING | {"lease_expires_at": None}),
        ("run_lease_while_held", {"claim_token": uuid4()}),
        ("run_lease_while_held", GRADED | {"lease_expires_at": NOW}),
        ("run_state_known", {"state": "paused"}),
        ("run_verdict_known", GRADED | {"verdict": "great"}),
        ("run_score_in_range", GRADED | {"score": 1.5}),
        ("run_score_in_range", GRADED | {"score": -0.5}),
    ],
)
def test_nonsense_in_a_run_is_refused(
    make_run: MakeRun, constraint: str, fields: dict[str, Any]
) -> None:
    run = make_run()
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        GradingRun.objects.filter(pk=run.pk).update(**fields)


def test_a_test_of_a_run_is_there_once(make_run: MakeRun) -> None:
    run = make_run()
    Outcome.objects.create(run=run, position=1, name="test_a", title={})
    with pytest.raises(IntegrityError), transaction.atomic():
        Outcome.objects.create(run=run, position=2, name="test_a", title={})


def test_an_outcome_of_an_unknown_kind_is_refused(make_run: MakeRun) -> None:
    with pytest.raises(IntegrityError, match="outcome_kind_known"), transaction.atomic():
        Outcome.objects.create(run=make_run(), position=1, name="a", title={}, kind="fine")


def test_a_learner_has_one_draft_of_an_exercise(learner: User, exercise: Exercise) -> None:
    Draft.objects.create(learner=learner, exercise=exercise)
    with pytest.raises(IntegrityError), transaction.atomic():
        Draft.objects.create(learner=learner, exercise=exercise)
