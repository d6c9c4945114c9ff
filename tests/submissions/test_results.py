"""Which run counts, and how a learner stands by it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from curriculum.models import Exercise
from leaderboard.models import Entry, Standing
from submissions import progress, services
from submissions.models import GradingRun, Result, Submission
from submissions.states import State
from submissions.verdicts import Verdict
from tests.browser.stagehand import FAILING, graded
from tests.submissions.conftest import MakeRun, Submit, claimed

WRONG, PARTIAL, RIGHT = Verdict.WRONG_ANSWER, Verdict.PARTIALLY_ACCEPTED, Verdict.ACCEPTED


def grade(run: GradingRun, verdict: Verdict, score: float = 0.0) -> GradingRun:
    assert services.record_verdict(claimed(run), verdict=verdict, score=score, max_score=10)
    run.refresh_from_db()
    return run


def regrade(run: GradingRun, verdict: Verdict, score: float = 0.0) -> GradingRun:
    again = GradingRun.objects.create(submission=run.submission, queue="cpu")
    return grade(again, verdict, score)


def counting() -> set[GradingRun]:
    return set(GradingRun.objects.filter(counts=True))


def test_of_a_submissions_runs_the_newest_that_is_graded_counts(make_run: MakeRun) -> None:
    run = make_run()
    assert counting() == set()
    grade(run, RIGHT, 10)
    again = GradingRun.objects.create(submission=run.submission, queue="cpu")
    assert counting() == {run}, "what isn't graded yet replaces nothing"
    grade(again, WRONG)
    assert counting() == {again}
    last = GradingRun.objects.create(submission=run.submission, queue="cpu")
    GradingRun.objects.filter(pk=last.pk).update(state=State.ERRORED)
    assert counting() == {again}, "a fault of ours replaces nothing"


def test_of_an_exercises_submissions_the_best_counts(make_run: MakeRun, learner: User) -> None:
    scores = [(WRONG, 9.0), (PARTIAL, 8.0), (RIGHT, 10.0), (RIGHT, 10.0), (WRONG, 9.5)]
    best = [0, 1, 2, 2, 2]
    runs = []
    for (verdict, score), expected in zip(scores, best, strict=True):
        runs.append(grade(make_run(), verdict, score))
        result = Result.objects.get()
        assert result.run == runs[expected]
        assert result.solved_at == (runs[1].graded_at if len(runs) > 1 else None)
    assert progress.status(runs[0].submission.version.exercise, learner) == progress.SOLVED


def test_visible_tests_solve_nothing(make_run: MakeRun, learner: User, exercise: Exercise) -> None:
    run = grade(make_run(tests="visible"), RIGHT, 10)
    result = Result.objects.get()
    assert run.counts and (result.run, result.solved_at) == (None, None)
    assert progress.status(exercise, learner) == progress.STARTED


def test_a_regrade_takes_back_and_gives(
    make_run: MakeRun,
    learner: User,
    exercise: Exercise,
    django_capture_on_commit_callbacks: Any,
) -> None:
    def points() -> list[int]:
        return list(
            Standing.objects.filter(scope="", period="all").values_list("points", flat=True)
        )

    with django_capture_on_commit_callbacks(execute=True):
        run = grade(make_run(), RIGHT, 10)
    assert (points(), Entry.objects.count()) == ([10], 1)
    with django_capture_on_commit_callbacks(execute=True):
        regrade(run, WRONG)
    assert progress.status(exercise, learner) == progress.STARTED
    assert (points(), Entry.objects.count()) == ([], 0)
    with django_capture_on_commit_callbacks(execute=True):
        last = regrade(run, RIGHT, 10)
    assert Result.objects.get().run == last
    assert progress.status(exercise, learner) == progress.SOLVED
    assert (points(), Entry.objects.count()) == ([10], 1)


def test_the_database_refuses_two_that_count_and_one_that_is_not_graded(make_run: MakeRun) -> None:
    run = grade(make_run(), RIGHT, 10)
    again = regrade(run, RIGHT, 10)
    for rows in (GradingRun.objects.filter(pk=run.pk), GradingRun.objects.filter(pk=make_run().pk)):
        with pytest.raises(IntegrityError), transaction.atomic():
            rows.update(counts=True)
    assert counting() == {again}


def test_a_status_reads_no_more_for_a_long_history(
    learner: User, exercise: Exercise, submit: Submit
) -> None:
    for _ in range(3):
        graded(learner, exercise, FAILING)
    submit()
    with CaptureQueriesContext(connection) as seen:
        assert progress.status(exercise, learner) == progress.STARTED
    sql = "".join(query["sql"] for query in seen.captured_queries)
    assert len(seen) == 2 and "submissions_submission" not in sql


def test_what_was_sent_before_is_filled_in(
    make_run: MakeRun, learner: User, exercise: Exercise
) -> None:
    run = grade(make_run(), RIGHT, 10)
    regrade(run, PARTIAL, 8)
    grade(make_run(), WRONG)
    make_run(tests="visible")
    before = [counting(), list(Result.objects.values("learner", "exercise", "run", "solved_at"))]
    GradingRun.objects.update(counts=False)
    Result.objects.all().delete()
    migration = import_module("submissions.migrations.0007_fill_results")
    migration.fill(apps, None)
    after = [counting(), list(Result.objects.values("learner", "exercise", "run", "solved_at"))]
    assert after == before
    assert Result.objects.get().sent_at == Submission.objects.latest("submitted_at").submitted_at
