"""The reference against itself: what a sound worker measures is a ratio of one."""

from __future__ import annotations

import logging
import secrets
from typing import Any

from grading.engine import Engine, Job
from grading.exercises import manifests, secret_half
from grading.report import Finished

log = logging.getLogger(__name__)

BAND = 1.05
"""A worker drifts when the whole interval lies beyond this, or below its inverse."""


def measure(engine: Engine) -> dict[str, Any] | None:
    """Hand in the reference of the first exercise with a speed limit; return what was measured.

    None where no exercise has one. A measurement has ``value``, ``low``, ``high`` and ``drifts``.

    Raises:
        InfrastructureError, SandboxUnavailable: grading failed.
    """
    timed = next((m for m in manifests() if m.speed is not None and m.gpu != "required"), None)
    if timed is None:
        return None
    source = (secret_half(timed) / "reference.py").read_text(encoding="utf-8")
    found: dict[str, Any] | None = None
    for event in engine.grade(Job(timed.path, "hidden", source, secrets.randbits(63), exact=True)):
        if isinstance(event, Finished) and event.outcome.speed:
            found = {key: event.outcome.speed[key] for key in ("value", "low", "high")}
            found["drifts"] = found["low"] > BAND or found["high"] < 1 / BAND
    if found is not None:
        log.info("canary value=%.3f low=%.3f high=%.3f drifts=%s", *found.values())
    return found
