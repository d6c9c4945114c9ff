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

from celery.signals import (
    task_postrun,
    worker_init,
    worker_ready,
    worker_shutdown,
    worker_shutting_down,
)
from django.conf import settings
from django.db import DatabaseError, connection

from curriculum.manifest import ManifestError
from grading import canary
from grading.engine import Engine
from grading.grader_process import InfrastructureError
from grading.sandboxes.base import SandboxUnavailable
from grading.setup import make_engine
from workers import services as workers

log = logging.getLogger(__name__)

stopping = threading.Event()
"""Set when runs that are still being graded shall go back into the queue."""

drifting = threading.Event()
"""Set while this worker's clock can't be trusted: it leaves exercises with a speed test alone."""

measuring = threading.Lock()
"""Held while a run is measured for a ranking."""

_making = threading.Lock()
_ended = threading.Event()
SIGN_OF_LIFE_S = 20.0


def _identity() -> dict[str, str]:
    """Return what tells this worker from others."""
    return {
        "host": os.uname().nodename,
        "backend": settings.SANDBOX_BACKEND,
        "gpu": settings.SANDBOX_GPU,
    }


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
        workers.record_examination(**_identity(), findings=[], fault=examined.stderr[-2000:])
        raise SystemExit(examined.stderr) from None
    worker = workers.record_examination(**_identity(), findings=findings)
    connection.close()
    for finding in findings:
        if not finding["held"]:
            log.warning("sandbox.promise %s: %s", finding["title"]["en"], finding["mend"]["en"])
    if worker.broken:
        raise SystemExit("This host's sandbox breaks a promise: see `manage.py sandbox_doctor`.")
    log.info("sandbox.examined backend=%s trusted_only=%s", worker.backend, worker.trusted_only)


@worker_ready.connect
def _warm_up(**_: Any) -> None:
    """Fill the pool before anybody waits; what is wrong with this host is said at the start."""
    engine()
    threading.Thread(target=_show_life, name="sign-of-life", daemon=True).start()
    threading.Thread(target=_watch_speed, name="canary", daemon=True).start()
    log.info("worker.warm")


def _show_life() -> None:
    while not _ended.wait(SIGN_OF_LIFE_S):
        try:
            workers.record_seen(**_identity())
        except DatabaseError as error:
            log.warning("worker.unseen error=%s", error)
        finally:
            connection.close()


def _watch_speed() -> None:
    """Each night measure the reference against itself; a worker that drifts times nobody."""
    while not _ended.wait(settings.GRADING_CANARY_HOURS * 3600):
        try:
            examine_speed()
        except (InfrastructureError, SandboxUnavailable, ManifestError, DatabaseError, OSError):
            log.exception("canary.failed")
        finally:
            connection.close()


def examine_speed() -> None:
    """Measure the reference against itself, and keep what came out.

    Raises:
        InfrastructureError, SandboxUnavailable, ManifestError: it could not be measured.
    """
    measured = canary.measure(engine())
    if measured is None:
        return
    workers.record_canary(**_identity(), measured=measured)
    if measured["drifts"]:
        drifting.set()
    else:
        drifting.clear()


@task_postrun.connect
def _look_after_gpu(task: Any = None, **_: Any) -> None:
    """Give up the queue of a GPU that fell ill; runs that wait go to another worker."""
    gpu = engine().gpu if _engine.cache_info().currsize else None
    if gpu is not None and gpu.fault is not None:
        log.error("worker.drained gpu=%s fault=%s", gpu.gpu.uuid, gpu.fault)
        workers.record_fault(**_identity(), fault=gpu.fault)
        task.app.control.cancel_consumer("gpu", destination=[task.request.hostname])


@worker_shutting_down.connect
def _hand_back_later(**_: Any) -> None:
    """Let running gradings finish for a while, then hand them back."""
    timer = threading.Timer(settings.GRADING_SHUTDOWN_SECONDS, stopping.set)
    timer.daemon = True
    timer.start()


@worker_shutdown.connect
def _end(**_: Any) -> None:
    _ended.set()
    if _engine.cache_info().currsize:
        engine().close()
