"""One run from claim to verdict, with an engine that says what the test tells it to."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from accounts.models import User
from curriculum.manifest import ManifestError
from grading import runs
from grading.engine import Cancelled, Job
from grading.grader_process import InfrastructureError
from grading.report import CaseResult, Collected, Diagnosed, Finished, Graded, PlannedTest, Started
from grading.runs import grade_run
from grading.sandboxes.base import SandboxUnavailable
from submissions import queue, services
from submissions.models import GradingRun
from submissions.states import State
from submissions.verdicts import Verdict
from tests.browser.stagehand import make_exercise

# grade_run has a thread that keeps the lease alive: it must see what this thread has written.
pytestmark = pytest.mark.django_db(transaction=True)

TITLE = {"en": "Adds", "zh": "相加"}
HINT = {"en": "Use +.", "zh": "用 +。"}
PLAN = Collected([PlannedTest("test_a", TITLE, 1.0), PlannedTest("test_b", TITLE, 2.0)])
PASSED = Finished(CaseResult("test_a", TITLE, "passed", 1.0, 1.0, 0.5, output="hello\n"))
FAILED = Finished(CaseResult("test_b", TITLE, "wrong_answer", 0.0, 2.0, 0.25, message=HINT))
RECEIPT = {"seed": 7, "sandbox": "fake"}
VERDICT = Graded(
    "wrong_answer", 1.0, 3.0, timings={"tests": 0.75}, receipt=RECEIPT, more_follows=True
)
EVENTS = [
    PLAN,
    Started("test_a"),
    PASSED,
    Started("test_b"),
    FAILED,
    VERDICT,
    Diagnosed("test_b", HINT, "wrong_answer/subtracts"),
]

Step = Any
"""An event to report, an exception to raise, or something to do."""


class FakeEngine:
    """Goes through its steps; asks before each whether to stop, as the real one does."""

    def __init__(self, *steps: Step) -> None:
        self.steps = steps
        self.jobs: list[Job] = []

    def grade(self, job: Job, cancelled: Callable[[], bool]) -> Iterator[Any]:
        self.jobs.append(job)
        for step in self.steps:
            if cancelled():
                raise Cancelled
            if isinstance(step, Exception):
                raise step
            if callable(step):
                step()
            else:
                yield step


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "enqueue", lambda *message: None)
    monkeypatch.setattr(queue, "announce", lambda submission_id: None)
    monkeypatch.setattr(runs, "LOOK_S", 0.0)


@pytest.fixture
def run() -> GradingRun:
    """A waiting run."""
    submission = services.submit(
        learner=User.objects.create(username="mei"),
        exercise=make_exercise(),
        tests="hidden",
        source="x = 1\n",
    )
    return submission.latest_run


def grade(run: GradingRun, *steps: Step, stopping: threading.Event | None = None) -> FakeEngine:
    """Grade with an engine that takes these steps; ``run`` is then as the database has it."""
    engine = FakeEngine(*steps)
    grade_run(engine, run.pk, stopping or threading.Event())  # type: ignore[arg-type]
    run.refresh_from_db()
    return engine


def test_the_engine_is_asked_for_what_was_submitted(run: GradingRun) -> None:
    (job,) = grade(run, *EVENTS).jobs
    version = run.submission.version
    assert (job.exercise, job.tests, job.source) == ("03-llms/attention", "hidden", "x = 1\n")
    assert job.version == version.content_hash


def test_a_verdict_is_stored_with_outcomes_and_receipt(run: GradingRun) -> None:
    grade(run, *EVENTS)
    assert (run.state, run.verdict) == (State.GRADED, Verdict.WRONG_ANSWER)
    assert (run.score, run.max_score) == (1.0, 3.0)
    assert (run.timings, run.receipt) == ({"tests": 0.75}, RECEIPT)
    first, second = run.outcomes.all()
    assert (first.name, first.kind, first.points, first.output) == (
        *("test_a", "passed", 1.0, "hello\n"),
    )
    assert (second.kind, second.message, second.diagnosis) == ("wrong_answer", HINT, HINT)
    assert [first.title, second.max_points] == [TITLE, 2.0]


def test_the_verdict_does_not_wait_for_what_explains_it(run: GradingRun) -> None:
    seen = []

    def look() -> None:
        now = GradingRun.objects.get(pk=run.pk)
        seen.append((now.verdict, now.outcomes.get(name="test_b").diagnosis, now.is_settled))

    grade(run, *EVENTS[:-1], look, EVENTS[-1], look)
    assert seen == [("wrong_answer", None, False), ("wrong_answer", HINT, False)]
    assert run.is_settled


def test_a_worker_that_stops_after_the_verdict_keeps_it(run: GradingRun) -> None:
    stopping = threading.Event()
    grade(run, *EVENTS[:-1], stopping.set, EVENTS[-1], stopping=stopping)
    assert (run.verdict, run.attempt, run.is_settled) == (Verdict.WRONG_ANSWER, 1, True)


def test_each_outcome_is_there_as_soon_as_its_test_ended(run: GradingRun) -> None:
    seen = []

    def look() -> None:
        seen.append([outcome.kind for outcome in run.outcomes.all()])

    grade(run, PLAN, look, Started("test_a"), look, PASSED, look, FAILED, look, VERDICT)
    assert seen == [
        ["waiting", "waiting"],
        ["running", "waiting"],
        ["passed", "waiting"],
        ["passed", "wrong_answer"],
    ]


@pytest.mark.parametrize(
    "fault",
    [
        InfrastructureError("the fork server ended"),
        SandboxUnavailable("no bwrap"),
        ManifestError("no such exercise"),
        OSError("the disk is full"),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_a_fault_of_ours_puts_the_run_back_into_the_queue(
    run: GradingRun, fault: Exception
) -> None:
    grade(run, PLAN, PASSED, fault)
    assert (run.state, run.verdict, run.attempt) == (State.QUEUED, "", 1)
    assert run.receipt["fault"] == f"{type(fault).__name__}: {fault}"
    assert not run.outcomes.exists()


def test_a_fault_in_the_last_attempt_is_an_internal_error(run: GradingRun, settings: Any) -> None:
    settings.GRADING_MAX_ATTEMPTS = 2
    for _ in range(2):
        grade(run, InfrastructureError("again"))
    assert (run.state, run.verdict) == (State.ERRORED, "")


def test_a_run_that_failed_for_our_fault_is_graded_at_the_next_try(run: GradingRun) -> None:
    grade(run, PLAN, PASSED, InfrastructureError("once"))
    grade(run, *EVENTS)
    assert (run.state, run.attempt, run.outcomes.count()) == (State.GRADED, 2, 2)


def too_slow(*, doubtful: bool) -> list[Step]:
    """What the engine says of a run that is slow, on a machine that was itself or not."""
    speed = {"kind": "ratio", "doubtful": doubtful}
    slow = Finished(CaseResult("test_a", TITLE, "too_slow", 0.0, 1.0, 0.5, speed=speed))
    return [PLAN, PASSED, slow, Graded("too_slow", 0.0, 3.0, receipt=RECEIPT)]


def test_who_was_timed_by_an_unsteady_machine_is_timed_again(run: GradingRun) -> None:
    grade(run, *too_slow(doubtful=True))
    assert (run.state, run.verdict, run.measured_on) == (State.QUEUED, "", [os.uname().nodename])
    assert not run.outcomes.exists()
    grade(run, *EVENTS)
    assert run.state == State.GRADED
    assert run.receipt == {**RECEIPT, "measured_on": [os.uname().nodename]}


def test_a_steady_measurement_counts_at_once(run: GradingRun) -> None:
    grade(run, *too_slow(doubtful=False))
    assert (run.state, run.verdict) == (State.GRADED, Verdict.TOO_SLOW)


def test_a_wrong_answer_needs_no_steady_machine(run: GradingRun) -> None:
    grade(run, *too_slow(doubtful=True)[:-1], VERDICT)
    assert (run.state, run.verdict) == (State.GRADED, Verdict.WRONG_ANSWER)


def test_after_the_last_attempt_what_was_measured_counts(run: GradingRun, settings: Any) -> None:
    settings.GRADING_MAX_ATTEMPTS = 2
    for _ in range(2):
        grade(run, *too_slow(doubtful=True))
    assert (run.state, run.verdict) == (State.GRADED, Verdict.TOO_SLOW)


def test_a_run_that_the_learner_cancels_meanwhile_ends_as_cancelled(run: GradingRun) -> None:
    grade(run, PLAN, PASSED, lambda: services.cancel(run), FAILED, VERDICT)
    assert (run.state, run.verdict) == (State.CANCELLED, "")


def test_a_worker_that_stops_hands_the_run_back(run: GradingRun) -> None:
    stopping = threading.Event()
    grade(run, PLAN, PASSED, stopping.set, FAILED, VERDICT, stopping=stopping)
    assert (run.state, run.attempt) == (State.QUEUED, 0)
    assert not run.outcomes.exists()


def lose(run: GradingRun) -> None:
    """Let the lease run out; another worker takes the run and finds something else."""
    past = timezone.now() - timedelta(seconds=1)
    GradingRun.objects.filter(pk=run.pk).update(lease_expires_at=past)
    services.requeue_expired()
    other = services.claim(run.pk)
    assert other is not None
    services.record_plan(other, [{"name": "test_x", "title": TITLE, "max_points": 1.0}])


@pytest.mark.parametrize(
    "late",
    [PLAN, PASSED, VERDICT, InfrastructureError("late"), OSError("late"), Cancelled()],
    ids=lambda step: type(step).__name__,
)
def test_a_worker_that_lost_its_claim_writes_nothing(
    run: GradingRun, late: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "LOOK_S", 3600.0)  # it doesn't look: its write itself must fail
    grade(run, PLAN, lambda: lose(run), late)
    assert (run.state, run.verdict, run.attempt) == (State.RUNNING, "", 2)
    assert [(o.name, o.kind) for o in run.outcomes.all()] == [("test_x", "waiting")]


def test_a_worker_that_lost_its_claim_stops_at_its_next_look(run: GradingRun) -> None:
    went_on = []
    grade(run, PLAN, lambda: lose(run), lambda: went_on.append(True))
    assert went_on == []


def test_a_second_delivery_runs_nothing(run: GradingRun) -> None:
    grade(run, *EVENTS)
    assert grade(run, *EVENTS).jobs == []
    assert run.attempt == 1


def test_a_message_about_no_run_runs_nothing() -> None:
    engine = FakeEngine(*EVENTS)
    grade_run(engine, uuid4(), threading.Event())  # type: ignore[arg-type]
    assert engine.jobs == []


def test_the_lease_is_kept_alive_while_the_engine_is_silent(run: GradingRun, settings: Any) -> None:
    settings.GRADING_LEASE_SECONDS = 1
    silence = threading.Event()

    def be_silent() -> None:
        expired = timezone.now() - timedelta(seconds=5)
        GradingRun.objects.filter(pk=run.pk).update(lease_expires_at=expired)
        for _ in range(200):
            lease = GradingRun.objects.values_list("lease_expires_at", flat=True).get(pk=run.pk)
            if lease is not None and lease > timezone.now():
                silence.set()
                return
            threading.Event().wait(0.05)

    grade(run, PLAN, be_silent, VERDICT)
    assert silence.is_set(), "nobody renewed the lease"
    assert run.state == State.GRADED
