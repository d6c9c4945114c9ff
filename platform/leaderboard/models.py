"""What the rankings are read from: kept up to date with each verdict, and rebuilt at any time."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from curriculum.models import Exercise
from submissions.models import GradingRun


class Entry(models.Model):
    """One learner's best accepted run of one exercise.

    The speed is the submission's time over the reference's with its interval, null where the
    exercise has no such test and until it was measured exactly. ``listed`` is false for who doesn't
    want to appear.
    """

    class State(models.TextChoices):
        """Whether the speed counts."""

        SHOWN = "shown", _("Counts")
        HELD = "held", _("Held for review")
        VOID = "void", _("Voided")

    learner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    exercise = models.ForeignKey(Exercise, models.CASCADE)
    run = models.ForeignKey(GradingRun, models.CASCADE)
    points = models.PositiveIntegerField()
    solved_at = models.DateTimeField()
    measured_at = models.DateTimeField(null=True)
    ratio = models.FloatField(null=True)
    ratio_low = models.FloatField(null=True)
    ratio_high = models.FloatField(null=True)
    state = models.CharField(max_length=5, choices=State, default=State.SHOWN)
    listed = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["learner", "exercise"], name="entry_once"),
            models.CheckConstraint(
                condition=Q(ratio__isnull=True, ratio_low__isnull=True, ratio_high__isnull=True)
                | Q(ratio_low__gt=0, ratio_low__lte=models.F("ratio"))
                & Q(ratio__lte=models.F("ratio_high")),
                name="entry_interval",
            ),
        ]
        indexes = [
            # Who is fastest, and how many are surely faster than somebody.
            models.Index(
                fields=["exercise", "ratio_high", "id"],
                name="entry_speed",
                condition=Q(state="shown", listed=True, ratio__isnull=False),
            ),
            # Where duels may be missing.
            models.Index(fields=["measured_at"], name="entry_measured"),
        ]

    def __str__(self) -> str:
        return f"{self.learner_id}/{self.exercise_id}"


class Measurement(models.Model):
    """The exact speed of an accepted run, for its ranking. It is measured after the verdict.

    The ratio and its interval are null until then, and for good where the code was wrong or too
    slow this time. Whoever measures it moves ``next_try_at``, so that nobody else does meanwhile,
    and somebody does later if nothing comes of it.
    """

    class State(models.TextChoices):
        """How far it is."""

        PENDING = "pending", _("Being measured")
        MEASURED = "measured", _("Measured")
        DIFFERED = "differed", _("Differed")

    run = models.OneToOneField(GradingRun, models.CASCADE, related_name="+")
    state = models.CharField(max_length=8, choices=State, default=State.PENDING)
    asked_at = models.DateTimeField(default=timezone.now)
    next_try_at = models.DateTimeField(default=timezone.now)
    measured_at = models.DateTimeField(null=True, blank=True)
    ratio = models.FloatField(null=True, blank=True)
    ratio_low = models.FloatField(null=True, blank=True)
    ratio_high = models.FloatField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    state="measured",
                    measured_at__isnull=False,
                    ratio_low__gt=0,
                    ratio_low__lte=models.F("ratio"),
                    ratio__lte=models.F("ratio_high"),
                )
                | ~Q(state="measured") & Q(ratio__isnull=True),
                name="measurement_interval_iff_measured",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_try_at"], name="measurement_due", condition=Q(state="pending")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.run_id}: {self.state}"


class Standing(models.Model):
    """One learner's points in one stage or overall (``scope`` empty), in a month, a week or ever.

    ``period`` is "all", "2026-11" or "2026-W48"; ``reached_at`` is when the last points came.
    """

    learner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    scope = models.CharField(max_length=50, blank=True)
    period = models.CharField(max_length=8)
    points = models.PositiveIntegerField(default=0)
    solved = models.PositiveIntegerField(default=0)
    reached_at = models.DateTimeField()
    listed = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["learner", "scope", "period"], name="standing_once"),
        ]
        indexes = [
            models.Index(
                fields=["scope", "period", "-points", "reached_at", "id"],
                name="standing_rank",
                condition=Q(listed=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.learner_id}/{self.scope or 'overall'}/{self.period}"


class Streak(models.Model):
    """On how many days in a row, up to ``last_day``, a learner solved something new."""

    learner = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True)
    days = models.PositiveIntegerField()
    last_day = models.DateField()

    def __str__(self) -> str:
        return f"{self.learner_id}: {self.days}"


class Ruling(models.Model):
    """Who changed whether an entry's speed counts, and why. Never changed."""

    entry = models.ForeignKey(Entry, models.CASCADE, related_name="rulings")
    # None: the platform itself, about an implausible speed.
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True)
    at = models.DateTimeField(auto_now_add=True)
    state = models.CharField(max_length=5, choices=Entry.State)
    reason = models.CharField(max_length=500)

    class Meta:
        ordering = ["-at"]
        constraints = [
            models.CheckConstraint(condition=~Q(reason=""), name="ruling_has_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.entry_id}: {self.state}"


class Duel(models.Model):
    """Two runs measured against each other, call by call: only who won may stand above the other.

    ``low`` and ``high`` are the interval of the first's time over the second's; null where nothing
    came out, as when one of them fails tests that are newer than its run.
    """

    first = models.ForeignKey(GradingRun, models.CASCADE, related_name="+")
    second = models.ForeignKey(GradingRun, models.CASCADE, related_name="+")
    low = models.FloatField(null=True)
    high = models.FloatField(null=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["first", "second"], name="duel_once"),
            models.CheckConstraint(
                condition=Q(low__isnull=True, high__isnull=True)
                | Q(low__gt=0, low__lte=models.F("high")),
                name="duel_interval",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.first_id}/{self.second_id}"
