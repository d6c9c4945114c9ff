"""Two at once: workers, tabs, and the one that looks for dead workers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest
from django.db import connection
from pytest_django import Settings

from accounts.models import User
from curriculum.models import Exercise
from submissions import errors, services
from submissions.models import Draft, GradingRun, Submission
from submissions.services import Claim, reaper
from submissions.states import State
from submissions.verdicts import Verdict
from tests.submissions.conftest import MakeRun, Submit, claimed, expire_leases

T = TypeVar("T")
THREADS = 16
PLAN = [{"name": "test_a", "title": {"en": "A", "zh": "甲"}, "max_points": 1.0}]

in_threads = pytest.mark.django_db(transaction=True)


def rounds() -> int:
    """Return how often a race is run: writers of SQLite wait for each other anyway."""
    return 40 if connection.vendor == "postgresql" else 8


def at_once(work: Callable[[int], T], threads: int = THREADS) -> list[T]:
    """Call ``work`` in that many threads at the same moment, each with a connection of its own."""
    start = threading.Barrier(threads)

    def run(number: int) -> T:
        try:
            connection.ensure_connection()
            start.wait()
            return work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, range(threads)))


@in_threads
def test_sixteen_deliveries_of_a_message_find_one_worker(submit: Submit) -> None:
    for _ in range(rounds()):
        run = submit().runs.get()
        claims = at_once(lambda _, pk=run.pk: services.claim(pk))
        (winner,) = filter(None, claims)
        run.refresh_from_db()
        assert (run.attempt, run.claim_token) == (1, winner.token)
        assert services.record_verdict(winner, verdict=Verdict.ACCEPTED, score=1, max_score=1)


@in_threads
def test_a_verdict_and_a_takeover_never_both_happen(make_run: MakeRun) -> None:
    for _ in range(rounds()):
        run = make_run()
        slow = claimed(run)
        expire_leases()

        def work(number: int, slow: Claim = slow) -> bool:
            if number % 2:
                return services.requeue_expired() == 1
            return services.record_verdict(slow, verdict=Verdict.ACCEPTED, score=1, max_score=1)

        won = at_once(work, 6)
        run.refresh_from_db()
        assert won.count(True) == 1
        assert run.state == (State.QUEUED if True in won[1::2] else State.GRADED)
        services.cancel(run)


@in_threads
def test_a_cancellation_is_never_forgotten(make_run: MakeRun) -> None:
    for _ in range(rounds()):
        run = make_run()
        claim, _ = at_once(
            lambda number, run=run: services.cancel(run) if number else services.claim(run.pk), 2
        )
        run.refresh_from_db()
        if claim is None:
            assert run.state == State.CANCELLED
        else:
            assert services.renew(claim) is True
            assert services.record_cancelled(claim)


@in_threads
def test_many_tabs_together_keep_to_the_limit(submit: Submit, settings: Settings) -> None:
    settings.SUBMISSIONS_MAX_WAITING = 3

    def send(_: int) -> bool:
        try:
            submit()
        except errors.TooManyWaiting:
            return False
        return True

    for _ in range(max(2, rounds() // 8)):
        assert at_once(send, 8).count(True) == 3
        assert GradingRun.objects.filter(state=State.QUEUED).count() == 3
        Submission.objects.all().delete()


@in_threads
def test_no_line_of_two_devices_is_lost(learner: User, exercise: Exercise) -> None:
    """Each writes its lines at the end of what it last saw, as pages do after a conflict."""

    def write(number: int) -> None:
        seen, revision = "", 0
        for line in (f"{number}.{count}\n" for count in range(8)):
            while True:
                try:
                    saved = services.save_draft(
                        learner=learner, exercise=exercise, source=seen + line, revision=revision
                    )
                except services.DraftConflict as conflict:
                    seen, revision = conflict.draft.source, conflict.draft.revision
                else:
                    seen, revision = saved.source, saved.revision
                    break

    at_once(write, 4)
    lines = Draft.objects.get().source.splitlines()
    assert sorted(lines) == sorted(f"{a}.{b}" for a in range(4) for b in range(8))


def test_a_save_never_tells_the_revision_of_another_save(
    learner: User, exercise: Exercise, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the page would go on from a text that it never had, and overwrite it."""
    services.save_draft(learner=learner, exercise=exercise, source="a", revision=0)
    look_again = Draft.refresh_from_db

    def another_was_quicker(draft: Draft) -> None:
        Draft.objects.filter(pk=draft.pk).update(source="another's", revision=3)
        look_again(draft)

    monkeypatch.setattr(Draft, "refresh_from_db", another_was_quicker)
    saved = services.save_draft(learner=learner, exercise=exercise, source="b", revision=1)
    assert (saved.source, saved.revision) == ("b", 2)


def test_a_verdict_at_the_last_moment_stands(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run()
    claim = claimed(run)
    expire_leases()
    decide = reaper._after_lost_worker

    def graded_meanwhile(lost: GradingRun) -> State:
        services.record_verdict(claim, verdict=Verdict.ACCEPTED, score=1, max_score=1)
        return decide(lost)

    monkeypatch.setattr(reaper, "_after_lost_worker", graded_meanwhile)
    assert services.requeue_expired() == 0
    run.refresh_from_db()
    assert run.verdict == Verdict.ACCEPTED


@pytest.mark.parametrize(
    "record",
    [
        services.renew,
        lambda claim: services.record_plan(claim, PLAN),
        lambda claim: services.record_started(claim, "test_a"),
        lambda claim: services.record_outcome(claim, name="test_a", kind="passed"),
        lambda claim: services.record_diagnosis(claim, "test_a", {"en": "x", "zh": "x"}),
        lambda claim: services.record_notebook(claim, []),
    ],
    ids=["renew", "plan", "started", "outcome", "diagnosis", "notebook"],
)
def test_a_slow_worker_that_records_something_counts_as_alive(
    make_run: MakeRun, record: Callable[[Claim], Any]
) -> None:
    claim = claimed(make_run())
    services.record_plan(claim, PLAN)
    expire_leases()
    record(claim)
    assert services.requeue_expired() == 0
    assert GradingRun.objects.get().claim_token == claim.token


@pytest.mark.parametrize(
    "give_up",
    [services.hand_back, lambda claim: services.record_fault(claim, "the disk is full")],
    ids=["handed back", "fault"],
)
def test_a_run_that_waits_again_keeps_its_place_and_its_cancellation(
    make_run: MakeRun, give_up: Callable[[Claim], bool]
) -> None:
    run = make_run()
    claim = claimed(run)
    services.cancel(run)
    assert give_up(claim)
    after = GradingRun.objects.get()
    assert (after.state, after.queued_at) == (State.QUEUED, run.queued_at)
    assert services.renew(claimed(run)) is True  # who takes it next is told at once
