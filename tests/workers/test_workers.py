"""What staff see of the workers, and that a worker with a broken sandbox doesn't start."""

from __future__ import annotations

import json
import subprocess
from functools import lru_cache
from typing import Any
from unittest.mock import MagicMock
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from grading import tasks
from grading import worker as worker_process
from grading.report import CaseResult, Finished, Graded
from workers import services
from workers.models import Worker

TIMED, UNTIMED = uuid4(), uuid4()


def finding(*, held: bool, fatal: bool = False) -> dict[str, Any]:
    return {
        "promise": "network",
        "title": {"en": "No network", "zh": "没有网络"},
        "mend": {"en": "Unplug it", "zh": "拔掉网线"},
        "held": held,
        "fatal": fatal,
        "seen": "inet <b>",
    }


@pytest.fixture
def staff(client: Client, db: None) -> Client:
    client.force_login(User.objects.create_user("ada", is_staff=True))
    return client


@pytest.mark.django_db
def test_learners_do_not_see_the_page(client: Client) -> None:
    strangers = client.get(reverse("workers"))
    assert strangers.headers["Location"].startswith(reverse("account_login"))
    client.force_login(User.objects.create_user("mei"))
    assert client.get(reverse("workers")).status_code == 403


def test_what_is_broken_comes_first_with_its_mend(staff: Client) -> None:
    services.record_examination(
        "host", "docker", [finding(held=True), finding(held=False, fatal=True)]
    )
    page = staff.get(reverse("workers")).content.decode()
    assert "Takes no work" in page
    assert "Unplug it" in page
    assert "inet &lt;b&gt;" in page
    assert page.index("Doesn't hold:") < page.index("Holds:")


def test_a_weaker_sandbox_is_for_trusted_learners_only(staff: Client) -> None:
    services.record_examination("host", "bubblewrap", [finding(held=False)])
    assert "Trusted learners only" in staff.get(reverse("workers")).content.decode()
    staff.post(reverse("set_language"), {"language": "zh-hans", "next": "/"})
    page = staff.get(reverse("workers")).content.decode()
    assert "仅限可信的学习者" in page
    assert "拔掉网线" in page


def test_a_worker_has_one_row_which_its_last_examination_replaces(staff: Client) -> None:
    services.record_examination("host", "docker", [], fault="no engine")
    services.record_examination("host", "docker", [finding(held=True)])
    (worker,) = Worker.objects.all()
    assert not worker.broken and not worker.trusted_only
    assert "Every promise holds" in staff.get(reverse("workers")).content.decode()


def examined(monkeypatch: pytest.MonkeyPatch, output: str, errors: str = "") -> None:
    done = subprocess.CompletedProcess([], 0, stdout=output, stderr=errors)
    monkeypatch.setattr("subprocess.run", lambda *_, **__: done)
    worker_process._examine_sandbox()


@pytest.mark.django_db(transaction=True)
def test_a_worker_with_a_sound_sandbox_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    examined(monkeypatch, json.dumps([finding(held=True), finding(held=False)]))
    assert Worker.objects.get().trusted_only


@pytest.mark.django_db(transaction=True)
def test_a_worker_whose_sandbox_breaks_a_promise_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="sandbox_doctor"):
        examined(monkeypatch, json.dumps([finding(held=False, fatal=True)]))
    assert Worker.objects.get().broken


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_cannot_examine_its_sandbox_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="no bwrap"):
        examined(monkeypatch, "", errors="no bwrap")
    assert Worker.objects.get().fault == "no bwrap"


class Fallen:
    """An engine whose GPU fell ill."""

    class gpu:
        fault = "GPU is lost"

        class gpu:
            uuid = "GPU-1"


@pytest.mark.django_db
def test_a_worker_whose_gpu_falls_ill_gives_up_its_queue(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.SANDBOX_GPU = "GPU-1"
    services.record_examination(**worker_process._identity(), findings=[])
    assert services.gpu_at_work()
    made = lru_cache(maxsize=1)(Fallen)
    made()
    monkeypatch.setattr(worker_process, "_engine", made)
    task = MagicMock()
    task.request.hostname = "gpu@tesla"
    worker_process._look_after_gpu(task=task)
    task.app.control.cancel_consumer.assert_called_once_with("gpu", destination=["gpu@tesla"])
    assert Worker.objects.get().fault == "GPU is lost"
    assert not services.gpu_at_work()


SPEED = {"kind": "ratio", "limit": 1.5, "values": [1.0] * 8}


class Measuring:
    """An engine whose every measurement comes out as told."""

    gpu = None

    def __init__(self, low: float, high: float) -> None:
        self.speed = {**SPEED, "value": (low * high) ** 0.5, "low": low, "high": high}
        self.sources = list[str]()

    def grade(self, job: Any) -> Any:
        self.sources.append(job.source)
        yield Finished(CaseResult("test_speed", {}, "passed", 1, 1, 1, speed=self.speed))
        yield Graded("accepted", 1, 1)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("low", "high", "drifts"),
    [(0.98, 1.01, False), (0.9, 1.2, False), (1.06, 1.1, True), (0.8, 0.9, True)],
)
def test_a_worker_that_drifts_times_nobody(
    staff: Client, monkeypatch: pytest.MonkeyPatch, low: float, high: float, drifts: bool
) -> None:
    services.record_examination(**worker_process._identity(), findings=[])
    engine = Measuring(low, high)
    monkeypatch.setattr(worker_process, "_engine", lru_cache(maxsize=1)(lambda: engine))
    graded: list[object] = []
    monkeypatch.setattr(
        tasks, "grade_run", lambda engine, run, stopping, drifts: graded.append(run)
    )
    may_grade = lambda run, host, keeps_time: keeps_time or run != TIMED  # noqa: E731
    monkeypatch.setattr(tasks.services, "may_grade", may_grade)
    try:
        worker_process.examine_speed()
        for run in (TIMED, UNTIMED):
            tasks.grade(str(run))
    finally:
        worker_process.drifting.clear()
    assert "def " in engine.sources[0]
    assert graded == ([UNTIMED] if drifts else [TIMED, UNTIMED])
    page = staff.get(reverse("workers")).content.decode()
    assert ("Drifts" in page) is drifts and "The reference against itself" in page
