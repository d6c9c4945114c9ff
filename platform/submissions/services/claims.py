"""The worker's side: claim a run, record what happens, give it up with a verdict or without.

Whoever comes with a claim that is lost writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from submissions import queue
from submissions.models import GradingRun, Outcome
from submissions.services import results
from submissions.services.moves import announce, move
from submissions.signals import graded
from submissions.states import FINAL, State
from submissions.verdicts import OutcomeKind, Verdict
from workers import services as workers

PATIENCE_RESENDS = 2
"""So often a run's message is sent again before a worker whose clock drifts times it after all."""
HELD = (State.RUNNING, State.GRADED)
"""A graded run is held while what explains its verdict may follow."""


@dataclass(frozen=True)
class Claim:
    """The right to grade a run, and then to explain the verdict, as long as its lease holds."""

    run: GradingRun
    token: UUID


class ClaimLost(Exception):
    """The lease ran out and the run is somebody else's now: what this worker found is dropped."""


def claim(run_id: UUID) -> Claim | None:
    """Take a waiting run; None when there is nothing to take, as for a second delivery."""
    token, now = uuid4(), timezone.now()
    with transaction.atomic():
        taken = move(
            GradingRun.objects.filter(pk=run_id),
            State.QUEUED,
            State.RUNNING,
            attempt=F("attempt") + 1,
            claim_token=token,
            lease_expires_at=now + _lease(),
            started_at=now,
        )
        if not taken:
            return None
        run = GradingRun.objects.select_related("submission__version").get(pk=run_id)
        announce(run)
    return Claim(run, token)


def may_grade(run_id: UUID, host: str, *, keeps_time: bool) -> bool:
    """Return whether a worker on ``host`` should grade a run, if there may be a better one.

    Who measured with a doubt, and whose clock drifts, leaves what is timed to another; but not
    for ever, where that other one doesn't come for it.
    """
    runs = GradingRun.objects.select_related("submission__version").only(
        "queued_at", "receipt", "submission__version__manifest"
    )
    run = runs.filter(pk=run_id).first()
    if run is None or not run.submission.version.is_timed:
        return True
    if keeps_time:
        return not (host in run.measured_on and workers.at_work_beside(host))
    patience = timedelta(seconds=PATIENCE_RESENDS * settings.GRADING_RESEND_SECONDS)
    return timezone.now() - run.queued_at > patience or not workers.keeps_time_beside(host)


def renew(claim: Claim) -> bool:
    """Extend the lease, of a graded run too; return whether the learner wants it cancelled.

    Raises:
        ClaimLost: there is no lease to extend.
    """
    _hold(claim, *HELD)
    return GradingRun.objects.filter(pk=claim.run.pk, cancel_requested=True).exists()


def record_plan(claim: Claim, tests: Iterable[dict[str, Any]]) -> None:
    """Store which tests will run, each with ``name``, ``title`` and ``max_points``."""
    with transaction.atomic():
        _hold(claim)
        claim.run.outcomes.all().delete()  # of an attempt that came to nothing
        Outcome.objects.bulk_create(
            Outcome(run=claim.run, position=position, **test)
            for position, test in enumerate(tests, 1)
        )
        announce(claim.run)


def record_started(claim: Claim, name: str) -> None:
    """Store that a test runs now."""
    _record(claim, name, kind=OutcomeKind.RUNNING)


def record_outcome(claim: Claim, *, name: str, **fields: Any) -> None:
    """Store how a test ended; ``fields`` are those of ``Outcome``."""
    _record(claim, name, **fields)


def record_diagnosis(claim: Claim, name: str, hint: dict[str, str]) -> None:
    """Store the hint of the known mistake that a failed test showed, also after the verdict."""
    with transaction.atomic():
        _hold(claim, *HELD)
        Outcome.objects.filter(run=claim.run, name=name).update(diagnosis=hint)
        announce(claim.run)


def record_notebook(claim: Claim, cells: list[dict[str, Any]]) -> None:
    """Store what each cell of a notebook printed, also after the verdict."""
    with transaction.atomic():
        _hold(claim, *HELD)
        GradingRun.objects.filter(pk=claim.run.pk).update(notebook=cells)
        announce(claim.run)


def record_explained(claim: Claim) -> None:
    """Store that nothing more follows the verdict."""
    with transaction.atomic():
        graded = GradingRun.objects.filter(
            pk=claim.run.pk, claim_token=claim.token, state=State.GRADED
        )
        if graded.update(claim_token=None, lease_expires_at=None):
            announce(claim.run)


def record_verdict(
    claim: Claim,
    *,
    verdict: Verdict,
    score: float,
    max_score: float,
    more_follows: bool = False,
    **fields: Any,
) -> bool:
    """End a run with its verdict; return False when the claim was lost and nothing was written.

    When ``more_follows`` the claim stays, for a diagnosis and a notebook's run only.
    """
    now = timezone.now()
    if more_follows:
        fields |= {"claim_token": claim.token, "lease_expires_at": now + _lease()}
    with transaction.atomic():
        recorded = release(
            claim,
            State.GRADED,
            verdict=verdict,
            score=score,
            max_score=max_score,
            graded_at=now,
            **fields,
        )
        if recorded:
            results.settle(claim.run)
            transaction.on_commit(partial(_tell_graded, claim.run.pk))
    return recorded


def _tell_graded(run_id: UUID) -> None:
    """Tell whoever listens; what goes wrong there is logged and costs no verdict."""
    run = GradingRun.objects.select_related(
        "submission__learner", "submission__version__exercise__topic__stage"
    ).get(pk=run_id)
    graded.send_robust(sender=GradingRun, run=run)


def record_cancelled(claim: Claim) -> bool:
    """End a run that the learner cancelled."""
    return release(claim, State.CANCELLED)


def hand_back(claim: Claim) -> bool:
    """Put a run back into the queue, as if this worker had never taken it."""
    return release(claim, State.QUEUED, attempt=F("attempt") - 1)


def record_fault(claim: Claim, reason: str) -> bool:
    """A fault of ours: the run is tried again, or ends as an internal error after the last try."""
    receipt = {**claim.run.receipt, "fault": reason[:2000]}
    if claim.run.attempt >= settings.GRADING_MAX_ATTEMPTS:
        return release(claim, State.ERRORED, receipt=receipt)
    return release(claim, State.QUEUED, receipt=receipt)


def measure_again(claim: Claim, host: str) -> bool:
    """Put a run that was measured on ``host`` with a doubt back into the queue.

    False after the last attempt: then what was measured counts.
    """
    if claim.run.attempt >= settings.GRADING_MAX_ATTEMPTS:
        return False
    measured_on = [*claim.run.measured_on, host]
    return release(claim, State.QUEUED, receipt={**claim.run.receipt, "measured_on": measured_on})


def _lease() -> timedelta:
    return timedelta(seconds=settings.GRADING_LEASE_SECONDS)


def _hold(claim: Claim, *states: State) -> None:
    """Extend the lease of a run in one of ``states``.

    Raises:
        ClaimLost: there is no lease to extend.
    """
    held = GradingRun.objects.filter(
        pk=claim.run.pk, claim_token=claim.token, state__in=states or (State.RUNNING,)
    ).update(lease_expires_at=timezone.now() + _lease())
    if not held:
        raise ClaimLost(claim.run.pk)


def _record(claim: Claim, name: str, **fields: Any) -> None:
    with transaction.atomic():
        _hold(claim)
        Outcome.objects.filter(run=claim.run, name=name).update(**fields)
        announce(claim.run)


def release(
    claim: Claim, target: State, *, expired_at: datetime | None = None, **changes: Any
) -> bool:
    """Give a running run up for ``target``; False when the claim was lost, or hasn't expired."""
    if target is State.QUEUED:
        changes |= {"enqueued_at": timezone.now()}
    with transaction.atomic():
        rows = GradingRun.objects.filter(pk=claim.run.pk, claim_token=claim.token)
        if expired_at is not None:
            rows = rows.filter(lease_expires_at__lt=expired_at)
        given_up = {"claim_token": None, "lease_expires_at": None}
        moved = move(rows, State.RUNNING, target, **given_up | changes)
        if not moved:
            return False
        if target in FINAL:
            # What was cut short has no end to tell of.
            claim.run.outcomes.filter(kind=OutcomeKind.RUNNING).update(kind=OutcomeKind.WAITING)
        if target is State.QUEUED:
            claim.run.outcomes.all().delete()
            transaction.on_commit(partial(queue.enqueue, claim.run.pk, claim.run.queue))
        announce(claim.run)
    return True
