"""Learners and graded runs, without a worker."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from curriculum.models import Exercise
from leaderboard import selectors, services
from leaderboard.models import Measurement
from submissions import queue
from submissions.models import GradingRun, Outcome, Submission
from submissions.services.results import settle
from submissions.states import State
from submissions.verdicts import OutcomeKind, Verdict
from tests.browser.stagehand import make_exercise

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
Solve = Callable[..., GradingRun]


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "enqueue", lambda *message: None)
    monkeypatch.setattr(queue, "have_measured", lambda name: None)
    monkeypatch.setattr(queue, "announce", lambda submission_id: None)


@pytest.fixture(autouse=True)
def _noon_is_lately(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selectors, "RECENT", timezone.now() - NOON + timedelta(hours=1))


@pytest.fixture
def exercise(db: None) -> Exercise:
    return make_exercise()


@pytest.fixture
def make_learner(db: None) -> Callable[..., User]:
    numbers = count(1)

    def make(name: str = "", **fields: Any) -> User:
        return User.objects.create_user(name or f"learner{next(numbers)}", **fields)

    return make


def speed_of(value: float, width: float = 0.02) -> dict[str, Any]:
    """Return a measurement around ``value``."""
    return {
        "kind": "ratio",
        "value": value,
        "low": value * (1 - width),
        "high": value * (1 + width),
        "limit": 1.5,
        "values": [value] * 8,
    }


@pytest.fixture
def solve(exercise: Exercise) -> Solve:
    """Have a run of a learner graded, taken into account, and measured."""

    def make(
        learner: User,
        *,
        at: datetime = NOON,
        speed: dict[str, Any] | None = None,
        verdict: Verdict = Verdict.ACCEPTED,
        tests: str = "hidden",
        of: Exercise = exercise,
        told: bool = True,
        measured: bool = True,
    ) -> GradingRun:
        submission = Submission.objects.create(
            learner=learner, version=of.current_version, tests=tests, source="x"
        )
        run = GradingRun.objects.create(
            submission=submission, queue="cpu", state=State.GRADED, verdict=verdict, graded_at=at
        )
        Outcome.objects.create(
            run=run, position=1, name="t", title={}, kind=OutcomeKind.PASSED, speed=speed
        )
        settle(run)
        run.refresh_from_db(fields=["counts"])
        if told:
            services.record(run)
            pending = Measurement.objects.filter(run=run, state=Measurement.State.PENDING).first()
            if measured and pending and speed:
                services.record_measurement(pending, speed)
        return run

    return make
