"""Exact speeds, as rankings need them: of one submission, or of two against each other."""

from __future__ import annotations

import logging
import time

from curriculum.manifest import ManifestError
from grading.engine import Cancelled, Engine, Job
from grading.grader_process import InfrastructureError
from grading.report import Event, Finished, graded_in
from grading.sandboxes.base import SandboxUnavailable
from leaderboard import services
from leaderboard.models import Measurement
from submissions import selectors
from submissions.models import GradingRun, new_seed
from submissions.speeds import SpeedRecord
from submissions.verdicts import PASSING, Verdict

log = logging.getLogger(__name__)

LOOK_S = 0.5
"""Seconds between two looks at whether somebody waits for a verdict."""
DIFFERS = frozenset(
    {
        *(Verdict.WRONG_ANSWER, Verdict.TOO_SLOW, Verdict.RUNTIME_ERROR),
        *(Verdict.PROTOCOL_ERROR, Verdict.DISTURBED),
    }
)
"""What an accepted run may not get. A limit can be met on a busy host: then it is tried again."""


_FIRST_LOST: SpeedRecord = {
    "kind": "ratio",
    **dict.fromkeys(("value", "low", "high"), 10.0),  # type: ignore[typeddict-item]
    "limit": 1.0,
    "values": [],
    "forfeit": "first",
}


def duel(engine: Engine, first: GradingRun, second: GradingRun) -> SpeedRecord | None:
    """Return the interval of the first's time over the second's, if there is one.

    None when nothing came out. Who is wrong, or breaks down, has lost: so has the first that can't
    even be loaded any more.

    Raises:
        Cancelled: somebody waited for a verdict.
        InfrastructureError, SandboxUnavailable, ManifestError: grading failed.
    """
    events = _measured(engine, first, rival=second.submission.source)
    speed = _worst(events)
    began = any(isinstance(event, Finished) for event in events)
    if not began and graded_in(events).verdict in DIFFERS:
        return _FIRST_LOST
    return None if speed is None or speed.get("unranked") else speed


def measure(engine: Engine, measurement: Measurement) -> None:
    """Measure a run for its ranking. What came to nothing is tried again later."""
    run = measurement.run
    try:
        events = _measured(engine, run)
    except (InfrastructureError, SandboxUnavailable, ManifestError, OSError, Cancelled) as error:
        log.info("measure.later run=%s reason=%s", run.pk, type(error).__name__)
        return
    verdict, speed = graded_in(events).verdict, _worst(events)
    log.info("measure.done run=%s verdict=%s", run.pk, verdict)
    if verdict in PASSING and speed is not None and not speed.get("unranked"):
        services.record_measurement(measurement, speed)
    elif verdict in DIFFERS and not (speed and speed["doubtful"]):
        services.record_difference(measurement)


def _measured(engine: Engine, run: GradingRun, rival: str = "") -> list[Event]:
    version, source = run.submission.version, run.submission.source
    job = Job(
        version.path, "hidden", source, new_seed(), version.content_hash, rival=rival, exact=True
    )
    return list(engine.grade(job, cancelled=_Courtesy(run.queue)))


class _Courtesy:
    """Whether a measurement is to make room: a run waits, so no thread of this worker is free."""

    def __init__(self, queue: str) -> None:
        self._queue, self._looked = queue, time.monotonic()

    def __call__(self) -> bool:
        if time.monotonic() - self._looked < LOOK_S:
            return False
        self._looked = time.monotonic()
        return selectors.somebody_waits(self._queue, LOOK_S)


def _worst(events: list[Event]) -> SpeedRecord | None:
    """Return the ratio of the timed test in which a submission did worst."""
    found = [e.outcome.speed for e in events if isinstance(e, Finished) and e.outcome.speed]
    ratios = [speed for speed in found if speed["kind"] == "ratio"]
    return max(ratios, key=lambda speed: float(speed["high"]), default=None)
