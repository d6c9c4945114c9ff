"""What lives as long as a worker process: its engine, warm before the first run, and its end.

The worker runs its tasks in threads (``--pool threads``): the code that is graded, and the grader,
are processes of their own, so the threads only wait, and all share one pool of warm sandboxes.
"""

from __future__ import annotations

import logging
import threading
from functools import lru_cache
from typing import Any

from celery.signals import worker_ready, worker_shutdown, worker_shutting_down
from django.conf import settings

from grading.engine import Engine
from grading.setup import make_engine

log = logging.getLogger(__name__)

stopping = threading.Event()
"""Set when runs that are still being graded shall go back into the queue."""

_making = threading.Lock()


def engine() -> Engine:
    """Return this process's engine, which is made by the first call."""
    with _making:
        return _engine()


@lru_cache(maxsize=1)
def _engine() -> Engine:
    return make_engine()


@worker_ready.connect
def _warm_up(**_: Any) -> None:
    """Fill the pool before anybody waits; what is wrong with this host is said at the start."""
    engine()
    log.info("worker.warm")


@worker_shutting_down.connect
def _hand_back_later(**_: Any) -> None:
    """Let running gradings finish for a while, then hand them back."""
    timer = threading.Timer(settings.GRADING_SHUTDOWN_SECONDS, stopping.set)
    timer.daemon = True
    timer.start()


@worker_shutdown.connect
def _end(**_: Any) -> None:
    if _engine.cache_info().currsize:
        engine().close()
