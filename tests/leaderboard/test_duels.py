"""At the top of a ranking, who stands above another has won against them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import lru_cache
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from courses.models import Cohort, Enrollment
from curriculum.models import Exercise
from grading import rankings, tasks
from grading import worker as worker_process
from grading.engine import Job
from grading.report import CaseResult, Finished, Graded
from leaderboard import selectors, services
from leaderboard.models import Duel, Entry
from leaderboard.selectors import DUELLISTS
from submissions import queue
from submissions.models import GradingRun
from tests.leaderboard.conftest import NOON, Solve, speed_of

MakeLearner = Callable[..., User]
Pair = tuple[GradingRun, GradingRun]


@pytest.fixture
def pair(solve: Solve, make_learner: MakeLearner) -> Pair:
    """A faster and a slower run, surely so by their intervals."""
    fast, slow = (solve(make_learner(n), speed=speed_of(v)) for n, v in (("f", 0.5), ("s", 0.8)))
    return fast, slow


def ranks(exercise: Exercise) -> list[int]:
    return [row.rank for row in selectors.by_speed(exercise, AnonymousUser()).top]


@pytest.mark.parametrize(
    ("speed", "expected"),
    [
        ({"low": 0.6, "high": 0.7}, [1, 2]),
        ({"low": 0.9, "high": 0.99}, [1, 1]),
        ({"low": 1.1, "high": 1.2}, [1, 1]),
        (None, [1, 1]),
    ],
)
def test_only_who_won_stands_above(
    pair: Pair, exercise: Exercise, speed: dict[str, Any] | None, expected: list[int]
) -> None:
    assert ranks(exercise) == [1, 1]
    assert selectors.duels_to_fight() == [pair]
    services.record_duel(*pair, speed)
    assert ranks(exercise) == expected
    assert selectors.duels_to_fight() == []


def test_a_new_record_is_fought_anew(pair: Pair, solve: Solve, exercise: Exercise) -> None:
    services.record_duel(*pair, {"low": 0.6, "high": 0.7})
    better = solve(pair[1].submission.learner, speed=speed_of(0.7))
    assert ranks(exercise) == [1, 1]
    assert selectors.duels_to_fight() == [(pair[0], better)]


def test_each_is_measured_against_the_last_who_is_surely_faster(
    solve: Solve, make_learner: MakeLearner, exercise: Exercise
) -> None:
    values = (0.50, 0.51, 0.60, 0.70)
    runs = [solve(make_learner(), speed=speed_of(value)) for value in values]
    assert selectors.duels_to_fight() == [(runs[1], runs[2]), (runs[2], runs[3])]
    services.record_duel(runs[1], runs[2], {"low": 0.8, "high": 0.9})
    assert ranks(exercise) == [1, 1, 3, 3]


def test_what_does_not_count_fights_nobody(pair: Pair, exercise: Exercise) -> None:
    services.rule(Entry.objects.get(run=pair[0]), None, Entry.State.HELD, "Odd.")
    assert selectors.duels_to_fight() == []


def test_below_the_top_intervals_are_enough(
    solve: Solve, make_learner: MakeLearner, exercise: Exercise
) -> None:
    for number in range(DUELLISTS + 2):
        solve(make_learner(), speed=speed_of(0.5 + number / 10, 0.001))
    assert len(selectors.duels_to_fight()) == DUELLISTS - 1
    assert ranks(exercise) == [1] * DUELLISTS + [DUELLISTS + 1, DUELLISTS + 2]


def test_one_looks_where_somebody_was_measured_lately(
    pair: Pair,
    solve: Solve,
    make_learner: MakeLearner,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    """Not at each exercise in each cohort: only the measured learner's own are looked at."""
    for number in range(3):
        cohort = Cohort.objects.create(slug=f"c{number}", name="c")
        for run in pair[: number % 2]:
            Enrollment.objects.create(cohort=cohort, person=run.submission.learner)
    with django_assert_num_queries(5):  # where, and within which cohort; two tops; who has met
        assert selectors.duels_to_fight() == [pair]
    Entry.objects.update(measured_at=NOON - timedelta(days=1))
    with django_assert_num_queries(2):
        assert selectors.duels_to_fight() == []


def test_within_a_cohort_its_own_fight(pair: Pair, solve: Solve, make_learner: MakeLearner) -> None:
    cohort = Cohort.objects.create(slug="a", name="A")
    between = solve(make_learner(), speed=speed_of(0.65))
    for run in pair:
        Enrollment.objects.create(cohort=cohort, person=run.submission.learner)
    expected = {(pair[0], between), (between, pair[1]), pair}
    assert set(selectors.duels_to_fight()) == expected


class Rink:
    """An engine that takes notes, and says how long the first took of the second's time."""

    gpu = None

    def __init__(self, *outcomes: CaseResult) -> None:
        self.outcomes = outcomes
        self.jobs: list[Job] = []

    def grade(self, job: Job, cancelled: Callable[[], bool]) -> Iterator[Any]:
        self.jobs.append(job)
        yield from map(Finished, self.outcomes)
        yield Graded("accepted", 1, 1)


def timed(value: float) -> CaseResult:
    return CaseResult("test_speed", {}, "passed", 1, 1, 1, speed=speed_of(value))


def test_of_several_timed_tests_the_worst_counts(pair: Pair) -> None:
    rink = Rink(timed(0.5), timed(0.9), CaseResult("test_adds", {}, "passed", 1, 1, 1))
    found = rankings.duel(rink, *pair)  # type: ignore[arg-type]
    assert found is not None and found["value"] == 0.9
    assert (rink.jobs[0].source, rink.jobs[0].rival) == ("x", "x")
    assert rankings.duel(Rink(), *pair) is None  # type: ignore[arg-type]


def test_duels_are_called_measured_and_kept(
    pair: Pair, exercise: Exercise, monkeypatch: pytest.MonkeyPatch
) -> None:
    rink = Rink(timed(0.6))
    monkeypatch.setattr(worker_process, "_engine", lru_cache(maxsize=1)(lambda: rink))
    called: list[dict[str, Any]] = []

    def call(arguments: list[str], **options: Any) -> None:
        called.append(options)
        for _ in range(2):  # as a broker may
            tasks.duel(*arguments)

    monkeypatch.setattr(tasks.duel, "apply_async", call)
    tasks.call_duels()
    assert ranks(exercise) == [1, 2]
    assert [(options["queue"], options["priority"]) for options in called] == [("cpu", queue.LAST)]
    assert len(rink.jobs) == Duel.objects.count() == 1
    tasks.call_duels()
    assert len(called) == 1


def test_whose_clock_drifts_measures_no_duel(pair: Pair) -> None:
    worker_process.drifting.set()
    try:
        tasks.duel(str(pair[0].pk), str(pair[1].pk))
    finally:
        worker_process.drifting.clear()
    assert not Duel.objects.exists()
