"""Rankings as pages show them: the top, and the reader's own neighbourhood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Any, TypeVar

from django.contrib.auth.models import AnonymousUser
from django.db.models import Count, Model, Q, QuerySet
from django.utils import timezone

from accounts.models import User
from courses.models import Cohort, Enrollment
from courses.selectors import learners_of
from curriculum.models import Exercise
from leaderboard.models import Duel, Entry, Measurement, Standing, Streak
from submissions.models import GradingRun

TOP = 50
NEIGHBOURS = 2
FASTEST = 10
"""Entries that instructors can rule on besides those that were held or voided."""
HELD = 100
"""Of those, the latest so many."""

DUELLISTS = 10
"""Among so many at the top, who is ahead has also won a duel."""
RECENT = timedelta(days=1)
"""Duels are called for where somebody's speed was measured so lately: elsewhere all are fought."""
WON = 1 / 1.02
"""A duel is won when the whole interval lies below this."""

Reader = User | AnonymousUser
_M = TypeVar("_M", bound=Model)


@dataclass(frozen=True)
class Row:
    """One line of a ranking; ``item`` is a Standing or an Entry.

    Who is being measured for the first time has no rank yet: 0.
    """

    rank: int
    item: Any
    own: bool
    streak: int = 0
    being_measured: bool = False


@dataclass(frozen=True)
class Ranking:
    """The top of a ranking, and below it the rows around the reader's own, if that is further down.

    ``own_hidden`` is the reader's own row where it isn't listed, so only the reader sees it.
    """

    top: list[Row]
    around: list[Row]
    own_hidden: Row | None = None


def by_points(scope: str, period: str, reader: Reader, cohort: Cohort | None = None) -> Ranking:
    """Rank by points, then by who had them first; ``scope`` is a stage's slug or empty.

    With a ``cohort`` its learners are ranked among themselves.
    """
    everybody = Standing.objects.filter(scope=scope, period=period).select_related("learner")
    if cohort is not None:
        everybody = everybody.filter(learner__in=learners_of(cohort))
    listed = everybody.filter(listed=True)
    ordered = listed.order_by("-points", "reached_at", "pk")
    own = everybody.filter(learner=reader).first() if isinstance(reader, User) else None

    def rank(row: Standing) -> int:
        return listed.filter(_before(row)).count() + 1

    top = list(ordered[:TOP])
    ranked = [(number, row) for number, row in enumerate(top, 1)]
    around: list[tuple[int, Standing]] = []
    if own is not None and own.listed and own not in top:
        place = rank(own)
        start = max(TOP, place - 1 - NEIGHBOURS)
        near = _slice(ordered, start, place + NEIGHBOURS)
        around = [(number, row) for number, row in enumerate(near, start + 1)]
    hidden = [(rank(own), own)] if own is not None and not own.listed else []
    streaks = _streaks([row.learner_id for _, row in (*ranked, *around, *hidden)])
    made = [
        [Row(number, row, row == own, streaks.get(row.learner_id, 0)) for number, row in part]
        for part in (ranked, around, hidden)
    ]
    return Ranking(made[0], made[1], next(iter(made[2]), None))


def _before(row: Standing) -> Q:
    """Return what comes before ``row``; the first condition is for the index."""
    earlier = Q(reached_at__lt=row.reached_at) | Q(reached_at=row.reached_at, pk__lt=row.pk)
    return Q(points__gte=row.points) & (Q(points__gt=row.points) | earlier)


def _slice(ordered: QuerySet[_M], start: int, stop: int) -> list[_M]:
    """Return ``ordered[start:stop]``; only keys are skipped, not rows with all that is joined."""
    keys = list(ordered.values_list("pk", flat=True)[start:stop])
    return list(ordered.filter(pk__in=keys))


def _streaks(learners: Sequence[int]) -> dict[int, int]:
    """Return the streaks that have not ended: the last day is yesterday or today."""
    yesterday = timezone.now().astimezone(UTC).date() - timedelta(days=1)
    going_on = Streak.objects.filter(learner__in=learners, last_day__gte=yesterday)
    return dict(going_on.values_list("learner", "days"))


def by_speed(exercise: Exercise, reader: Reader, cohort: Cohort | None = None) -> Ranking:
    """Rank by the upper end of the ratio's interval: by the speed that is sure.

    A rank is one more than how many are surely faster, whose whole interval lies below. So those
    whose intervals overlap with the fastest's are all first. At the top, the last of the surely
    faster must also have won a duel; else they share a rank. With a ``cohort`` its learners are
    ranked among themselves.
    """
    everybody = _timed(exercise, cohort).select_related("learner")
    shown = everybody.filter(state=Entry.State.SHOWN, listed=True)
    ordered = shown.order_by("ratio_high", "pk")
    own = everybody.filter(learner=reader).first() if isinstance(reader, User) else None
    coming = _being_measured(exercise, reader)
    top = list(ordered[:TOP])
    around: list[Entry] = []
    if own is not None and _counts(own) and own not in top:
        ahead = shown.filter(
            Q(ratio_high__lte=own.ratio_high),
            Q(ratio_high__lt=own.ratio_high) | Q(pk__lt=own.pk),
        ).count()
        around = _slice(ordered, max(TOP, ahead - NEIGHBOURS), ahead + 1 + NEIGHBOURS)
    own_hidden = [own] if own is not None and not _counts(own) else []
    highs = [entry.ratio_high or 0.0 for entry in top]  # never null here
    shared = _shared_ranks(top[:DUELLISTS])
    faster = shown.aggregate(
        **{
            str(entry.pk): Count("pk", filter=Q(ratio_high__lt=entry.ratio_low))
            for entry in (*around, *own_hidden)
        }
    )

    def rank(entry: Entry) -> int:
        low = entry.ratio_low or 0.0
        if highs and low <= highs[-1]:
            above = shared.get(entry.pk)
            return rank(above) if above else sum(high < low for high in highs) + 1
        return int(faster[str(entry.pk)]) + 1

    def rows(entries: list[Entry]) -> list[Row]:
        return [
            Row(
                rank(entry), entry, entry == own, being_measured=entry == own and coming is not None
            )
            for entry in entries
        ]

    first = Row(0, coming, True, being_measured=True) if coming and own is None else None
    return Ranking(rows(top), rows(around), next(iter(rows(own_hidden)), first))


def _being_measured(exercise: Exercise, reader: Reader) -> Entry | None:
    """Return the reader's entry if it awaits a speed."""
    if not isinstance(reader, User):
        return None
    pending = Measurement.objects.filter(
        state=Measurement.State.PENDING,
        run__submission__learner=reader,
        run__submission__version__exercise=exercise,
    )
    entries = Entry.objects.filter(learner=reader, exercise=exercise).select_related("learner")
    return entries.first() if pending.exists() else None


def measurements_due() -> list[str]:
    """Return the queues in which runs wait to be measured."""
    due = Measurement.objects.filter(
        state=Measurement.State.PENDING, next_try_at__lte=timezone.now()
    )
    return list(due.values_list("run__queue", flat=True).distinct())


def _timed(exercise: Exercise | int, cohort: Cohort | int | None) -> QuerySet[Entry]:
    entries = Entry.objects.filter(exercise=exercise, ratio__isnull=False)
    return entries if cohort is None else entries.filter(learner__in=learners_of(cohort))


def _last_faster(top: list[Entry]) -> dict[Entry, Entry]:
    """Return, for whom somebody is surely faster than, the last of those; ``top`` is in order."""
    found = {}
    for entry in top:
        faster = [one for one in top if (one.ratio_high or 0.0) < (entry.ratio_low or 0.0)]
        if faster:
            found[entry] = faster[-1]
    return found


def _shared_ranks(top: list[Entry]) -> dict[int, Entry]:
    """Return who shares the rank of whom, by primary key, for want of a duel that was won."""
    pairs = _last_faster(top)
    fought = Duel.objects.filter(first__in=[one.run_id for one in pairs.values()], high__lt=WON)
    won = set(fought.values_list("first", "second"))
    return {
        entry.pk: above for entry, above in pairs.items() if (above.run_id, entry.run_id) not in won
    }


def duels_to_fight() -> list[tuple[GradingRun, GradingRun]]:
    """Return the pairs of runs that never met, at the top of an exercise that somebody was measured
    in lately, also within the cohorts that they are in."""
    pairs = dict[tuple[Any, Any], tuple[GradingRun, GradingRun]]()
    for exercise, cohort in _recently_measured():
        shown = _timed(exercise, cohort).filter(state=Entry.State.SHOWN, listed=True)
        top = shown.select_related("run").only("ratio_low", "ratio_high", "run__queue")
        top = top.order_by("ratio_high", "pk")[:DUELLISTS]
        for entry, above in _last_faster(list(top)).items():
            pairs[above.run_id, entry.run_id] = above.run, entry.run
    fought = Duel.objects.filter(second__in=[second for _, second in pairs])
    met = set(fought.values_list("first", "second"))
    return [pair for keys, pair in pairs.items() if keys not in met]


def _recently_measured() -> list[tuple[int, int | None]]:
    """Return the exercises with a new speed: each for all, then for the cohorts of who has it."""
    recent = Entry.objects.filter(
        measured_at__gte=timezone.now() - RECENT, state=Entry.State.SHOWN, listed=True
    )
    learners = Enrollment.objects.filter(role=Enrollment.Role.LEARNER)
    within = learners.filter(person__entry__in=recent)
    everywhere = recent.values_list("exercise", flat=True).distinct()
    cohorts = within.values_list("person__entry__exercise", "cohort").distinct()
    return [*((exercise, None) for exercise in everywhere), *cohorts]


def _counts(entry: Entry) -> bool:
    return entry.listed and entry.state == Entry.State.SHOWN


def to_rule(exercise: Exercise) -> list[Entry]:
    """Return what an instructor may want to rule on: what doesn't count now, and the fastest."""
    entries = Entry.objects.filter(exercise=exercise).order_by("ratio_high")
    entries = entries.select_related("learner").prefetch_related("rulings__by")
    waiting = entries.exclude(state=Entry.State.SHOWN).order_by("-measured_at")[:HELD]
    return [*waiting, *entries.filter(state=Entry.State.SHOWN, ratio__isnull=False)[:FASTEST]]
