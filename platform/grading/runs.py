"""One grading run from claim to verdict: what the engine says becomes rows as it happens."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Iterator
from uuid import UUID

from django.conf import settings
from django.db import connection

from curriculum.manifest import ManifestError
from grading.engine import Cancelled, Engine, Job
from grading.grader_process import InfrastructureError
from grading.report import Collected, Diagnosed, Event, Finished, Graded, NotebookRun, Started
from grading.sandboxes.base import SandboxUnavailable
from submissions import services
from submissions.services import Claim, ClaimLost
from submissions.verdicts import OutcomeKind, Verdict

log = logging.getLogger(__name__)

LOOK_S = 0.5
"""Seconds between two looks at whether the learner cancelled."""


class HandedBack(Exception):
    """This worker is about to stop; another one will grade the run."""


def grade_run(
    engine: Engine, run_id: UUID, stopping: threading.Event, *, drifts: bool = False
) -> None:
    """Grade a run and store its verdict. A run that isn't waiting any more is left alone.

    When ``stopping`` is set meanwhile, the run goes back into the queue. With ``drifts`` this
    machine's clock can't be trusted.
    """
    claim = services.claim(run_id)
    if claim is None:
        log.info("grade.skipped run=%s", run_id)
        return
    started = time.monotonic()
    try:
        with _kept_alive(claim) as pulse:
            end = _grade(engine, _job(claim, drifts), claim, pulse, stopping)
    except ClaimLost:
        end = "lost"
    log.info(
        "grade.done run=%s attempt=%d end=%s seconds=%.3f",
        *(run_id, claim.run.attempt, end, time.monotonic() - started),
    )


def _job(claim: Claim, drifts: bool) -> Job:
    submission = claim.run.submission
    return Job(
        exercise=submission.version.path,
        tests=submission.tests,
        source=submission.source,
        seed=claim.run.seed,
        version=submission.version.content_hash,
        probe=submission.probe,
        drifts=drifts,
    )


def _grade(engine: Engine, job: Job, claim: Claim, pulse: _Pulse, stopping: threading.Event) -> str:
    """Run the engine; return how it ended, in a word for the log."""

    def stop() -> bool:
        if stopping.is_set():
            raise HandedBack
        return pulse.cancelled()

    doubtful = False
    try:
        for event in engine.grade(job, cancelled=stop):
            doubtful |= _is_doubtful(event)
            too_slow = isinstance(event, Graded) and event.verdict == Verdict.TOO_SLOW
            if doubtful and too_slow and services.measure_again(claim, os.uname().nodename):
                return "measured_again"
            _record(claim, event)
            pulse.graded |= isinstance(event, Graded)
        if pulse.graded:
            services.record_explained(claim)
    except HandedBack:
        # After the verdict there is nothing to hand back, and nobody waits for the rest.
        services.record_explained(claim)
        return "handed_back" if services.hand_back(claim) else "graded"
    except Cancelled:
        services.record_cancelled(claim)
        return "cancelled"
    except (InfrastructureError, SandboxUnavailable, ManifestError, OSError) as error:
        log.exception("grade.fault run=%s", claim.run.pk)
        services.record_fault(claim, f"{type(error).__name__}: {error}")
        return "fault"
    return "graded"


def _is_doubtful(event: Event) -> bool:
    """Whether a test failed by the clock of a machine that was not itself."""
    return (
        isinstance(event, Finished)
        and event.outcome.kind == OutcomeKind.TOO_SLOW
        and event.outcome.speed is not None
        and bool(event.outcome.speed["doubtful"])
    )


def _record(claim: Claim, event: Event) -> None:
    match event:
        case Collected():
            tests = [
                {"name": t.name, "title": t.title, "max_points": t.points} for t in event.tests
            ]
            services.record_plan(claim, tests)
        case Started():
            services.record_started(claim, event.name)
        case Finished():
            fields = dict(vars(event.outcome))
            services.record_outcome(claim, name=fields.pop("name"), **fields)
        case Diagnosed():
            services.record_diagnosis(claim, event.name, event.hint)
        case NotebookRun():
            services.record_notebook(claim, event.cells)
        case Graded():
            recorded = services.record_verdict(
                claim,
                verdict=Verdict(event.verdict),
                score=event.score,
                max_score=event.max_score,
                message=event.message,
                timings=event.timings,
                receipt={**claim.run.receipt, **event.receipt},
                more_follows=event.more_follows,
            )
            if not recorded:
                raise ClaimLost(claim.run.pk)


class _Pulse:
    """Whether the claim still holds and the learner still wants it; asked at most every LOOK_S,
    and not any more once the run is ``graded``."""

    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        self._looked = time.monotonic()
        self.graded = False

    def cancelled(self) -> bool:
        if self.graded or time.monotonic() - self._looked < LOOK_S:
            return False
        self._looked = time.monotonic()
        return services.renew(self._claim)


@contextlib.contextmanager
def _kept_alive(claim: Claim) -> Iterator[_Pulse]:
    """Renew the lease while the engine waits for a sandbox or for its turn on the timing core."""
    done = threading.Event()

    def beat() -> None:
        try:
            while not done.wait(settings.GRADING_LEASE_SECONDS / 3):
                services.renew(claim)
        except ClaimLost:
            pass  # the grading itself finds out at its next row
        finally:
            connection.close()

    thread = threading.Thread(target=beat, name=f"lease-{claim.run.pk}", daemon=True)
    thread.start()
    try:
        yield _Pulse(claim)
    finally:
        done.set()
        thread.join()
