"""Runs that an unsteady machine timed: who grades them next, and what their learner is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import override

from submissions import services
from submissions.models import GradingRun
from submissions.services import may_grade
from submissions.services.claims import PATIENCE_RESENDS
from submissions.states import State
from submissions.templatetags.results import speed_line
from tests.submissions.conftest import MakeRun
from workers.models import Worker
from workers.services import SILENT_S, record_canary, record_examination


def measured_here(run: GradingRun) -> GradingRun:
    claim = services.claim(run.pk)
    assert claim is not None and services.measure_again(claim, "here")
    run.refresh_from_db()
    return run


def time_it(run: GradingRun) -> None:
    version = run.submission.version
    version.manifest["speed"] = {"limit": 1.5}
    version.save()


def test_it_waits_for_another_worker_while_there_is_one(make_run: MakeRun) -> None:
    run = make_run()
    time_it(run)
    assert may_grade(run.pk, "here", keeps_time=True)
    run = measured_here(run)
    assert run.state == State.QUEUED
    assert may_grade(run.pk, "here", keeps_time=True), "there is no other"
    record_examination("there", "bubblewrap", [])
    assert not may_grade(run.pk, "here", keeps_time=True)
    assert may_grade(run.pk, "there", keeps_time=True)
    Worker.objects.update(seen_at=timezone.now() - timedelta(seconds=SILENT_S + 1))
    assert may_grade(run.pk, "here", keeps_time=True), "the other one fell silent"


def test_whose_clock_drifts_times_nobody(make_run: MakeRun) -> None:
    run = make_run()
    assert may_grade(run.pk, "here", keeps_time=False), "nothing is timed"
    time_it(run)
    there = record_examination("there", "bubblewrap", [])
    assert not may_grade(run.pk, "here", keeps_time=False)
    assert may_grade(run.pk, "there", keeps_time=True)
    record_canary(host="there", backend="bubblewrap", gpu="", measured={"drifts": True})
    assert may_grade(run.pk, "here", keeps_time=False), "there is none whose clock is better"
    there.delete()
    assert may_grade(run.pk, "here", keeps_time=False), "there is no other"


def test_but_nobody_waits_for_ever_for_a_better_clock(make_run: MakeRun, settings: Any) -> None:
    run = make_run()
    time_it(run)
    record_examination("there", "bubblewrap", [])
    assert not may_grade(run.pk, "here", keeps_time=False)
    waited = PATIENCE_RESENDS * settings.GRADING_RESEND_SECONDS + 1
    GradingRun.objects.update(queued_at=timezone.now() - timedelta(seconds=waited))
    assert may_grade(run.pk, "here", keeps_time=False)


def test_the_page_says_that_the_limit_was_doubled() -> None:
    speed = {"kind": "ratio", "value": 2.0, "low": 1.9, "high": 2.1, "limit": 3.0}
    with override("en"):
        assert "limit was doubled" in speed_line(speed | {"drifts": True})
        assert "limit was doubled" not in speed_line(speed | {"drifts": False})


def test_the_page_says_why_it_waits_again(signed_in: Client, make_run: MakeRun) -> None:
    run = measured_here(make_run())
    page = reverse("submission", args=[run.submission_id])
    assert "unsteady while your code was timed" in signed_in.get(page).content.decode()
    assert services.claim(run.pk) is not None
    assert "unsteady while your code was timed" in signed_in.get(page).content.decode()
    signed_in.post(reverse("set_language"), {"language": "zh-hans", "next": "/"})
    assert "重新测量" in signed_in.get(page).content.decode()


def test_the_page_says_that_a_machine_of_ours_failed(signed_in: Client, make_run: MakeRun) -> None:
    run = make_run()
    page = reverse("submission", args=[run.submission_id])
    failed = "A machine of ours failed"
    claim = services.claim(run.pk)
    assert claim is not None
    assert failed not in signed_in.get(page).content.decode()
    services.record_fault(claim, "the host is gone")
    assert failed in signed_in.get(page).content.decode()
    assert services.claim(run.pk) is not None
    assert failed in signed_in.get(page).content.decode()
