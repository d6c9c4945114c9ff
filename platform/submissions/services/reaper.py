"""Bring back what got lost: runs whose worker died, messages that nobody took."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from submissions import queue
from submissions.models import GradingRun
from submissions.services.claims import Claim, release
from submissions.services.submitting import queue_for
from submissions.states import State

RESENT_AT_ONCE = 50
"""Messages that are sent again in one go; the oldest first, so each lost one gets its turn."""


def requeue_expired() -> int:
    """Bring back runs whose worker died and messages that got lost; return how many runs.

    Safe to run at any time, from several processes at once.
    """
    now = timezone.now()
    expired = GradingRun.objects.filter(state=State.RUNNING, lease_expires_at__lt=now)
    brought_back = 0
    for run in expired:
        assert run.claim_token is not None  # run_lease_while_held
        lost = Claim(run, run.claim_token)
        # Its worker may be alive after all and renew the lease right now.
        brought_back += release(lost, _after_lost_worker(run), expired_at=now)
    forgotten = GradingRun.objects.filter(
        state=State.QUEUED,
        enqueued_at__lt=now - timedelta(seconds=settings.GRADING_RESEND_SECONDS),
    ).order_by("queued_at")
    resent = forgotten.select_related("submission__version").only("submission__version__manifest")
    for run in resent[:RESENT_AT_ONCE]:
        chosen = queue_for(run.submission.version.gpu)
        GradingRun.objects.filter(pk=run.pk).update(enqueued_at=now, queue=chosen)
        queue.enqueue(run.pk, chosen)
        brought_back += 1
    return brought_back


def _after_lost_worker(run: GradingRun) -> State:
    if run.cancel_requested:
        return State.CANCELLED
    spent = run.attempt >= settings.GRADING_MAX_ATTEMPTS
    return State.ERRORED if spent else State.QUEUED
