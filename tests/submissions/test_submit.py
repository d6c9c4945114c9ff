"""Submitting: what is stored, what is refused, and when the workers hear of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from curriculum.models import Exercise
from submissions import errors, queue, services
from submissions.models import GradingRun, Submission
from submissions.states import State
from tests.submissions.conftest import Bells, MakeLearner, MakeRun

LIMIT = services.MAX_SOURCE_BYTES


def submit(
    learner: User, exercise: Exercise, source: str = "x = 1\n", tests: str = "hidden"
) -> Submission:
    return services.submit(learner=learner, exercise=exercise, tests=tests, source=source)


def test_a_submission_is_stored_with_its_text_and_version(
    learner: User, exercise: Exercise
) -> None:
    text = "# 注意力 🙂\r\ndef f():\n\tpass"
    made = submit(learner, exercise, text, "visible")
    stored = Submission.objects.get()
    assert stored == made
    assert (stored.source, stored.tests, stored.learner) == (text, "visible", learner)
    assert stored.version == exercise.current_version
    run = stored.runs.get()
    assert (run.state, run.queue, run.attempt, run.verdict) == (State.QUEUED, "cpu", 0, "")


@pytest.mark.django_db(transaction=True)
def test_workers_hear_of_a_submission_only_after_its_commit(
    learner: User, exercise: Exercise, bells: Bells, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_transactions: list[bool] = []
    note = queue.enqueue  # by now that of ``bells``

    def enqueue(*args: object) -> None:
        open_transactions.append(connection.in_atomic_block)
        note(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(queue, "enqueue", enqueue)
    with transaction.atomic():
        made = submit(learner, exercise)
        assert bells.enqueued == []
    assert bells.enqueued == [(made.latest_run.pk, "cpu")]
    assert open_transactions == [False]


@pytest.mark.django_db(transaction=True)
def test_workers_never_hear_of_what_was_rolled_back(
    learner: User, exercise: Exercise, bells: Bells
) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        submit(learner, exercise)
        raise ZeroDivisionError
    assert bells.enqueued == []
    assert not Submission.objects.exists()


@pytest.mark.parametrize(
    ("source", "error", "status", "code"),
    [
        ("", errors.SourceEmpty, 400, "source_empty"),
        (" \n\t\u3000\n", errors.SourceEmpty, 400, "source_empty"),
        ("x" * (LIMIT + 1), errors.SourceTooLarge, 413, "source_too_large"),
        ("注" * (LIMIT // 3 + 1), errors.SourceTooLarge, 413, "source_too_large"),
        ("x = 1\ny = '\0'", errors.SourceUnreadable, 400, "source_unreadable"),
        ("x = 1\ny = '\ud83d'", errors.SourceUnreadable, 400, "source_unreadable"),
    ],
    ids=["empty", "blank", "too large", "too many bytes", "NUL", "half an emoji"],
)
def test_what_cannot_be_graded_is_refused_and_nothing_is_stored(
    learner: User,
    exercise: Exercise,
    source: str,
    error: type[errors.SubmissionError],
    status: int,
    code: str,
) -> None:
    with pytest.raises(error) as caught:
        submit(learner, exercise, source)
    assert (caught.value.status, caught.value.code) == (status, code)
    assert not Submission.objects.exists()
    assert not GradingRun.objects.exists()


def test_a_text_of_exactly_the_limit_is_taken(learner: User, exercise: Exercise) -> None:
    assert len(submit(learner, exercise, "x" * LIMIT).source) == LIMIT


def test_the_refusal_names_the_line_and_the_size(learner: User, exercise: Exercise) -> None:
    with pytest.raises(errors.SourceUnreadable, match="Line 3 "):
        submit(learner, exercise, "a\nb\n'\0'\nc")
    with pytest.raises(errors.SourceUnreadable, match="Line 2 "):
        submit(learner, exercise, "注释\n'\udc00'\nc")
    with pytest.raises(errors.SourceTooLarge, match="257 KiB; at most 256"):
        submit(learner, exercise, "x" * (LIMIT + 1))


@pytest.mark.parametrize("tests", ["", "both", "HIDDEN", "hidden\0"])
def test_only_visible_and_hidden_tests_exist(learner: User, exercise: Exercise, tests: str) -> None:
    with pytest.raises(errors.UnknownTests):
        submit(learner, exercise, tests=tests)
    assert not Submission.objects.exists()


def test_one_learner_may_not_fill_the_queue(
    make_learner: MakeLearner,
    learner: User,
    exercise: Exercise,
    make_run: MakeRun,
    settings: Settings,
) -> None:
    settings.SUBMISSIONS_MAX_WAITING = 2
    waiting, running = make_run(), make_run()
    claim = services.claim(running.pk)
    assert claim is not None
    with pytest.raises(errors.TooManyWaiting) as caught:
        submit(learner, exercise, "a")
    assert caught.value.status == 429
    assert "2 of your runs" in str(caught.value)
    assert Submission.objects.count() == 2

    submit(make_learner(), exercise)  # another learner is not held up
    services.cancel(waiting)
    submit(learner, exercise, "b")
    with pytest.raises(errors.TooManyWaiting):
        submit(learner, exercise, "c")
    services.record_cancelled(claim)
    submit(learner, exercise, "d")


def test_what_is_sent_twice_in_a_moment_is_graded_once(
    learner: User, exercise: Exercise, bells: Bells, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        first = submit(learner, exercise)
        assert submit(learner, exercise) == first
        assert submit(learner, exercise, "x = 2\n") != first
        assert submit(learner, exercise, tests="visible") != first
    assert len(bells.enqueued) == 3


def test_the_same_text_is_graded_again_once_it_was_graded(
    learner: User, exercise: Exercise
) -> None:
    first = submit(learner, exercise)
    services.cancel(first.latest_run)
    assert submit(learner, exercise) != first


def test_the_same_text_is_graded_again_after_a_while(learner: User, exercise: Exercise) -> None:
    first = submit(learner, exercise)
    Submission.objects.update(submitted_at=timezone.now() - timedelta(seconds=10))
    assert submit(learner, exercise) != first
