"""What a verdict changes in the rankings, and what doesn't."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from accounts.models import User
from curriculum.models import Exercise
from leaderboard import services
from leaderboard.models import Entry, Ruling, Standing, Streak
from submissions.services import claim, record_verdict, submit
from submissions.verdicts import Verdict
from tests.leaderboard.conftest import NOON, Solve, speed_of

MakeLearner = Callable[..., User]


def standings(learner: User) -> dict[tuple[str, str], tuple[int, int]]:
    rows = Standing.objects.filter(learner=learner)
    return {(row.scope, row.period): (row.points, row.solved) for row in rows}


@pytest.mark.django_db(transaction=True)
def test_a_verdict_reaches_the_ranking_by_itself(
    exercise: Exercise, make_learner: MakeLearner
) -> None:
    learner = make_learner()
    submission = submit(learner=learner, exercise=exercise, tests="hidden", source="x = 1")
    taken = claim(submission.latest_run.pk)
    assert taken is not None
    record_verdict(taken, verdict=Verdict.ACCEPTED, score=1, max_score=1)
    assert Entry.objects.get().learner == learner


@pytest.mark.django_db(transaction=True)
def test_a_fault_of_the_ranking_costs_no_verdict(
    exercise: Exercise, make_learner: MakeLearner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "record", lambda run: 1 / 0)
    submission = submit(learner=make_learner(), exercise=exercise, tests="hidden", source="x = 1")
    taken = claim(submission.latest_run.pk)
    assert taken is not None
    assert record_verdict(taken, verdict=Verdict.ACCEPTED, score=1, max_score=1)
    taken.run.refresh_from_db()
    assert taken.run.verdict == Verdict.ACCEPTED
    monkeypatch.undo()
    assert services.rebuild() == 1


def test_the_first_pass_gives_points_in_stage_course_month_and_week(
    solve: Solve, make_learner: MakeLearner
) -> None:
    learner = make_learner()
    solve(learner)
    solve(learner, at=NOON + timedelta(hours=1))
    scopes = [(s, p) for s in ("", "03-llms") for p in ("all", "2026-11", "2026-W48")]
    assert standings(learner) == dict.fromkeys(scopes, (10, 1))


@pytest.mark.parametrize(
    ("verdict", "tests"),
    [(Verdict.WRONG_ANSWER, "hidden"), (Verdict.TOO_SLOW, "hidden"), (Verdict.ACCEPTED, "visible")],
)
def test_nothing_else_gives_points(
    solve: Solve, make_learner: MakeLearner, verdict: Verdict, tests: str
) -> None:
    solve(make_learner(), verdict=verdict, tests=tests)
    assert not Entry.objects.exists() and not Standing.objects.exists()


def test_only_a_surely_better_speed_replaces_the_best(
    solve: Solve, make_learner: MakeLearner
) -> None:
    learner = make_learner()
    first = solve(learner, speed=speed_of(0.9))
    solve(learner, speed=speed_of(0.89, width=0.2))
    assert Entry.objects.get().run == first
    third = solve(learner, speed=speed_of(0.8))
    entry = Entry.objects.get()
    assert (entry.run, entry.ratio) == (third, 0.8)


def test_an_implausible_speed_is_held_for_review(solve: Solve, make_learner: MakeLearner) -> None:
    solve(make_learner("quick"), speed=speed_of(0.5))
    solve(make_learner("magic"), speed=speed_of(0.04))
    entry = Entry.objects.get(learner__username="magic")
    ruling = Ruling.objects.get()
    assert entry.state == Entry.State.HELD
    assert (ruling.entry, ruling.by) == (entry, None)
    assert Standing.objects.filter(learner=entry.learner).exists()  # the points stay


def test_so_is_one_below_the_roofline(
    solve: Solve, make_learner: MakeLearner, exercise: Exercise
) -> None:
    version = exercise.current_version
    assert version is not None
    version.manifest["speed"] = {"limit": 1.5, "roofline": 0.4}
    version.save()
    solve(make_learner("quick"), speed=speed_of(0.41))
    assert not Ruling.objects.exists()
    solve(make_learner("magic"), speed=speed_of(0.39))
    assert Entry.objects.get(learner__username="magic").state == Entry.State.HELD


def test_who_was_voided_is_held_when_a_new_record_comes(
    solve: Solve, make_learner: MakeLearner
) -> None:
    learner = make_learner()
    solve(learner, speed=speed_of(0.9))
    services.rule(Entry.objects.get(), make_learner("ada"), Entry.State.VOID, "A cached answer.")
    solve(learner, speed=speed_of(0.8))
    assert Entry.objects.get().state == Entry.State.HELD
    assert Ruling.objects.count() == 2


def test_what_is_held_stays_held_when_a_better_speed_comes(
    solve: Solve, make_learner: MakeLearner
) -> None:
    learner = make_learner()
    solve(learner, speed=speed_of(0.04))
    solve(learner, speed=speed_of(0.03))
    entry = Entry.objects.get()
    assert (entry.state, entry.ratio) == (Entry.State.HELD, 0.03)
    assert Ruling.objects.count() == 1


def test_a_ruling_needs_a_reason(solve: Solve, make_learner: MakeLearner) -> None:
    solve(make_learner(), speed=speed_of(0.9))
    with pytest.raises(ValueError, match="reason"):
        services.rule(Entry.objects.get(), None, Entry.State.VOID, " ")
    assert Entry.objects.get().state == Entry.State.SHOWN


def test_streaks_count_days_in_a_row(
    solve: Solve, make_learner: MakeLearner, exercise: Exercise
) -> None:
    learner = make_learner()
    for days, expected in ((0, 1), (1, 2), (1, 2), (2, 3), (5, 1)):
        services._extend_streak(learner, (NOON + timedelta(days=days)).date())
        assert Streak.objects.get().days == expected


def test_a_rebuild_gives_the_same_and_keeps_rulings(
    solve: Solve, make_learner: MakeLearner
) -> None:
    learners = [make_learner() for _ in range(3)]
    for number, learner in enumerate(learners):
        solve(learner, speed=speed_of(0.8 + number / 10), at=NOON + timedelta(days=number))
    services.rule(Entry.objects.get(learner=learners[0]), None, Entry.State.VOID, "Copied.")
    before = [standings(learner) for learner in learners]
    late = solve(make_learner("late"), told=False)
    assert services.rebuild() == 4
    assert [standings(learner) for learner in learners] == before
    assert standings(late.submission.learner)
    assert Entry.objects.get(learner=learners[0]).state == Entry.State.VOID


def test_by_a_clock_that_drifts_nobody_is_ranked(solve: Solve, make_learner: MakeLearner) -> None:
    learner = make_learner()
    solve(learner, speed=speed_of(0.5) | {"drifts": True}, measured=False)
    entry = Entry.objects.get()
    assert (entry.points, entry.ratio) == (10, None)
    solve(learner, speed=speed_of(0.9) | {"drifts": False})
    entry.refresh_from_db()
    assert entry.ratio == 0.9
