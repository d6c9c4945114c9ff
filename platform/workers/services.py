"""What happens to what the site knows of its workers."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from workers.models import Worker


def record_examination(
    host: str, backend: str, findings: list[dict[str, Any]], fault: str = ""
) -> Worker:
    """Keep what a worker's self-test found, in place of what was known of it."""
    worker, _ = Worker.objects.update_or_create(
        host=host,
        backend=backend,
        defaults={"examined_at": timezone.now(), "findings": findings, "fault": fault},
    )
    return worker
