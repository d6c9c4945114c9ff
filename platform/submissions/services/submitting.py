"""The learner's side: send a text to be graded, or call it off."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from curriculum.models import Exercise
from submissions import errors, queue
from submissions.models import GradingRun, Submission
from submissions.services.moves import announce, move
from submissions.services.results import note_sent
from submissions.services.storable import check_storable
from submissions.states import ACTIVE, FINAL, State
from workers import services as workers

PRESSED_TWICE_S = 5
"""Within this time the same text, sent again while it is being graded, is a slip of the hand."""


def submit(
    *,
    learner: User,
    exercise: Exercise,
    tests: str,
    source: str,
    source_kind: str = Submission.SourceKind.PYTHON,
    probe: str = "",
) -> Submission:
    """Store ``source`` and have it graded, or with ``Tests.TRY`` have ``probe`` run beside it.

    The row is committed before the broker hears of it: a learner's text is never lost, and a
    lost message is made up for by ``requeue_expired``. What was sent just now and is still being
    graded isn't graded twice: a second click gets the first one's submission.

    Raises:
        SubmissionError: it can't be graded; nothing was stored.
    """
    version = exercise.current_version
    assert version is not None, "only published exercises take submissions"
    if tests not in Submission.Tests.values:
        raise errors.UnknownTests
    if not source.strip():
        raise errors.SourceEmpty
    if tests == Submission.Tests.TRY and not probe.strip():
        raise errors.ProbeEmpty
    check_storable(source)
    check_storable(probe)
    with transaction.atomic():
        # The lock makes the count hold when one person sends from two tabs at once.
        User.objects.select_for_update().get(pk=learner.pk)
        wanted = {
            "learner": learner,
            "version": version,
            "tests": tests,
            "source": source,
            "source_kind": source_kind,
            "probe": probe,
        }
        if sent := _just_sent(wanted):
            return sent
        active = GradingRun.objects.filter(submission__learner=learner, state__in=ACTIVE)
        if active.count() >= settings.SUBMISSIONS_MAX_WAITING:
            raise errors.TooManyWaiting(limit=settings.SUBMISSIONS_MAX_WAITING)
        submission = Submission.objects.create(**wanted)
        note_sent(learner, exercise)
        run = GradingRun.objects.create(submission=submission, queue=queue_for(version.gpu))
        transaction.on_commit(partial(queue.enqueue, run.pk, run.queue))
    return submission


def _just_sent(wanted: dict[str, Any]) -> Submission | None:
    since = timezone.now() - timedelta(seconds=PRESSED_TWICE_S)
    rows = Submission.objects.filter(**wanted, submitted_at__gt=since)
    return rows.exclude(runs__state__in=FINAL).first()


def queue_for(gpu: str) -> str:
    """Return the queue for an exercise's ``gpu``; "optional" takes a GPU that is there just now."""
    if gpu == "required" or (gpu == "optional" and workers.gpu_at_work()):
        return "gpu"
    return "cpu"


def cancel(run: GradingRun) -> None:
    """End a run that waits at once; ask the worker of one that runs to stop. Else do nothing."""
    with transaction.atomic():
        rows = GradingRun.objects.filter(pk=run.pk)
        if not move(rows, State.QUEUED, State.CANCELLED):
            rows.filter(state=State.RUNNING).update(cancel_requested=True)
        announce(run)
