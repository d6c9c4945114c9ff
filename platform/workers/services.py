"""What happens to what the site knows of its workers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from workers.models import Worker

SILENT_S = 90
"""After so many seconds without a sign of life a worker counts as gone."""


def record_examination(
    host: str, backend: str, findings: list[dict[str, Any]], fault: str = "", gpu: str = ""
) -> Worker:
    """Keep what a worker's self-test found, in place of what was known of it."""
    now = timezone.now()
    found = {"examined_at": now, "seen_at": now, "findings": findings, "fault": fault}
    worker, _ = Worker.objects.update_or_create(host=host, backend=backend, gpu=gpu, defaults=found)
    return worker


def record_seen(*, host: str, backend: str, gpu: str) -> None:
    """Note a sign of life."""
    known = Worker.objects.filter(host=host, backend=backend, gpu=gpu)
    known.update(seen_at=timezone.now())


def record_fault(*, host: str, backend: str, gpu: str, fault: str) -> None:
    """Note why a worker takes no more work, for the staff's page."""
    known = Worker.objects.filter(host=host, backend=backend, gpu=gpu)
    known.update(fault=fault)


def record_canary(*, host: str, backend: str, gpu: str, measured: dict[str, Any]) -> None:
    """Keep what the reference against itself came to, for the staff's page."""
    known = Worker.objects.filter(host=host, backend=backend, gpu=gpu)
    known.update(canary={**measured, "at": timezone.now().isoformat()})


def gpu_at_work() -> bool:
    """Return whether a worker with a GPU takes work just now."""
    return any(worker.gpu for worker in _at_work())


def at_work_beside(host: str) -> bool:
    """Return whether a worker takes work just now on another host."""
    return any(worker.host != host for worker in _at_work())


def keeps_time_beside(host: str) -> bool:
    """Return whether a worker whose clock doesn't drift takes work just now on another host."""
    return any(worker.host != host and not worker.drifts for worker in _at_work())


def _at_work() -> list[Worker]:
    since = timezone.now() - timedelta(seconds=SILENT_S)
    return [worker for worker in Worker.objects.filter(seen_at__gte=since) if not worker.broken]
