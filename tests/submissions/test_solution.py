"""The model answer: for who has solved the exercise, and for nobody else."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from accounts.models import INSTRUCTORS, User
from curriculum.models import Exercise
from tests.browser.stagehand import FAILING, graded
from tests.submissions.conftest import MakeExercise, MakeLearner

ANSWER = "def attention(q, k, v):\n    return the_model_answer\n"
HINT = {"en": "Forgets the <scale>.", "zh": "忘了缩放。"}
HTMX = {"HX-Request": "true"}


@pytest.fixture
def exercise(exercise: Exercise) -> Exercise:
    version = exercise.current_version
    assert version is not None
    version.model_answer, version.mistakes = ANSWER, [HINT]
    version.commentary_en = "Scale *first*."
    version.save()
    return exercise


def address(exercise: Exercise) -> str:
    return reverse("solution", args=[exercise.slug])


def test_who_solved_it_reads_the_answer_and_what_goes_wrong(
    client: Client, learner: User, exercise: Exercise
) -> None:
    graded(learner, exercise, [])
    client.force_login(learner)
    page = client.get(address(exercise)).content.decode()
    assert "the_model_answer" in page
    assert "Scale <em>first</em>." in page
    assert "Forgets the &lt;scale&gt;." in page


@pytest.mark.parametrize("outcomes", [None, FAILING])
def test_nobody_else_finds_it_or_sees_it_anywhere(
    client: Client, learner: User, make_learner: MakeLearner, exercise: Exercise, outcomes: object
) -> None:
    graded(make_learner(), exercise, [])
    if outcomes:
        submission = graded(learner, exercise, FAILING)
    client.force_login(learner)
    assert client.get(address(exercise)).status_code == 404
    pages = [exercise.get_absolute_url(), reverse("submissions", args=[exercise.slug])]
    if outcomes:
        pages.append(submission.get_absolute_url())
    for page in pages:
        text = client.get(page).content.decode()
        assert "the_model_answer" not in text
        assert address(exercise) not in text


def test_strangers_sign_in_first(client: Client, exercise: Exercise) -> None:
    assert client.get(address(exercise)).status_code == 302


def test_instructors_read_it_at_any_time(client: Client, learner: User, exercise: Exercise) -> None:
    learner.groups.add(Group.objects.get_or_create(name=INSTRUCTORS)[0])
    client.force_login(learner)
    assert client.get(address(exercise)).status_code == 200


def test_the_verdict_brings_points_the_answer_and_what_comes_next(
    client: Client, learner: User, exercise: Exercise, make_another: MakeExercise
) -> None:
    another = make_another("next-one")
    submission = graded(learner, exercise, [])
    client.force_login(learner)
    panel = client.get(submission.get_absolute_url(), headers=HTMX).content.decode()
    assert "10 points earned." in panel
    assert address(exercise) in panel
    assert another.get_absolute_url() in panel
    graded(learner, another, [])
    panel = client.get(submission.get_absolute_url(), headers=HTMX).content.decode()
    assert another.get_absolute_url() not in panel, "everything is solved"


def test_a_run_of_the_visible_tests_wins_nothing(
    client: Client, learner: User, exercise: Exercise
) -> None:
    submission = graded(learner, exercise, [])
    type(submission).objects.filter(pk=submission.pk).update(tests="visible")
    client.force_login(learner)
    panel = client.get(submission.get_absolute_url(), headers=HTMX).content.decode()
    assert "earned" not in panel
