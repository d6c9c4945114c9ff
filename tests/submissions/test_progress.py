"""How far a learner is, in the same few queries however long the course and the history."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from curriculum.models import Exercise, Stage
from submissions import progress, services
from tests.browser.stagehand import FAILING, graded
from tests.submissions.conftest import MakeExercise, MakeLearner, Submit

STRETCH_FAILED = [FAILING[0], FAILING[1] | {"kind": "passed"}]


@pytest.fixture
def long_course(make_another: MakeExercise) -> Callable[[], list[Exercise]]:
    """Add twelve exercises in three more stages."""

    def make() -> list[Exercise]:
        made = [make_another(f"first-of-{stage}", stage=stage) for stage in (5, 6, 7)]
        for first in list(made):
            for number in range(3):
                another = make_another(f"{first.slug}-{number}")
                Exercise.objects.filter(pk=another.pk).update(topic=first.topic)
                made.append(another)
        return made

    return make


def statuses(learner: User | AnonymousUser) -> dict[str, str]:
    return {entry.exercise.slug: entry.status for entry in progress.course(learner).entries}


def test_only_passed_hidden_tests_solve_an_exercise(
    learner: User, exercise: Exercise, make_learner: MakeLearner, submit: Submit
) -> None:
    assert statuses(learner) == {"attention": progress.NEW}
    graded(make_learner(), exercise, [])  # another's success is not one's own
    assert statuses(learner) == {"attention": progress.NEW}
    submit(tests="visible")
    assert statuses(learner) == {"attention": progress.STARTED}
    graded(learner, exercise, FAILING)
    assert statuses(learner) == {"attention": progress.STARTED}
    graded(learner, exercise, [], tests="visible")
    assert statuses(learner) == {"attention": progress.STARTED}
    graded(learner, exercise, STRETCH_FAILED)
    assert statuses(learner) == {"attention": progress.SOLVED}
    graded(learner, exercise, FAILING)  # a later failure takes nothing away
    assert statuses(learner) == {"attention": progress.SOLVED}


def test_a_draft_is_a_beginning(learner: User, exercise: Exercise) -> None:
    services.save_draft(learner=learner, exercise=exercise, source="x", revision=0)
    assert statuses(learner) == {"attention": progress.STARTED}


def test_strangers_have_no_progress(exercise: Exercise, learner: User) -> None:
    graded(learner, exercise, [])
    assert statuses(AnonymousUser()) == {"attention": progress.NEW}


def test_points_count_solved_exercises_once(
    learner: User, exercise: Exercise, make_another: MakeExercise
) -> None:
    make_another("softmax")
    graded(learner, exercise, [])
    graded(learner, exercise, [])
    course = progress.course(learner)
    assert (course.solved, course.points_earned, course.points) == (1, 10, 20)
    assert course.parts[0].status == progress.STARTED


def test_withdrawn_exercises_do_not_count(
    learner: User, exercise: Exercise, make_another: MakeExercise
) -> None:
    make_another("softmax")
    Exercise.objects.filter(slug="softmax").update(published=False)
    assert statuses(learner) == {"attention": progress.NEW}


def test_one_goes_on_with_what_one_touched_last(
    learner: User, exercise: Exercise, make_another: MakeExercise, submit: Submit
) -> None:
    def next_() -> str | None:
        entry = progress.resume(progress.course(learner), learner)
        return entry.exercise.slug if entry else None

    softmax = make_another("softmax")
    assert next_() == "attention"
    submit(exercise=softmax)
    assert next_() == "softmax"
    services.save_draft(learner=learner, exercise=exercise, source="x", revision=0)
    assert next_() == "attention"
    graded(learner, exercise, [])
    assert next_() == "softmax"
    graded(learner, softmax, [])
    assert next_() is None


def test_the_course_takes_four_queries_and_a_strangers_two(
    learner: User,
    exercise: Exercise,
    long_course: Callable[[], list[Exercise]],
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    everything = [exercise, *long_course()]
    for each in everything:
        graded(learner, each, [])
        graded(learner, each, FAILING)
    with django_assert_num_queries(4):
        course = progress.course(learner)
        assert len([entry for part in course.parts for entry in part.entries]) == 13
        assert [part.status for part in course.parts] == [progress.SOLVED] * 4
    with django_assert_num_queries(2):
        progress.course(AnonymousUser())


@pytest.mark.parametrize("page", ["home", "stage", "exercise", "submissions", "submission"])
def test_pages_take_the_same_number_of_queries_for_much_and_for_little(
    signed_in: Client,
    learner: User,
    exercise: Exercise,
    long_course: Callable[[], list[Exercise]],
    django_assert_num_queries: DjangoAssertNumQueries,
    page: str,
) -> None:
    submission = graded(learner, exercise, FAILING[:2])
    url = {
        "home": reverse("home"),
        "stage": Stage.objects.get().get_absolute_url(),
        "exercise": exercise.get_absolute_url(),
        "submissions": reverse("submissions", args=[exercise.slug]),
        "submission": submission.get_absolute_url(),
    }[page]
    services.save_draft(learner=learner, exercise=exercise, source="x", revision=0)
    with django_assert_num_queries(20, exact=False) as little:
        signed_in.get(url)
    count = len(little)
    for each in [exercise, *long_course()]:
        for _ in range(3):
            graded(learner, each, FAILING)
    with django_assert_num_queries(count):
        signed_in.get(url)
