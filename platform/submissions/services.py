"""What happens to drafts, submissions and grading runs. Only ``_move`` writes a run's state."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from accounts.models import User
from curriculum.models import Exercise
from submissions import errors, queue
from submissions.models import Draft, GradingRun, Outcome, Submission
from submissions.signals import graded
from submissions.states import FINAL, TRANSITIONS, InvalidTransition, OutcomeKind, State, Verdict
from workers import services as workers

MAX_SOURCE_BYTES = 256 * 1024
RESENT_AT_ONCE = 50
"""Messages that are sent again in one go; the oldest first, so each lost one gets its turn."""


# The learner's side


def submit(
    *,
    learner: User,
    exercise: Exercise,
    tests: str,
    source: str,
    source_kind: str = Submission.SourceKind.PYTHON,
) -> Submission:
    """Store ``source`` and have it graded.

    The row is committed before the broker hears of it: a learner's text is never lost, and a
    lost message is made up for by ``requeue_expired``.

    Raises:
        SubmissionError: it can't be graded; nothing was stored.
    """
    version = exercise.current_version
    assert version is not None, "only published exercises take submissions"
    if tests not in Submission.Tests.values:
        raise errors.UnknownTests
    if not source.strip():
        raise errors.SourceEmpty
    _check_storable(source)
    with transaction.atomic():
        # The lock makes the count hold when one person sends from two tabs at once.
        User.objects.select_for_update().get(pk=learner.pk)
        active = GradingRun.objects.filter(submission__learner=learner).exclude(state__in=FINAL)
        if active.count() >= settings.SUBMISSIONS_MAX_WAITING:
            raise errors.TooManyWaiting(limit=settings.SUBMISSIONS_MAX_WAITING)
        submission = Submission.objects.create(
            learner=learner, version=version, tests=tests, source=source, source_kind=source_kind
        )
        run = GradingRun.objects.create(submission=submission, queue=_queue(version.gpu))
        transaction.on_commit(partial(queue.enqueue, run.pk, run.queue))
    return submission


def _queue(gpu: str) -> str:
    """Return the queue for an exercise's ``gpu``; "optional" takes a GPU that is there just now."""
    if gpu == "required" or (gpu == "optional" and workers.gpu_at_work()):
        return "gpu"
    return "cpu"


def cancel(run: GradingRun) -> None:
    """End a run that waits at once; ask the worker of one that runs to stop. Else do nothing."""
    with transaction.atomic():
        rows = GradingRun.objects.filter(pk=run.pk)
        if not _move(rows, State.QUEUED, State.CANCELLED):
            rows.filter(state=State.RUNNING).update(cancel_requested=True)
        _announce(run)


class DraftConflict(Exception):
    """The draft was saved elsewhere since; ``draft`` is what is there now."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        super().__init__(f"draft {draft.pk} is at revision {draft.revision}")


def save_draft(*, learner: User, exercise: Exercise, source: str, revision: int) -> Draft:
    """Save what is in the editor; ``revision`` is the one it was made from, 0 for none.

    Raises:
        DraftConflict: another revision, with another text, was saved in between.
        SubmissionError: the text can't be stored.
    """
    _check_storable(source)
    draft, created = Draft.objects.get_or_create(
        learner=learner, exercise=exercise, defaults={"source": source}
    )
    if created or draft.source == source:
        return draft
    saved = Draft.objects.filter(pk=draft.pk, revision=revision).update(
        source=source, revision=F("revision") + 1, updated_at=timezone.now()
    )
    if saved:
        # Not what is there now, which may be another's already, whose revision would let the next
        # save of this page overwrite it.
        draft.source, draft.revision = source, revision + 1
        return draft
    draft.refresh_from_db()
    if draft.source != source:
        raise DraftConflict(draft)
    return draft


def replace_draft(*, learner: User, exercise: Exercise, source: str) -> None:
    """Make ``source`` the draft, whatever was there: pages that hold another text will ask."""
    draft, created = Draft.objects.get_or_create(
        learner=learner, exercise=exercise, defaults={"source": source}
    )
    if not created:
        Draft.objects.filter(pk=draft.pk).update(
            source=source, revision=F("revision") + 1, updated_at=timezone.now()
        )


def _check_storable(source: str) -> None:
    try:
        size = len(source.encode())
    except UnicodeEncodeError as error:
        raise errors.SourceUnreadable(line=source.count("\n", 0, error.start) + 1) from error
    if size > MAX_SOURCE_BYTES:
        raise errors.SourceTooLarge(size=size, limit=MAX_SOURCE_BYTES)
    if "\0" in source:
        raise errors.SourceUnreadable(line=source.count("\n", 0, source.index("\0")) + 1)


# The worker's side


@dataclass(frozen=True)
class Claim:
    """The right to grade a run, as long as its lease holds."""

    run: GradingRun
    token: UUID


class ClaimLost(Exception):
    """The lease ran out and the run is somebody else's now: what this worker found is dropped."""


def claim(run_id: UUID) -> Claim | None:
    """Take a waiting run; None when there is nothing to take, as for a second delivery."""
    token, now = uuid4(), timezone.now()
    with transaction.atomic():
        taken = _move(
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
        _announce(run)
    return Claim(run, token)


def suits(run_id: UUID, host: str, *, keeps_time: bool) -> bool:
    """Return whether a worker on ``host`` should grade a run, if there may be a better one.

    None whose clock drifts times anybody, and who measured with a doubt leaves it to another.
    """
    runs = GradingRun.objects.select_related("submission__version")
    run = runs.filter(pk=run_id).first()
    if run is None or not run.submission.version.is_timed:
        return True
    return keeps_time and not (host in run.measured_on and workers.at_work_beside(host))


def renew(claim: Claim) -> bool:
    """Extend the lease; return whether the learner wants the run cancelled.

    Raises:
        ClaimLost: there is no lease to extend.
    """
    _hold(claim)
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
        _announce(claim.run)


def record_started(claim: Claim, name: str) -> None:
    """Store that a test runs now."""
    _record(claim, name, kind=OutcomeKind.RUNNING)


def record_outcome(claim: Claim, *, name: str, **fields: Any) -> None:
    """Store how a test ended; ``fields`` are those of ``Outcome``."""
    _record(claim, name, **fields)


def record_diagnosis(claim: Claim, name: str, hint: dict[str, str]) -> None:
    """Store the hint of the known mistake that a failed test showed."""
    _record(claim, name, diagnosis=hint)


def record_notebook(claim: Claim, cells: list[dict[str, Any]]) -> None:
    """Store what each cell of a notebook printed."""
    with transaction.atomic():
        _hold(claim)
        GradingRun.objects.filter(pk=claim.run.pk).update(notebook=cells)


def record_verdict(
    claim: Claim, *, verdict: Verdict, score: float, max_score: float, **fields: Any
) -> bool:
    """End a run with its verdict; return False when the claim was lost and nothing was written."""
    recorded = _release(
        claim,
        State.GRADED,
        verdict=verdict,
        score=score,
        max_score=max_score,
        graded_at=timezone.now(),
        **fields,
    )
    if recorded:
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
    return _release(claim, State.CANCELLED)


def hand_back(claim: Claim) -> bool:
    """Put a run back into the queue, as if this worker had never taken it."""
    return _release(claim, State.QUEUED, attempt=F("attempt") - 1)


def record_fault(claim: Claim, reason: str) -> bool:
    """A fault of ours: the run is tried again, or ends as an internal error after the last try."""
    receipt = {**claim.run.receipt, "fault": reason[:2000]}
    if claim.run.attempt >= settings.GRADING_MAX_ATTEMPTS:
        return _release(claim, State.ERRORED, receipt=receipt)
    return _release(claim, State.QUEUED, receipt=receipt)


def measure_again(claim: Claim, host: str) -> bool:
    """Put a run that was measured on ``host`` with a doubt back into the queue.

    False after the last attempt: then what was measured counts.
    """
    if claim.run.attempt >= settings.GRADING_MAX_ATTEMPTS:
        return False
    measured_on = [*claim.run.measured_on, host]
    return _release(claim, State.QUEUED, receipt={**claim.run.receipt, "measured_on": measured_on})


def requeue_expired() -> int:
    """Bring back runs whose worker died and messages that got lost; return how many runs.

    Safe to run at any time, from several processes at once.
    """
    now = timezone.now()
    expired = GradingRun.objects.filter(state=State.RUNNING, lease_expires_at__lt=now)
    brought_back = 0
    for run in expired.select_related("submission"):
        assert run.claim_token is not None  # run_lease_iff_running
        lost = Claim(run, run.claim_token)
        # Its worker may be alive after all and renew the lease right now.
        brought_back += _release(lost, _after_lost_worker(run), expired_at=now)
    forgotten = GradingRun.objects.filter(
        state=State.QUEUED,
        enqueued_at__lt=now - timedelta(seconds=settings.GRADING_RESEND_SECONDS),
    ).order_by("queued_at")
    for run in forgotten.select_related("submission__version")[:RESENT_AT_ONCE]:
        chosen = _queue(run.submission.version.gpu)
        GradingRun.objects.filter(pk=run.pk).update(enqueued_at=now, queue=chosen)
        queue.enqueue(run.pk, chosen)
        brought_back += 1
    return brought_back


def _after_lost_worker(run: GradingRun) -> State:
    if run.cancel_requested:
        return State.CANCELLED
    spent = run.attempt >= settings.GRADING_MAX_ATTEMPTS
    return State.ERRORED if spent else State.QUEUED


def _lease() -> timedelta:
    return timedelta(seconds=settings.GRADING_LEASE_SECONDS)


def _hold(claim: Claim) -> None:
    held = GradingRun.objects.filter(
        pk=claim.run.pk, claim_token=claim.token, state=State.RUNNING
    ).update(lease_expires_at=timezone.now() + _lease())
    if not held:
        raise ClaimLost(claim.run.pk)


def _record(claim: Claim, name: str, **fields: Any) -> None:
    with transaction.atomic():
        _hold(claim)
        Outcome.objects.filter(run=claim.run, name=name).update(**fields)
        _announce(claim.run)


def _release(
    claim: Claim, target: State, *, expired_at: datetime | None = None, **changes: Any
) -> bool:
    """Give a claimed run up for ``target``; False when the claim was lost, or hasn't expired."""
    if target is State.QUEUED:
        changes |= {"enqueued_at": timezone.now()}
    with transaction.atomic():
        rows = GradingRun.objects.filter(pk=claim.run.pk, claim_token=claim.token)
        if expired_at is not None:
            rows = rows.filter(lease_expires_at__lt=expired_at)
        moved = _move(
            rows, State.RUNNING, target, claim_token=None, lease_expires_at=None, **changes
        )
        if not moved:
            return False
        if target is State.QUEUED:
            claim.run.outcomes.all().delete()
            transaction.on_commit(partial(queue.enqueue, claim.run.pk, claim.run.queue))
        _announce(claim.run)
    return True


def _move(rows: QuerySet[GradingRun], source: State, target: State, **changes: Any) -> int:
    """Move those ``rows`` that are in ``source`` to ``target``; return how many moved."""
    if target not in TRANSITIONS[source]:
        raise InvalidTransition(source, target)
    return rows.filter(state=source).update(state=target, **changes)


def _announce(run: GradingRun) -> None:
    transaction.on_commit(partial(queue.announce, run.submission_id))
