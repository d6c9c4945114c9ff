"""Ranks, neighbourhoods, names, and who may see and do what."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser, Group
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import INSTRUCTORS, User
from curriculum.models import Exercise
from leaderboard import selectors, services
from leaderboard.models import Entry, Ruling, Streak
from leaderboard.selectors import TOP
from tests.leaderboard.conftest import NOON, Solve, speed_of

MakeLearner = Callable[..., User]
NOBODY = AnonymousUser()


def ranks(ranking: selectors.Ranking) -> list[tuple[int, str]]:
    return [(row.rank, str(row.item.learner)) for row in (*ranking.top, *ranking.around)]


def fight_all() -> None:
    """Let all who are faster win their duels."""
    for pair in selectors.duels_to_fight():
        services.record_duel(*pair, {"low": 0.8, "high": 0.9})


def test_who_had_the_points_first_stands_first(solve: Solve, make_learner: MakeLearner) -> None:
    for name, hours in (("late", 2), ("early", 1)):
        solve(make_learner(name), at=NOON + timedelta(hours=hours))
    assert ranks(selectors.by_points("", "all", NOBODY)) == [(1, "early"), (2, "late")]
    assert ranks(selectors.by_points("", "2026-10", NOBODY)) == []


def test_a_streak_that_ended_is_not_shown(solve: Solve, make_learner: MakeLearner) -> None:
    going_on, ended = make_learner("going_on"), make_learner("ended")
    for learner, last in ((going_on, timezone.now()), (ended, timezone.now() - timedelta(days=3))):
        solve(learner, at=last)
        Streak.objects.filter(learner=learner).update(days=4)
    shown = {
        str(row.item.learner): row.streak for row in selectors.by_points("", "all", NOBODY).top
    }
    assert shown == {"going_on": 4, "ended": 0}


def test_those_whose_intervals_overlap_share_a_rank(
    solve: Solve, make_learner: MakeLearner, exercise: Exercise
) -> None:
    speeds = {"a": (0.50, 0.02), "b": (0.51, 0.02), "c": (0.60, 0.02), "d": (0.55, 0.15)}
    for name, (value, width) in speeds.items():
        solve(make_learner(name), speed=speed_of(value, width))
    fight_all()
    # d may be as fast as a; c is surely slower than a and b.
    assert sorted(ranks(selectors.by_speed(exercise, NOBODY))) == [
        (1, "a"),
        (1, "b"),
        (1, "d"),
        (3, "c"),
    ]


def test_the_readers_own_place_is_shown_however_far_down(
    solve: Solve, make_learner: MakeLearner, exercise: Exercise
) -> None:
    learners = [make_learner(f"p{number:02}") for number in range(TOP + 10)]
    for number, learner in enumerate(learners):
        solve(
            learner, at=NOON + timedelta(seconds=number), speed=speed_of(0.5 * 1.02**number, 0.001)
        )
    fight_all()
    reader = learners[TOP + 5]
    points = selectors.by_points("", "all", reader)
    speed = selectors.by_speed(exercise, reader)
    for ranking in (points, speed):
        assert len(ranking.top) == TOP
        assert [row.rank for row in ranking.around] == list(range(TOP + 4, TOP + 9))
        assert [row.own for row in ranking.around] == [False, False, True, False, False]
    edge = selectors.by_points("", "all", learners[TOP])
    assert [row.rank for row in edge.around] == [TOP + 1, TOP + 2, TOP + 3]
    assert not selectors.by_points("", "all", learners[0]).around


def test_who_does_not_want_to_appear_sees_their_own_place_alone(
    solve: Solve, make_learner: MakeLearner, exercise: Exercise
) -> None:
    shy, other = make_learner("shy"), make_learner("other")
    solve(shy, speed=speed_of(0.5))
    services.appear(shy, "hidden")
    solve(other, at=NOON + timedelta(hours=1), speed=speed_of(0.9))
    for ranking in (
        selectors.by_points("", "all", other),
        selectors.by_speed(exercise, other),
    ):
        assert ranks(ranking) == [(1, "other")]
    for ranking in (selectors.by_points("", "all", shy), selectors.by_speed(exercise, shy)):
        assert ranks(ranking) == [(1, "other")]
        assert ranking.own_hidden is not None and ranking.own_hidden.rank == 1
    services.appear(shy, "name")
    assert ranks(selectors.by_points("", "all", other)) == [(1, "shy"), (2, "other")]


def test_anonymous_learners_have_no_name(
    client: Client, solve: Solve, make_learner: MakeLearner, exercise: Exercise
) -> None:
    shy = make_learner("shy")
    services.appear(shy, "anonymous")
    solve(shy, speed=speed_of(0.5))
    for url in (reverse("leaderboard"), reverse("exercise-leaderboard", args=[exercise.slug])):
        page = client.get(url).content.decode()
        assert "Anonymous" in page and "shy" not in page
    client.force_login(shy)
    assert "shy" in client.get(reverse("leaderboard")).content.decode()


def test_one_chooses_on_the_page_how_to_appear(client: Client, make_learner: MakeLearner) -> None:
    learner = make_learner()
    client.force_login(learner)
    client.post(reverse("appearance"), {"appearance": "hidden"})
    learner.refresh_from_db()
    assert not learner.is_listed
    client.post(reverse("appearance"), {"appearance": "invisible"})
    learner.refresh_from_db()
    assert learner.appearance == "hidden"


@pytest.mark.parametrize("query", ["", "?stage=03-llms", "?period=week", "?stage=x&period=y"])
def test_filters(client: Client, solve: Solve, make_learner: MakeLearner, query: str) -> None:
    solve(make_learner("mei"))
    assert client.get(reverse("leaderboard") + query).status_code == 200


def test_instructors_rule_and_nobody_else(
    client: Client, solve: Solve, make_learner: MakeLearner, exercise: Exercise
) -> None:
    learner, ada = make_learner("mei"), make_learner("ada")
    ada.groups.add(Group.objects.get(name=INSTRUCTORS))
    solve(learner, speed=speed_of(0.5))
    entry = Entry.objects.get()
    void = {"state": "void", "reason": "A cached answer."}
    page = reverse("exercise-leaderboard", args=[exercise.slug])
    client.force_login(learner)
    assert client.post(reverse("rule", args=[entry.pk]), void).status_code == 403
    assert "For instructors" not in client.get(page).content.decode()
    client.force_login(ada)
    assert "For instructors" in client.get(page).content.decode()
    client.post(reverse("rule", args=[entry.pk]), {**void, "reason": ""})
    assert not Ruling.objects.exists()
    client.post(reverse("rule", args=[entry.pk]), void)
    entry.refresh_from_db()
    assert entry.state == "void"
    shown = client.get(page).content.decode()
    assert "A cached answer." in shown
    client.force_login(learner)
    assert "voided by an instructor" in client.get(page).content.decode()


def test_a_page_asks_few_questions(
    client: Client,
    solve: Solve,
    make_learner: MakeLearner,
    exercise: Exercise,
    django_assert_max_num_queries: Callable[..., object],
) -> None:
    for number in range(12):
        solve(make_learner(), speed=speed_of(0.5 + number / 20))
    ada = make_learner("ada", is_staff=True)
    for entry in Entry.objects.all():
        services.rule(entry, ada, Entry.State.SHOWN, "Looked at.")
    client.force_login(ada)
    for url in (reverse("leaderboard"), reverse("exercise-leaderboard", args=[exercise.slug])):
        with django_assert_max_num_queries(14):  # type: ignore[attr-defined]
            client.get(url)
