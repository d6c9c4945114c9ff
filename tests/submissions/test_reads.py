"""What lists read: no text that they don't show, and no more rows for a long history."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from curriculum.models import Exercise, ExerciseVersion, Stage
from submissions import selectors, services
from submissions.models import GradingRun, Submission
from tests.browser.stagehand import FAILING, graded
from tests.submissions.conftest import MakeRun, Submit


def columns_read(client: Client, url: str) -> str:
    with CaptureQueriesContext(
        connection,
    ) as seen:
        assert client.get(url).status_code == 200
    return "\n".join(query["sql"] for query in seen.captured_queries)


def test_a_history_reads_no_code_and_no_output(learner: User, exercise: Exercise) -> None:
    for _ in range(3):
        graded(learner, exercise, FAILING)
    with CaptureQueriesContext(connection) as seen:
        for submission in selectors.history(learner, exercise):
            run = submission.latest_run
            assert (run.state, run.verdict, run.max_score) == ("graded", "wrong_answer", 3)
            assert not {"source", "version_id"} - submission.get_deferred_fields()
            assert not {"notebook", "message", "receipt"} - run.get_deferred_fields()
    assert len(seen) == 2
    assert "outcome" not in "".join(query["sql"] for query in seen.captured_queries)


@pytest.mark.parametrize("page", ["home", "stage"])
def test_lists_of_exercises_read_no_statement(
    signed_in: Client, exercise: Exercise, page: str
) -> None:
    url = reverse("home") if page == "home" else Stage.objects.get().get_absolute_url()
    assert exercise.current_version is not None
    sql = columns_read(signed_in, url)
    assert '"manifest"' in sql
    for column in ExerciseVersion.LONG:
        assert f'"{column}"' not in sql


def test_what_is_long_is_listed() -> None:
    texts = {f.name for f in ExerciseVersion._meta.fields if isinstance(f, models.TextField)}
    data = {f.name for f in ExerciseVersion._meta.fields if isinstance(f, models.JSONField)}
    assert set(ExerciseVersion.LONG) == texts | data - {"manifest"}


def test_the_operators_list_of_runs_reads_no_notebook(
    admin_client: Client, learner: User, exercise: Exercise
) -> None:
    graded(learner, exercise, FAILING)
    sql = columns_read(admin_client, reverse("admin:submissions_gradingrun_changelist"))
    assert '"submissions_gradingrun"."state"' in sql and '"notebook"' not in sql
    run = GradingRun.objects.get()
    page = reverse("admin:submissions_gradingrun_change", args=[run.pk])
    assert admin_client.get(page).status_code == 200
    assert Submission.objects.count() == 1


def test_who_sends_again_what_was_lost_reads_no_code(make_run: MakeRun) -> None:
    make_run()
    GradingRun.objects.update(enqueued_at=timezone.now() - timedelta(hours=1))
    with CaptureQueriesContext(connection) as seen:
        assert services.requeue_expired() == 1
    sql = "".join(query["sql"] for query in seen.captured_queries)
    assert '"source"' not in sql and '"statement_en"' not in sql


def test_a_long_history_makes_no_submission_slower(
    learner: User, exercise: Exercise, submit: Submit
) -> None:
    """What counts how many of one's runs are at work looks at those that are."""
    graded(learner, exercise, FAILING)
    with CaptureQueriesContext(connection) as seen:
        submit()
    counts = [query["sql"] for query in seen.captured_queries if "COUNT(" in query["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {counts[0]}")
        plan = " ".join(str(row) for row in cursor.fetchall())
    assert "run_active" in plan
