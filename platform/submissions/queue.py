"""Doorbells: a worker hears that a run waits, a page hears that something changed.

The database is the truth. A doorbell that nobody hears is rung again by ``requeue_expired``, and
pages also look by themselves; so a broker that is away is logged, and nobody's request fails.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import Literal
from uuid import UUID

import redis
from celery import current_app
from django.conf import settings
from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)

GRADE = "grading.tasks.grade"
MEASURE = "grading.tasks.measure"
LAST = 9
"""The priority of what is taken from a queue when there is nothing else, in any queue."""
CHANGED = "submission-changed"


def enqueue(run_id: UUID, queue: str) -> None:
    """Tell the workers of ``queue`` that a run waits. By name: this process imports no grader."""
    _send(GRADE, str(run_id), queue)


def have_measured(queue: str) -> None:
    """Tell the workers of ``queue`` that a ranking lacks a speed; no verdict waits for that."""
    _send(MEASURE, queue, queue, priority=LAST)


def _send(task: str, argument: str, queue: str, priority: int = 0) -> None:
    try:
        current_app.send_task(task, args=[argument], queue=queue, retry=False, priority=priority)
    except (OperationalError, OSError) as error:
        log.warning("enqueue.failed task=%s %s error=%s", task, argument, type(error).__name__)


def channel(submission_id: UUID | Literal["*"]) -> str:
    """Return the name under which changes of a submission are published, "*" for all of them."""
    return f"submission:{submission_id}"


def announce(submission_id: UUID) -> None:
    """Tell the pages that show this submission to look again."""
    try:
        _redis().publish(channel(submission_id), CHANGED)
    except redis.RedisError as error:
        log.warning("announce.failed submission=%s error=%s", submission_id, type(error).__name__)


@lru_cache(maxsize=1)
def _redis() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=1)
