"""The Celery tasks: an id in, one call of a service."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from grading import worker
from grading.runs import grade_run
from submissions import services


@shared_task(name="grading.tasks.grade")
def grade(run_id: str) -> None:
    """Grade one run. A second delivery finds nothing to claim and returns at once."""
    run = UUID(run_id)
    if worker.drifting.is_set() and services.is_timed(run):
        return  # it is sent again before long, and perhaps to another worker
    grade_run(worker.engine(), run, worker.stopping)


@shared_task(name="grading.tasks.requeue_expired")
def requeue_expired() -> None:
    """Bring back runs whose worker died, and messages that got lost."""
    services.requeue_expired()
