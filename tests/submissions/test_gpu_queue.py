"""Which queue a run waits in, by whether a GPU is at work just now; and what a learner is told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from curriculum.models import Exercise
from submissions import services
from submissions.models import GradingRun
from tests.submissions.conftest import Bells, MakeRun
from workers.models import Worker
from workers.services import SILENT_S, record_examination, record_fault, record_seen

GPU_WORKER = {"host": "tesla", "backend": "docker", "gpu": "GPU-1"}
Need = Callable[[str], None]


@pytest.fixture
def need(exercise: Exercise) -> Need:
    """Say whether the exercise needs a GPU."""

    def say(gpu: str) -> None:
        version = exercise.current_version
        assert version is not None
        version.manifest["gpu"] = gpu
        version.save()

    return say


def arrive() -> None:
    record_examination(**GPU_WORKER, findings=[])


def fall_silent() -> None:
    Worker.objects.update(seen_at=timezone.now() - timedelta(seconds=SILENT_S + 1))


def test_without_a_need_a_gpu_is_not_used(make_run: MakeRun, need: Need) -> None:
    need("none")
    arrive()
    assert make_run().queue == "cpu"


def test_an_optional_gpu_is_used_while_one_is_at_work(make_run: MakeRun, need: Need) -> None:
    need("optional")
    record_examination("host", "bubblewrap", [])
    assert make_run().queue == "cpu"
    arrive()
    assert make_run().queue == "gpu"
    fall_silent()
    assert make_run().queue == "cpu"
    record_seen(**GPU_WORKER)
    assert make_run().queue == "gpu"
    record_fault(**GPU_WORKER, fault="3 uncorrected memory errors")
    assert make_run().queue == "cpu"


def test_runs_that_wait_for_a_lost_gpu_go_elsewhere_if_they_can(
    make_run: MakeRun, need: Need, bells: Bells
) -> None:
    need("optional")
    arrive()
    run = make_run()
    long = timedelta(seconds=settings.GRADING_RESEND_SECONDS + 1)
    GradingRun.objects.update(enqueued_at=timezone.now() - long)
    fall_silent()
    services.requeue_expired()
    run.refresh_from_db()
    assert run.queue == "cpu"
    assert bells.enqueued[-1] == (run.pk, "cpu")


def test_who_needs_a_gpu_waits_for_one_and_is_told_so(
    signed_in: Client, make_run: MakeRun, need: Need
) -> None:
    need("required")
    run = make_run()
    assert run.queue == "gpu"
    page = reverse("submission", args=[run.submission_id])
    assert "no worker has one at the moment" in signed_in.get(page).content.decode()
    signed_in.post(reverse("set_language"), {"language": "zh-hans", "next": "/"})
    assert "目前没有带 GPU 的 worker" in signed_in.get(page).content.decode()
    arrive()
    assert "目前没有带 GPU 的 worker" not in signed_in.get(page).content.decode()
