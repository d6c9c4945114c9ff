"""What a ranking needs is measured after the verdict, exactly, and when nobody waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import lru_cache
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, Group
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import INSTRUCTORS, User
from curriculum.models import Exercise
from grading import rankings, tasks
from grading import worker as worker_process
from grading.engine import Cancelled, Job
from grading.grader_process import InfrastructureError
from grading.report import CaseResult, Finished, Graded
from leaderboard import selectors, services
from leaderboard.models import Entry, Measurement, Ruling
from submissions import queue
from submissions.models import GradingRun
from submissions.states import State
from submissions.verdicts import Verdict
from tests.leaderboard.conftest import Solve, speed_of

MakeLearner = Callable[..., User]
NOBODY = AnonymousUser()


class Scale:
    """An engine that says what it is told, and takes notes."""

    gpu = None

    def __init__(self, verdict: str, speed: dict[str, Any] | None = None) -> None:
        self.verdict, self.speed = verdict, speed
        self.jobs: list[Job] = []
        self.fault: Exception | None = None

    def grade(self, job: Job, cancelled: Callable[[], bool]) -> Iterator[Any]:
        self.jobs.append(job)
        if self.fault is not None:
            raise self.fault
        if cancelled():
            raise Cancelled
        kind = "passed" if self.verdict == "accepted" else self.verdict
        yield Finished(CaseResult("test_speed", {}, kind, 1, 1, 1, speed=self.speed))
        yield Graded(self.verdict, 1, 1)


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[[Scale], Scale]:
    def make(scale: Scale) -> Scale:
        monkeypatch.setattr(worker_process, "_engine", lru_cache(maxsize=1)(lambda: scale))
        return scale

    return make


@pytest.fixture
def bells(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    rung: list[str] = []
    monkeypatch.setattr(queue, "have_measured", rung.append)
    return rung


Use = Callable[[Scale], Scale]


def shown(exercise: Exercise) -> list[float]:
    return [row.item.ratio for row in selectors.by_speed(exercise, NOBODY).top]


def test_nobody_ranks_by_the_verdicts_quick_look(
    solve: Solve, make_learner: MakeLearner, exercise: Exercise, use: Use
) -> None:
    solve(make_learner(), speed=speed_of(0.5), measured=False)
    assert shown(exercise) == []
    scale = use(Scale("accepted", speed_of(0.8)))
    tasks.measure("cpu")
    assert shown(exercise) == [0.8]
    assert (scale.jobs[0].exact, scale.jobs[0].tests, scale.jobs[0].rival) == (True, "hidden", "")
    tasks.measure("cpu")
    assert len(scale.jobs) == 1


@pytest.mark.django_db(transaction=True)
def test_the_verdict_rings_for_it(
    solve: Solve, make_learner: MakeLearner, bells: list[str]
) -> None:
    services.on_graded(solve(make_learner(), speed=speed_of(0.5), told=False))
    assert bells == ["cpu"]
    services.on_graded(solve(make_learner(), told=False))
    assert bells == ["cpu"], "nothing was timed"


def test_who_is_surely_no_faster_is_not_measured(solve: Solve, make_learner: MakeLearner) -> None:
    learner = make_learner()
    solve(learner, speed=speed_of(0.5))
    solve(learner, speed=speed_of(0.6))
    assert Measurement.objects.count() == 1
    solve(learner, speed=speed_of(0.51), measured=False)
    assert Measurement.objects.count() == 2


def test_what_a_better_one_made_needless_is_dropped(
    solve: Solve, make_learner: MakeLearner, use: Use
) -> None:
    learner = make_learner()
    solve(learner, speed=speed_of(0.8), measured=False)
    solve(learner, speed=speed_of(0.5))
    scale = use(Scale("accepted", speed_of(0.8)))
    tasks.measure("cpu")
    assert scale.jobs == []
    assert Measurement.objects.get().ratio == 0.5


def test_the_page_says_that_one_is_being_measured(
    solve: Solve, make_learner: MakeLearner, exercise: Exercise, client: Client
) -> None:
    learner = make_learner()
    client.force_login(learner)
    page = reverse("exercise-leaderboard", args=[exercise.slug])
    solve(learner, speed=speed_of(0.5), measured=False)
    assert "being measured" in client.get(page).content.decode()
    client.post(reverse("set_language"), {"language": "zh-hans", "next": "/"})
    assert "正在测速" in client.get(page).content.decode()
    services.record_measurement(Measurement.objects.get(), speed_of(0.5))
    assert "正在测速" not in client.get(page).content.decode()
    solve(learner, speed=speed_of(0.4), measured=False)
    text = client.get(page).content.decode()
    assert "0.50×" in text and "新成绩正在测速" in text


@pytest.mark.parametrize("verdict", ["wrong_answer", "too_slow", "runtime_error"])
def test_who_behaves_differently_keeps_the_verdict_and_gets_no_rank(
    verdict: str, solve: Solve, make_learner: MakeLearner, exercise: Exercise, use: Use
) -> None:
    run = solve(make_learner(), speed=speed_of(0.5), measured=False)
    use(Scale(verdict, speed_of(3.0) | {"doubtful": False}))
    tasks.measure("cpu")
    run.refresh_from_db()
    entry = Entry.objects.get()
    assert (run.verdict, entry.points) == (Verdict.ACCEPTED, 10)
    assert (shown(exercise), entry.state) == ([], Entry.State.HELD)
    assert Ruling.objects.get().by is None
    assert selectors.to_rule(exercise) == [entry]
    instructor = make_learner("ada")
    instructor.groups.add(Group.objects.get_or_create(name=INSTRUCTORS)[0])
    client = Client()
    client.force_login(instructor)
    page = client.get(reverse("exercise-leaderboard", args=[exercise.slug])).content.decode()
    assert "not measured" in page


@pytest.mark.parametrize(
    ("verdict", "speed"),
    [
        ("time_limit", None),
        ("memory_limit", None),
        ("too_slow", speed_of(3.0) | {"doubtful": True}),
    ],
)
def test_what_a_busy_host_may_have_done_is_tried_again(
    verdict: str, speed: dict[str, Any] | None, solve: Solve, make_learner: MakeLearner, use: Use
) -> None:
    solve(make_learner(), speed=speed_of(0.5), measured=False)
    use(Scale(verdict, speed))
    tasks.measure("cpu")
    assert Measurement.objects.get().state == Measurement.State.PENDING
    assert Entry.objects.get().state == Entry.State.SHOWN


@pytest.mark.parametrize(
    "fault", [InfrastructureError("no grader"), OSError("disk full"), Cancelled()]
)
def test_a_fault_of_ours_is_tried_again_ever_later(
    fault: Exception, solve: Solve, make_learner: MakeLearner, exercise: Exercise, use: Use
) -> None:
    solve(make_learner(), speed=speed_of(0.5), measured=False)
    scale = use(Scale("accepted", speed_of(0.5)))
    scale.fault = fault
    tasks.measure("cpu")
    tasks.measure("cpu")
    assert len(scale.jobs) == 1, "not at once"
    found = Measurement.objects.get()
    assert found.next_try_at > timezone.now() + services.RETRY * 0.9
    past = timezone.now() - timedelta(minutes=10)
    Measurement.objects.update(asked_at=past, next_try_at=past)
    tasks.measure("cpu")
    assert Measurement.objects.get().next_try_at > timezone.now() + timedelta(minutes=9)
    Measurement.objects.update(next_try_at=past)
    scale.fault = None
    tasks.measure("cpu")
    assert shown(exercise) == [0.5]


def test_one_is_measured_at_a_time_and_rings_for_the_next(
    solve: Solve, make_learner: MakeLearner, exercise: Exercise, use: Use, bells: list[str]
) -> None:
    for value in (0.5, 0.6):
        solve(make_learner(), speed=speed_of(value), measured=False)
    scale = use(Scale("accepted", speed_of(0.7)))
    with worker_process.measuring:
        tasks.measure("cpu")
    tasks.measure("gpu")
    assert (scale.jobs, bells) == ([], [])
    tasks.call_measurements()
    tasks.measure("cpu")
    assert (len(scale.jobs), bells) == (1, ["cpu", "cpu"])
    tasks.measure("cpu")
    assert (len(scale.jobs), bells) == (2, ["cpu", "cpu"])
    assert selectors.measurements_due() == []


def test_whose_clock_drifts_measures_nobody(
    solve: Solve, make_learner: MakeLearner, use: Use
) -> None:
    solve(make_learner(), speed=speed_of(0.5), measured=False)
    scale = use(Scale("accepted", speed_of(0.5)))
    worker_process.drifting.set()
    try:
        tasks.measure("cpu")
    finally:
        worker_process.drifting.clear()
    assert scale.jobs == [] and selectors.measurements_due() == ["cpu"]


def test_it_makes_room_for_whoever_waits_for_a_verdict(
    solve: Solve, make_learner: MakeLearner, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rankings, "LOOK_S", 0.0)
    run = solve(make_learner(), speed=speed_of(0.5), measured=False)
    GradingRun.objects.create(submission=run.submission, queue="cpu", state=State.QUEUED)
    use(Scale("accepted", speed_of(0.5)))
    tasks.measure("cpu")
    assert Measurement.objects.get().state == Measurement.State.PENDING


def test_a_rebuild_keeps_exact_speeds_and_has_the_others_measured(
    solve: Solve, make_learner: MakeLearner, exercise: Exercise
) -> None:
    solve(make_learner(), speed=speed_of(0.5))
    solve(make_learner(), speed=speed_of(0.6), told=False)
    Entry.objects.all().delete()
    services.rebuild()
    assert shown(exercise) == [0.5]
    assert Measurement.objects.filter(state=Measurement.State.PENDING).count() == 1
