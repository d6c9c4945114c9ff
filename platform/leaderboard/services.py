"""What happens to rankings: verdicts come in, instructors rule, people choose how they appear."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Min
from django.utils import timezone
from django.utils.translation import gettext_noop

from accounts.models import User
from curriculum.models import Exercise
from leaderboard.models import Duel, Entry, Measurement, Ruling, Standing, Streak
from submissions import queue
from submissions.models import GradingRun, Result, Submission
from submissions.speeds import SpeedRecord
from submissions.verdicts import PASSING

IMPLAUSIBLE = 0.1
"""A ratio below the roofline is held for review, and one below this share of the record's; of the
reference's where no roofline is stated."""
RETRY, LATEST = timedelta(minutes=1), timedelta(hours=1)
"""A measurement that came to nothing is tried again no sooner and no later."""
TAKEN_AT_ONCE = 20
ALL = "all"


def on_graded(run: GradingRun, **_signal: Any) -> None:
    """Hear of a verdict."""
    record(run)
    if Measurement.objects.filter(run=run, state=Measurement.State.PENDING).exists():
        queue.have_measured(run.queue)


@transaction.atomic
def record(run: GradingRun) -> None:
    """Take a graded run into account: points for an exercise that is solved by it, and its speed if
    that is better, or may be when it is measured exactly. Whoever has it solved no more, by a
    regrade, loses both."""
    submission = run.submission
    if submission.tests != Submission.Tests.HIDDEN:
        return
    learner, exercise = submission.learner, submission.version.exercise
    solved_at = _solved_at(learner, exercise)
    if solved_at is None:
        _withdraw(learner, exercise)
    if solved_at is None or not run.counts or not run.passed:
        return
    entry, created = Entry.objects.select_for_update().get_or_create(
        learner=learner,
        exercise=exercise,
        defaults={
            "run": run,
            "points": submission.version.points,
            "solved_at": solved_at,
            "listed": learner.is_listed,
        },
    )
    if created:
        _add_points(entry, exercise.topic.stage.slug)
        _extend_streak(learner, solved_at.date())
    measurement = Measurement.objects.filter(run=run).first()
    if measurement is not None:
        _take_speed(entry, measurement)
    elif _may_be_faster(entry, run):
        Measurement.objects.create(run=run)


def _solved_at(learner: User, exercise: Exercise) -> datetime | None:
    found = Result.objects.filter(learner=learner, exercise=exercise, solved_at__isnull=False)
    return found.values_list("solved_at", flat=True).first()


def _withdraw(learner: User, exercise: Exercise) -> None:
    for entry in Entry.objects.filter(learner=learner, exercise=exercise):
        standings = Standing.objects.filter(
            learner=learner,
            scope__in=("", exercise.topic.stage.slug),
            period__in=(ALL, *periods_of(entry.solved_at)),
        )
        standings.update(points=F("points") - entry.points, solved=F("solved") - 1)
        standings.filter(solved=0).delete()
        entry.delete()


def _add_points(entry: Entry, stage: str) -> None:
    for scope in ("", stage):
        for period in (ALL, *periods_of(entry.solved_at)):
            standing, _ = Standing.objects.get_or_create(
                learner=entry.learner,
                scope=scope,
                period=period,
                defaults={"reached_at": entry.solved_at, "listed": entry.listed},
            )
            Standing.objects.filter(pk=standing.pk).update(
                points=F("points") + entry.points,
                solved=F("solved") + 1,
                reached_at=max(standing.reached_at, entry.solved_at),
            )


def periods_of(moment: datetime) -> tuple[str, str]:
    """Return the names of the month and of the ISO week that ``moment`` (UTC) is in."""
    moment = moment.astimezone(UTC)
    year, week, _ = moment.isocalendar()
    return f"{moment:%Y-%m}", f"{year}-W{week:02}"


def _extend_streak(learner: User, day: date) -> None:
    streak, created = Streak.objects.get_or_create(
        learner=learner, defaults={"days": 1, "last_day": day}
    )
    if created or day <= streak.last_day:
        return
    streak.days = streak.days + 1 if day - streak.last_day == timedelta(days=1) else 1
    streak.last_day = day
    streak.save()


def _may_be_faster(entry: Entry, run: GradingRun) -> bool:
    """Whether what the verdict took for sure of its speed leaves it a better place. By a clock that
    drifts nothing is sure, and where nobody can be frozen nothing is measured for a ranking."""
    seen = [o.speed for o in run.outcomes.all() if o.speed and o.speed["kind"] == "ratio"]
    if any(speed.get("unranked") for speed in seen):
        return False
    lows = [0.0 if speed.get("drifts") else float(speed["low"]) for speed in seen]
    lowest = max(lows, default=None)
    return lowest is not None and (entry.ratio_high is None or lowest < entry.ratio_high)


def next_measurement(name: str) -> Measurement | None:
    """Take a run of a queue that is to be measured, if there is one.

    If nothing comes of it, it is tried again after as long as its ranking has waited so far.
    """
    now = timezone.now()
    due = Measurement.objects.filter(
        state=Measurement.State.PENDING, next_try_at__lte=now, run__queue=name
    )
    runs = due.select_related("run__submission__version__exercise", "run__submission__learner")
    for measurement in runs.order_by("next_try_at")[:TAKEN_AT_ONCE]:
        submission = measurement.run.submission
        entry = Entry.objects.filter(
            learner=submission.learner, exercise=submission.version.exercise
        ).first()
        if entry is None or not _may_be_faster(entry, measurement.run):
            measurement.delete()
            continue
        later = now + min(max(now - measurement.asked_at, RETRY), LATEST)
        same = due.filter(pk=measurement.pk, next_try_at=measurement.next_try_at)
        if same.update(next_try_at=later):
            return measurement
    return None


@transaction.atomic
def record_measurement(measurement: Measurement, speed: SpeedRecord) -> None:
    """Keep a run's exact speed, which its entry has from now on if it is better."""
    measurement.state = Measurement.State.MEASURED
    measurement.measured_at = timezone.now()
    measurement.ratio = speed["value"]
    measurement.ratio_low, measurement.ratio_high = speed["low"], speed["high"]
    measurement.save()
    if (entry := _entry_of(measurement.run)) is not None:
        _take_speed(entry, measurement)


@transaction.atomic
def record_difference(measurement: Measurement) -> None:
    """An accepted run was wrong or too slow when its speed was measured: it keeps its verdict and
    gets no rank, and instructors look at it."""
    measurement.state = Measurement.State.DIFFERED
    measurement.save()
    _hold(
        measurement.run,
        gettext_noop("Accepted, but wrong or too slow when its speed was measured."),
    )


def _hold(run: GradingRun, reason: str) -> None:
    if (entry := _entry_of(run)) is not None:
        rule(entry, None, Entry.State.HELD, reason)


def _entry_of(run: GradingRun) -> Entry | None:
    submission = run.submission
    entries = Entry.objects.select_for_update()
    return entries.filter(learner=submission.learner, exercise=submission.version.exercise).first()


def _take_speed(entry: Entry, speed: Measurement) -> None:
    if speed.ratio_high is None:
        return
    if entry.ratio_high is not None and speed.ratio_high >= entry.ratio_high:
        return
    entry.run, entry.measured_at = speed.run, speed.measured_at
    entry.ratio, entry.ratio_low, entry.ratio_high = speed.ratio, speed.ratio_low, speed.ratio_high
    entry.save()
    if entry.state == Entry.State.VOID:
        again = gettext_noop("An earlier record of this learner was voided.")
        rule(entry, None, Entry.State.HELD, again)
    elif entry.state == Entry.State.SHOWN and _is_implausible(entry):
        quick = gettext_noop("Faster than the arithmetic allows, or ten times the record.")
        rule(entry, None, Entry.State.HELD, quick)


def _is_implausible(entry: Entry) -> bool:
    shown = Entry.objects.filter(exercise=entry.exercise, state=Entry.State.SHOWN)
    record = shown.exclude(pk=entry.pk).aggregate(Min("ratio"))["ratio__min"]
    roofline = entry.run.submission.version.roofline or IMPLAUSIBLE
    return (entry.ratio or 1.0) < max(roofline, IMPLAUSIBLE * (record or 0.0))


@transaction.atomic
def rule(entry: Entry, by: User | None, state: str, reason: str) -> None:
    """Decide whether an entry's speed counts; the points stay. Who and why is kept.

    Raises:
        ValueError: no reason is given.
    """
    if not reason.strip():
        raise ValueError("a ruling needs a reason")
    Ruling.objects.create(entry=entry, by=by, state=state, reason=reason.strip()[:500])
    Entry.objects.filter(pk=entry.pk).update(state=state)


@transaction.atomic
def record_duel(first: GradingRun, second: GradingRun, speed: SpeedRecord | None) -> None:
    """Keep how two runs did against each other; None when nothing came out. Who was wrong in it,
    or broke down, has lost it, and instructors look at that one."""
    found = {"low": speed["low"], "high": speed["high"]} if speed else {}
    Duel.objects.update_or_create(first=first, second=second, defaults=found)
    if speed and "forfeit" in speed:
        loser = first if speed["forfeit"] == "first" else second
        _hold(loser, gettext_noop("Accepted, but wrong or broken in a duel."))


@transaction.atomic
def appear(learner: User, appearance: str) -> None:
    """Let ``learner`` appear by name, anonymously, or not at all."""
    learner.appearance = User.Appearance(appearance)
    learner.save(update_fields=["appearance"])
    Entry.objects.filter(learner=learner).update(listed=learner.is_listed)
    Standing.objects.filter(learner=learner).update(listed=learner.is_listed)


@transaction.atomic
def rebuild() -> int:
    """Make all rankings anew; return the number of entries. Rulings stay."""
    runs = GradingRun.objects.filter(
        counts=True, verdict__in=PASSING, submission__tests=Submission.Tests.HIDDEN
    ).select_related("submission__learner", "submission__version__exercise__topic__stage")
    for run in runs.prefetch_related("outcomes").order_by("graded_at").iterator(1000):
        record(run)
    Standing.objects.all().delete()
    Streak.objects.all().delete()
    entries = Entry.objects.select_related("learner", "exercise__topic__stage")
    for entry in entries.order_by("solved_at"):
        _add_points(entry, entry.exercise.topic.stage.slug)
        _extend_streak(entry.learner, entry.solved_at.date())
    return len(entries)
