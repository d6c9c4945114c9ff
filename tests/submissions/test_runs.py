"""A run's way from the queue to its end, whatever happens to the workers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import product
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from pytest_django import Settings

from submissions import services
from submissions.models import GradingRun
from submissions.services import Claim, ClaimLost, moves, reaper
from submissions.states import FINAL, TRANSITIONS, InvalidTransition, State
from submissions.verdicts import Verdict
from tests.submissions.conftest import Bells, MakeRun, claimed, expire_leases

TITLE = {"en": "One", "zh": "一"}
PLAN = [
    {"name": "test_one", "title": TITLE, "max_points": 2.0},
    {"name": "test_two", "title": TITLE, "max_points": 1.0},
]
ENDS: dict[str, Callable[[Claim], bool]] = {
    "verdict": lambda claim: accept(claim),
    "cancelled": services.record_cancelled,
    "handed back": services.hand_back,
    "fault": lambda claim: services.record_fault(claim, "OSError: no space left"),
}
RECORDS: dict[str, Callable[[Claim], Any]] = {
    "renew": services.renew,
    "plan": lambda claim: services.record_plan(claim, PLAN),
    "started": lambda claim: services.record_started(claim, "test_one"),
    "outcome": lambda claim: services.record_outcome(claim, name="test_one", kind="passed"),
    "diagnosis": lambda claim: services.record_diagnosis(claim, "test_one", TITLE),
    "notebook": lambda claim: services.record_notebook(claim, [{"output": "x"}]),
}


def accept(claim: Claim) -> bool:
    return services.record_verdict(claim, verdict=Verdict.ACCEPTED, score=3, max_score=3)


def reject(claim: Claim, *, more_follows: bool = False) -> bool:
    return services.record_verdict(
        claim, verdict=Verdict.WRONG_ANSWER, score=0, max_score=3, more_follows=more_follows
    )


def now(run: GradingRun) -> GradingRun:
    return GradingRun.objects.get(pk=run.pk)


# Claims


def test_a_claim_takes_a_waiting_run(make_run: MakeRun, settings: Settings) -> None:
    settings.GRADING_LEASE_SECONDS = 30
    run = make_run()
    claim = claimed(run)
    after = now(run)
    assert (after.state, after.attempt, after.claim_token) == (State.RUNNING, 1, claim.token)
    assert after.started_at is not None and after.lease_expires_at is not None
    assert after.lease_expires_at - after.started_at == timedelta(seconds=30)


def test_a_second_delivery_finds_nothing_to_claim(make_run: MakeRun) -> None:
    run = make_run()
    claim = claimed(run)
    assert services.claim(run.pk) is None
    assert now(run).claim_token == claim.token
    accept(claim)
    assert services.claim(run.pk) is None
    assert (now(run).verdict, now(run).attempt) == (Verdict.ACCEPTED, 1)


def test_a_message_about_an_unknown_run_is_harmless(db: None) -> None:
    assert services.claim(uuid4()) is None


def test_a_renewed_lease_ends_later(make_run: MakeRun) -> None:
    run = make_run()
    claim = claimed(run)
    expire_leases()
    services.renew(claim)
    lease = now(run).lease_expires_at
    assert lease is not None and lease > timezone.now()


# Workers that come back late


@pytest.mark.parametrize("end", ENDS)
def test_a_late_worker_cannot_overwrite_a_verdict(make_run: MakeRun, end: str) -> None:
    run = make_run()
    slow = claimed(run)
    expire_leases()
    assert services.requeue_expired() == 1
    quick = claimed(run)
    services.record_plan(quick, PLAN)
    assert accept(quick)
    before = GradingRun.objects.filter(pk=run.pk).values().get()
    assert ENDS[end](slow) is False
    assert GradingRun.objects.filter(pk=run.pk).values().get() == before
    assert run.outcomes.count() == 2


@pytest.mark.parametrize("end", ENDS)
def test_a_late_worker_cannot_end_anothers_attempt(make_run: MakeRun, end: str) -> None:
    run = make_run()
    slow = claimed(run)
    expire_leases()
    services.requeue_expired()
    quick = claimed(run)
    services.record_plan(quick, PLAN)
    assert ENDS[end](slow) is False
    assert (now(run).state, now(run).claim_token) == (State.RUNNING, quick.token)
    assert run.outcomes.count() == 2
    assert accept(quick)


@pytest.mark.parametrize("record", RECORDS)
def test_whatever_a_late_worker_records_is_refused(make_run: MakeRun, record: str) -> None:
    run = make_run()
    slow = claimed(run)
    services.record_plan(slow, PLAN)
    expire_leases()
    services.requeue_expired()
    quick = claimed(run)
    services.record_plan(quick, PLAN[:1])
    with pytest.raises(ClaimLost):
        RECORDS[record](slow)
    assert list(run.outcomes.values_list("name", "kind", "diagnosis")) == [
        ("test_one", "waiting", None)
    ]
    assert now(run).notebook is None


@pytest.mark.parametrize("record", RECORDS)
def test_nothing_is_recorded_after_the_end(make_run: MakeRun, record: str) -> None:
    claim = claimed(make_run())
    services.record_plan(claim, PLAN)
    accept(claim)
    with pytest.raises(ClaimLost):
        RECORDS[record](claim)


# Outcomes


EXPLAINS = {"renew", "diagnosis", "notebook"}


@pytest.mark.parametrize("record", RECORDS)
def test_who_gave_the_verdict_may_explain_it_and_nothing_else(
    make_run: MakeRun, record: str
) -> None:
    claim = claimed(make_run())
    services.record_plan(claim, PLAN)
    reject(claim, more_follows=True)
    assert now(claim.run).is_final and not now(claim.run).is_settled
    if record in EXPLAINS:
        RECORDS[record](claim)
    else:
        with pytest.raises(ClaimLost):
            RECORDS[record](claim)
    assert not any(end(claim) for end in ENDS.values())
    assert now(claim.run).verdict == Verdict.WRONG_ANSWER
    services.record_explained(claim)
    assert now(claim.run).is_settled
    with pytest.raises(ClaimLost):
        RECORDS[record](claim)


def test_a_verdict_whose_worker_died_while_explaining_it_is_settled_by_and_by(
    make_run: MakeRun, settings: Settings
) -> None:
    settings.GRADING_LEASE_SECONDS = 0
    claim = claimed(make_run())
    reject(claim, more_follows=True)
    assert now(claim.run).is_settled
    assert services.requeue_expired() == 0


def test_outcomes_appear_one_by_one(make_run: MakeRun) -> None:
    run = make_run()
    claim = claimed(run)
    services.record_plan(claim, PLAN)
    one, two = run.outcomes.all()
    assert (one.name, one.kind, one.max_points) == ("test_one", "waiting", 2.0)
    services.record_started(claim, "test_one")
    services.record_outcome(
        claim, name="test_one", kind="wrong_answer", seconds=0.5, message=TITLE, output="hi"
    )
    services.record_diagnosis(claim, "test_one", TITLE)
    services.record_started(claim, "test_two")
    one.refresh_from_db()
    two.refresh_from_db()
    assert (one.kind, one.seconds, one.output, one.diagnosis) == ("wrong_answer", 0.5, "hi", TITLE)
    assert (two.kind, two.diagnosis) == ("running", None)


def test_a_new_plan_wipes_what_an_earlier_attempt_found(make_run: MakeRun) -> None:
    run = make_run()
    claim = claimed(run)
    services.record_plan(claim, PLAN)
    services.record_outcome(claim, name="test_one", kind="passed", output="of the first attempt")
    services.record_plan(claim, PLAN)
    assert list(run.outcomes.values_list("kind", "output")) == [("waiting", "")] * 2


def test_a_run_that_waits_again_shows_no_old_outcomes(make_run: MakeRun) -> None:
    run = make_run()
    services.record_plan(claimed(run), PLAN)
    expire_leases()
    services.requeue_expired()
    assert not run.outcomes.exists()


# Ends


def test_a_verdict_ends_the_run(make_run: MakeRun) -> None:
    run = make_run()
    assert services.record_verdict(
        claimed(run),
        verdict=Verdict.PARTIALLY_ACCEPTED,
        score=2,
        max_score=3,
        timings={"total": 1.5},
        receipt={"seed": 7},
    )
    after = now(run)
    assert (after.state, after.verdict) == (State.GRADED, Verdict.PARTIALLY_ACCEPTED)
    assert (after.score, after.timings, after.receipt) == (2, {"total": 1.5}, {"seed": 7})
    assert after.graded_at is not None
    assert after.is_final and after.passed


def test_a_fault_of_ours_is_tried_again_and_never_a_verdict(
    make_run: MakeRun, settings: Settings
) -> None:
    settings.GRADING_MAX_ATTEMPTS = 3
    run = make_run()
    for attempt in (1, 2):
        claim = claimed(run)
        services.record_plan(claim, PLAN)
        assert services.record_fault(claim, "OSError: no space left")
        after = now(run)
        assert (after.state, after.attempt, after.verdict) == (State.QUEUED, attempt, "")
        assert not run.outcomes.exists()
    assert services.record_fault(claimed(run), "OSError: " + "x" * 9000)
    after = now(run)
    assert (after.state, after.verdict) == (State.ERRORED, "")
    assert after.receipt["fault"].startswith("OSError: ")
    assert len(after.receipt["fault"]) == 2000


def test_a_run_that_is_handed_back_has_lost_no_attempt_and_no_place(
    make_run: MakeRun, settings: Settings
) -> None:
    settings.GRADING_MAX_ATTEMPTS = 1
    run = make_run()
    for _ in range(3):
        assert services.hand_back(claimed(run))
    after = now(run)
    assert (after.state, after.attempt, after.queued_at) == (State.QUEUED, 0, run.queued_at)
    assert accept(claimed(run))


# Cancelling


def test_a_waiting_run_is_cancelled_at_once(make_run: MakeRun) -> None:
    run = make_run()
    services.cancel(run)
    assert now(run).state == State.CANCELLED
    assert services.claim(run.pk) is None


def test_the_worker_of_a_running_run_is_asked_to_stop(make_run: MakeRun) -> None:
    run = make_run()
    claim = claimed(run)
    assert services.renew(claim) is False
    services.cancel(run)
    assert now(run).state == State.RUNNING
    assert services.renew(claim) is True
    assert services.record_cancelled(claim)
    assert now(run).state == State.CANCELLED


@pytest.mark.parametrize("state", sorted(FINAL))
def test_cancelling_what_has_ended_does_nothing(make_run: MakeRun, state: State) -> None:
    ended: dict[str, Any] = {"state": state}
    if state == State.GRADED:
        ended |= {"verdict": Verdict.ACCEPTED, "graded_at": timezone.now()}
    run = make_run()
    GradingRun.objects.update(**ended)
    services.cancel(run)
    assert (now(run).state, now(run).cancel_requested) == (state, False)


# Workers that died, messages that got lost


def test_a_dead_workers_run_waits_again(make_run: MakeRun) -> None:
    run, well = make_run(), make_run()
    claimed(run)
    expire_leases()
    claimed(well)
    assert services.requeue_expired() == 1
    after = now(run)
    assert (after.state, after.attempt, after.claim_token) == (State.QUEUED, 1, None)
    assert after.queued_at == run.queued_at  # its place in the queue
    assert now(well).state == State.RUNNING
    assert services.requeue_expired() == 0


@pytest.mark.django_db(transaction=True)
def test_a_run_that_waits_again_after_long_is_sent_once_and_not_as_a_lost_message(
    make_run: MakeRun, bells: Bells
) -> None:
    run = make_run()
    GradingRun.objects.update(enqueued_at=timezone.now() - timedelta(hours=1))
    claimed(run)
    expire_leases()
    bells.enqueued.clear()
    assert services.requeue_expired() == 1
    assert services.requeue_expired() == 0
    assert bells.enqueued == [(run.pk, "cpu")]


def test_a_dead_workers_run_that_was_cancelled_meanwhile_ends(make_run: MakeRun) -> None:
    run = make_run()
    claimed(run)
    services.cancel(run)
    expire_leases()
    assert services.requeue_expired() == 1
    assert now(run).state == State.CANCELLED


def test_a_run_that_kills_its_workers_ends_as_an_internal_error(
    make_run: MakeRun, settings: Settings
) -> None:
    settings.GRADING_MAX_ATTEMPTS = 2
    run = make_run()
    for expected in (State.QUEUED, State.ERRORED):
        claimed(run)
        expire_leases()
        services.requeue_expired()
        assert now(run).state == expected
    assert services.claim(run.pk) is None


def test_a_lease_renewed_at_the_last_moment_is_not_taken(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run()
    claim = claimed(run)
    expire_leases()
    decide = reaper._after_lost_worker

    def renewed_meanwhile(lost: GradingRun) -> State:
        services.renew(claim)
        return decide(lost)

    monkeypatch.setattr(reaper, "_after_lost_worker", renewed_meanwhile)
    assert services.requeue_expired() == 0
    assert now(run).claim_token == claim.token
    assert accept(claim)


def test_a_message_that_got_lost_is_sent_again_after_a_while(
    make_run: MakeRun, bells: Bells, settings: Settings
) -> None:
    settings.GRADING_RESEND_SECONDS = 30
    run, young = make_run(), make_run()
    assert services.requeue_expired() == 0
    long_ago = timezone.now() - timedelta(seconds=31)
    GradingRun.objects.exclude(pk=young.pk).update(enqueued_at=long_ago)
    assert services.requeue_expired() == 1
    assert bells.enqueued == [(run.pk, "cpu")]
    assert now(run).state == State.QUEUED
    assert services.requeue_expired() == 0  # not again at once


def test_lost_messages_are_sent_again_a_few_at_a_time_the_oldest_first(
    make_run: MakeRun,
    bells: Bells,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reaper, "RESENT_AT_ONCE", 3)
    long_ago = timezone.now() - timedelta(hours=1)
    ages = [4, 1, 3, 0, 2]
    runs = [make_run() for _ in ages]
    for run, age in zip(runs, ages, strict=True):
        GradingRun.objects.filter(pk=run.pk).update(
            enqueued_at=long_ago, queued_at=long_ago - timedelta(minutes=age)
        )
    expected = [(runs[ages.index(age)].pk, "cpu") for age in (4, 3, 2, 1, 0)]
    assert services.requeue_expired() == 3
    assert bells.enqueued == expected[:3]
    assert services.requeue_expired() == 2
    assert bells.enqueued == expected


@pytest.mark.django_db(transaction=True)
def test_workers_hear_of_each_run_that_waits_again_and_pages_of_each_change(
    make_run: MakeRun, bells: Bells
) -> None:
    run = make_run()
    message = (run.pk, "cpu")
    assert bells.enqueued == [message]
    services.hand_back(claimed(run))
    services.record_fault(claimed(run), "x")
    claimed(run)
    expire_leases()
    services.requeue_expired()
    assert bells.enqueued == [message] * 4
    claim = claimed(run)
    services.record_plan(claim, PLAN)
    services.record_started(claim, "test_one")
    services.cancel(run)
    services.record_cancelled(claim)
    assert bells.enqueued == [message] * 4
    assert set(bells.announced) == {run.submission_id}
    assert (
        len(bells.announced) == 4 + 3 + 4
    )  # claims; back into the queue; plan, start, cancel, end


# The table


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (source, target)
        for source, target in product(State, State)
        if target not in TRANSITIONS[source]
    ],
)
def test_a_move_that_is_not_in_the_table_is_refused(db: None, source: State, target: State) -> None:
    with pytest.raises(InvalidTransition):
        moves.move(GradingRun.objects.all(), source, target)


def test_every_state_is_in_the_table_and_final_ones_stay() -> None:
    assert set(TRANSITIONS) == set(State)
    assert {State.GRADED, State.ERRORED, State.CANCELLED} == FINAL
