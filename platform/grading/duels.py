"""Two submissions measured against each other, call by call."""

from __future__ import annotations

from typing import Any

from grading.engine import Engine, Job
from grading.report import Finished
from submissions.models import GradingRun, new_seed


def measure(engine: Engine, first: GradingRun, second: GradingRun) -> dict[str, Any] | None:
    """Return the interval of the first's time over the second's, as ``Estimate.document`` has it.

    Of several timed tests the one where the first did worst counts. None when nothing came out.

    Raises:
        InfrastructureError, SandboxUnavailable, ManifestError: grading failed.
    """
    version = first.submission.version
    job = Job(
        version.path,
        "hidden",
        first.submission.source,
        new_seed(),
        version.content_hash,
        rival=second.submission.source,
    )
    found = [
        event.outcome.speed
        for event in engine.grade(job)
        if isinstance(event, Finished) and event.outcome.speed
    ]
    ratios = [speed for speed in found if speed["kind"] == "ratio"]
    return max(ratios, key=lambda speed: float(speed["high"]), default=None)
