"""What lives as long as a worker process: its engine, warm before the first run, and its end.

The worker runs its tasks in threads (``--pool threads``): the code that is graded, and the grader,
are processes of their own, so the threads only wait, and all share one pool of warm sandboxes.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from functools import lru_cache
from typing import Any

from celery.signals import worker_init, worker_ready, worker_shutdown, worker_shutting_down
from django.conf import settings
from django.db import connection

from grading.engine import Engine
from grading.setup import make_engine
from workers import services as workers

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


@worker_init.connect
def _examine_sandbox(**_: Any) -> None:
    """Probe every promise of the sandbox; a worker that can't keep one takes no work.

    In a process of its own: the probes talk to the sandbox as a grader does, with torch.

    Raises:
        SystemExit: a promise is broken.
    """
    host, backend = os.uname().nodename, settings.SANDBOX_BACKEND
    examined = subprocess.run(
        [sys.executable, "manage.py", "sandbox_doctor", "--json"],
        cwd=settings.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        findings = json.loads(examined.stdout)
    except ValueError:
        workers.record_examination(host, backend, [], fault=examined.stderr[-2000:])
        raise SystemExit(examined.stderr) from None
    worker = workers.record_examination(host, backend, findings)
    connection.close()
    for finding in findings:
        if not finding["held"]:
            log.warning("sandbox.promise %s: %s", finding["title"]["en"], finding["mend"]["en"])
    if worker.broken:
        raise SystemExit("This host's sandbox breaks a promise: see `manage.py sandbox_doctor`.")
    log.info("sandbox.examined backend=%s trusted_only=%s", backend, worker.trusted_only)


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
