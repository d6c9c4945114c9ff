"""Drafts, submissions, their grading runs, and each run's outcomes."""

from __future__ import annotations

import hashlib
import secrets
import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from curriculum.models import Exercise, ExerciseVersion
from submissions.states import ACTIVE, FINAL, OUTCOME_KINDS, VERDICTS, State
from submissions.verdicts import PASSING, OutcomeKind, Verdict


class Draft(models.Model):
    """What is in a learner's editor. ``revision`` grows with each save."""

    learner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    exercise = models.ForeignKey(Exercise, models.CASCADE)
    source = models.TextField(blank=True)
    revision = models.PositiveIntegerField(default=1)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["learner", "exercise"], name="draft_once"),
        ]

    def __str__(self) -> str:
        return f"{self.learner_id}/{self.exercise_id} r{self.revision}"


class Submission(models.Model):
    """What a learner sent, and when. Never changed."""

    class Tests(models.TextChoices):
        """Which tests were asked for; none to try a few lines."""

        VISIBLE = "visible"
        HIDDEN = "hidden"
        TRY = "try"

    class SourceKind(models.TextChoices):
        """What ``source`` is."""

        PYTHON = "python"
        NOTEBOOK = "notebook"
        QUIZ = "quiz"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    learner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    version = models.ForeignKey(ExerciseVersion, models.PROTECT)
    tests = models.CharField(max_length=7, choices=Tests)
    source = models.TextField()
    # Lines of the learner's, run with ``source`` in scope: with TRY only.
    probe = models.TextField(blank=True, db_default="")
    source_kind = models.CharField(max_length=8, choices=SourceKind, default=SourceKind.PYTHON)
    submitted_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-submitted_at"]
        indexes = [
            # A learner's history of one exercise, newest first.
            models.Index(fields=["learner", "version", "-submitted_at"], name="submission_history"),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    def get_absolute_url(self) -> str:
        return reverse("submission", args=[self.pk])

    @property
    def latest_run(self) -> GradingRun:
        """The newest run, which pages show; a regrade that isn't graded yet doesn't count yet.
        Uses prefetched ``runs`` where there are some."""
        return max(self.runs.all(), key=lambda run: run.created_at)


def new_seed() -> int:
    """Draw what a run's inputs are drawn from."""
    return secrets.randbits(63)


def new_salt() -> str:
    """Draw what keeps a seed from being guessed by its commitment."""
    return secrets.token_hex(16)


class GradingRun(models.Model):
    """One grading of a submission. A regrade adds another."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    submission = models.ForeignKey(Submission, models.CASCADE, related_name="runs")
    queue = models.CharField(max_length=20)
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    verdict = models.CharField(max_length=20, choices=VERDICTS, blank=True)
    score = models.FloatField(default=0.0)
    max_score = models.FloatField(default=0.0)
    # Of a submission's runs the newest that is graded, see ``services.results``.
    counts = models.BooleanField(default=False, db_default=False)
    message = models.JSONField(null=True, blank=True)
    timings = models.JSONField(default=dict)
    receipt = models.JSONField(default=dict)
    # What each cell of a notebook printed, see ``grading.report.NotebookRun``.
    notebook = models.JSONField(null=True, blank=True)
    cancel_requested = models.BooleanField(default=False)

    # What the inputs are drawn from. Its commitment is shown at once, it itself afterwards: so it
    # is secret while it counts, and nobody can have chosen it later.
    seed = models.PositiveBigIntegerField(default=new_seed, editable=False)
    salt = models.CharField(max_length=32, default=new_salt, editable=False)

    created_at = models.DateTimeField(auto_now_add=True)
    queued_at = models.DateTimeField(default=timezone.now)
    # When the broker last heard of it; a message that got lost is sent again after a while.
    enqueued_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    graded_at = models.DateTimeField(null=True, blank=True)

    # Lease of the worker that runs it now; the token fences off a worker that comes back late. A
    # graded run has one while what explains its verdict (a diagnosis, a notebook's run) may follow.
    attempt = models.PositiveSmallIntegerField(default=0)
    claim_token = models.UUIDField(null=True, editable=False)
    lease_expires_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state=State.GRADED, graded_at__isnull=False) & ~Q(verdict="")
                | ~Q(state=State.GRADED) & Q(verdict="", graded_at__isnull=True),
                name="run_verdict_iff_graded",
            ),
            models.CheckConstraint(
                condition=Q(
                    state__in=[State.RUNNING, State.GRADED],
                    claim_token__isnull=False,
                    lease_expires_at__isnull=False,
                )
                | ~Q(state=State.RUNNING)
                & Q(claim_token__isnull=True, lease_expires_at__isnull=True),
                name="run_lease_while_held",
            ),
            models.UniqueConstraint(
                fields=["submission"], condition=Q(counts=True), name="run_counts_once"
            ),
            models.CheckConstraint(
                condition=Q(counts=False) | Q(state=State.GRADED), name="run_counts_if_graded"
            ),
            models.CheckConstraint(condition=Q(state__in=State.values), name="run_state_known"),
            models.CheckConstraint(
                condition=Q(verdict__in=["", *(verdict.value for verdict in Verdict)]),
                name="run_verdict_known",
            ),
            models.CheckConstraint(
                condition=Q(score__gte=0, score__lte=F("max_score")), name="run_score_in_range"
            ),
        ]
        indexes = [
            # requeue_expired asks for these every few seconds; finished rows never enter.
            models.Index(
                fields=["lease_expires_at"],
                name="run_running_lease",
                condition=Q(state=State.RUNNING),
            ),
            # How many a learner has at work, however many there were.
            models.Index(fields=["submission"], name="run_active", condition=Q(state__in=ACTIVE)),
            # The place in the queue, and messages that got lost.
            models.Index(
                fields=["queue", "queued_at"], name="run_queued", condition=Q(state=State.QUEUED)
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def is_final(self) -> bool:
        """Whether the state won't change any more, nor the verdict."""
        return self.state in FINAL

    @property
    def is_settled(self) -> bool:
        """Whether nothing will change any more, nor anything be added."""
        lease = self.lease_expires_at
        return self.is_final and (lease is None or lease < timezone.now())

    @property
    def commitment(self) -> str:
        """The SHA-256 of ``seed:salt``."""
        return hashlib.sha256(f"{self.seed}:{self.salt}".encode()).hexdigest()

    @property
    def measured_on(self) -> list[str]:
        """The hosts whose measurement was in doubt, so that it didn't count."""
        return list(self.receipt.get("measured_on", []))

    @property
    def is_retried(self) -> bool:
        """Whether an attempt at it came to nothing and it waits for the next, or is in it."""
        return not self.is_final and self.attempt > (self.state == State.RUNNING)

    @property
    def passed(self) -> bool:
        """Whether every required test passed."""
        return self.verdict in PASSING


class Result(models.Model):
    """How one learner stands with one exercise: there is a row once something was sent.

    ``run`` is the best of the runs that count, by hidden tests; ``solved_at`` is when the first
    of them passed.
    """

    learner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    exercise = models.ForeignKey(Exercise, models.CASCADE)
    sent_at = models.DateTimeField(default=timezone.now)
    run = models.ForeignKey(GradingRun, models.SET_NULL, null=True, related_name="+")
    solved_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["learner", "exercise"], name="result_once"),
        ]

    def __str__(self) -> str:
        return f"{self.learner_id}/{self.exercise_id}"


class Outcome(models.Model):
    """How one test of a run stands or ended. Texts are ``{"en": ..., "zh": ...}``."""

    run = models.ForeignKey(GradingRun, models.CASCADE, related_name="outcomes")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=200)
    title = models.JSONField()
    kind = models.CharField(max_length=20, choices=OUTCOME_KINDS, default=OutcomeKind.WAITING.value)
    points = models.FloatField(default=0.0)
    max_points = models.FloatField(default=0.0)
    stretch = models.BooleanField(default=False)
    seconds = models.FloatField(default=0.0)
    message = models.JSONField(null=True, blank=True)
    hint = models.JSONField(null=True, blank=True)
    # The hint of the known mistake whose outputs these are.
    diagnosis = models.JSONField(null=True, blank=True)
    # The last call and what was expected beside what came, see ``grading.report.CaseResult``.
    details = models.JSONField(null=True, blank=True)
    output = models.TextField(blank=True)
    speed = models.JSONField(null=True, blank=True)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["run", "name"], name="outcome_once_a_run"),
            models.CheckConstraint(
                condition=Q(kind__in=[kind.value for kind in OutcomeKind]),
                name="outcome_kind_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.run_id}/{self.name}"

    @property
    def is_settled(self) -> bool:
        """Whether this test has ended."""
        return self.kind not in {OutcomeKind.WAITING, OutcomeKind.RUNNING}
