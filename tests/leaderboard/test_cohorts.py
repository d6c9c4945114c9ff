"""Cohorts rank their learners among themselves, for those who belong to them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client
from django.urls import reverse

from accounts.models import User
from courses.models import Cohort, Enrollment
from curriculum.models import Exercise
from leaderboard import selectors
from tests.leaderboard.conftest import Solve, speed_of

MakeLearner = Callable[..., User]
NOBODY = AnonymousUser()


@pytest.fixture
def cohort(db: None) -> Cohort:
    return Cohort.objects.create(slug="autumn", name="Autumn class")


def enroll(cohort: Cohort, *people: User, role: str = "learner") -> None:
    for person in people:
        Enrollment.objects.create(cohort=cohort, person=person, role=role)


def names(ranking: selectors.Ranking) -> list[tuple[int, str]]:
    return [(row.rank, str(row.item.learner)) for row in ranking.top]


def test_only_its_learners_are_ranked(
    solve: Solve, make_learner: MakeLearner, exercise: Exercise, cohort: Cohort
) -> None:
    fast, mei, tutor = make_learner("fast"), make_learner("mei"), make_learner("tutor")
    for learner, ratio in ((fast, 0.5), (mei, 0.8), (tutor, 0.6)):
        solve(learner, speed=speed_of(ratio))
    enroll(cohort, mei)
    enroll(cohort, tutor, role="assistant")
    assert names(selectors.by_points("", "all", mei, cohort)) == [(1, "mei")]
    assert names(selectors.by_speed(exercise, mei, cohort)) == [(1, "mei")]
    assert len(names(selectors.by_speed(exercise, mei))) == 3


def test_a_cohort_fights_its_own_duels(
    solve: Solve, make_learner: MakeLearner, exercise: Exercise, cohort: Cohort
) -> None:
    everybody = {name: make_learner(name) for name in ("first", "second", "third")}
    runs = {
        name: solve(learner, speed=speed_of(ratio))
        for (name, learner), ratio in zip(everybody.items(), (0.5, 0.6, 0.7), strict=True)
    }
    overall = [(runs["first"], runs["second"]), (runs["second"], runs["third"])]
    assert selectors.duels_to_fight() == overall
    enroll(cohort, everybody["first"], everybody["third"])
    assert selectors.duels_to_fight() == [*overall, (runs["first"], runs["third"])]


@pytest.mark.parametrize("name", ["leaderboard", "exercise-leaderboard"])
def test_who_belongs_to_it_may_choose_it(
    client: Client,
    solve: Solve,
    make_learner: MakeLearner,
    exercise: Exercise,
    cohort: Cohort,
    name: str,
) -> None:
    mei, other = make_learner("mei"), make_learner("other")
    enroll(cohort, mei)
    for learner in (mei, other):
        solve(learner, speed=speed_of(0.5))
    page = reverse(name, args=[] if name == "leaderboard" else [exercise.slug]) + "?cohort=autumn"
    for reader, chosen in ((None, False), (other, False), (mei, True)):
        if reader is not None:
            client.force_login(reader)
        shown = client.get(page)
        assert ("Autumn class" in shown.content.decode()) is chosen
        assert len(shown.context["ranking"].top) == (1 if chosen else 2)
    client.force_login(make_learner("ada", is_staff=True))
    assert "Autumn class" in client.get(page).content.decode()
