"""One row for each worker that ever examined its sandbox."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from curriculum.languages import pick


class Worker(models.Model):
    """A worker, by host, backend and GPU, with what its last self-test found.

    ``findings`` is a list of ``{"promise", "title", "mend", "held", "fatal", "seen"}``, where title
    and mend are ``{"en", "zh"}``.
    """

    host = models.CharField(max_length=253)
    backend = models.CharField(max_length=32)
    gpu = models.CharField(max_length=80, blank=True)
    examined_at = models.DateTimeField()
    seen_at = models.DateTimeField(default=timezone.now)
    findings = models.JSONField(default=list)
    fault = models.TextField(blank=True)
    # The reference against itself: {"value", "low", "high", "drifts", "at"}, or nothing yet.
    canary = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["host", "backend", "gpu"]
        constraints = [
            models.UniqueConstraint(fields=["host", "backend", "gpu"], name="worker_once")
        ]

    def __str__(self) -> str:
        return f"{self.host} ({self.backend})"

    @property
    def broken(self) -> bool:
        """Whether it takes no work."""
        return bool(self.fault) or any(finding["fatal"] for finding in self.findings)

    @property
    def trusted_only(self) -> bool:
        """Whether its sandbox holds for trusted learners only."""
        return not self.broken and not all(finding["held"] for finding in self.findings)

    @property
    def drifts(self) -> bool:
        """Whether its clock can't be trusted, as its last look at it found."""
        return bool(self.canary.get("drifts"))

    def report(self) -> list[dict[str, object]]:
        """Return the findings in the reader's language, what doesn't hold first."""
        rows = [
            {**finding, "title": pick(finding["title"]), "mend": pick(finding["mend"])}
            for finding in self.findings
        ]
        return sorted(rows, key=lambda row: bool(row["held"]))
