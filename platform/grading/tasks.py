"""The Celery tasks: an id in, one call of a service."""

from __future__ import annotations

import contextlib
import os
from uuid import UUID

from celery import shared_task
from django.conf import settings

from grading import rankings, worker
from grading.engine import Cancelled
from grading.runs import grade_run
from leaderboard import selectors as leaderboard
from leaderboard.models import Duel
from leaderboard.services import next_measurement, record_duel
from submissions import queue, services
from submissions.models import GradingRun


@shared_task(name="grading.tasks.grade")
def grade(run_id: str) -> None:
    """Grade one run. A second delivery finds nothing to claim and returns at once."""
    run = UUID(run_id)
    drifts = worker.drifting.is_set()
    if not services.may_grade(run, os.uname().nodename, keeps_time=not drifts):
        return  # it is sent again before long, and perhaps to another worker
    grade_run(worker.engine(), run, worker.stopping, drifts=drifts)


@shared_task(name="grading.tasks.requeue_expired")
def requeue_expired() -> None:
    """Bring back runs whose worker died, and messages that got lost."""
    services.requeue_expired()


@shared_task(name="grading.tasks.call_duels")
def call_duels() -> None:
    """Have those at the top of a ranking measured against each other who never were."""
    for first, second in leaderboard.duels_to_fight():
        pair = (str(first.pk), str(second.pk))
        expires = settings.GRADING_DUELS_SECONDS
        duel.apply_async(pair, queue=first.queue, priority=queue.LAST, expires=expires)


@shared_task(name="grading.tasks.duel")
def duel(first_id: str, second_id: str) -> None:
    """Measure one run's code against another's. What fails is called again."""
    runs = GradingRun.objects.select_related("submission__version")
    first, second = runs.get(pk=first_id), runs.get(pk=second_id)
    met = Duel.objects.filter(first=first, second=second).exists()
    if not met and not worker.drifting.is_set():
        with contextlib.suppress(Cancelled):
            record_duel(first, second, rankings.duel(worker.engine(), first, second))


@shared_task(name="grading.tasks.call_measurements")
def call_measurements() -> None:
    """Have runs measured whose rankings lack their speed, if nobody does."""
    for name in leaderboard.measurements_due():
        queue.have_measured(name)


@shared_task(name=queue.MEASURE)
def measure(name: str) -> None:
    """Measure a run of a queue for its ranking, and have the next one measured.

    One at a time: the other threads of this worker are there for whoever waits for a verdict.
    """
    if worker.drifting.is_set() or not worker.measuring.acquire(blocking=False):
        return  # they are called again before long
    try:
        measurement = next_measurement(name)
        if measurement is not None:
            rankings.measure(worker.engine(), measurement)
    finally:
        worker.measuring.release()
    if measurement is not None and name in leaderboard.measurements_due():
        queue.have_measured(name)
