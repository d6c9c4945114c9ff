"""The Celery tasks: an id in, one call of a service."""

from __future__ import annotations

import os
from uuid import UUID

from celery import shared_task
from django.conf import settings

from grading import duels, worker
from grading.runs import grade_run
from leaderboard import selectors as leaderboard
from leaderboard.models import Duel
from leaderboard.services import record_duel
from submissions import services
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
        duel.apply_async(pair, queue=first.queue, expires=settings.GRADING_DUELS_SECONDS)


@shared_task(name="grading.tasks.duel")
def duel(first_id: str, second_id: str) -> None:
    """Measure one run's code against another's. What fails is called again."""
    runs = GradingRun.objects.select_related("submission__version")
    first, second = runs.get(pk=first_id), runs.get(pk=second_id)
    met = Duel.objects.filter(first=first, second=second).exists()
    if not met and not worker.drifting.is_set():
        record_duel(first, second, duels.measure(worker.engine(), first, second))
